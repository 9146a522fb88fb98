"""Whether commits would merge: tried in memory by git; no ref, index or work tree is touched, and no object is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.git.run import failure, git_version
from sixthbot.git.scratch import quoted_folder, scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

_BATCH = (2, 39)
"""The first git whose merge-tree takes many pairs on its stdin."""
_OPTIONS = ("--write-tree", "--name-only", "--no-messages", "-z", "--allow-unrelated-histories")


def conflicts_between(git: Git, one: Oid, other: Oid) -> tuple[str, ...]:
    """Return the paths that would conflict if `other` were merged into `one`; empty when it goes without."""
    with scratch_folder() as folder:
        done = git.run(
            "merge-tree", *_OPTIONS, one, other, env=_beside(git, str(folder)), check=False, timeout=600
        )
    if done.status == 0:
        return ()
    if done.status == 1 and done.stdout:  # what it cannot read ends it with 1, too
        return tuple(dict.fromkeys(path for path in done.text.split("\0")[1:] if path))
    raise failure("merge-tree", done)


def forecast(git: Git, pairs: Iterable[tuple[Oid, Oid]]) -> dict[tuple[Oid, Oid], tuple[str, ...] | None]:
    """Return for each pair the paths that would conflict if the second were merged into the first.

    One process for all of them. None stands for a pair that git cannot try, as where an object is missing.
    """
    wanted = list(dict.fromkeys(pairs))
    if not wanted:
        return {}
    found = _batch(git, wanted) if git_version() >= _BATCH and len(wanted) > 1 else None
    if found is not None:
        return found
    # a git that is too old, or a pair that ends the batch: each by itself, so that one spoils no other
    return {pair: _tried(git, pair) for pair in wanted}


def _batch(
    git: Git, pairs: Sequence[tuple[Oid, Oid]]
) -> dict[tuple[Oid, Oid], tuple[str, ...] | None] | None:
    with scratch_folder() as folder:
        done = git.run(
            "merge-tree", *_OPTIONS, "--stdin",
            stdin="".join(f"{one} {other}\n" for one, other in pairs).encode(),
            env=_beside(git, str(folder)), check=False, timeout=600,
        )  # fmt: skip
    fields = iter(done.text.split("\0"))
    found: dict[tuple[Oid, Oid], tuple[str, ...] | None] = {}
    # status NUL tree NUL (path NUL)* NUL for each
    for pair, status in zip(pairs, fields, strict=False):
        next(fields, "")
        paths = tuple(dict.fromkeys(iter(lambda: next(fields, ""), "")))
        found[pair] = () if status == "1" else paths
    return found if done.status == 0 and len(found) == len(pairs) else None


def _tried(git: Git, pair: tuple[Oid, Oid]) -> tuple[str, ...] | None:
    try:
        return conflicts_between(git, *pair)
    except GitFailed:
        return None


def _beside(git: Git, folder: str) -> Mapping[str, str]:
    """Let git write what it merges into a folder of its own, and take the attributes where a merge would."""
    place = git.git_dir.parent if git.git_dir.name == ".git" else git.git_dir
    return {
        "GIT_OBJECT_DIRECTORY": folder,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted_folder(git.git_dir / "objects"),
        "GIT_WORK_TREE": str(place),
    }
