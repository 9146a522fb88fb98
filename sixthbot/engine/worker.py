"""A worker: takes one task from its claim to its next state. What goes wrong in a task becomes a fact about it here."""

from __future__ import annotations

import errno
import os
import platform
import random
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sixthbot import __version__
from sixthbot.core import lifecycle
from sixthbot.core.errors import (
    Cancelled,
    Locked,
    NeedsPerson,
    Paused,
    Refused,
    SixthError,
    TryLater,
    UsageError,
)
from sixthbot.core.events import OWN_ORIGIN, EventKind, make_event
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import clean_line
from sixthbot.core.tasks import PAUSED, Done, Failed, Parked, Ready, Running, Waiting
from sixthbot.core.times import format_time
from sixthbot.engine.admit import admit
from sixthbot.engine.attempt import Attempt
from sixthbot.engine.following import let_follow
from sixthbot.engine.givenup import notice_given_up
from sixthbot.engine.steering import is_of_issue
from sixthbot.store.home import home_stamp
from sixthbot.store.logs import write_report
from sixthbot.store.presence import is_taken_away
from sixthbot.store.records import about

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sixthbot.core.lifecycle import Fact
    from sixthbot.core.tasks import State, Task
    from sixthbot.engine.services import Services

_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
_DISK_WAIT = timedelta(seconds=30)
_CONFIG_WAIT = timedelta(seconds=30)
_LOCK_WAIT = timedelta(seconds=2)
_TAKEN_AWAY = lifecycle.Postponed("`.sixth` was taken away", _LOCK_WAIT)
_REASON_LIMIT = 500
_LOOK = 0.05  # seconds between two looks of a task that waits to be alone
_STATUSES_OF_A_TASK = {IssueStatus.OPEN, IssueStatus.WAITING_FOR_PERSON, IssueStatus.IN_REVIEW}


