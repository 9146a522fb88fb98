"""Whether two commits would merge: tried in memory by git, no ref, index or work tree is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.git.run import failure

if TYPE_CHECKING:
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git


def conflicts_between(git: Git, one: Oid, other: Oid) -> tuple[str, ...]:
    """Return the paths that would conflict if `other` were merged into `one`; empty when it goes without."""
    done = git.run(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", "--allow-unrelated-histories",
        one, other, check=False, write=True, timeout=600,
    )  # fmt: skip
    if done.status == 0:
        return ()
    if done.status == 1:
        return tuple(dict.fromkeys(path for path in done.text.split("\0")[1:] if path))
    raise failure("merge-tree", done)
