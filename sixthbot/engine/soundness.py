"""At the start of a bot: takes objects that a power cut tore out of git's way, so that what made them can be done again.

Nothing is deleted: they are kept in `.sixth/local/torn/`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from sixthbot.core.errors import ConfigError
from sixthbot.core.times import format_time, parse_time
from sixthbot.git.loose import torn_objects
from sixthbot.store.atomic import make_dirs, move, point

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.engine.services import Services

_ASIDE = point("object.aside")
_CURSOR = "objects"
_SLACK = timedelta(days=1)
"""What changed shortly before the last look is looked at again: clocks go back."""


def torn(services: Services) -> list[Path]:
    """Return the files of torn objects, as far as they can be from what ran since the last look; reads only."""
    seen = (services.store.cursors.load(_CURSOR) or {}).get("looked")
    now = services.clock()
    with suppress(ConfigError):  # there is none yet, or not one of ours
        now = min(now, parse_time(str(seen)))
    return torn_objects(services.places.git_dir, since=(now - _SLACK).timestamp())


def put_torn_aside(services: Services) -> list[str]:
    """Move the files of torn objects to `.sixth/local/torn/` and return their ids, once for each start of a bot.

    An object of that id can then be written again. One that a branch needs is missed by git as it was before: it
    held nothing. Raises OSError when the disk takes no more.
    """
    begun, aside = services.clock(), []
    for path in torn(services):
        target = services.places.local / "torn" / f"{path.parent.name}{path.name}"
        make_dirs(target.parent)
        with suppress(FileNotFoundError):
            if target.exists():
                target = target.with_name(f"{target.name}.{format_time(begun).replace(':', '')}")
            move(path, target, point=_ASIDE, durability=services.store.durability)
            aside.append(path.parent.name + path.name)
    if aside:
        services.store.journal.append(
            "object.torn",
            f"{len(aside)} torn objects of git's were put aside, as after a power cut: {', '.join(aside[:5])}",
            level="warning",
            data={"objects": aside[:100]},
        )
    services.store.cursors.save(_CURSOR, {"looked": format_time(begun)})
    return aside
