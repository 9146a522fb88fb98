"""Rebase in memory: commits are merged onto another base as objects; no work tree, no index, no ref is touched."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from sixthbot.core.errors import GitFailed
from sixthbot.core.names import Oid, clean_line, parse_oid
from sixthbot.git.attributes import attribute_files, lent
from sixthbot.git.commits import compose, id_of, is_ancestor, log, write_commit, write_composed
from sixthbot.git.disjoint import disjoint_replay
from sixthbot.git.fastimport import import_commits
from sixthbot.git.merging import Merger, NoAnswer, merger
from sixthbot.git.run import failure
from sixthbot.git.trees import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from sixthbot.git.commits import CommitInfo, Person
    from sixthbot.git.run import Git, Result
    from sixthbot.git.signing import Sign


@dataclass(frozen=True, slots=True)
class ConflictFile:
    """A path that could not be merged. `stages` has (number, mode, blob): 1 the common one, 2 ours, 3 the commit's."""

    path: str
    stages: tuple[tuple[int, str, Oid], ...]


@dataclass(frozen=True, slots=True)
class UpToDate:
    """There is nothing to do: the branch already builds on the new base."""


@dataclass(frozen=True, slots=True)
class Rebased:
    """The branch written anew, not yet moved. `mapping` leads from old to new commits.

    `dropped` are commits that the new base already has, or that change nothing there. `merged` is false where no
    merge was needed, as both sides changed other paths.
    """

    new_tip: Oid
    mapping: Mapping[Oid, Oid] = field(hash=False)
    dropped: tuple[Oid, ...] = ()
    merged: bool = True


@dataclass(frozen=True, slots=True)
class Conflict:
    """The first commit that cannot be merged onto the new base; nothing was moved."""

    commit: CommitInfo
    files: tuple[ConflictFile, ...]
    message: str


RebaseResult: TypeAlias = UpToDate | Rebased | Conflict


@dataclass(frozen=True, slots=True)
class RebasePlan:
    """What a rebase will replay onto `onto`, oldest first, and what it leaves out because `onto`'s side has it."""

    onto: Oid
    commits: tuple[CommitInfo, ...]
    already_there: tuple[Oid, ...] = ()
    up_to_date: bool = False


def plan_rebase(git: Git, *, tip: Oid, onto: Oid, base: Oid, skip: Collection[Oid] = ()) -> RebasePlan:
    """Return the plan for moving the commits of `tip` that are not in `base` onto `onto`.

    Merges are left out, their commits taken one by one, as `git rebase` does. `base` is usually the tip that the
    branch is to be based on, `onto` too. Commits in `skip` are left behind.
    """
    if onto == base and not skip and is_ancestor(git, onto, tip):
        return RebasePlan(onto=onto, commits=(), up_to_date=True)
    commits = log(git, tip=tip, not_in=[base], merges=False)
    done = git.run(
        "rev-list", "--no-merges", "--right-only", "--cherry-mark", "--stdin",
        stdin=f"{base}...{tip}\n".encode(),
    )  # fmt: skip
    marked = {line[1:] for line in done.lines if line.startswith("=")}
    # to git all empty commits look the same
    trees = _Trees(git, {commit.id: commit.tree for commit in commits})
    same = {commit.id for commit in commits if commit.id in marked and not trees.same(commit)} - set(skip)
    return RebasePlan(
        onto=onto,
        commits=tuple(commit for commit in commits if commit.id not in same and commit.id not in skip),
        already_there=tuple(commit.id for commit in commits if commit.id in same),
    )


def rebase_in_memory(
    git: Git,
    *,
    branch_tip: Oid,
    upstream_base: Oid,
    onto: Oid,
    committer: Person,
    skip: Collection[Oid] = (),
    sign: Sign | None = None,
) -> RebaseResult:
    """Write the branch's commits anew on `onto`; authors and messages stay, `committer` is who did it.

    With `sign` each new commit is signed; a signature that was on the old one goes, for it is of other bytes.

    The trees are those that `git rebase --onto ONTO UPSTREAM_BASE` gives. No ref moves: that is the caller's, last.
    """
    if onto == upstream_base and not skip and is_ancestor(git, onto, branch_tip):
        return UpToDate()
    # fast-import writes no signatures
    short = (
        None
        if sign is not None
        else _short_way(
            git, branch_tip=branch_tip, upstream_base=upstream_base, onto=onto, committer=committer, skip=skip
        )
    )
    if short is not None:
        return short
    plan = plan_rebase(git, tip=branch_tip, onto=onto, base=upstream_base, skip=skip)
    return _merge_all(git, plan, committer=committer, sign=sign)


def _short_way(
    git: Git, *, branch_tip: Oid, upstream_base: Oid, onto: Oid, committer: Person, skip: Collection[Oid]
) -> Rebased | None:
    """Replay the branch without merging, where it is certain to come to the same; None elsewhere."""
    branch = log(git, tip=branch_tip, not_in=[upstream_base], merges=False)
    at, mapping = onto, dict[Oid, Oid]()
    while branch and branch[0].id not in skip and branch[0].parents[:1] == (at,):
        at = branch.pop(0).id
        mapping[at] = at
    if not branch:
        return Rebased(new_tip=at, mapping=MappingProxyType(mapping), merged=False) if mapping else None
    commits = disjoint_replay(git, branch=branch, onto=at, base=upstream_base, committer=committer, skip=skip)
    if commits is None:
        return None
    try:
        made = import_commits(git, onto=at, commits=commits)
    except GitFailed:
        return None  # what it does not take is merged; where something else is wrong, that fails too, and says so
    kept = (commit.id for commit in branch if commit.id not in skip)
    mapping.update(zip(kept, made, strict=True))
    new_tip = made[-1] if made else at
    return Rebased(new_tip=new_tip, mapping=MappingProxyType(mapping), merged=False)


