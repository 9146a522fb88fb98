"""Who writes here: an id for this clone at this place on this machine; a copied folder gets another."""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING, Any

from sixthbot.store.atomic import point
from sixthbot.store.jsonfile import load_json, save_json

if TYPE_CHECKING:
    from pathlib import Path

_SAVE = point("actor.save")
_ID = re.compile(r"a[0-9a-f]{12}")


def actor_id(folder: Path) -> str:
    """Return the actor of the clone whose own folder in the git directory is given, made on first use.

    It is bound to host, path and folder: two copies of a clone never write under one name. It is kept where no
    cleaning of the work tree reaches, so that a clone whose `.sixth` was taken away is still the same one.
    """
    bound: dict[str, Any] = {
        "host": os.uname().nodename, "path": os.path.realpath(folder), "inode": folder.stat().st_ino,
    }  # fmt: skip
    path = folder / "actor"
    known = load_json(path) or {}
    name = known.get("id")
    if isinstance(name, str) and _ID.fullmatch(name) and bound.items() <= known.items():
        return name
    name = "a" + secrets.token_hex(6)
    # synced, once for each clone: a torn one would give the clone another name
    save_json(path, {"id": name, **bound}, point=_SAVE, durability="power")
    return name
