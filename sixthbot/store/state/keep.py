"""Copies of what belongs to this clone alone, in the git directory: they outlive a cleaned `.sixth` and never travel."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import make_dirs, point, read_small, remove, write_file
from sixthbot.store.state.collect import MISSED_FOR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from sixthbot.store.atomic import Durability
    from sixthbot.store.paths import Places

_KEEP = point("state.keep")
_FORGET = point("state.keep.forget")
_RESTORE = point("state.keep.restore")
_LIMIT = 64 << 20
_CURSORS = "local/cursors/"
_FOLDERS = ("local/cursors", "queue/paused")
_FILES = ("local/config.toml",)


@dataclass(frozen=True, slots=True)
class Local:
    """What belongs to this clone alone, as it was at one moment: the names of all of it, and what is new of it.

    Of what is new the bytes, and when they were written, in nanoseconds: by that a copy is told from what it is no more.
    """

    names: frozenset[str]
    new: Mapping[str, tuple[bytes, int]]


def look_at_local(places: Places, *, cursors: bool) -> Local:
    """Read what the sources saw last, which lanes are paused and the settings of this clone.

    To be done before what is saved with it is looked at: a cursor that is kept must not be ahead of the tasks that are.
    With `cursors` false those are left as they were kept.
    """
    here, kept = places.sixth, places.beside / "keep"
    names = set(_names(here))
    if not cursors:
        names = {name for name in names if not name.startswith(_CURSORS)}
        names |= {name for name in _names(kept) if name.startswith(_CURSORS)}
    new = {}
    for name in names:
        # before the reading: what is changed in between is newer than its copy, also after the clock was set back
        written = _time(here / name)
        if written != _time(kept / name) and (cursors or not name.startswith(_CURSORS)):
            with suppress(OSError, Refused):
                new[name] = read_small(here / name, _LIMIT), written
    return Local(frozenset(names), new)


def gone_of(places: Places, local: Local) -> frozenset[str]:
    """Return the names of what was kept and is not there any more."""
    return frozenset(_names(places.beside / "keep")) - local.names


def gone_for_good(
    gone: Collection[str], taken: Mapping[str, bool], before: str, *, now: float
) -> tuple[frozenset[str], str]:
    """Return which names are not only gone but count as taken away, and a note of the others for the next time.

    `taken` says what this process took away itself, `before` is the last note, `now` is in seconds. The rest counts
    after a minute, by whatever clock: whoever takes all of `.sixth` away is done by then.
    """
    try:
        since: dict[str, float] = dict(json.loads(before or "{}"))
    except (TypeError, ValueError):
        since = {}
    over = frozenset(one for one in gone if taken.get(one) or abs(now - since.get(one, now)) >= MISSED_FOR)
    return over, json.dumps({one: since.get(one, now) for one in sorted(set(gone) - over)})


def keep_local(places: Places, local: Local, gone: Collection[str], *, durability: Durability) -> None:
    """Copy what is new, and take away what is `gone` for good."""
    kept = places.beside / "keep"
    for name, (data, written) in sorted(local.new.items()):
        make_dirs((kept / name).parent)
        write_file(kept / name, data, point=_KEEP, durability=durability)
        os.utime(kept / name, ns=(written, written))
    for name in sorted(gone):
        remove(kept / name, point=_FORGET)


def restore_local(places: Places, *, durability: Durability) -> None:
    """Put the copies back where there is nothing of that name."""
    kept = places.beside / "keep"
    for name in _names(kept):
        target = places.sixth / name
        if not os.path.lexists(target):
            make_dirs(target.parent)
            data = read_small(kept / name, _LIMIT)
            write_file(target, data, point=_RESTORE, durability=durability)


def forget_cursors(places: Places) -> None:
    """Take the cursors of a `.sixth` that came from elsewhere away: they tell of another repository."""
    for name in tuple(_names(places.sixth)):
        if name.startswith(_CURSORS):
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
