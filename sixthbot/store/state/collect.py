"""Compares files of `.sixth` with what was saved of them, and tells what is new; writes nothing."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sixthbot.core.errors import Refused
from sixthbot.core.stateops import APPEND, DROP, PUT, SIZE_LIMIT, SPEND
from sixthbot.store.firstconfig import is_untouched
from sixthbot.store.reading import open_plain, read_small
from sixthbot.store.state.grown import CHUNK, goes_on
from sixthbot.store.state.index import Row
from sixthbot.store.state.layout import (
    Spot,
    files_below,
    found_elsewhere,
    group_of,
    is_setting,
    spot_of,
    state_of,
    task_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sixthbot.store.state.index import Index

MISSED_FOR = 60.0
"""Seconds for which a file must have been missing before that counts: whoever takes all of `.sixth` away is done by then."""


class Change(NamedTuple):
    """One thing to save: what kind, its row from now on, and its content; `at` is where a piece begins.

    `data` is None where no content goes with it, or one that is saved already; an empty content is one like others.
    """

    kind: str
    row: Row
    data: bytes | None = None
    at: int = 0
    mark: str = ""


@dataclass(slots=True)
class Collector:
    """Looks at one home, for one saving. `now` is in seconds of any clock that goes on over restarts.

    `tracked` are the paths below `.sixth` that git carries. `left_out` fills with files that are too long to travel,
    `seen_again` with rows of files whose content is as it was saved, `postponed` with paths to look at once more.
    `missed` is true once something was not there that nobody of the bot's took away, until that was waited for; `spent`
    is how far the used-up ids were read, once they were.
    """

    home: str
    index: Index
    now: float
    tracked: Collection[str] = ()
    left_out: list[str] = field(default_factory=list)
    seen_again: list[Row] = field(default_factory=list)
    postponed: list[str] = field(default_factory=list)
    missed: bool = False
    spent: str = ""
    _issues: dict[str, str] = field(default_factory=dict)
    _there: set[str] = field(default_factory=set)

    def everything(self) -> Iterator[Change]:
        """Yield what is new among all files, and what has been missing for a minute."""
        for path, status in files_below(self.home):
            yield from self._look(path, status, sure=False)
        yield from self._missing()
        yield from self._spent()

    def these(self, paths: Mapping[str, bool]) -> Iterator[Change]:
        """Yield what is new among the paths that this process wrote, or took away (True)."""
        order = sorted(
            paths, key=lambda path: (not path.startswith("queue/"), path)
        )  # tasks say whose checkpoints are
        spots = {path: spot for path in order if (spot := spot_of(path)) is not None}
        there = set()
        for path, spot in spots.items():
            status = state_of(f"{self.home}/{path}")
            if status is not None:
                there.add(spot.key)
                yield from self._look(path, status, sure=True)
        yield from self._rest_of_issues(spots)
        # what the bot wrote and somebody else took away: perhaps just now, and all of it; a later look tells
        taken = {spot.key for path, spot in spots.items() if not paths[path]} - there
        taken = {
            key for key in taken if found_elsewhere(self.home, key) is None
        }  # a task goes from hand to hand
        self.missed |= bool(taken)
        doubtful = any(key.startswith(("issues/", "inbox/rejected/")) for key in taken)
        for path, spot in spots.items():
            if not paths[path] or spot.key in there or os.path.lexists(f"{self.home}/{path}"):
                continue
            if doubtful and spot.key.startswith("inbox/"):
                self.postponed.append(path)  # it became what is not there: without either it would be lost
            elif spot.key not in taken:
                yield from self._gone(spot, path)
        # an id is used up where a task's file goes or changes
        if any(path.startswith("queue/") for path in paths):
            yield from self._spent()
        yield from self._journals()

    def _look(self, path: str, status: os.stat_result, *, sure: bool) -> Iterator[Change]:
        spot = spot_of(path)
        if spot is None or (is_setting(spot.key) and path in self.tracked):
            return
        self._there.add(spot.key)
        row = self.index.row(spot.key)
        if spot.key.startswith("journal/"):
            yield from self._grown(spot, path, status, row)
            return
        same_file = row is not None and (row.size, row.mtime, row.inode) == (
            status.st_size, status.st_mtime_ns, status.st_ino,
        )  # fmt: skip
        if row is not None and same_file and not sure:
            if (row.path, row.place, row.missed) != (path, spot.place, 0.0):
                yield from self._moved(row, spot, path)
            return
        data = self._read(path, status)
        if data is None or (row is None and is_untouched(spot.key, data)):
            return  # what nobody wrote is no news: it must never count against what another clone's people wrote
        digest = hashlib.sha256(data).hexdigest()
        task = task_of(spot.key)
        group = group_of(spot.key, data) or self._group(spot.key)
        if task:
            self._issues[task] = group
        new = Row(
            spot.key, path, spot.place, digest, len(data), status.st_mtime_ns, status.st_ino,
            row.ids if row else "", group, task,
        )  # fmt: skip
        if row is not None and (row.hash, row.place) == (digest, spot.place):
            self.seen_again.append(new)
        else:
            mark = f"{status.st_mtime_ns}-{status.st_ino}" if spot.key.startswith("inbox/") else ""
            yield Change(PUT, new, data, mark=mark)

    def _moved(self, row: Row, spot: Spot, path: str) -> Iterator[Change]:
        new = row._replace(path=path, place=spot.place, missed=0.0)
        if row.place == spot.place:
            self.seen_again.append(new)
        else:
            yield Change(PUT, new)

    def _read(self, path: str, status: os.stat_result) -> bytes | None:
        if status.st_size > SIZE_LIMIT:
            self.left_out.append(path)
            return None
        try:
            return read_small(f"{self.home}/{path}", SIZE_LIMIT)
        except (OSError, Refused):
            return None  # it went away, or turned into something else; the next look sees it

    def _group(self, key: str) -> str:
        if key.startswith("checkpoints/"):
            task = key.partition("/")[2].removesuffix(".json")
            return self._issues.get(task) or self.index.group_of_task(task)
        return ""

    def _grown(self, spot: Spot, path: str, status: os.stat_result, row: Row | None) -> Iterator[Change]:
        """Yield the whole lines that came to a file that only grows; nothing of one that is `astray`."""
        saved = row.size if row else 0
        if row is not None:
            same = (status.st_size, status.st_mtime_ns, status.st_ino) == (row.size, row.mtime, row.inode)
            if same or not goes_on(f"{self.home}/{path}", row):
                return
            if status.st_size == saved:
                self.seen_again.append(row._replace(mtime=status.st_mtime_ns, inode=status.st_ino))
                return
        try:
            with open_plain(f"{self.home}/{path}") as file:
                file.seek(saved)
                data = file.read(status.st_size - saved)
        except OSError:
            return
        data = data[: data.rfind(b"\n") + 1]
        for start in range(0, len(data), CHUNK):
            piece = data[start : start + CHUNK]
            at = saved + start
            digest = hashlib.sha256(piece).hexdigest()
            new = Row(spot.key, path, str(at), digest, at + len(piece), status.st_mtime_ns, status.st_ino)
            yield Change(APPEND, new, piece, at=at)

    def _rest_of_issues(self, spots: Mapping[str, Spot]) -> Iterator[Change]:
        """Yield what else is new in the folders of the issues that the paths are about.

        Another process may have written it and died: a task must not be saved without the issue that it is for.
        """
        issues = {spot.key.split("/")[1] for spot in spots.values() if spot.key.startswith("issues/")}
        issues |= {issue for issue in self._issues.values() if issue}
        for path, status in files_below(self.home, [f"issues/{issue}" for issue in sorted(issues)]):
            if path not in spots:
                yield from self._look(path, status, sure=False)

    def _journals(self) -> Iterator[Change]:
        """Yield what came to the journals: lines are appended to them without a name being given to anything."""
        for path, status in files_below(self.home, ("journal",)):
            yield from self._look(path, status, sure=False)

    def _gone(self, spot: Spot, path: str) -> Iterator[Change]:
        row = self.index.row(spot.key)
        if row is None or (row.path not in {path, ""} and os.path.lexists(f"{self.home}/{row.path}")):
            return
        # of a task that is on its way only the going may have been told of
        moved = found_elsewhere(self.home, spot.key)
        if moved is not None:
            yield from self._look(*moved, sure=True)
        else:
            yield Change(DROP, row)

    def _missing(self) -> Iterator[Change]:
        """Yield what is not there any more, which nobody of the bot's took away."""
        for row in self.index.rows():
            if not row.inode or row.key.startswith("journal/") or row.key in self._there:
                continue  # never seen here, never taken away, or there
            if os.path.lexists(f"{self.home}/{row.path}"):
                continue
            if row.missed and abs(self.now - row.missed) >= MISSED_FOR:  # or the clock was set back since
                yield Change(DROP, row)
            elif not row.missed:
                self.missed = True
                self.seen_again.append(row._replace(missed=self.now))

    def _spent(self) -> Iterator[Change]:
        """Yield the task ids that were used up since the last time."""
        at = int(self.index.get("spent") or 0)
        try:
            with open_plain(f"{self.home}/queue/.spent") as file:
                size = os.fstat(file.fileno()).st_size
                at = at if at <= size else 0
                file.seek(at)
                data = file.read()
        except OSError:
            return
        data = data[: data.rfind(b"\n") + 1]
        for line in data.decode("ascii", "replace").split():
            yield Change(SPEND, Row(f"spent/{line}", ""))
        self.spent = str(at + len(data))
