"""Tells which branches came into another with its last move: by a merge, a fast-forward, or squashed into one commit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.sources.commits import changes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.run import Git

_SQUASH_BRANCHES = 50
_SQUASH_COMMITS = 50
_ASKED = 1000
"""Branches of which git is asked whether they have commits of their own; those given first."""


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
    where some commit's tree is exactly what merging the branch into that commit's parent gives; the first 50 branches
    with commits of their own, of the first 1,000, are compared so with 50 commits.
    """
    arrived = {commit.id: commit for commit in commits}
    line = _line(arrived, new)
    merged: set[str] = set()
    rest: dict[str, Oid] = {}
    for name, other in others.items():
        if other.tip not in arrived:
            if len(rest) < _ASKED:
                rest[name] = other.tip
        elif other.before in arrived or other.tip not in line:
            merged.add(name)
    merged.update(_squashed(git, rest, old=old, new=new, commits=commits))
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


@dataclass(frozen=True, slots=True)
class _Step:
    """A step that could be a squashed merge: the commit before it, the tree after it, the paths that it changed."""

    before: Oid
    tree: Oid
    paths: frozenset[str]


def _squashed(
    git: Git, rest: Mapping[str, Oid], *, old: Oid, new: Oid, commits: Sequence[CommitInfo]
) -> list[str]:
    """Return the branches that some step brought in squashed into one."""
    steps = _steps(git, old=old, new=new, commits=commits) if rest else []
    if not steps:
        return []
    found = []
    for name, tip in list(_not_in(git, old, rest).items())[:_SQUASH_BRANCHES]:
        # merging is the dear part: only where the branch changes all that the step did
        changed = _paths(git, "--merge-base", old, tip)
        likely = [step for step in steps if step.paths <= changed]
        if any(_merge_gives(git, step.before, tip, step.tree) for step in likely):
            found.append(name)
    return found


def _steps(git: Git, *, old: Oid, new: Oid, commits: Sequence[CommitInfo]) -> list[_Step]:
    """Return the steps of a move that changed something: the whole of it first, then single commits."""
    single = [commit for commit in commits if len(commit.parents) == 1][-_SQUASH_COMMITS:]
    ends = {commit.id: commit.tree for commit in commits}
    steps = [_Step(old, ends[new], _paths(git, old, new))] if new in ends else []
    if len(commits) > 1:
        changes = changes_of(git, single)
        steps += [
            _Step(commit.parents[0], commit.tree, frozenset(changes[commit.id].paths)) for commit in single
        ]
    return [step for step in steps if step.paths]


def _paths(git: Git, *what: str) -> frozenset[str]:
    """Return the paths that differ, none where two branches have no history in common."""
    options = ("-r", "-z", "--name-only", "--no-renames", "--no-ext-diff")
    done = git.run("diff-tree", *options, *what, check=False)
    return frozenset(os.fsdecode(done.stdout).split("\0")[:-1])


def _merge_gives(git: Git, ours: Oid, theirs: Oid, tree: Oid) -> bool:
    done = git.run("merge-tree", "--write-tree", "--no-messages", ours, theirs, check=False, write=True)
    return done.status == 0 and done.text.strip() == tree
