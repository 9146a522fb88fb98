"""Moves refs as recorded operations, the one way there is: recorded before, moved at once or not at all, then journalled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import RefMoved
from sixthbot.core.names import Oid
from sixthbot.core.times import format_time
from sixthbot.git.refs import RefMove, move_refs
from sixthbot.store.operations import Operation, operation_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sixthbot.actions.base import Note
    from sixthbot.git.run import Git
    from sixthbot.store.open import Store
    from sixthbot.store.operations import RefChange

REF_MOVED = "ref.moved"


def move_as_operation(
    git: Git, store: Store, changes: Sequence[RefChange], *, now: datetime, task: str, reason: str, note: Note
) -> Operation:
    """Move all refs or none, as one operation; `task` is empty where no task does it. Return the operation.

    Each ref leaves one journal record by `note`. Raise RefMoved when a ref is not where it was expected.
    """
    operation = Operation(
        id=operation_id(now, changes), time=format_time(now), task=task, reason=reason, refs=tuple(changes)
    )
    store.operations.begin(operation)
    moves = [RefMove(ref, _oid(old), _oid(new)) for ref, old, new in changes]
    try:
        move_refs(git, moves, message=f"sixthbot: {reason}")
    except RefMoved:
        store.operations.revert(operation.id)
        raise
    for change in operation.refs:
        record_move(note, operation, change)
    store.operations.finish(operation.id)
    return operation


def _oid(text: str | None) -> Oid | None:
    return None if text is None else Oid(text)


def record_move(note: Note, operation: Operation, change: RefChange, **fields: Any) -> None:
    """Write one move of a ref down."""
    ref, old, new = change
    what = "deleted" if new is None else f"made at {new[:9]}" if old is None else f"{old[:9]} -> {new[:9]}"
    note(
        REF_MOVED,
        f"{ref}: {what} ({operation.reason})",
        level="debug",
        commit=new or old,
        data={"ref": ref, "old": old, "new": new, "operation": operation.id},
        **fields,
    )
