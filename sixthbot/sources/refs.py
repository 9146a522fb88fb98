"""Branches and tags as a source: events are derived from two snapshots, never from what a file watcher saw.

So nothing is missed while the bot is off, and packing refs or `gc` causes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import GitFailed
from sixthbot.core.events import OWN_ORIGIN, Event, EventKind, make_event
from sixthbot.core.names import BranchName, Oid
from sixthbot.git.commits import is_ancestor, log, read_commit
from sixthbot.sources.commits import changes_of, commit_fields
from sixthbot.sources.merges import Candidate, merged_branches
from sixthbot.sources.snapshot import HEADS, TAGS, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.run import Git
    from sixthbot.store.operations import Operation

_CHUNK = 500
"""Commits whose paths are read with one git call."""


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
    """What events are made with. `own_email` is the bot's committer address, `default` the default branch."""

    git: Git
    default: BranchName | None
    own: OwnMoves
    own_email: str
    time: datetime


def events_between(context: RefsContext, old: Snapshot, new: Snapshot) -> Iterator[Event]:
    """Yield what happened to branches and tags from one snapshot to the next, as the contract's table names it.

    Deletions come first, then each new or moved branch with its commits, oldest first, then tags. An object that is
    gone is left out of what is told, never an error.
    """
    before, after = old.under(HEADS), new.under(HEADS)
    for ref, tip in before.items():
        if ref not in after:
            yield _deleted(context, ref, tip)
    known = _Known(context.git, before, after)
    for ref, tip in after.items():
        if ref not in before:
            yield from _created(context, ref, tip, known.still_there())
        elif before[ref] != tip:
            others = _candidates(old, new, without=ref)
            yield from _moved(context, ref, before[ref], tip, others=others)
    tags = old.under(TAGS)
    for ref, tip in new.under(TAGS).items():
        if tags.get(ref) != tip:
            yield _tagged(context, ref, tip)


def merged_into(
    git: Git, old: Snapshot, new: Snapshot, wanted: Mapping[str, str]
) -> list[tuple[str, str, Oid]]:
    """Return (branch, base, tip) of the branches that came into their base between the snapshots.

    `wanted` maps branches to their bases, short names. A base that is gone, or did not move, took nothing in.
    """
    found = []
    before, after = old.under(HEADS), new.under(HEADS)
    for base in dict.fromkeys(wanted.values()):
        was, now = before.get(HEADS + base), after.get(HEADS + base)
        if was is None or now is None or was == now or _commit(git, was) is None:
            continue
        others = {
            name: other
            for name, other in _candidates(old, new, without="").items()
            if wanted.get(name) == base
        }
        commits = log(git, tip=now, not_in=[was])
        merged = merged_branches(git, old=was, new=now, commits=commits, others=others)
        found += [(name, base, others[name].tip) for name in merged]
    return found


def _candidates(old: Snapshot, new: Snapshot, *, without: str) -> dict[str, Candidate]:
    """Return all branches of either snapshot by short name; a deleted one with where it last was."""
    before, after = old.under(HEADS), new.under(HEADS)
    return {
        ref.removeprefix(HEADS): Candidate(tip, before.get(ref))
        for ref, tip in (before | after).items()
        if ref != without
    }


@dataclass(slots=True)
class _Known:
    """What the branches of the last snapshot reached: their tips, as far as git still has those."""

    git: Git
    before: Mapping[str, Oid]
    after: Mapping[str, Oid]
    _found: list[Oid] | None = None

    def still_there(self) -> list[Oid]:
        if self._found is None:
            now = set(self.after.values())
            tips = dict.fromkeys(self.before.values())
            found = [tip for tip in tips if tip in now or _commit(self.git, tip) is not None]
            if len(found) < len(tips):
                # where a rewritten branch is now stands in, or all the history below it would seem new
                found += [tip for ref, tip in self.after.items() if ref in self.before]
            self._found = found
        return self._found


def _created(context: RefsContext, ref: str, tip: Oid, known: Sequence[Oid]) -> Iterator[Event]:
    branch = BranchName(ref.removeprefix(HEADS))
    origin = _origin(own=bool(context.own.written.get(ref)))
    fields = {"branch": branch.value, "id": tip, "author": _author(context.git, tip), "origin": origin}
    yield make_event(EventKind.BRANCH_CREATED, fields, time=context.time)
    yield from _commits(context, branch, log(context.git, tip=tip, not_in=known))


def _moved(
    context: RefsContext, ref: str, old: Oid, new: Oid, *, others: Mapping[str, Candidate]
) -> Iterator[Event]:
    branch = BranchName(ref.removeprefix(HEADS))
    if _commit(context.git, old) is None or not is_ancestor(context.git, old, new):
        own = _origin(own=context.own.wrote(ref, new))
        fields = {"branch": branch.value, "old": old, "id": new, "origin": own}
        yield make_event(EventKind.BRANCH_REWRITTEN, fields, time=context.time)
        return
    commits = log(context.git, tip=new, not_in=[old])
    yield from _commits(context, branch, commits)
    if branch == context.default:
        yield from _merges(context, ref, old, new, commits=commits, others=others)


def _merges(
    context: RefsContext,
    ref: str,
    old: Oid,
    new: Oid,
    *,
    commits: Sequence[CommitInfo],
    others: Mapping[str, Candidate],
) -> Iterator[Event]:
    merged = merged_branches(context.git, old=old, new=new, commits=commits, others=others)
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


def _commits(context: RefsContext, branch: BranchName, commits: Sequence[CommitInfo]) -> Iterator[Event]:
    own_branch = bool(context.own.written.get(branch.ref))
    for start in range(0, len(commits), _CHUNK):
        chunk = commits[start : start + _CHUNK]
        changes = changes_of(context.git, chunk)
        for commit in chunk:
            # on its own branches the bot also rewrites people's commits: those carry it as their committer
            by_bot = own_branch and commit.committer.email == context.own_email
            origin = _origin(own=by_bot or context.own.wrote(branch.ref, commit.id))
            fields = commit_fields(branch, commit, changes[commit.id], origin=origin)
            yield make_event(EventKind.COMMIT, fields, time=context.time)


def _deleted(context: RefsContext, ref: str, tip: Oid) -> Event:
    fields = {
        "branch": ref.removeprefix(HEADS), "id": tip, "author": _author(context.git, tip),
        "origin": _origin(own=context.own.removed(ref, tip)),
    }  # fmt: skip
    return make_event(EventKind.BRANCH_DELETED, fields, time=context.time)


def _tagged(context: RefsContext, ref: str, tip: Oid) -> Event:
    fields: dict[str, Any] = {
        "tag": ref.removeprefix(TAGS), "id": tip, "author": _author(context.git, tip),
        "origin": _origin(own=context.own.wrote(ref, tip)),
    }  # fmt: skip
    return make_event(EventKind.TAG_CREATED, fields, time=context.time)


def _author(git: Git, tip: Oid) -> str:
    commit = _commit(git, tip)
    return commit.author.name if commit is not None else ""


def _commit(git: Git, oid: Oid) -> CommitInfo | None:
    """Return the commit, or None when it is gone or is no commit (a tag may point to anything)."""
    try:
        return read_commit(git, oid)
    except GitFailed:
        return None


def _origin(*, own: bool) -> str:
    return OWN_ORIGIN if own else ""
