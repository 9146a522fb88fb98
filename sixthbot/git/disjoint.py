"""The short way to rebase: where both sides touch disjoint paths no merge is needed, and the changes are replayed as they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sixthbot.core.names import Oid
from sixthbot.git.fastimport import NewCommit, PathChange, can_import

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sixthbot.git.commits import CommitInfo, Person
    from sixthbot.git.run import Git

_MOST_PATHS = 2000
"""With more paths than this, asking git which commits touch one of them costs more than merging."""


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs between two trees, renames not looked for. `letter` is git's: A, M, D or T."""

    path: str
    mode: str
    oid: Oid
    letter: str


def disjoint_replay(
    git: Git, *, branch: Sequence[CommitInfo], onto: Oid, base: Oid, committer: Person, skip: Collection[Oid]
) -> tuple[NewCommit, ...] | None:
    """Return what is to be imported on `onto` for the commits of `branch` that are not in `skip`, oldest first.

    None unless it is certain that merging them one by one would give the same trees: the branch is linear, no path is
    touched on both sides, neither side adds below a folder the other takes files from (it could have been renamed),
    no file of one side is a folder of the other, and no commit of `base` could be one of the branch under another id.
    """
    if not _is_linear(branch):
        return None
    start = branch[0].parents[0]
    changes = _changes_of(git, [commit.id for commit in branch])
    own = [change for commit in branch if commit.id not in skip for change in changes[commit.id]]
    left = [change for commit in branch if commit.id in skip for change in changes[commit.id]]
    if not _apart(own, left, back_too=True) or not _apart(own, _between(git, start, onto), back_too=False):
        return None
    if _touched(git, {change.path for change in own}, tip=branch[-1].id, base=base):
        return None
    commits = tuple(
        NewCommit(
            message=commit.body,
            author=commit.author,
            committer=committer,
            changes=tuple(
                PathChange(change.path, None if change.letter == "D" else change.oid, change.mode)
                for change in changes[commit.id]
            ),
        )
        for commit in branch
        if commit.id not in skip
    )
    return commits if can_import(commits) and _modes_known(own) else None


def _is_linear(branch: Sequence[CommitInfo]) -> bool:
    """Tell whether each commit has one parent, the commit before it; the first has one outside of the branch."""
    if not branch or len(branch[0].parents) != 1:
        return False
    return all(after.parents == (before.id,) for before, after in pairwise(branch))


def _apart(own: Iterable[Change], others: Iterable[Change], *, back_too: bool) -> bool:
    """Tell whether no change of one side can meet one of the other.

    `back_too` counts what the others add as taken away, too: these changes are to be left out, so they go backwards.
    """
    mine, theirs = list(own), list(others)
    my_paths, their_paths = {one.path for one in mine}, {one.path for one in theirs}
    if not my_paths.isdisjoint(their_paths):
        return False
    if not my_paths.isdisjoint(_folders(their_paths)) or not their_paths.isdisjoint(_folders(my_paths)):
        return False
    gone = {"A", "D"} if back_too else {"D"}
    new = {"A", "D"} if back_too else {"A"}
    they_emptied = _folders(one.path for one in theirs if one.letter in gone)
    i_emptied = _folders(one.path for one in mine if one.letter == "D")
    return they_emptied.isdisjoint(_folders(one.path for one in mine if one.letter == "A")) and (
        i_emptied.isdisjoint(_folders(one.path for one in theirs if one.letter in new))
    )


def _folders(paths: Iterable[str]) -> set[str]:
    """Return every folder above some paths, but for the top."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _modes_known(changes: Iterable[Change]) -> bool:
    return all(change.letter in "AMDT" for change in changes)


def _touched(git: Git, paths: Collection[str], *, tip: Oid, base: Oid) -> bool:
    """Tell whether a commit of `base` that `tip` does not have touches one of the paths, if only to take it back later.

    Such a one may be a commit of the branch that was picked, and a rebase then leaves the branch's out.
    """
    if not paths:
        return False
    if len(paths) > _MOST_PATHS or any("\n" in path or "\r" in path for path in paths):
        return True
    lines = [base, f"^{tip}", "--", *sorted(paths)]
    done = git.run(
        "rev-list", "--no-merges", "--full-history", "--max-count=1", "--stdin",
        stdin="".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"),
    )  # fmt: skip
    return bool(done.stdout.strip())


def _changes_of(git: Git, commits: Sequence[Oid]) -> dict[Oid, list[Change]]:
    """Return what each commit changes against its parent, with one git call."""
    done = git.run(
        "diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", "--no-abbrev",
        stdin="".join(f"{commit}\n" for commit in commits).encode(),
    )  # fmt: skip
    found: dict[Oid, list[Change]] = {commit: [] for commit in commits}
    fields = iter(done.text.split("\0"))
    into: list[Change] = []
    for field in fields:
        if field.startswith(":"):
            into.append(_change(field, next(fields)))
        elif field:
            into = found[Oid(field.strip())]
    return found


def _between(git: Git, old: Oid, new: Oid) -> list[Change]:
    done = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new)
    fields = done.text.split("\0")
    return [_change(head, path) for head, path in zip(fields[0:-1:2], fields[1::2], strict=False)]


def _change(head: str, path: str) -> Change:
    _, mode, _, oid, letter = head.removeprefix(":").split(" ")
    return Change(path, "100644" if letter == "D" else mode, Oid(oid), letter)
