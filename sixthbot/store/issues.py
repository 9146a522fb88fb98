"""Accepted and rejected issues: moves files out of the inbox, keeps a record and a plan of each, loses nothing."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from sixthbot.core.errors import ConfigError, Refused, SixthError, UsageError, WorkFailed
from sixthbot.core.issues import IssueRecord, IssueStatus
from sixthbot.core.names import clean_line, parse_issue_id, short_hash, slug
from sixthbot.core.planning import plan_from
from sixthbot.core.times import format_time
from sixthbot.store.aside import put_aside, put_many_aside
from sixthbot.store.atomic import (
    Durability,
    make_dirs,
    move,
    point,
    read_small,
    remove,
    sync_folders,
    write_file,
    write_files,
)
from sixthbot.store.counting import folder_names
from sixthbot.store.locks import exclusive_folder
from sixthbot.store.planfile import plan_from_bytes, plan_to_bytes
from sixthbot.store.rows import RECORD_LISTS, RECORD_TEXTS, record_row
from sixthbot.store.state.arrived import mark_where_dropped
from sixthbot.store.tomlfile import OWN_LIMIT, SIZE_LIMIT, dump_toml, parse_toml
from sixthbot.store.unchanged import Unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from sixthbot.core.issues import Issue, Plan
    from sixthbot.core.names import BranchName

_RECORD = point("issue.record")
_PLAN = point("issue.plan")
_TEXT = point("issue.text")
_TAKE = point("issue.take")
_REJECT = point("issue.reject")
_REASON = point("issue.reason")


@dataclass(frozen=True, slots=True)
class Dropped:
    """An inbox file: where it is, the bytes that were read from it, and what was parsed from them."""

    path: Path
    data: bytes
    issue: Issue


@dataclass(frozen=True, slots=True)
class _Begun:
    """An inbox file with the record it gets, and what is to be written before it is taken: path, bytes, write point."""

    dropped: Dropped
    folder: Path
    record: IssueRecord
    writes: tuple[tuple[Path, bytes, str], ...]


_Outcome: TypeAlias = IssueRecord | SixthError | OSError


class Issues:
    """Everything below `.sixth/issues`, and `.sixth/inbox/rejected`."""

    def __init__(self, folder: Path, rejected: Path, durability: Durability) -> None:
        self._folder = folder
        self._rejected = rejected
        self._durability: Durability = durability
        self._seen: Unchanged[IssueRecord] = Unchanged()
        self._unsynced: dict[Path, None] = {}

    # intake

    def accept(self, source_file: Path, data: bytes, issue: Issue, *, now: datetime) -> IssueRecord:
        """Make an issue of an inbox file: `data` are its bytes, `issue` what was parsed from them.

        The file is moved last, so after a crash anywhere the same call goes on where it stopped, with the same id.
        Raises Refused when the issue's own id is in use, WorkFailed when the file changed since it was read.
        """
        begun = self._begin(Dropped(source_file, data, issue), now)
        make_dirs(begun.folder)
        for path, content, named in begun.writes:
            self._write(path, content, point=named)
        self._take(begun, self._durability)
        return begun.record

    def accept_many(
        self, files: Sequence[Dropped], *, now: datetime, sync_later: bool = False
    ) -> list[_Outcome]:
        """Do what `accept` does with each file, in this order, with syncs that all of them share.

        Returns for each the record, or what `accept` would have raised. With `sync_later` a power cut before the next
        `sync_taken` may put files back into the inbox, where the same call makes the same issues of them.
        """
        begun = self._begin_many(files, now)
        outcomes = self._accept_together(begun)
        for number, file in enumerate(files):
            if number not in outcomes:
                try:
                    outcomes[number] = self.accept(file.path, file.data, file.issue, now=now)
                except (SixthError, OSError) as error:
                    outcomes[number] = error
        if not sync_later:
            self.sync_taken()
        return [outcomes[number] for number in range(len(files))]

    def sync_taken(self) -> None:
        """Make it survive a power cut that files were taken out of the inbox."""
        folders, self._unsynced = self._unsynced, {}
        if folders and self._durability == "power":
            sync_folders(list(folders))

    def _begin_many(self, files: Sequence[Dropped], now: datetime) -> dict[int, _Begun]:
        """Return by number those that can be accepted together: of several with one id only the first can."""
        begun: dict[str, tuple[int, _Begun]] = {}
        for number, file in enumerate(files):
            with suppress(SixthError, OSError):  # whoever accepts it alone is told
                one = self._begin(file, now)
                begun.setdefault(one.record.id, (number, one))
        return dict(begun.values())

    def _accept_together(self, begun: Mapping[int, _Begun]) -> dict[int, _Outcome]:
        """Accept what was begun; leave out what is to be tried alone."""
        outcomes: dict[int, _Outcome] = {}
        if not begun or not self._write_together(list(begun.values())):
            return outcomes
        for number, one in begun.items():
            try:
                self._take(one, "process")
            except (SixthError, OSError) as error:
                outcomes[number] = error
            else:
                outcomes[number] = one.record
                self._unsynced |= dict.fromkeys((one.folder, one.dropped.path.parent))
        return outcomes

    def _write_together(self, begun: Sequence[_Begun]) -> bool:
        """Write the records and plans of several issues; false when something failed, and each is to be tried alone."""
        try:
            for one in begun:
                make_dirs(one.folder)
            write_files([each for one in begun for each in one.writes], durability=self._durability)
        except OSError:
            return False
        return True

    def _begin(self, dropped: Dropped, now: datetime) -> _Begun:
        """Decide on the record of an inbox file and on what is to be written for it; write nothing."""
        mark = mark_where_dropped(
            self._folder.parent / "local", dropped.path, _mark(dropped.path, dropped.data)
        )
        issue = dropped.issue
        issue_id = issue.id or f"{slug(issue.title, limit=40) or 'issue'}-{short_hash(*mark.values())}"
        folder = self._folder / parse_issue_id(issue_id)
        if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
            raise Refused(f"id {issue_id} is in use by something that is no issue")
        record, writes = self._begun(folder, issue_id, mark), []
        new = record is None
        if record is None:
            record = IssueRecord(
                id=issue_id,
                title=issue.title,
                received=format_time(now),
                file_name=_printable(dropped.path.name),
            )
        if new or not (folder / "plan.toml").exists():
            writes.append((folder / "plan.toml", plan_to_bytes(plan_from(issue)), _PLAN))
        if new:
            # the record makes the issue: a folder without one is an attempt that stopped early
            content = dump_toml({**_to_table(record), "file": mark})
            writes.append((folder / "issue.toml", content, _RECORD))
        return _Begun(dropped, folder, record, tuple(writes))

    def _take(self, begun: _Begun, durability: Durability) -> None:
        try:
            self._take_file(begun.dropped, begun.folder / "issue.md", durability)
        except WorkFailed:
            remove(begun.folder / "issue.toml", point=_RECORD)  # the file as it is now will be another issue
            raise

    def _begun(self, folder: Path, issue_id: str, mark: dict[str, str]) -> IssueRecord | None:
        """Return the record of an attempt on the same file, None when there was none; refuse an id in use.

        What an attempt left whose file was never taken, and was changed since, gives way.
        """
        try:
            table = self._table(issue_id)
        except UsageError:
            if (folder / "issue.md").exists():
                raise Refused(f"id {issue_id} is in use") from None
            return None
        if table.get("file") != mark:
            if not ((folder / "issue.md").exists() or table.get("branch")):
                return None
            raise Refused(f"id {issue_id} is in use by another issue")
        return _from_table(table, issue_id)

    def _take_file(self, dropped: Dropped, target: Path, durability: Durability) -> None:
        source = dropped.path
        info = source.lstat()
        if read_small(source, SIZE_LIMIT) != dropped.data:
            raise WorkFailed(f"{_printable(source.name)} changed while it was read")
        if info.st_nlink == 1 and not target.exists():
            move(source, target, point=_TAKE, durability=durability)
            return
        # a hard link: whoever has the other name could change the issue later, so its bytes are what is kept
        self._write(target, dropped.data, point=_TEXT)
        remove(source, point=_TAKE)

    def reject(self, source_file: Path, reason: str) -> Path:
        """Move a file of any kind to the rejected ones, with a file beside it that says why; return its new path."""
        make_dirs(self._rejected)
        text = f"{reason.rstrip()}\n".encode("utf-8", "replace")
        return put_aside(
            source_file,
            self._rejected / source_file.name,
            text,
            reason_point=_REASON,
            move_point=_REJECT,
            durability=self._durability,
        )

    def reject_many(self, files: Sequence[tuple[Path, str]]) -> list[Path | SixthError | OSError]:
        """Do what `reject` does with each file and reason, with syncs that all of them share.

        Returns for each the new path, or what `reject` would have raised.
        """
        make_dirs(self._rejected)
        asked = [
            (path, self._rejected / path.name, f"{reason.rstrip()}\n".encode("utf-8", "replace"))
            for path, reason in files
        ]
        moved = put_many_aside(asked, reason_point=_REASON, move_point=_REJECT, durability=self._durability)
        outcomes: list[Path | SixthError | OSError] = []
        for path, reason in files:
            try:
                outcomes.append(moved[path] if path in moved else self.reject(path, reason))
            except (SixthError, OSError) as error:
                outcomes.append(error)
        return outcomes

    # records

    def list(self) -> list[IssueRecord]:
        """Return the records of all issues, oldest first; damaged ones are left out, see `damaged`."""
        records = []
        for issue_id in self._ids():
            try:
                path = self._path(issue_id, "issue.toml")
                records.append(self._seen.get(path, partial(self.record, issue_id)))
            except UsageError:
                continue
        return sorted(records, key=lambda record: (record.received, record.id))

    def damaged(self) -> dict[str, str]:
        """Return the issues whose record cannot be read, with the reason."""
        reasons = {}
        for issue_id in self._ids():
            try:
                self.record(issue_id)
            except UsageError as error:
                reasons[issue_id] = error.message
        return reasons

    def record(self, issue_id: str) -> IssueRecord:
        """Return the record of one issue; UsageError when there is no such issue, ConfigError when it is damaged."""
        return _from_table(self._table(issue_id), issue_id)

    def change_record(self, issue_id: str, change: Callable[[IssueRecord], IssueRecord]) -> IssueRecord:
        """Change a record from what it is at this moment, alone among all processes; return it as it is then.

        `change` gets the record as saved last and must not change another one. Keys in the file that the bot does
        not know are kept.
        """
        with self._alone(issue_id):
            table = self._table(issue_id)
            before = _from_table(table, issue_id)
            after = change(before)
            if after != before:
                data = dump_toml({**table, **_to_table(after)})
                self._write(self._path(issue_id, "issue.toml"), data, point=_RECORD)
            return after

    def choosing(self) -> AbstractContextManager[None]:
        """Keep everybody else from choosing by what all records say, until the choice is in one; not to be nested."""
        return exclusive_folder(self._folder)

    def issue_text(self, issue_id: str) -> bytes:
        """Return the bytes of the issue file as it came."""
        return self._read(issue_id, "issue.md")

    def plan(self, issue_id: str) -> Plan:
        """Return the plan; ConfigError naming file and line when a person broke it."""
        return plan_from_bytes(self._read(issue_id, "plan.toml"), f".sixth/issues/{issue_id}/plan.toml")

    def change_plan(self, issue_id: str, change: Callable[[Plan], Plan]) -> Plan:
        """Change a plan from what it is at this moment, as `change_record` does; return it as it is then."""
        with self._alone(issue_id):
            before = self.plan(issue_id)
            after = change(before)
            if after != before:
                self._write(self.plan_path(issue_id), plan_to_bytes(after), point=_PLAN)
            return after

    def plan_path(self, issue_id: str) -> Path:
        """Return where the plan is, for a person's editor."""
        return self._path(issue_id, "plan.toml")

    def find_by_branch(self, branch: BranchName | str) -> IssueRecord | None:
        """Return the newest issue that works on a branch, or None."""
        name = str(branch)
        return next((record for record in reversed(self.list()) if record.branch == name), None)

    def resolve(self, prefix_or_id: str) -> str:
        """Return the id that is meant: the exact one, else the only one that begins so; else UsageError."""
        ids = self._ids()
        if prefix_or_id in ids:
            return prefix_or_id
        shown = clean_line(prefix_or_id, limit=80)
        found = [issue_id for issue_id in ids if prefix_or_id and issue_id.startswith(prefix_or_id)]
        if len(found) > 1:
            raise UsageError(f"{shown!r} could be {', '.join(found[:5])}", hint="give more of the id")
        if not found:
            raise UsageError(f"no such issue: {shown!r}", hint="sixthbot issue list")
        return found[0]

    @contextmanager
    def _alone(self, issue_id: str) -> Iterator[None]:
        """Keep everybody else, threads and processes, from changing this issue; not to be nested."""
        self._read(issue_id, "issue.toml")
        with exclusive_folder(self._folder / issue_id):
            yield

    def _ids(self) -> tuple[str, ...]:
        names = folder_names(self._folder)
        return tuple(name for name in names if (self._folder / name / "issue.toml").exists())

    def _path(self, issue_id: str, name: str) -> Path:
        return self._folder / parse_issue_id(issue_id) / name

    def _read(self, issue_id: str, name: str) -> bytes:
        try:
            return read_small(self._path(issue_id, name), OWN_LIMIT)
        except (Refused, PermissionError) as error:
            reason = error.message if isinstance(error, Refused) else error.strerror
            raise ConfigError(f".sixth/issues/{clean_line(issue_id, limit=80)}/{name}: {reason}") from None
        except (FileNotFoundError, NotADirectoryError):
            shown = clean_line(issue_id, limit=80)
            raise UsageError(
                f"no such issue, or its {name} is gone: {shown!r}", hint="sixthbot issue list"
            ) from None

    def _table(self, issue_id: str) -> dict[str, Any]:
        data = self._read(issue_id, "issue.toml")
        return parse_toml(data, f".sixth/issues/{issue_id}/issue.toml", limit=OWN_LIMIT)

    def _write(self, path: Path, data: bytes, *, point: str) -> None:
        write_file(path, data, point=point, durability=self._durability)


def _mark(path: Path, data: bytes) -> dict[str, str]:
    """Return what makes this file this one, and the same bytes dropped again later another."""
    info = path.lstat()
    return {
        "sha256": hashlib.sha256(data).hexdigest(), "mtime_ns": str(info.st_mtime_ns), "inode": str(info.st_ino),
    }  # fmt: skip


def _printable(name: str) -> str:
    return clean_line(os.fsencode(name).decode("utf-8", "replace"))


def _to_table(record: IssueRecord) -> dict[str, Any]:
    texts = {name: getattr(record, name) for name in RECORD_TEXTS}
    lists = {name: list(getattr(record, name)) for name in RECORD_LISTS}
    return {**texts, "status": record.status.value, **lists}


def _from_table(table: dict[str, Any], issue_id: str) -> IssueRecord:
    row = record_row(table, issue_id)
    return IssueRecord(**{**row, "status": IssueStatus(row["status"])})
