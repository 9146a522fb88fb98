"""Tells which branches came into another with its last move: by a merge, a fast-forward, or squashed into one commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.git.trees import tree_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.run import Git

_SQUASH_BRANCHES = 50
_SQUASH_COMMITS = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A branch that may have come in: where it is (or last was), and where it was at the last look, if it was."""

    tip: Oid
    before: Oid | None


def merged_branches(
    git: Git, *, old: Oid, new: Oid, commits: Sequence[CommitInfo], others: Mapping[str, Candidate]
) -> list[str]:
    """Return the names in `others` whose tip was not in `old` and is in `new`, in the given order.

    `commits` are those of `old..new`, oldest first. A branch that merely points at one of them did not bring it: it
    counts only if its own commits were there at the last look, or came by a merge commit. A branch counts as squashed
    where some commit's tree is exactly what merging the branch into that commit's parent gives; at most 50 branches
    and 50 commits are compared so.
    """
    tips = {name: other.tip for name, other in others.items()}
    outside = _not_in(git, old, tips)
    arrived = {commit.id: commit for commit in commits}
    line = _line(arrived, new)
    merged, rest = set(), {}
    for name, tip in outside.items():
        if tip not in arrived:
            rest[name] = tip
        elif others[name].before in arrived or tip not in line:
            merged.add(name)
    steps = _steps(git, old=old, new=new, commits=commits)
    for name, tip in list(rest.items())[:_SQUASH_BRANCHES]:
        if any(_merge_gives(git, parent, tip, tree) for parent, tree in steps):
            merged.add(name)
    return [name for name in others if name in merged]


def _line(arrived: Mapping[Oid, CommitInfo], new: Oid) -> set[Oid]:
    """Return the new commits on the branch's own line: each one's first parent, from the tip down."""
    line: set[Oid] = set()
    here: Oid | None = new
    while here is not None and here in arrived:
        line.add(here)
        here = next(iter(arrived[here].parents), None)
    return line


def _not_in(git: Git, tip: Oid, others: Mapping[str, Oid]) -> dict[str, Oid]:
    """Return the branches with commits that `tip` does not have; one of those is needed to bring anything."""
    asked = "".join(f"{other}\n" for other in others.values()) + f"^{tip}\n"
    done = git.run("rev-list", "--stdin", "--ignore-missing", stdin=asked.encode())
    outside = set(done.text.split())
    return {name: other for name, other in others.items() if other in outside}


def _steps(git: Git, *, old: Oid, new: Oid, commits: Sequence[CommitInfo]) -> list[tuple[Oid, Oid]]:
    """Return (commit before, tree after) of every step that could be a squashed merge, the whole move first."""
    single = [commit for commit in commits if len(commit.parents) == 1][-_SQUASH_COMMITS:]
    ends = {commit.id: commit.tree for commit in commits}
    steps = [(old, ends[new])] if new in ends else []
    steps += [(commit.parents[0], commit.tree) for commit in single if len(commits) > 1]
    trees: dict[Oid, Oid] = {}
    changed = []
    for before, tree in steps:
        if before not in trees:
            trees[before] = tree_of(git, before)
        if trees[before] != tree:  # an empty commit brings nothing in
            changed.append((before, tree))
    return changed


def _merge_gives(git: Git, ours: Oid, theirs: Oid, tree: Oid) -> bool:
    done = git.run("merge-tree", "--write-tree", "--no-messages", ours, theirs, check=False, write=True)
    return done.status == 0 and done.text.strip() == tree
