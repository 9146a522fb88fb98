"""The inbox as a source: every settled file in it becomes an accepted issue and an event, or is rejected with a reason."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.errors import SixthError, WorkFailed
from sixthbot.core.events import Event, EventKind, make_event
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import clean_line, has_unsafe_characters
from sixthbot.sources.settling import HELD_OPEN_LOOK, Settling, held_open, signature_of
from sixthbot.store.atomic import read_small
from sixthbot.store.issues import Dropped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    from sixthbot.core.issues import Issue, IssueRecord
    from sixthbot.store.open import Store

SIZE_LIMIT = 256 * 1024
"""Bytes that an issue file may have."""
_BATCH = 100
"""Files that are accepted with syncs that they share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one look at the inbox did. `events` are for accepted files, in the order in which these were last written.

    `rejected` are (file name, reason), `unsettled` names to look at again in `next_look` seconds, `problems` lines
    on files that could be neither accepted nor rejected. `more` says that settled files are left for the next scan.
    """

    events: tuple[Event, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    unsettled: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    next_look: float | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    path: Path
    stat: os.stat_result


class _Unfit(SixthError):
    """The file cannot become an issue; the message is the reason for the person who dropped it."""


@dataclass(slots=True)
class _Tally:
    """What a scan has gathered so far."""

    events: list[Event] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def wait_for(self, name: str, seconds: float) -> None:
        self.unsettled.append(name)
        self.waits.append(seconds)

    def trouble(self, found: _Found, error: Exception) -> None:
        if os.path.lexists(found.path):  # otherwise its owner took it back meanwhile
            self.problems.append(f"inbox/{clean_line(found.name)}: {clean_line(str(error))}")

    def scan(self, *, more: bool) -> Scan:
        return Scan(
            events=tuple(self.events),
            rejected=tuple(self.rejected),
            unsettled=tuple(self.unsettled),
            problems=tuple(self.problems),
            next_look=min(self.waits, default=None),
            more=more,
        )


class Inbox:
    """The inbox of one repository, with what earlier looks have seen of files that are still being written."""

    def __init__(self, store: Store, *, settling: Settling | None = None) -> None:
        self._store = store
        self._settling = settling or Settling()

    def scan(
        self,
        *,
        now: datetime,
        tick: float,
        renamed: Collection[str] = (),
        enough: Callable[[], bool] = lambda: False,
    ) -> Scan:
        """Look at every file; accept or reject the settled ones, as many as come before `enough` says so.

        `tick` is a monotonic time in seconds, `renamed` the names that the kernel reported as renamed in.
        A file that fails is left where it is and named in `problems`; the others go on.
        """
        candidates = self._candidates()
        self._settling.forget_all_but({found.name for found in candidates})
        tally, batch, more = _Tally(), [], False
        for found in candidates:
            seconds = self._wait(found, tick=tick, renamed=found.name in renamed)
            if seconds > 0:
                tally.wait_for(found.name, seconds)
                continue
            more = enough()
            if more:
                break
            batch.append(found)
            if len(batch) == _BATCH:
                self._settle(batch, now=now, tally=tally)
                batch = []
        self._settle(batch, now=now, tally=tally)
        return tally.scan(more=more)

    def sync_taken(self) -> None:
        """Make what the scans so far took from the inbox survive a power cut; to be called once its events are let in.

        Not before, for whoever dropped a file waits for its task. A power cut in between puts the file back, and the
        same file makes the same issue, event and task.
        """
        self._store.issues.sync_taken()

    def waiting(self) -> bool:
        """Tell whether there may be any file to look at; cheap."""
        try:
            with os.scandir(self._store.places.inbox) as entries:
                return any(_may_be_issue(entry.name) for entry in entries)
        except FileNotFoundError:
            return False

    def _candidates(self) -> list[_Found]:
        """Return what may be an issue file, least recently written first."""
        found: list[_Found] = []
        inbox = self._store.places.inbox
        try:
            entries = os.scandir(inbox)
        except FileNotFoundError:
            return found
        with entries:
            for entry in entries:
                if not _may_be_issue(entry.name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # taken away since the folder was listed
                if not stat.S_ISDIR(status.st_mode):
                    found.append(_Found(entry.name, inbox / entry.name, status))
        return sorted(found, key=lambda each: (each.stat.st_mtime_ns, each.name))

    def _wait(self, found: _Found, *, tick: float, renamed: bool) -> float:
        if not stat.S_ISREG(found.stat.st_mode):
            return 0.0  # will be rejected; nothing in it can settle
        seconds = self._settling.wait(found.name, found.stat, tick=tick, renamed=renamed)
        return HELD_OPEN_LOOK if seconds == 0 and held_open(found.path) else seconds

    def _settle(self, batch: Sequence[_Found], *, now: datetime, tally: _Tally) -> None:
        """Accept or reject files together: what the disk has to sync for each is far dearer than all else."""
        ready: list[tuple[_Found, Dropped]] = []
        unfit: list[tuple[_Found, str]] = []
        for found in batch:
            try:
                data = _read(found)
                if data is None:
                    tally.wait_for(found.name, self._settling.settled_after)
                else:
                    ready.append((found, Dropped(found.path, data, parse_issue(data, found.name))))
            except SixthError as error:
                unfit.append((found, error.message))
            except OSError as error:
                tally.trouble(found, error)
        outcomes = self._store.issues.accept_many([dropped for _, dropped in ready], now=now, sync_later=True)
        for (found, dropped), outcome in zip(ready, outcomes, strict=True):
            if isinstance(outcome, WorkFailed):
                tally.wait_for(found.name, self._settling.settled_after)  # it changed after all
            elif isinstance(outcome, SixthError):
                unfit.append((found, outcome.message))
            elif isinstance(outcome, OSError):
                tally.trouble(found, outcome)
            else:
                for warning in dropped.issue.warnings:
                    self._store.journal.append("issue.warning", warning, level="warning", issue=outcome.id)
                tally.events.append(issue_event(outcome, dropped.issue, time=now))
        if unfit:
            self._reject(unfit, tally)

    def _reject(self, unfit: Sequence[tuple[_Found, str]], tally: _Tally) -> None:
        try:
            outcomes = self._store.issues.reject_many([(found.path, reason) for found, reason in unfit])
        except OSError as error:
            outcomes = [error] * len(unfit)
        for (found, reason), outcome in zip(unfit, outcomes, strict=True):
            if isinstance(outcome, SixthError | OSError):
                tally.trouble(found, outcome)
            else:
                tally.rejected.append((found.name, reason))


def _may_be_issue(name: str) -> bool:
    return name.lower().endswith(".md") and not name.startswith(".")


def issue_event(record: IssueRecord, issue: Issue, *, time: datetime) -> Event:
    """Return the event that says the issue was added."""
    fields = {
        "id": record.id,
        "title": record.title,
        "labels": issue.labels,
        "priority": issue.priority,
        "base": issue.base,
        "source": issue.source or "inbox",
    }
    return make_event(EventKind.ISSUE_ADDED, fields, time=time)


def forgotten_issues(store: Store, *, known: Collection[str], now: datetime) -> list[Event]:
    """Return events for accepted issues that are open and have no task: a crash came right after the acceptance.

    Or `.sixth` was taken away then and brought back as it was before the task was saved; a branch may be there already.
    `known` are the ids of issues that have a task, or that no rule wanted.
    """
    events = []
    for record in store.issues.list():
        if record.id in known or record.status is not IssueStatus.OPEN:
            continue
        try:
            issue = parse_issue(store.issues.issue_text(record.id), record.file_name)
        except SixthError:
            continue  # its file is still in the inbox and will be taken from there
        events.append(issue_event(record, issue, time=now))
    return events


def _read(found: _Found) -> bytes | None:
    """Return the file's bytes, None when it changed while it was read; raise `_Unfit` for what is no issue file."""
    if stat.S_ISLNK(found.stat.st_mode):
        raise _Unfit("it is a symbolic link; links are not followed")
    if not stat.S_ISREG(found.stat.st_mode):
        raise _Unfit("it is not a regular file")
    if has_unsafe_characters(found.name):
        raise _Unfit("its name has control characters or is not UTF-8")
    if found.stat.st_size > SIZE_LIMIT:
        raise _Unfit(f"it has {found.stat.st_size} bytes; an issue may have {SIZE_LIMIT}")
    try:
        data = read_small(found.path, SIZE_LIMIT)
    except PermissionError as error:
        raise _Unfit(f"it cannot be read: {error.strerror}") from None
    unchanged = signature_of(found.path.lstat()) == signature_of(found.stat)
    return data if unchanged else None
