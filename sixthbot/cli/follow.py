"""Sees what is added to a journal from a moment on, whoever adds it; by looking again, so it needs no file events."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.store.reading import open_plain
from sixthbot.store.records import parse_line, records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sixthbot.store.journal import Journal
    from sixthbot.store.records import Record


class Follower:
    """Remembers how far it has read each actor's file; begins at the end of what is there when it is made.

    A file that comes back, as after `.sixth` was taken away, is another one with lines that were told: of each actor it
    remembers the latest time and the greatest number, too.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read: dict[tuple[int, int], int] = {}
        self._told: dict[str, tuple[str, int]] = {}
        for path in journal.paths():
            with suppress(FileNotFoundError):  # somebody takes it away
                found = path.stat()
                self._read[_identity(found)] = found.st_size
                self._note(next(records(path, backwards=True), None))

    def fresh(self) -> list[Record]:
        """Return the records that were added since the last call, in order of time."""
        known, self._read = self._read, {}  # the number of a file that is gone may be another one's by now
        added = [record for path in self._journal.paths() for record in self._added(path, known)]
        for record in added:
            self._note(record)
        return sorted(added, key=lambda record: record.time)

    def _note(self, record: Record | None) -> None:
        if record is not None:
            time, number = self._told.get(record.actor, ("", 0))
            self._told[record.actor] = max(time, record.time), max(number, record.n)

    def _was_told(self, record: Record) -> bool:
        """Tell whether a line was told: by both, for numbers can begin anew, and clocks go back."""
        time, number = self._told.get(record.actor, ("", 0))
        return record.time <= time and record.n <= number

    def _added(self, path: Path, read: Mapping[tuple[int, int], int]) -> list[Record]:
        try:
            with open_plain(path) as file:
                known = _identity(os.fstat(file.fileno()))
                start = read.get(known, 0)
                if file.seek(0, os.SEEK_END) < start:
                    start = 0  # it was replaced by hand: told from its beginning
                file.seek(start)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]  # a line that is being written is told the next time
        self._read[known] = start + len(whole)
        added = (record for line in whole.splitlines() if (record := parse_line(line)) is not None)
        return [record for record in added if not self._was_told(record)]


def _identity(found: os.stat_result) -> tuple[int, int]:
    """Return what a file is known by: one that is closed gets another name and stays the same."""
    return found.st_dev, found.st_ino
