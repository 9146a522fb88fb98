"""Locks that a started git shares with us: as long as it lives, also after we were killed, nobody takes them over."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_held: ContextVar[tuple[int, ...]] = ContextVar("held", default=())


@contextmanager
def sharing(*descriptors: int) -> Iterator[None]:
    """Let every git that this thread starts during the block keep these descriptors open, added to those of outer blocks.

    A `flock` then ends only with the last of us. The descriptors must stay open for the length of the block.
    """
    token = _held.set((*_held.get(), *descriptors))
    try:
        yield
    finally:
        _held.reset(token)


def shared() -> tuple[int, ...]:
    """Return the descriptors that a git started now is to keep open."""
    return _held.get()
