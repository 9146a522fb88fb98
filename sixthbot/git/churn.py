"""How often files were changed lately: one bounded walk over history, by path."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

LAST = 300
"""Commits looked at, merges not counted."""


def churn(git: Git, tip: Oid, *, last: int = LAST) -> Counter[str]:
    """Return how many of the `last` commits before and at `tip` changed each path."""
    done = git.run(
        "log", f"--max-count={last}", "--no-merges", "--format=", "--name-only", "--no-renames", "-z",
        "--no-show-signature", "--no-notes", "--no-ext-diff", tip, "--",
    )  # fmt: skip
    return Counter(path for field in done.text.split("\0") if (path := field.lstrip("\n")))
