"""Moves refs as recorded operations, the one way there is: recorded before, moved at once or not at all, then journalled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import RefLocked, RefMoved
from sixthbot.core.names import Oid
from sixthbot.core.times import format_time
from sixthbot.git.refs import RefMove, move_refs, resolve
from sixthbot.store.operations import Operation, operation_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sixthbot.actions.base import Note
    from sixthbot.git.run import Git
    from sixthbot.store.open import Store
    from sixthbot.store.operations import RefChange

REF_MOVED = "ref.moved"


def move_as_operation(
    git: Git,
    store: Store,
    changes: Sequence[RefChange],
    *,
    now: datetime,
    task: str,
    reason: str,
    note: Note,
    undoes: str = "",
    in_review: bool = False,
    then: Callable[[Operation], None] = lambda _: None,
) -> Operation:
    """Move all refs or none, as one operation; `task` is empty where no task does it. Return the operation.

    What refs are taken away from is kept by backup refs that are made in the same transaction. Each ref leaves one
    journal record by `note`. `then` is called before the operation counts as over; recovery does the same after a
    crash where the operation has `undoes` or is `in_review`. Raise RefMoved when a ref is not where it was expected, RefLocked while
    another git process holds one.
    """
    operation = Operation(
        id=operation_id(now, changes), time=format_time(now), task=task, reason=reason, refs=tuple(changes),
        undoes=undoes, in_review=in_review,
    )  # fmt: skip
    store.operations.begin(operation)
    # git moves one ref after the other: the backups first, so that no kill finds a move without its backup
    every = (*operation.backups(), *operation.refs)
    moves = [RefMove(ref, _oid(old), _oid(new)) for ref, old, new in every]
    try:
        move_refs(git, moves, message=f"sixthbot: {reason}")
    except (RefMoved, RefLocked):
        store.operations.revert(operation.id)
        raise
    for change in operation.refs:
        record_move(note, operation, change)
    then(operation)
    store.operations.finish(operation.id)
    return operation


def complete_moves(git: Git, operation: Operation) -> None:
    """Finish an operation that git was killed in: move the refs it had not come to, or take its backups away.

    The backups go where no ref has moved. Refs that a person moved meanwhile stay where they are.
    """
    now = {ref: resolve(git, ref) for ref, _, _ in (*operation.refs, *operation.backups())}
    moves = []
    if all(now[ref] == old for ref, old, _ in operation.refs):
        moves = [RefMove(ref, now[ref], None) for ref, _, _ in operation.backups() if now[ref] is not None]
    elif any(now[ref] == new for ref, _, new in operation.refs):
        missing = (change for change in operation.backups() if now[change[0]] is None)
        behind = (change for change in operation.refs if now[change[0]] == change[1] != change[2])
        moves = [RefMove(ref, _oid(old), _oid(new)) for ref, old, new in (*missing, *behind)]
    move_refs(git, moves, message=f"sixthbot: {operation.reason}")


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
