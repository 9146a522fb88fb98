"""After `.sixth` was taken away: brings back the operations that were not saved yet, from what git noted of the moves.

And lets tasks begin anew whose issue came back older than they are.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sixthbot.actions import registry
from sixthbot.actions.moving import record_move
from sixthbot.core.errors import ConfigError, SixthError
from sixthbot.core.issues import IssueStatus
from sixthbot.core.lifecycle import Retried, step
from sixthbot.core.names import BranchName
from sixthbot.core.reflog import own_moves
from sixthbot.core.tasks import FOLLOWING, PAUSED, Parked, Waiting
from sixthbot.core.times import format_time, parse_sortable
from sixthbot.git.reflogs import branch_logs
from sixthbot.git.refs import list_refs
from sixthbot.store.counting import REASON
from sixthbot.store.operations import BACKUP, Operation, operation_id
from sixthbot.store.records import became

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.reflog import OwnMove
    from sixthbot.core.tasks import Task
    from sixthbot.git.run import Git
    from sixthbot.store.open import Store


_FORGOTTEN = "why it was rejected is not known any more: move it into the inbox, and it is looked at again"
_OVER = {IssueStatus.ENDED, IssueStatus.CANCELLED, IssueStatus.REJECTED}


def recall_operations(git: Git, store: Store) -> list[Operation]:
    """Record the bot's moves of branches that no operation tells of; return them as operations, oldest first.

    Without them the bot's own last commits would count as somebody else's. What git did not note, as where it keeps no
    reflogs, stays unknown. Doing it again finds nothing more.
    """
    known = {operation.id for operation in store.operations.list()}
    moves = [
        move
        for ref, log in branch_logs(git)
        for move in own_moves(log, ref)
        if move.new not in store.operations.tips_written(move.ref)
    ]
    if not moves:
        return []
    recalled = _as_operations(moves, _backups(git, known))
    for operation in recalled:
        store.operations.recall(operation)
        for change in operation.refs:
            record_move(store.journal.note, operation, change)
    return recalled


def begin_again(store: Store, now: datetime) -> list[Task]:
    """Let tasks go on that are ahead of their issues, which came back older; return those as they were.

    A person would be waited for who finds no branch, no draft, or nothing that waits. The steps find what they did in git.
    """
    records = {record.id: record for record in store.issues.list() if record.status not in _OVER}
    begun = []
    for task in store.queue.about(set(records)):
        use = _without_trace(store, task)
        if use:
            store.checkpoints.drop_from(task.id, use)
        elif not _waits_unseen(store, task, records[task.issue]):
            continue
        if isinstance(task.state, Waiting) or (
            isinstance(task.state, Parked) and task.state.kind not in {PAUSED, FOLLOWING}
        ):
            after = step(task, Retried(), now)
            if store.queue.settle(task, after):
                told = became("task.resumed", after, task)
                store.journal.append("task.resumed", "its issue came back older than it is", **told)
        begun.append(task)
    return begun


def _waits_unseen(store: Store, task: Task, record: IssueRecord) -> bool:
    """Tell whether a task waits for a person who sees nothing of it on its issue."""
    kind = task.state.kind if isinstance(task.state, Parked) else ""
    try:
        if kind == "review":
            seen = bool(record.branch) and store.drafts.path(BranchName.parse(record.branch)).exists()
        elif kind == "subtask":
            seen = bool(store.issues.plan(record.id).waiting())
        else:
            return False
    except SixthError:
        return False  # what is wrong there a person is told wherever it is looked at
    return record.status is IssueStatus.OPEN or not seen


def give_reasons(store: Store) -> None:
    """Say beside a rejected file that came back without its reason what to do with it."""
    for path in sorted(store.places.rejected.glob("*")):
        # a name too long to have a reason beside it becomes a shorter one, as that of any rejected file
        if not path.name.endswith(REASON) and not os.path.lexists(f"{path}{REASON}"):
            store.issues.reject(path, _FORGOTTEN)


def _without_trace(store: Store, task: Task) -> str:
    """Return the first finished step of a task that left something which is not there, empty for none."""
    for _, record in sorted(store.checkpoints.load(task.id).items()):
        try:
            if not registry.get(record.use).still_holds(store, task.issue, record.outputs):
                return record.use
        except SixthError:
            return ""  # the step says so itself once it is its turn
    return ""


def _backups(git: Git, known: Collection[str]) -> dict[tuple[str, str | None], list[str]]:
    """Return the ids of operations that are not known by what their backups keep: a branch and where it was."""
    found: dict[tuple[str, str | None], list[str]] = {}
    for ref, kept in list_refs(git, (BACKUP,)).ids.items():
        operation, _, name = ref.removeprefix(BACKUP).partition("/")
        if operation not in known:
            found.setdefault((f"refs/{name}", kept), []).append(operation)
    return found


def _as_operations(
    moves: Iterable[OwnMove], backups: Mapping[tuple[str, str | None], list[str]]
) -> list[Operation]:
    """Return operations of these moves: under the ids that their backups have, so that they can still be undone."""
    found: dict[str, Operation] = {}
    for move in moves:
        change = (move.ref, move.old, move.new)
        key = min(
            backups.get(change[:2], ()),
            key=partial(_seconds_apart, move),
            default=operation_id(move.time, [change]),
        )
        if key in found and all(ref != move.ref for ref, _, _ in found[key].refs):
            found[key] = replace(found[key], refs=(*found[key].refs, change))
        else:
            key = key if key not in found else operation_id(move.time, [change])
            found[key] = Operation(
                id=key, time=format_time(move.time), task="", reason=move.reason, refs=(change,)
            )
    return [found[key] for key in sorted(found)]


def _seconds_apart(move: OwnMove, operation: str) -> float:
    try:
        return abs((parse_sortable(operation.partition("-")[0]) - move.time).total_seconds())
    except ConfigError:
        return float("inf")
