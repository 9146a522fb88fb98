"""Says that a repository belongs to somebody else, where that is why nobody was at home in it."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `status` comes by here too
if TYPE_CHECKING:
    from sixthbot.store.paths import Places


def refuse_foreign(places: Places) -> None:
    """Raise what `init` raises where git does not touch a repository of somebody else's; nothing anywhere else."""
    if places.top.stat().st_uid != os.geteuid():
        from sixthbot.git.repository import open_repository  # noqa: PLC0415 - only who is about to fail pays for it

        open_repository(places.top, places.git_dir)