class Worker:
    """Does tasks under one name. `services` gives the services as they are now, or raises while they cannot be used.

    `last` are services that were opened before. `held` are descriptors that the programs it runs keep open: its
    lease. Once `stopping` is set, the task in hand is given back within a second. `jitter` gives 0 to 1 for the pauses
    between attempts.
    """

    def __init__(
        self,
        name: str,
        services: Callable[[], Services],
        *,
        last: Services | None = None,
        held: Sequence[int] = (),
        stopping: threading.Event | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._services = services
        self._last = services() if last is None else last
        self._held = held
        self._stopping = threading.Event() if stopping is None else stopping
        self._jitter = jitter
        self._took: float | None = None
        self._usage: Mapping[str, float] | None = None

    def perform(self, task: Task) -> Task:
        """Do a claimed task and put it where it belongs next; return it as it is then.

        Raise only what the queue and the journal raise when the disk fails them; the task is then still claimed.
        """
        return self.settle(task, self.work(task))

    def work(self, task: Task) -> Fact:
        """Do the steps of a claimed task; return what became of it. Never raises for what happens in a task."""
        self._took = self._usage = None
        try:
            services = self._last = self._services()
        except (SixthError, OSError) as error:
            return lifecycle.Postponed(f"the settings cannot be used: {error}", _CONFIG_WAIT)
        attempt = Attempt(services=services, task=task, stopping=self._stopping, held=self._held)
        started = time.monotonic()
        try:
            return self._work(attempt)
        finally:
            self._took, self._usage = round(time.monotonic() - started, 3), attempt.usage

    def _work(self, attempt: Attempt) -> Fact:
        home = home_stamp(attempt.services.places)
        try:
            attempt.note("task.claimed", f"claimed by {self.name}", data={"worker": self.name})
            attempt.run()
        except SixthError as error:
            fact = self._expected(attempt, error)
            missed = isinstance(fact, lifecycle.AttemptFailed) and _has_lost_its_issue(attempt)
        except Exception as error:  # noqa: BLE001 - the worker boundary: one task's mistake must not end the others
            missed = isinstance(error, FileNotFoundError) and _is_the_bots(attempt, error)
            if missed and is_taken_away(attempt.services.places, home, missed=True):
                return _TAKEN_AWAY  # before a report is written
            return self._unexpected(attempt, error)
        else:
            return lifecycle.Succeeded()
        judges = isinstance(fact, lifecycle.AttemptFailed | lifecycle.PersonNeeded)
        return _TAKEN_AWAY if judges and is_taken_away(attempt.services.places, home, missed=missed) else fact

    def hold_back(self, task: Task, free: Callable[[], bool]) -> Fact | None:
        """Wait with a claimed task until it is free to begin; return None then, or what became of it meanwhile."""
        attempt = Attempt(services=self._last, task=task, stopping=self._stopping, held=self._held)
        said = False
        try:
            while not free():
                if not said:
                    attempt.note(
                        "task.alone", "waits until nothing else runs: its rule says parallel_safe = false"
                    )
                    said = True
                attempt.check_wanted()
                self._stopping.wait(_LOOK)
        except SixthError as error:
            return self._expected(attempt, error)
        return None

    def settle(self, task: Task, fact: Fact) -> Task:
        """Put a claimed task where `fact` leads; return it as it is then.

        The order is safe to break off at any point: what follows from the task is let in first, under ids that do
        not change, and the move of the task's file is last but for what only tidies up.
        """
        services = self._last
        if not isinstance(fact, lifecycle.Succeeded) and services.store.queue.cancel_requested(task.id):
            fact = (
                lifecycle.Cancelled()
            )  # asked for too late to be noticed at work, or while the bot was stopping
        if isinstance(
            fact, lifecycle.GivenBack | lifecycle.Postponed
        ) and services.store.queue.pause_requested(task.id):
            fact = lifecycle.Paused()
        after = lifecycle.step(task, fact, services.clock())
        self._announce(services, after)
        moved = isinstance(fact, lifecycle.GivenBack) and not services.store.queue.holds(task)
        if not moved:
            self._record(services, after)
            self._show_on_issue(services, after)
        put = services.store.queue.settle(task, after)
        if put is None:
            return self._leave_where_it_is(services, after)
        if put is not after or moved:  # a person asked for it, or put its file back, at the last moment
            after = put
            self._record(services, after)
        if isinstance(after.state, Done):
            with suppress(OSError):  # the task is over; what stays behind is only in nobody's way
                services.store.checkpoints.clear(task.id)
        if isinstance(after.state, Done | Failed):
            let_follow(services.store, after, services.clock())
        if isinstance(after.state, Parked) and after.state.kind != PAUSED:
            self._call_person(services, after, after.state)
        return after

    def _leave_where_it_is(self, services: Services, after: Task) -> Task:
        """Say where a person moved a task's file while it was in hand, for where it is now counts; return it as it is."""
        queue = services.store.queue
        found = queue.find(after.id)
        kind, message, level, data = _moved_story(found)
        if found is not None and isinstance(found.state, Done) and not is_of_issue(services.store, found):
            data = {"state": "done"}  # no issue is given up with it, and nothing more is told
        if not (isinstance(after.state, Done) and (found is None or isinstance(found.state, Done))):
            told = {**data, "attempts": (found or after).attempts, "worker": self.name}
            services.store.journal.append(
                kind, message, level=level, **about(found or after), duration=self._took, usage=self._usage, data=told
            )  # fmt: skip
        for path in queue.paths_of(after.id):
            if path.split("/")[-2] == "done":
                notice_given_up(services, path)
        return queue.find(after.id) or after

    def _call_person(self, services: Services, task: Task, state: Parked) -> None:
        """Run the configured `[notify]` program; that it fails is worth a line, never the task."""
        if not (services.trusted and services.loaded.config.notify.run):
            return
        attempt = Attempt(services=services, task=task, stopping=self._stopping, held=self._held)
        subject = task.issue or task.rule
        hint = f" ({state.hint})" if state.hint else ""
        try:
            attempt.notify(clean_line(f"{subject} needs a person: {state.reason}{hint}", limit=_REASON_LIMIT))
        except SixthError as error:
            attempt.note("notify.failed", _in_a_line(error), level="warning")

    def _expected(self, attempt: Attempt, error: SixthError) -> Fact:
        reason = _in_a_line(error)
        match error:
            case NeedsPerson():
                return lifecycle.PersonNeeded(error.kind, error.message, error.hint)
            case TryLater():
                return lifecycle.Postponed(error.message, timedelta(seconds=error.seconds))
            case Locked():
                return lifecycle.Postponed(error.message, _LOCK_WAIT)
            case Cancelled():
                return _stopped(error)
            case UsageError() | Refused():
                return lifecycle.AttemptFailed(reason, retries=0)  # the same again cannot end differently
            case _:
                return self._failed(attempt, reason)

    def _unexpected(self, attempt: Attempt, error: Exception) -> Fact:
        if isinstance(error, OSError) and error.errno in _DISK_TROUBLE:
            return lifecycle.Postponed(f"the disk does not take it: {error.strerror}", _DISK_WAIT)
        if isinstance(error, PermissionError):
            return self._failed(attempt, clean_line(f"not permitted: {error.filename}", limit=_REASON_LIMIT))
        reason = clean_line(f"unexpected {type(error).__name__}: {error}", limit=_REASON_LIMIT)
        try:
            path = _report(attempt, error)
        except OSError:
            return self._failed(attempt, reason)
        return self._failed(attempt, f"{reason} (report: {path})")

    def _failed(self, attempt: Attempt, reason: str) -> Fact:
        rule = next((rule for rule in attempt.services.rules.rules if rule.name == attempt.task.rule), None)
        return lifecycle.AttemptFailed(
            reason, retries=0 if rule is None else rule.retries, jitter=self._jitter()
        )

    def _announce(self, services: Services, after: Task) -> None:
        """Let in `task.succeeded` or `task.failed`, where a rule listens.

        About tasks that were made for such events, the event counts as the bot's own: a rule that answers to its own
        success would otherwise never stop.
        """
        match after.state:
            case Done("succeeded"):
                kind, error = EventKind.TASK_SUCCEEDED, ""
            case Failed(reason):
                kind, error = EventKind.TASK_FAILED, reason
            case _:
                return
        if not any(kind in rule.on for rule in services.rules.rules):
            return
        echo = after.event.kind in {EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED}
        fields = {"task": after.id, "rule": after.rule, "lane": after.lane.value, "error": error}
        fields["origin"] = OWN_ORIGIN if echo else ""
        event = make_event(
            kind,
            fields,
            time=services.clock(),
            key=f"{after.id} {after.attempts}",
            generation=after.generation + 1,
        )
        admit(services, [event])

    def _record(self, services: Services, after: Task) -> None:
        kind, message, level, data = _story(after.state)
        if after.event.own and after.state == Done("succeeded"):
            level = "debug"  # it only answered to what the bot did, and that is told
        services.store.journal.append(
            kind,
            message,
            level=level,
            **about(after),
            duration=self._took,
            usage=self._usage,
            data={**data, "attempts": after.attempts, "worker": self.name},
        )
        if isinstance(after.state, Failed) or after.state == Done("succeeded"):
            outcome = {"task": after.id, "ended": format_time(services.clock()), "outcome": message}
            services.store.traces.ended(after.rule, outcome, succeeded=isinstance(after.state, Done))

    def _show_on_issue(self, services: Services, after: Task) -> None:
        """Let lists of issues show that the issue's own task waits for a person, or does no longer."""
        if after.event.kind != EventKind.ISSUE_ADDED or not after.issue:
            return
        match after.state:
            case Parked("paused"):
                return
            case Parked("review"):
                status = IssueStatus.IN_REVIEW
            case Parked():
                status = IssueStatus.WAITING_FOR_PERSON
            case _:
                return
        with suppress(SixthError):  # its folder is gone or damaged: the task's own reason says more
            services.store.issues.change_record(
                after.issue,
                lambda now: replace(now, status=status) if now.status in _STATUSES_OF_A_TASK else now,
            )


def _story(state: State) -> tuple[str, str, str, dict[str, Any]]:  # noqa: PLR0911 - one line per state
    """Kind, message, level and data of the journal record for the state that a running task came to."""
    match state:
        case Done("succeeded"):
            return "task.succeeded", "succeeded", "info", {}
        case Done():
            return "task.cancelled", "cancelled", "info", {}
        case Parked("paused"):
            return "task.paused", "paused by hand", "info", {}
        case Parked(kind, reason, hint):
            return "task.parked", f"waits for a person: {reason}", "warning", {"kind": kind, "hint": hint}
        case Failed(reason):
            return "task.failed", f"failed: {reason}", "error", {}
        case Waiting(until, reason):
            return "task.waiting", f"waits: {reason}", "info", {"until": format_time(until)}
        case Running():
            return "task.claimed", "goes on", "info", {}
        case _:
            return "task.given-back", "given back: the bot was told to stop", "info", {}


def _moved_story(found: Task | None) -> tuple[str, str, str, dict[str, Any]]:
    """Kind, message, level and data of the record for a task that a person took from its worker, as it is found then."""
    if found is None:
        return "task.given-back", "given back: its file was taken away by hand", "info", {}
    place = f"{found.state.name}/{found.lane.value if isinstance(found.state, Ready) else ''}"
    message = f"moved to {place} by hand"
    match found.state:
        case Parked() | Failed() | Waiting():
            kind, _, _, data = _story(found.state)
            return kind, message, "info" if kind == "task.waiting" else "warning", data
        case Running():  # to another worker, or one has it again already
            return "task.given-back", message, "info", {"state": "running"}
        case _:
            return "task.given-back", message, "info", {}


def _has_lost_its_issue(attempt: Attempt) -> bool:
    task = attempt.task
    return bool(task.issue) and not os.path.lexists(
        attempt.services.places.issues / task.issue / "issue.toml"
    )


def _is_the_bots(attempt: Attempt, error: FileNotFoundError) -> bool:
    return f"{error.filename}/".startswith(f"{attempt.services.places.home}/")


def _stopped(error: Cancelled) -> Fact:
    if isinstance(error, Paused):
        return lifecycle.Paused()
    return lifecycle.Cancelled() if error.by_person else lifecycle.GivenBack()


def _in_a_line(error: SixthError) -> str:
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    return clean_line(text, limit=_REASON_LIMIT)


def _report(attempt: Attempt, error: Exception) -> str:
    """Write what is needed to mend the mistake; return the file's path below the repository's root."""
    services, task = attempt.services, attempt.task
    trace = "".join(traceback.format_exception(error))
    text = (
        f"sixthbot {__version__}\npython {platform.python_version()} on {platform.platform()}\n"
        f"task {task.id}, rule {task.rule!r}, event {task.event.kind}, attempt {task.attempts + 1}\n\n{trace}"
    )
    stamp = services.clock().strftime("%Y%m%dT%H%M%S%f")
    path = write_report(services.places, f"bug-{stamp}-{task.id}.txt", text)
    return str(path.relative_to(services.places.top))
