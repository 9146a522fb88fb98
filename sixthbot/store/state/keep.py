"""Copies of what belongs to this clone alone, in the git directory: they outlive a cleaned `.sixth` and never travel."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import make_dirs, point, read_small, remove, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sixthbot.store.paths import Places

_KEEP = point("state.keep")
_FORGET = point("state.keep.forget")
_RESTORE = point("state.keep.restore")
_LIMIT = 64 << 20
_FOLDERS = ("local/cursors", "queue/paused")
_FILES = ("local/config.toml",)


def keep_local(places: Places) -> None:
    """Copy what changed: what the sources saw last, which lanes are paused, the settings of this clone."""
    here, kept = places.sixth, places.beside / "keep"
    names = set(_names(here))
    for name in names:
        if _time(here / name) > _time(kept / name):
            with suppress(FileNotFoundError, Refused):
                data = read_small(here / name, _LIMIT)
                make_dirs((kept / name).parent)
                write_file(kept / name, data, point=_KEEP, durability="process")
    for name in set(_names(kept)) - names:
        remove(kept / name, point=_FORGET)


def restore_local(places: Places) -> None:
    """Put the copies back where there is nothing of that name."""
    kept = places.beside / "keep"
    for name in _names(kept):
        target = places.sixth / name
        if not os.path.lexists(target):
            make_dirs(target.parent)
            data = read_small(kept / name, _LIMIT)
            write_file(target, data, point=_RESTORE, durability="process")


def forget_cursors(places: Places) -> None:
    """Take the cursors of a `.sixth` that came from elsewhere away: they tell of another repository."""
    for name in tuple(_names(places.sixth)):
        if name.startswith("local/cursors/"):
            remove(places.sixth / name, point=_FORGET)


def _names(top: Path) -> Iterator[str]:
    for folder in _FOLDERS:
        with suppress(FileNotFoundError, NotADirectoryError):
            for path in sorted((top / folder).iterdir()):
                if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                    yield f"{folder}/{path.name}"
    for name in _FILES:
        if (top / name).is_file() and not (top / name).is_symlink():
            yield name


def _time(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return -1
