"""Attributes of files as a tree's own `.gitattributes` say: read without a work tree, for those that ask about few paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.git.scratch import scratch_folder
from sixthbot.git.trees import read_blobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.git.run import Git
    from sixthbot.git.trees import TreeEntry

_FILE = ".gitattributes"
_GENERATED = "linguist-generated"
_UNSET = frozenset({"unspecified", "unset", "false"})


def generated_paths(git: Git, tree: Sequence[TreeEntry], paths: Sequence[str]) -> frozenset[str]:
    """Return those of `paths` that the attribute files among the entries of a tree call generated.

    One git call where no file has that word, two more where one has.
    """
    entries = [
        entry
        for entry in tree
        if (entry.path == _FILE or entry.path.endswith("/" + _FILE)) and entry.mode.startswith("100")
    ]
    blobs = read_blobs(git, [entry.oid for entry in entries])
    if not paths or not any(_GENERATED.encode() in data for data in blobs.values()):
        return frozenset()
    with scratch_folder() as folder:
        for entry in entries:
            place = folder / entry.path
            if ".." in place.parts or entry.oid not in blobs:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(blobs[entry.oid])
        asked = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
        # git of this age reads attributes only from a work tree
        done = git.run(
            "check-attr", "-z", "--stdin", _GENERATED, stdin=asked, env={"GIT_WORK_TREE": str(folder)}
        )
    fields = done.text.split("\0")
    return frozenset(
        path for path, value in zip(fields[0::3], fields[2::3], strict=False) if value not in _UNSET
    )
