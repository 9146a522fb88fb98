"""Where branches and tags were when they were last looked at: a file with all, and one with the moves since.

In a repository with a hundred thousand refs one commit must not cost writing them all; so a few moves are one appended
line, and the whole is written only once those lines have become long.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import Durability, append_line, make_dirs, point, read_small, write_file
from sixthbot.store.jsonfile import keep_aside, load_json, save_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_WHOLE = point("refs.whole")
_MOVES = point("refs.moves")
_LIMIT = 64 << 20
_SHORT = 32 << 10
"""So many bytes of moves are never worth writing the whole for."""

_Stamp = tuple[int, int, int] | None


class SeenRefs:
    """The refs as last seen, shared by all processes of a repository. Safe to use from several threads.

    Who saves must be the only one: two that save at once would each undo moves of the other.
    """

    def __init__(self, folder: Path, durability: Durability) -> None:
        self._whole = folder / "refs.json"
        self._moves = folder / "refs.moves"
        self._durability: Durability = durability
        self._guard = threading.Lock()
        self._kept: tuple[tuple[_Stamp, _Stamp], str, Mapping[str, str] | None] | None = None

    def load(self) -> Mapping[str, str] | None:
        """Return full ref names with what they pointed to; the same object as long as nothing was saved.

        None when nothing was saved yet, or the file is damaged (it is kept aside).
        """
        with self._guard:
            return self._current()[1]

    def save(self, refs: Mapping[str, str], moves: Mapping[str, str | None] | None = None) -> None:
        """Save all refs over the last ones; returns when they would survive what `durability` says.

        `moves` are those from what `load` gave to `refs`, for whoever knows them.
        """
        with self._guard:
            serial, before = self._current()
            if moves is None:
                moves = {} if before is None else _difference(before, refs)
            line = json.dumps({"after": serial, "refs": dict(moves)}, separators=(",", ":")).encode("ascii")
            if before is not None and len(line) + _size(self._moves) <= max(_SHORT, _size(self._whole) // 2):
                append_line(self._moves, line, point=_MOVES, durability=self._durability)
            else:
                serial = secrets.token_hex(8)
                whole = {"serial": serial, "refs": dict(refs)}
                make_dirs(self._whole.parent)
                save_json(self._whole, whole, point=_WHOLE, durability=self._durability)
                if _size(self._moves):  # if only this does not happen, its lines name another whole
                    write_file(self._moves, b"", point=_MOVES, durability="process")
            self._kept = (self._stamps(), serial, MappingProxyType(dict(refs)))

    def _current(self) -> tuple[str, Mapping[str, str] | None]:
        stamps = self._stamps()
        if self._kept is None or self._kept[0] != stamps:
            self._kept = (stamps, *self._read())
        return self._kept[1:]

    def _read(self) -> tuple[str, Mapping[str, str] | None]:
        data = load_json(self._whole)
        refs = None if data is None else _sound(data.get("refs"))
        if data is None or refs is None:
            if data is not None:
                keep_aside(self._whole)
            return "", None
        serial = str(data.get("serial", ""))
        for moves in self._lines(serial):
            for ref, at in moves.items():
                if at is None:
                    refs.pop(ref, None)
                else:
                    refs[ref] = at
        return serial, MappingProxyType(refs)

    def _lines(self, serial: str) -> Iterator[dict[str, str | None]]:
        """Yield the moves after the whole of that serial; a torn line was never acknowledged to anybody."""
        try:
            lines = read_small(self._moves, _LIMIT).splitlines()
        except (OSError, Refused):
            return
        for line in lines:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict) and said.get("after") == serial and isinstance(said.get("refs"), dict):
                yield {str(ref): at for ref, at in said["refs"].items() if at is None or isinstance(at, str)}

    def _stamps(self) -> tuple[_Stamp, _Stamp]:
        return _stamp(self._whole), _stamp(self._moves)


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    moves: dict[str, str | None] = {ref: at for ref, at in after.items() if before.get(ref) != at}
    moves.update((ref, None) for ref in before if ref not in after)
    return moves


def _sound(refs: Any) -> dict[str, str] | None:
    """Return the refs of a file if that is what they are; it is anybody's to edit."""
    if not isinstance(refs, dict) or not all(isinstance(at, str) for at in refs.values()):
        return None
    return refs


def _stamp(path: Path) -> _Stamp:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _size(path: Path) -> int:
    stamp = _stamp(path)
    return 0 if stamp is None else stamp[1]
