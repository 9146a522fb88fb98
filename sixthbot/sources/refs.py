"""Branches and tags as a source: events are derived from two snapshots, never from what a file watcher saw.

So nothing is missed while the bot is off, and packing refs or `gc` causes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import GitFailed
from sixthbot.core.events import OWN_ORIGIN, Event, EventKind, make_event
from sixthbot.core.names import BranchName, Oid
from sixthbot.git.commits import log, read_commits
from sixthbot.git.refs import peel
from sixthbot.sources.commits import changes_of, commit_fields
from sixthbot.sources.merges import Candidate, merged_branches
from sixthbot.sources.snapshot import HEADS, TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.run import Git
    from sixthbot.sources.commits import WholeCommit
    from sixthbot.sources.snapshot import Snapshot
    from sixthbot.store.operations import Operation

_CHUNK = 500
"""Commits whose paths are read with one git call."""
_FAR = 1000
"""Branches without news that are looked at when another one took something in."""
_TOGETHER = 50
"""Branches whose events are put in one order of time; what is more than that comes group by group."""


@dataclass(frozen=True, slots=True)
class OwnMoves:
    """What the bot itself did to refs: the tips it wrote and the ones it deleted a ref at, by ref."""

    written: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    deleted: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> OwnMoves:
        """Gather them from the recorded operations, the unfinished ones included."""
        written: dict[str, set[str]] = {}
        deleted: dict[str, set[str]] = {}
        for operation in operations:
            for ref, old, new in operation.refs:
                if new is not None:
                    written.setdefault(ref, set()).add(new)
                elif old is not None:
                    deleted.setdefault(ref, set()).add(old)
        return cls(
            {ref: frozenset(tips) for ref, tips in written.items()},
            {ref: frozenset(tips) for ref, tips in deleted.items()},
        )

    def wrote(self, ref: str, tip: str) -> bool:
        """Whether the bot moved the ref to that commit at some time."""
        return tip in self.written.get(ref, frozenset())

    def removed(self, ref: str, tip: str) -> bool:
        """Whether the bot deleted the ref when it was at that commit."""
        return tip in self.deleted.get(ref, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class RefsContext:
    """What events are made with. `own_email` is the bot's committer address, `default` the default branch.

    `commits` are those that were read already, by id; `troubles` is filled with the refs about which not everything could be told, and why.
    """

    git: Git
    default: BranchName | None
    own: OwnMoves
    own_email: str
    time: datetime
    commits: Mapping[Oid, WholeCommit] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)


def events_between(
    context: RefsContext, old: Snapshot, new: Snapshot, moves: Mapping[str, Oid | None] | None = None
) -> Iterator[Event]:
    """Yield what happened to branches and tags from one snapshot to the next, as the contract's table names it.

    New and moved branches come first, in the order of their commits' times, each branch's own commits oldest first;
    then what was deleted, then tags. A ref whose history cannot be read is put into `context.troubles` and the others
    go on; an object that is gone is left out of what is told, never an error. `moves` are those from the old to the
    new snapshot, for whoever knows them.
    """
    moves = old.moves_to(new) if moves is None else moves
    look = _Look(context, old, new, moves)
    branches = [ref for ref, at in moves.items() if at is not None and ref.startswith(HEADS)]
    if len(branches) > 1:
        branches.sort(key=lambda ref: (look.when(moves[ref]), ref not in old.refs, ref))
    for start in range(0, len(branches), _TOGETHER):
        group = branches[start : start + _TOGETHER]
        for _, event in merge(*(_timed(look, ref) for ref in group), key=itemgetter(0)):
            yield event
    for ref, at in sorted(moves.items()):
        if at is None and ref.startswith(HEADS):
            yield _deleted(look, ref, old.refs[ref])
    for ref, at in sorted(moves.items()):
        if at is not None and ref.startswith(TAGS):
            yield _tagged(look, ref, at)


def merged_into(
    git: Git, old: Snapshot, new: Snapshot, wanted: Mapping[str, str]
) -> list[tuple[str, str, Oid]]:
    """Return (branch, base, tip) of the branches that came into their base between the snapshots.

    `wanted` maps branches to their bases, short names. A base that is gone, or did not move, took nothing in.
    """
    found = []
    for base in dict.fromkeys(wanted.values()):
        was, now = old.refs.get(HEADS + base), new.refs.get(HEADS + base)
        if was is None or now is None or was == now or was not in peel(git, [was]):
            continue
        names = [name for name, into in wanted.items() if into == base]
        others = _candidates(old, new, [HEADS + name for name in names])
        commits = log(git, tip=now, not_in=[was])
        merged = merged_branches(git, old=was, new=now, commits=commits, others=others)
        found += [(name, base, others[name].tip) for name in merged]
    return found


def _candidates(old: Snapshot, new: Snapshot, refs: Iterable[str]) -> dict[str, Candidate]:
    """Return branches of either snapshot by short name; a deleted one with where it last was."""
    found = {}
    for ref in refs:
        before = old.refs.get(ref)
        tip = new.refs.get(ref, before)
        if tip is not None:
            found[ref.removeprefix(HEADS)] = Candidate(tip, before)
    return found


@dataclass(slots=True)
class _Look:
    """One look: the snapshots, what moved between them, and the commits that refs moved to or were deleted at."""

    context: RefsContext
    old: Snapshot
    new: Snapshot
    moves: Mapping[str, Oid | None]
    _ends: tuple[Mapping[Oid, Oid], Mapping[Oid, CommitInfo]] | None = None
    _known: list[Oid] | None = None

    def target(self, oid: Oid) -> Oid:
        """Return what an id finally names."""
        return self._read()[0].get(oid, oid)

    def tip(self, oid: Oid | None) -> CommitInfo | None:
        """Return the commit that an id finally names, None when it is gone or no commit."""
        return None if oid is None else self._read()[1].get(self.target(oid))

    def _read(self) -> tuple[Mapping[Oid, Oid], Mapping[Oid, CommitInfo]]:
        """Read with two git calls what all moved refs are at; a plain commit on a branch needs none of it."""
        if self._ends is None:
            ends = {at if at is not None else self.old.refs[ref] for ref, at in self.moves.items()}
            objects = peel(self.context.git, ends)
            commits = {name for name, kind in objects.values() if kind == "commit"}
            tips = {commit.id: commit for commit in read_commits(self.context.git, sorted(commits))}
            self._ends = ({one: name for one, (name, _) in objects.items()}, tips)
        return self._ends

    def author(self, oid: Oid) -> str:
        commit = self.tip(oid)
        return commit.author.name if commit is not None else ""

    def when(self, oid: Oid | None) -> int:
        commit = self.tip(oid)
        return commit.committer.when_epoch if commit is not None else 0

    def known(self) -> list[Oid]:
        """Return the tips of all branches of the last snapshot, as far as git still has those."""
        if self._known is None:
            before = dict.fromkeys(tip for ref, tip in self.old.refs.items() if ref.startswith(HEADS))
            gone = {self.old.refs[ref] for ref in self.moves if ref in self.old.refs}
            there = peel(self.context.git, gone)
            self._known = [tip for tip in before if tip not in gone or tip in there]
            if gone - there.keys():
                # where a rewritten branch is now stands in, or all the history below it would seem new
                self._known += [
                    at for ref, at in self.moves.items() if at is not None and ref in self.old.refs
                ]
        return self._known


def _timed(look: _Look, ref: str) -> Iterator[tuple[int, Event]]:
    """Yield a branch's events, each with a time to put it among those of others; times never go back."""
    tip, old, latest = look.moves[ref], look.old.refs.get(ref), 0
    if tip is None:
        return
    try:
        events = _created(look, ref, tip) if old is None else _moved(look, ref, old, tip)
        for when, event in events:
            latest = max(latest, when)
            yield latest, event
    except GitFailed as error:
        look.context.troubles[ref] = error.message