def _merge_all(git: Git, plan: RebasePlan, *, committer: Person, sign: Sign | None) -> Rebased | Conflict:
    """Merge commit after commit onto the new base."""
    onto = at = plan.onto
    tree = tree_of(git, onto)
    trees = _Trees(git, {commit.id: commit.tree for commit in plan.commits})
    mapping: dict[Oid, Oid] = {}
    dropped = list(plan.already_there)
    written: list[bytes] = []
    with (
        lent(attribute_files(git, [onto])[onto]) as attributes,
        _merging(git, attributes, probe=onto) as merge,
    ):
        for commit in plan.commits:
            parent = commit.parents[0] if commit.parents else None
            if parent == at:
                at, tree = commit.id, commit.tree
                mapping[commit.id] = at
                continue
            if parent is not None and trees.of(parent) == tree:
                merged: Oid | Conflict = commit.tree
            else:
                merged = merge(commit, tree)
            if isinstance(merged, Conflict):
                return merged
            if merged == tree and not trees.same(commit):
                dropped.append(commit.id)
                continue
            data = compose(
                tree=merged, parents=[at], message=commit.body, author=commit.author, committer=committer
            )
            data = sign(data) if sign is not None else data
            at, tree = id_of(data, like=onto), merged
            mapping[commit.id] = at
            written.append(data)
    # one process for all of them, once it is sure that there is no conflict
    if written and write_composed(git, written)[-1] != at:
        raise GitFailed("git gave a rebased commit another id than its bytes have")
    return Rebased(new_tip=at, mapping=MappingProxyType(mapping), dropped=tuple(dropped))


@dataclass(slots=True)
class _Trees:
    """Trees of commits, asked from git only where they are not known."""

    git: Git
    known: dict[Oid, Oid]

    def of(self, commit: Oid) -> Oid:
        if commit not in self.known:
            self.known[commit] = tree_of(self.git, commit)
        return self.known[commit]

    def same(self, commit: CommitInfo) -> bool:
        """Tell whether a commit was empty from the start: such a one was meant, and stays."""
        return bool(commit.parents) and self.of(commit.parents[0]) == commit.tree


@contextmanager
def _merging(
    git: Git, attributes: Path, *, probe: Oid
) -> Iterator[Callable[[CommitInfo, Oid], Oid | Conflict]]:
    """Lend what merges a commit onto a tree: in one conversation where git can have one, else a process each.

    The conversation begins with the first merge, as often there is none. A conflict is asked for once more, alone,
    for its files and stages.
    """
    with ExitStack() as stack:
        talk: list[Merger | None] = []

        def merge(commit: CommitInfo, tree: Oid) -> Oid | Conflict:
            if not talk:
                try:
                    talk.append(stack.enter_context(merger(git, attributes, probe=probe)))
                except NoAnswer:
                    talk.append(None)
            if talk[0] is not None:
                try:
                    merged = talk[0].bring(commit, tree)
                except NoAnswer:
                    merged = talk[0] = None
                if merged is not None:
                    return merged
            return _merge(git, attributes, commit, tree=tree)

        yield merge


def _merge(git: Git, attributes: Path, commit: CommitInfo, *, tree: Oid) -> Oid | Conflict:
    """Return the tree of `commit` brought onto `tree`, with the commit's parent as the base of the merge.

    merge-tree finds the base by itself, and before 2.40 it cannot be told: so a commit is made that has our tree and
    the same parent.
    """
    options = () if commit.parents else ("--allow-unrelated-histories",)
    ours = write_commit(
        git,
        tree=tree,
        parents=commit.parents[:1],
        message="stand-in\n",
        author=commit.author,
        committer=commit.author,
    )
    done = git.run(
        "merge-tree", "--write-tree", "-z", *options, ours, commit.id,
        env={"GIT_WORK_TREE": str(attributes)}, check=False, write=True, timeout=600,
    )  # fmt: skip
    if done.status == 0:
        return parse_oid(done.text.split("\0", 1)[0].strip())
    if done.status == 1:
        return _conflict(commit, done, ours)
    raise failure("merge-tree", done)


def _conflict(commit: CommitInfo, done: Result, ours: Oid) -> Conflict:
    """Read `tree NUL (mode oid stage TAB path NUL)* NUL (count NUL path NUL... kind NUL text NUL)*`.

    Where a file is in the way of a folder, git names it anew after the commit it is of; it is told by its own name.
    """
    fields = done.text.split("\0")
    at = 1
    stages: dict[str, list[tuple[int, str, Oid]]] = {}
    while at < len(fields) and fields[at]:
        head, _, path = fields[at].partition("\t")
        mode, oid, stage = head.split(" ")
        path = path.removesuffix(f"~{ours}").removesuffix(f"~{commit.id}")
        stages.setdefault(path, []).append((int(stage), mode, Oid(oid)))
        at += 1
    messages = []
    at += 1
    while at < len(fields) and fields[at].isdigit():
        at += 1 + int(fields[at])
        kind, text = fields[at], fields[at + 1]
        if kind.startswith("CONFLICT"):
            told = text.replace(ours, "the new base").replace(commit.id, commit.id[:12])
            messages.append(clean_line(told, limit=300))
        at += 2
    files = tuple(ConflictFile(path, tuple(found)) for path, found in stages.items())
    return Conflict(commit=commit, files=files, message="; ".join(messages))
