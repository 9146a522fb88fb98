"""Small JSON files of the bot's own: written whole; one that cannot be read is kept aside and counts as missing."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import Durability, make_dirs, move, point, read_small, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ASIDE = point("damaged.aside")
_LIMIT = 64 << 20
ASIDE = ("*.damaged", "*.damaged.*")
"""What the names of files that were kept aside look like."""


def load_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a file; None when there is no file.

    One that is torn, or not an object, is renamed to `<name>.damaged` (or `.damaged.1`, ...) and None returned.
    """
    try:
        data = json.loads(read_small(path, _LIMIT))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError, Refused):
        data = None
    if isinstance(data, dict):
        return data
    keep_aside(path)
    return None


def is_newer(data: Mapping[str, Any], schema: int) -> bool:
    """Tell whether an object was written by a sixthbot that knows a later schema than this one."""
    found = data.get("schema")
    return isinstance(found, int) and found > schema


def save_json(
    path: Path, data: Mapping[str, Any], *, point: str, durability: Durability, mode: int = 0o644
) -> None:
    """Write an object to a file, its folder made if missing."""
    make_dirs(path.parent, mode=0o777 if mode & 0o077 else 0o700)
    text = json.dumps(data, indent=1).encode("ascii") + b"\n"
    write_file(path, text, point=point, durability=durability, mode=mode)


def keep_aside(path: Path) -> None:
    """Rename a damaged file so that it is out of the way and not lost."""
    for number in range(1000):
        target = path.with_name(f"{path.name}.damaged" + (f".{number}" if number else ""))
        with suppress(FileExistsError):
            with suppress(FileNotFoundError):
                move(path, target, point=_ASIDE, durability="process")
            return
