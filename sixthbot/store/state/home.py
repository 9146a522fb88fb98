"""The mark that tells a whole `.sixth` from one that was taken away, copied here, or comes back from the past."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TypeAlias

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import make_dirs, point, read_small, write_file
from sixthbot.store.home import HOME_MARK, home_is_gone
from sixthbot.store.jsonfile import load_json, save_json

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.paths import Places

_MARK = point("home.mark")
_TWIN = point("home.twin")
_LIMIT = 200

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


def clear_the_way(places: Places) -> None:
    """Remove what this bot itself wrote in the moment in which `.sixth` was taken away: git pops no stash over it."""
    for name in ("local", "journal"):
        shutil.rmtree(places.sixth / name, ignore_errors=True)
    for folder in sorted((path for path in places.sixth.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            folder.rmdir()


def _mark_path(places: Places) -> Path:
    return places.sixth / HOME_MARK


def _mark(places: Places) -> str:
    try:
        return read_small(_mark_path(places), _LIMIT).decode("ascii", "replace").strip()
    except (OSError, Refused):
        return ""


def _kept(places: Places) -> str:
    return str((load_json(places.beside / "home") or {}).get("mark", ""))
