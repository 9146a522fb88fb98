"""The mark that tells a whole `.sixth` from one that was taken away, copied here, or comes back from the past."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import make_dirs, point, process_lives, read_small, write_file
from sixthbot.store.home import HOME_MARK, home_is_gone
from sixthbot.store.jsonfile import load_json, save_json

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.paths import Places

_MARK = point("home.mark")
_TWIN = point("home.twin")
_NOTED = point("home.seen")
_SEEN = "seen"
_LIMIT = 200
_REMOVAL = 5.0
_LOOK = 0.1  # both in seconds


class Seen(TypedDict):
    """A mark, and when its file was made, in nanoseconds since the epoch, 0 for none: no inode, which some file systems change."""

    mark: str
    made: int


Standing: TypeAlias = Literal["whole", "gone", "foreign", "new"]
"""`foreign`: its mark is not the one that was made here, so it was copied from elsewhere or is an older one; `new`: no mark yet."""


def standing(places: Places) -> Standing:
    """Tell what `.sixth` is to this clone."""
    if home_is_gone(places):
        return "gone"
    kept, mark = _kept(places), _mark(places)
    if not mark:
        return "new"
    return "whole" if mark == kept else "foreign"


def mark_home(places: Places) -> None:
    """Say that `.sixth` as it is now is this clone's own: any other one that turns up later is not."""
    make_dirs(places.beside)
    mark = secrets.token_hex(8)
    # the mark first: a crash in between leaves a home that is foreign, and so is looked at whole once more
    write_file(_mark_path(places), f"{mark}\n".encode(), point=_MARK, durability="power")
    save_json(places.beside / "home", {"mark": mark}, point=_TWIN, durability="power")
    note_seen(places, look_at_home(places))


def look_at_home(places: Places) -> Seen:
    """Return what tells this `.sixth` from the same one as it was before it went away and came back."""
    try:
        made = _mark_path(places).lstat().st_mtime_ns
    except OSError:
        made = 0
    return {"mark": _mark(places), "made": made}


def was_away(places: Places, now: Seen) -> bool:
    """Tell whether `.sixth`, as just looked at, went away and is back since `note_seen`, as after `git stash pop`.

    Nobody's leases outlived that, though their processes did. Its mark is the same then, in a file that is a newer one.
    """
    seen = load_json(places.beside / _SEEN) or {}
    return now["made"] != 0 and (not seen or (seen.get("mark") == now["mark"] and seen != now))


def note_seen(places: Places, now: Seen) -> None:
    """Note that `.sixth` is known as it is: from now on who leaves its lease with work in hand has died."""
    if now["made"] and load_json(places.beside / _SEEN) != now:
        save_json(places.beside / _SEEN, now, point=_NOTED, durability="power")


def let_removal_end(places: Places) -> None:
    """Wait, for a few seconds at most, while files of `.sixth` go one after the other: what is put there now would go, too."""
    until = time.monotonic() + _REMOVAL
    before = _files(places)
    while before and time.monotonic() < until:
        time.sleep(_LOOK)
        now = _files(places)
        if before <= now:
            return
        before = now


def _files(places: Places) -> set[str]:
    return {f"{folder}/{name}" for folder, _, names in os.walk(places.home) for name in names}


def clear_the_way(places: Places) -> None:
    """Remove what this bot itself wrote in the moment in which `.sixth` was taken away: git pops no stash over it.

    Nothing while git is at it, which puts back the mark first: what it has just laid must stay.
    """
    if os.path.lexists(_mark_path(places)) or _is_stashing(places):
        return
    with suppress(OSError):
        (places.queue / ".ids").unlink()  # which any process makes as it looks at the queue
    for name in ("local", "journal"):
        shutil.rmtree(places.sixth / name, ignore_errors=True)
    for folder in sorted((path for path in places.sixth.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            folder.rmdir()


def _is_stashing(places: Places) -> bool:
    """Tell whether a git is at a stash: its index of what is untracked has the git's process in its name."""
    pids = (path.suffix[1:] for path in places.git_dir.glob("index.stash.*"))
    return any(pid.isdigit() and process_lives(int(pid)) for pid in pids)


def _mark_path(places: Places) -> Path:
    return places.sixth / HOME_MARK


def _mark(places: Places) -> str:
    try:
        return read_small(_mark_path(places), _LIMIT).decode("ascii", "replace").strip()
    except (OSError, Refused):
        return ""


def _kept(places: Places) -> str:
    return str((load_json(places.beside / "home") or {}).get("mark", ""))
