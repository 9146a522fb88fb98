"""`sync`: saves, fetches what a remote has, joins it with what is here, lays it, and pushes; again when somebody was faster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.errors import RefMoved, SixthError, WorkFailed
from sixthbot.core.statefold import fold
from sixthbot.core.times import format_time
from sixthbot.engine.carrying import Carried, take_over, to_carry
from sixthbot.engine.merging import Laying, Merged, join
from sixthbot.engine.saving import State
from sixthbot.engine.withholding import secrets_in_state
from sixthbot.git.commits import is_ancestor
from sixthbot.git.refs import RefMove, move_refs, resolve
from sixthbot.git.stateref import STATE
from sixthbot.git.statesync import fetch, forget, send, tips_at, tracking
from sixthbot.store.state.changes import Changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.core.names import Oid
    from sixthbot.core.stateops import Op
    from sixthbot.engine.services import Services
    from sixthbot.git.statesync import Remote, Tips
    from sixthbot.store.cursors import Cursors

_CURSOR = "sync"
_TRIES = 5
"""How often it is tried again when somebody else pushes at the same moment."""


@dataclass(frozen=True, slots=True)
class LastSync:
    """When a sync with which remote was over, RFC 3339, and why it failed; `failure` is empty where it did not."""

    remote: str
    time: str
    failure: str


@dataclass(slots=True)
class Synced:
    """What a `sync` did, or would do. `sent` counts operations that the remote did not have before."""

    remote: str
    merged: Merged = field(default_factory=Merged)
    carried: Carried = field(default_factory=Carried)
    sent: int = 0
    left_out: tuple[str, ...] = ()
    withheld: str = ""
    """What looks like a secret in the state, for which none of it was sent; empty where it was."""
    begun: bool = False
    """Whether the remote had a state already."""


def sync(
    services: Services, remote: Remote, *, root: str = "", branches: bool = True, dry_run: bool = False
) -> Synced:
    """Bring the state of this clone and that of a remote together; return what came of it. `doctor` tells how it went.

    `root` is "ours" or "theirs" where the two began apart. Raise GitFailed when the remote cannot be reached or says
    no, Refused for two beginnings, WorkFailed when others were faster again and again.
    """
    try:
        result = _sync(services, remote, root=root, branches=branches, dry_run=dry_run)
    except SixthError as error:
        if not dry_run:
            _remember(services, remote, error.message)
        raise
    if not dry_run:
        _remember(services, remote, "the state has what looks like a secret" if result.withheld else "")
    return result


def last_sync(cursors: Cursors) -> LastSync | None:
    """Return how the last sync of this clone went, None where there was none."""
    saved = cursors.load(_CURSOR) or {}
    remote, time, failure = (saved.get(name) for name in ("remote", "time", "failure"))
    if isinstance(remote, str) and isinstance(time, str) and isinstance(failure, str):
        return LastSync(remote, time, failure)
    return None


def _remember(services: Services, remote: Remote, failure: str) -> None:
    time = format_time(services.clock())
    services.store.cursors.save(_CURSOR, {"remote": remote.name, "time": time, "failure": failure})


def _sync(services: Services, remote: Remote, *, root: str, branches: bool, dry_run: bool) -> Synced:
    state = State(services.places, services.repo, clock=services.clock)
    result = Synced(remote.name, left_out=state.save().left_out)
    if root and not dry_run:
        forget(services.repo.git, remote)
    for _ in range(_TRIES):
        there = tips_at(services.repo.git, remote)
        fetch(services.repo.git, remote, there)
        if dry_run:
            return _foreseen(services, state, there, result)
        moves = _bring_together(services, state, remote, there, result, root=root, branches=branches)
        if not moves or send(services.repo.git, remote, moves):
            _read_back(services, remote, moves)
            return result
    raise WorkFailed(
        f"others pushed their state to {remote.name} at the same moment, {_TRIES} times",
        hint="sixthbot sync again",
    )


def _bring_together(
    services: Services,
    state: State,
    remote: Remote,
    there: Tips,
    result: Synced,
    *,
    root: str,
    branches: bool,
) -> list[tuple[str, Oid | None, Oid | None]]:
    """Join, lay and take over branches; return what is to be pushed."""
    with Changes(services.places) as changes, state.alone(), state.index() as index:
        state.caught_up(index)
        ours = state.ref.tip()
        known = list(state.ops(ours))
        theirs = list(state.ops(there.state))
        if there.state is not None and there.state != ours:
            tip = _joined(state, ours, there.state, root=root)
            folded = Laying(services, state, index, tip, result.merged).everything(known)
        else:
            folded = fold(known)
        if branches:
            result.carried = take_over(services, index, remote, folded)
        actor = index.get("actor")
    if result.merged.news:
        # a record for each sync would be news for the other clones, and theirs for this one, without end
        message = f"synced with {remote.name}: {result.merged.came} came"
        services.store.journal.append("state.synced", message, data={"remote": remote.name})
    paths, more = changes.take()
    state.save(None if more else paths)
    moves = _to_send(services, state, there, theirs, result)
    if not branches:
        return moves
    return moves + to_carry(services, remote, actor, there.branches, result.carried)


def _to_send(
    services: Services, state: State, there: Tips, theirs: Sequence[Op], result: Synced
) -> list[tuple[str, Oid | None, Oid | None]]:
    """Return how the state is to be pushed, if it is: not where something in it looks like a secret, as with a branch."""
    ours, known = state.ref.tip(), {op.id for op in theirs}
    new = {op.id: op for op in state.ops(ours) if op.id not in known}
    result.sent, result.withheld, result.begun = len(new), "", there.state is not None
    if ours is None or ours == there.state:
        return []
    result.withheld = secrets_in_state(services, state, ours, new.values(), {op.hash for op in theirs})
    result.sent = 0 if result.withheld else len(new)
    return [] if result.withheld else [(STATE, there.state, ours)]


def _joined(state: State, ours: Oid | None, theirs: Oid, *, root: str) -> Oid:
    try:
        return join(state, ours, theirs, root=root)
    except RefMoved:
        raise WorkFailed("the state was moved by another program", hint="sixthbot sync again") from None


def _read_back(services: Services, remote: Remote, moves: list[tuple[str, Oid | None, Oid | None]]) -> None:
    """Make sure that the remote shows what was pushed, or something later; note where it was seen."""
    git = services.repo.git
    sent = next((new for ref, _, new in moves if ref == STATE), None)
    if sent is None:
        return
    there = tips_at(git, remote)
    if there.state != sent:
        later = there.state is not None and _is_later(services, sent, there.state)
        if not later:
            raise WorkFailed(
                f"{remote.name} took the state but shows {(there.state or 'nothing')[:12]}, not {sent[:12]}",
                hint="somebody else may have pushed at the same moment: sixthbot sync again",
            )
    seen = tracking(remote, STATE)
    move_refs(git, [RefMove(seen, resolve(git, seen), sent)], message="sixthbot: sync")


def _is_later(services: Services, sent: Oid, shown: Oid) -> bool:
    """Tell whether what a remote shows builds on what was sent; where it is not known here, somebody was faster."""
    known = services.repo.git.run("cat-file", "-e", shown, check=False).status == 0
    return not known or is_ancestor(services.repo.git, sent, shown)


def _foreseen(services: Services, state: State, there: Tips, result: Synced) -> Synced:
    """Count what a sync would do, without doing it."""
    ours, theirs = list(state.ops(state.ref.tip())), list(state.ops(there.state))
    result.merged.came = len({op.id for op in theirs} - {op.id for op in ours})
    _to_send(services, state, there, theirs, result)
    folded = fold([*ours, *theirs])
    for key, entity in folded.entities.items():
        result.merged.kept += [(key, "") for op in entity.losers if op.hash]
    for claim in folded.claims:
        result.merged.elsewhere[claim.group or claim.task] = claim.winner
    return result