def _created(look: _Look, ref: str, tip: Oid) -> Iterator[tuple[int, Event]]:
    context, branch = look.context, BranchName(ref.removeprefix(HEADS))
    commits = [] if tip in set(look.old.refs.values()) else log(context.git, tip=tip, not_in=look.known())
    origin = _origin(own=bool(context.own.written.get(ref)))
    fields = {"branch": branch.value, "id": tip, "author": look.author(tip), "origin": origin}
    began = commits[0].committer.when_epoch if commits else look.when(tip)
    yield began, make_event(EventKind.BRANCH_CREATED, fields, time=context.time)
    yield from _commits(context, branch, commits)


def _moved(look: _Look, ref: str, old: Oid, new: Oid) -> Iterator[tuple[int, Event]]:
    context, branch = look.context, BranchName(ref.removeprefix(HEADS))
    commits = _brought(context, old, new)
    if commits is None:
        own = _origin(own=context.own.wrote(ref, new))
        fields = {"branch": branch.value, "old": old, "id": new, "origin": own}
        yield look.when(new), make_event(EventKind.BRANCH_REWRITTEN, fields, time=context.time)
        return
    yield from _commits(context, branch, commits)
    if branch == context.default:
        for event in _merges(look, ref, old, new, commits=commits):
            yield commits[-1].committer.when_epoch, event


