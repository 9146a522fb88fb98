"""Which branch another one was renamed to, by what git itself noted of it; never a guess from names or commits alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.names import BranchName

if TYPE_CHECKING:
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

_HEADS = "refs/heads/"
_ASKED = 20
"""Branches whose reflog is read, those committed to last first: each is a git process."""


def renamed_to(git: Git, branch: BranchName, *, at: Oid | None) -> BranchName | None:
    """Return the branch that `branch`, which is gone, was renamed to; None where git noted no such thing.

    Only branches that have the commit `at` are looked at, where that is known. Without reflogs nothing is noted.
    """
    having = ("--contains", at) if at is not None else ()
    listed = git.run(
        "for-each-ref", "--sort=-committerdate", f"--count={_ASKED}", "--format=%(refname)", *having, _HEADS,
        check=False,
    )  # fmt: skip
    # all of git's own words: what follows "commit: " and the like is a subject, which anybody may have written
    wanted = f"Branch: renamed {branch.ref} to {_HEADS}"
    for ref in listed.lines:
        noted = git.run("reflog", "show", "--format=%gs", ref, "--", check=False).lines
        if any(line.startswith(wanted) for line in noted):
            return BranchName.of_ref(ref)
    return None
