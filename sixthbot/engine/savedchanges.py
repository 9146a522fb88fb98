"""Turns changes of files into operations of the state, in pieces that fit one commit; writes nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sixthbot.core.stateops import APPEND, DROP, PUT, Op, make_op

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sixthbot.store.state.collect import Change

_SLICE_OPS, _SLICE_BYTES = 2000, 16 << 20
"""How much goes into one commit of the state at most, so that memory stays small whatever waits to be saved."""


def op_of(change: Change, *, lamport: int, actor: str, n: int, time: str) -> Op:
    """Return a change as the operation `n` of an actor; `time` is RFC 3339."""
    row = change.row
    if change.kind == APPEND:
        data = change.data or b""
        digest, size = hashlib.sha256(data).hexdigest(), len(data)
    else:
        digest, size = (row.hash, row.size) if change.kind == PUT else ("", 0)
    return make_op(
        lamport=lamport, actor=actor, n=n, kind=change.kind, key=row.key, time=time, hash=digest, size=size,
        at=change.at, prev=row.known, place=row.place if change.kind == PUT else "", group=row.group,
        mark=change.mark,
    )  # fmt: skip


def slices(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Yield changes in pieces for one commit each, of each key the last one: a file can move while folders are read."""
    piece: list[Change] = []
    places: dict[str, int] = {}
    size = 0
    for change in changes:
        at = places.get(change.row.key) if change.kind in {PUT, DROP} else None
        if at is not None:
            piece[at] = change
            continue
        if change.kind in {PUT, DROP}:
            places[change.row.key] = len(piece)
        piece.append(change)
        size += len(change.data or b"")
        if len(piece) >= _SLICE_OPS or size >= _SLICE_BYTES:
            yield piece
            piece, places, size = [], {}, 0
    if piece:
        yield piece
