"""Sees what is added to a journal from a moment on, whoever adds it; by looking again, so it needs no file events."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.store.reading import open_plain
from sixthbot.store.records import parse_line

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.journal import Journal
    from sixthbot.store.records import Record


class Follower:
    """Remembers how far it has read each actor's file; begins at the end of what is there when it is made."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read = {_identity(path.stat()): path.stat().st_size for path in journal.paths()}

    def fresh(self) -> list[Record]:
        """Return the records that were added since the last call, in order of time."""
        added = [record for path in self._journal.paths() for record in self._added(path)]
        return sorted(added, key=lambda record: record.time)

    def _added(self, path: Path) -> list[Record]:
        try:
            with open_plain(path) as file:
                known = _identity(os.fstat(file.fileno()))
                start = self._read.get(known, 0)
                if file.seek(0, os.SEEK_END) < start:
                    start = 0  # it was replaced by hand: told from its beginning
                file.seek(start)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]  # a line that is being written is told the next time
        self._read[known] = start + len(whole)
        return [record for line in whole.splitlines() if (record := parse_line(line)) is not None]


def _identity(found: os.stat_result) -> tuple[int, int]:
    """Return what a file is known by: one that is closed gets another name and stays the same."""
    return found.st_dev, found.st_ino
