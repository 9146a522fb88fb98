"""Tells whether a repository is still the one that it was: not deleted, moved or made anew. `.sixth` has a mark for that."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sixthbot.core.errors import NoRepository
from sixthbot.core.names import clean_line
from sixthbot.store.home import home_is_gone, home_stamp

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.paths import Places

_REMOVAL = 2.0
_LOOK = 0.05  # both in seconds


class Presence:
    """The git directory of one repository as it was when this was made."""

    def __init__(self, places: Places) -> None:
        self._folders = {folder: _identity(folder) for folder in (places.git_dir,)}

    def require(self) -> None:
        """Raise NoRepository when a folder is gone, or another one is in its place.

        A `.sixth` alone that is gone comes back, see `engine.rebuild`; without the repository nothing can.
        """
        for folder, identity in self._folders.items():
            now = _identity(folder)
            if now != identity:
                what = "is gone" if now is None else "is not the folder any more that it was"
                raise NoRepository(
                    f"{clean_line(str(folder))} {what}", hint="sixthbot init, then sixthbot watch again"
                )


def is_taken_away(places: Places, home: tuple[int, int], *, missed: bool) -> bool:
    """Tell whether `.sixth` is gone, or not any more what it was at `home`: what failed in it was not the task's mistake.

    Where something of it was `missed`, somebody may be at taking away all of it, which takes a moment.
    """
    until = time.monotonic() + (_REMOVAL if missed else 0.0)
    while home_stamp(places) == home and not home_is_gone(places):
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK)
    return True


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)  # noqa: PTH116 - at every turn of the loop
    except OSError:
        return None
    return found.st_dev, found.st_ino