def _brought(context: RefsContext, old: Oid, new: Oid) -> list[CommitInfo] | None:
    """Return the commits of a move, oldest first; None when the branch was rewritten, or its old commit is gone."""
    git, read = context.git, context.commits.get(new)
    if read is not None and read.info.parents == (old,):
        return [read.info]
    try:
        commits = log(git, tip=new, not_in=[old])
    except GitFailed:
        if old in peel(git, [old]):
            raise
        return None
    # the old commit is below the new one just if it is a parent of one of those between
    return commits if any(old in commit.parents for commit in commits) else None


def _merges(look: _Look, ref: str, old: Oid, new: Oid, *, commits: Sequence[CommitInfo]) -> Iterator[Event]:
    context, arrived = look.context, {commit.id for commit in commits}
    near = {one for one, tip in look.new.refs.items() if tip in arrived} | look.moves.keys()
    # of very many branches, most of those that nobody touched since the last look are not looked at for a squash
    far = islice((one for one in look.new.refs if one.startswith(HEADS) and one not in near), _FAR)
    refs = [one for one in (*sorted(near), *far) if one.startswith(HEADS) and one != ref]
    others = _candidates(look.old, look.new, refs)
    merged = sorted(merged_branches(context.git, old=old, new=new, commits=commits, others=others))
    if not merged:
        return
    branch = ref.removeprefix(HEADS)
    paths = {path for change in changes_of(context.git, commits).values() for path in change.paths}
    for name in merged:
        fields = {
            "branch": branch, "merged": name, "id": new, "paths": tuple(sorted(paths)),
            "origin": _origin(own=context.own.wrote(ref, new)),
        }  # fmt: skip
        # several branches may come in with one move: the natural key is the first one's
        key = f"{branch} {new}" if name == merged[0] else f"{branch} {new} {name}"
        yield make_event(EventKind.MERGE, fields, time=context.time, key=key)


def _commits(
    context: RefsContext, branch: BranchName, commits: Sequence[CommitInfo]
) -> Iterator[tuple[int, Event]]:
    own_branch = bool(context.own.written.get(branch.ref))
    for start in range(0, len(commits), _CHUNK):
        chunk = commits[start : start + _CHUNK]
        changes = {one: read.change for one, read in context.commits.items()}
        changes |= changes_of(context.git, [commit for commit in chunk if commit.id not in changes])
        for commit in chunk:
            # on its own branches the bot also rewrites people's commits: those carry it as their committer
            by_bot = own_branch and commit.committer.email == context.own_email
            origin = _origin(own=by_bot or context.own.wrote(branch.ref, commit.id))
            fields = commit_fields(branch, commit, changes[commit.id], origin=origin)
            yield commit.committer.when_epoch, make_event(EventKind.COMMIT, fields, time=context.time)


def _deleted(look: _Look, ref: str, tip: Oid) -> Event:
    fields = {
        "branch": ref.removeprefix(HEADS), "id": tip, "author": look.author(tip),
        "origin": _origin(own=look.context.own.removed(ref, tip)),
    }  # fmt: skip
    return make_event(EventKind.BRANCH_DELETED, fields, time=look.context.time)


def _tagged(look: _Look, ref: str, at: Oid) -> Event:
    target = look.target(at)
    fields: dict[str, Any] = {
        "tag": ref.removeprefix(TAGS), "id": target, "author": look.author(at),
        "origin": _origin(own=look.context.own.wrote(ref, target)),
    }  # fmt: skip
    return make_event(EventKind.TAG_CREATED, fields, time=look.context.time)


def _origin(*, own: bool) -> str:
    return OWN_ORIGIN if own else ""
