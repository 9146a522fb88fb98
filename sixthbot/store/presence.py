"""Tells whether a repository is still the one that it was: not deleted, moved or made anew. `.sixth` has a mark for that."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.core.errors import NoRepository
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.paths import Places


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


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)  # noqa: PTH116 - at every turn of the loop
    except OSError:
        return None
    return found.st_dev, found.st_ino
