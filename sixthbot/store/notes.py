"""Notes that git hooks left for the bot. They only say that something may have happened; the refs say what."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import point, read_small, remove

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sixthbot.store.paths import Places

_CLEAR = point("note.clear")
_LIMIT = 64 << 10
_ARGUMENTS = 64
_WRITTEN_WITHIN = 2_000_000_000
"""Nanoseconds after which a note that looks unfinished is taken as it is: its hook was cut off, or the disk was full."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note: its file's name, when that was written (nanoseconds of the epoch), and the lines in it."""

    name: str
    written: int
    lines: tuple[str, ...] = ()

    @property
    def verb(self) -> str:
        """What was called: the first line, or what the name begins with where nothing could be read."""
        return self.lines[0] if self.lines else "-".join(self.name.split("-")[:2])


def list_notes(places: Places, *, most: int = 1000) -> tuple[list[Note], bool]:
    """Return the oldest notes, at most so many, in order; and whether others are left, or still being written.

    What is no file counts as a note without lines, so that clearing gets it out of the way.
    """
    try:
        names = [name for name in os.listdir(places.notes) if not name.startswith(".")]  # noqa: PTH208 - at every look
    except (FileNotFoundError, NotADirectoryError):
        return [], False
    found = sorted((written, name) for name in names if (written := _written(places, name)) is not None)
    notes, unfinished = [], False
    for written, name in found[:most]:
        lines = _lines(places, name)
        if lines is None and abs(time.time_ns() - written) < _WRITTEN_WITHIN:
            unfinished = True
        else:
            notes.append(Note(name, written, lines or ()))
    return notes, unfinished or len(found) > most


def clear_notes(places: Places, notes: Iterable[Note]) -> None:
    """Remove notes that were dealt with; one that cannot be removed stays, and is no reason to stop."""
    for note in notes:
        try:
            remove(places.notes / note.name, point=_CLEAR)
        except (PermissionError, IsADirectoryError):
            continue


def _written(places: Places, name: str) -> int | None:
    """Return when an entry was written; None for a folder, which is nobody's note, and for what is gone."""
    try:
        found = os.lstat(places.notes / name)
    except OSError:
        return None
    return None if stat.S_ISDIR(found.st_mode) else found.st_mtime_ns


def _lines(places: Places, name: str) -> tuple[str, ...] | None:
    """Return the lines of a note; none for what is no note, None for one whose last line has no end yet."""
    try:
        data = read_small(places.notes / name, _LIMIT)
    except (Refused, OSError):
        return ()
    if not data.endswith(b"\n"):
        return None
    return tuple(data[:-1].decode("utf-8", "replace").split("\n")[: _ARGUMENTS + 1])
