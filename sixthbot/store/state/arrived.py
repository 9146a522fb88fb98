"""Remembers by which marks inbox files came from another clone, so that both clones make the same issue of them."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

from sixthbot.store.atomic import point
from sixthbot.store.jsonfile import load_json, save_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NOTE = point("inbox.arrived")
_MARKS = re.compile(rb'^(file_name|sha256|mtime_ns|inode) = "([^"\\\n]*)"', re.MULTILINE)


def note_arrival(local: Path, path: Path, data: bytes, *, mtime: str, inode: str) -> None:
    """Note what an inbox file was called by where it was dropped; `local` is `.sixth/local`."""
    digest = hashlib.sha256(data).hexdigest()
    marks = {"sha256": digest, "mtime_ns": mtime, "inode": inode, "here": str(os.lstat(path).st_mtime_ns)}
    save_json(_note(local, path.name), marks, point=_NOTE, durability="process")


def mark_where_dropped(local: Path, path: Path, mark: dict[str, str]) -> dict[str, str]:
    """Return the mark that a file has where it was dropped: `mark`, unless it came from another clone as it is."""
    known = load_json(_note(local, path.name)) or {}
    if known.get("sha256") != mark["sha256"] or known.get("here") != mark["mtime_ns"]:
        return mark
    return {name: str(known.get(name, "")) for name in ("sha256", "mtime_ns", "inode")}


def dropped_as(record: bytes) -> dict[str, str]:
    """Return what an issue's record says of the file that the issue was made of: `file_name`, and the marks of above."""
    return {name.decode(): value.decode("utf-8", "replace") for name, value in _MARKS.findall(record)}


def note_names(names: Iterable[str]) -> set[str]:
    """Return what the notes on inbox files of those names are called in `.sixth/local/arrived`."""
    return {_note_name(name) for name in names}


def _note(local: Path, name: str) -> Path:
    return local / "arrived" / _note_name(name)


def _note_name(name: str) -> str:
    return f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.json"
