"""Makes folders of `.sixth` anew that somebody removed, or that git, which keeps no empty ones, did not bring back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sixthbot.store.setup import make_folders, missing_folders

if TYPE_CHECKING:
    from sixthbot.engine.services import Services

_PATIENCE = 2.0
"""Seconds that a folder must have been missing: who takes all of `.sixth` away would find it not empty again."""


class FolderWatch:
    """When one process makes missing folders."""

    def __init__(self) -> None:
        self._since: float | None = None

    def look(self, services: Services) -> float | None:
        """Make what has been missing for a little; return seconds until that is so, None while nothing is missing."""
        missing = missing_folders(services.places)
        if not missing:
            self._since = None
            return None
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        rest = self._since + _PATIENCE - now
        if rest > 0:
            return rest
        make_folders(services.places)
        self._since = None
        message = f"made anew what was removed of .sixth: {', '.join(missing)}"
        services.store.journal.append("bot.trouble", message, level="warning")
        return None
