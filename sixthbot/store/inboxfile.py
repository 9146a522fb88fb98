"""Puts issue files into the inbox, as `sixthbot new` and the bot itself do: whole, and never over another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.core.errors import UsageError
from sixthbot.store.atomic import make_dirs, move, point, write_temporary

if TYPE_CHECKING:
    from sixthbot.store.paths import Places

_DROP = point("inbox.drop")


def drop(places: Places, stem: str, data: bytes) -> Path:
    """Write the file beside its place and move it in; return its path. The inbox never shows half of it."""
    make_dirs(places.inbox)  # git brings no empty folder back
    # under a name that nobody else has: two people, or a script, may say the same title at the same moment
    draft = write_temporary(places.inbox, data, point=_DROP, durability="power")
    try:
        for count in range(1, 10_000):
            path = places.inbox / (f"{stem}.md" if count == 1 else f"{stem}-{count}.md")
            try:
                move(draft, path, point=_DROP, durability="power")
            except FileExistsError:
                continue
            return path
    finally:
        Path(draft).unlink(missing_ok=True)
    raise UsageError(f"the inbox is full of {stem}-N.md", hint="is a watch running? sixthbot status")
