"""Whether commits would merge: tried in memory by git; no ref, index or work tree is touched, and no object is left."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.git.attributes import attribute_files, lent
from sixthbot.git.run import failure, git_version
from sixthbot.git.scratch import quoted_folder, scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.attributes import AttributeFiles
    from sixthbot.git.run import Git

_BATCH = (2, 39)
"""The first git whose merge-tree takes many pairs on its stdin."""
_OPTIONS = ("--write-tree", "--name-only", "--no-messages", "-z", "--allow-unrelated-histories")


def conflicts_between(git: Git, one: Oid, other: Oid) -> tuple[str, ...]:
    """Return the paths that would conflict if `other` were merged into `one`; empty when it goes without."""
    with _beside(git, attribute_files(git, [one])[one]) as environment:
        done = git.run("merge-tree", *_OPTIONS, one, other, env=environment, check=False, timeout=600)
    if done.status == 0:
        return ()
    if done.status == 1 and done.stdout:  # what it cannot read ends it with 1, too
        return tuple(dict.fromkeys(path for path in done.text.split("\0")[1:] if path))
    raise failure("merge-tree", done)


def forecast(git: Git, pairs: Iterable[tuple[Oid, Oid]]) -> dict[tuple[Oid, Oid], tuple[str, ...] | None]:
    """Return for each pair the paths that would conflict if the second were merged into the first.

    Two processes for all of them, one more for each first one whose attribute files are others: it is those that a
    merge obeys. None stands for a pair that git cannot try, as where an object is missing.
    """
    wanted = list(dict.fromkeys(pairs))
    if not wanted:
        return {}
    found = _together(git, wanted) if git_version() >= _BATCH and len(wanted) > 1 else None
    if found is not None:
        return found
    # a git that is too old, or a pair that ends the batch: each by itself, so that one spoils no other
    return {pair: _tried(git, pair) for pair in wanted}


def _together(
    git: Git, pairs: Sequence[tuple[Oid, Oid]]
) -> dict[tuple[Oid, Oid], tuple[str, ...] | None] | None:
    try:
        files = attribute_files(git, [one for one, _ in pairs])
    except GitFailed:
        return None
    alike: dict[AttributeFiles, list[tuple[Oid, Oid]]] = {}
    for pair in pairs:
        alike.setdefault(files[pair[0]], []).append(pair)
    found: dict[tuple[Oid, Oid], tuple[str, ...] | None] = {}
    for attributes, group in alike.items():
        told = _batch(git, group, attributes)
        if told is None:
            return None
        found |= told
    return {pair: found[pair] for pair in pairs}


def _batch(
    git: Git, pairs: Sequence[tuple[Oid, Oid]], attributes: AttributeFiles
) -> dict[tuple[Oid, Oid], tuple[str, ...] | None] | None:
    with _beside(git, attributes) as environment:
        done = git.run(
            "merge-tree", *_OPTIONS, "--stdin", stdin="".join(f"{one} {other}\n" for one, other in pairs).encode(),
            env=environment, check=False, timeout=600,
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


@contextmanager
def _beside(git: Git, attributes: AttributeFiles) -> Iterator[Mapping[str, str]]:
    """Let git write what it merges into a folder of its own, and read these attributes instead of a work tree's."""
    with scratch_folder() as objects, lent(attributes) as tree:
        yield {
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted_folder(git.git_dir / "objects"),
            "GIT_WORK_TREE": str(tree),
        }
