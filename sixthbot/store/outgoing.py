"""What a draft becomes on its way out as files: letters, or the text of a request; one folder for each branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.store.atomic import make_dirs, point, remove, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sixthbot.core.names import BranchName
    from sixthbot.store.open import Store

_WRITE = point("outgoing.write")
_REMOVE = point("outgoing.remove")


def write_outgoing(store: Store, branch: BranchName, files: Mapping[str, bytes]) -> Path:
    """Put files into the branch's folder among the artifacts, over what an earlier draft left there; return it."""
    folder = store.places.artifacts / "outgoing" / branch.file_stem
    make_dirs(folder)
    for old in sorted(folder.iterdir()):
        if old.name not in files and old.is_file():
            remove(old, point=_REMOVE)
    for name, data in files.items():
        write_file(folder / name, data, point=_WRITE, durability=store.durability)
    return folder
