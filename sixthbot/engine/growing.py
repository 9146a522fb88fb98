"""Files that only grow, as the state has them: put together from their pieces, and brought together with what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.statefold import assemble
from sixthbot.store.open import open_store
from sixthbot.store.records import records
from sixthbot.store.state.index import Row
from sixthbot.store.state.lay import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.core.stateops import Op
    from sixthbot.engine.saving import State
    from sixthbot.store.state.index import Index


def row_of(key: str, chunks: Iterable[Op]) -> Row:
    """Return the row of a growing file that was not looked at yet."""
    pieces = assemble(tuple(chunks))
    if not pieces:
        return Row(key, key)
    last, _ = pieces[-1]
    return Row(key, key, str(last.at), last.hash, last.at + last.size)


def content_of(state: State, tip: Oid | None, chunks: Iterable[Op]) -> bytes:
    """Return what the state at `tip` has of a growing file, as far as the contents of its pieces are there."""
    pieces = assemble(tuple(chunks))
    contents = {} if tip is None else state.contents(tip, [op.hash for op, _ in pieces])
    data = bytearray()
    for op, skip in pieces:
        if op.hash not in contents:
            break
        data += contents[op.hash][skip:]
    return bytes(data)


def bring_together(state: State, index: Index, keys: Sequence[str]) -> None:
    """Let each of these journals have what was saved of it, and behind that what it has beyond; write down that it is so.

    The record that says so has a number after all others, for the next ones to go on from: a process that found no file
    began to count anew.
    """
    tip = state.ref.tip()
    folded = state.folded(tip)
    store = open_store(state.places, durability=state.repo.git.durability, clock=state.clock)
    layer = Layer(store)
    number = 0
    for key in keys:
        index.put([layer.grow(key, content_of(state, tip, folded.chunks.get(key, ())))])
        if key.startswith(f"journal/{index.get('actor')}."):
            found = records(state.places.sixth / key, backwards=False)
            number = max(number, *(record.n for record in found), 0)
    names = ", ".join(keys)
    store.journal.go_on_after(number)
    store.journal.append(
        "journal.mended", f"{names}: taken away, begun anew or put back; what was saved is back",
        level="warning",
    )  # fmt: skip
