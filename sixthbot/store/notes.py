"""Notes that git hooks left for the bot. They only say that something may have happened; the refs say what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import point, read_small, remove

if TYPE_CHECKING:
    from sixthbot.store.paths import Places

_CLEAR = point("note.clear")
_LIMIT = 64 << 10


@dataclass(frozen=True, slots=True)
class Note:
    """One note: its file's name and what it says, empty when it could not be read."""

    name: str
    text: str


def list_and_clear(places: Places) -> list[Note]:
    """Return the notes in order of their names, and remove them; what is still being written is left alone."""
    try:
        names = sorted(path.name for path in places.notes.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []
    notes = []
    for name in names:
        path = places.notes / name
        try:
            text = read_small(path, _LIMIT).decode("utf-8", "replace")
        except (Refused, OSError):
            text = ""
        try:
            gone = remove(path, point=_CLEAR)
        except OSError:  # a folder, or no permission: it is not a note, and no reason to stop
            continue
        if gone:
            notes.append(Note(name, text))
    return notes
