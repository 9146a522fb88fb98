"""Programs that outlived what should have ended them: found by the lease that they still hold open, and ended.

A worker's lease is inherited by every program it starts and by their children. Nothing is done where /proc does not
tell who has a file open (another system, another container, another user).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PROC = Path("/proc")
_PATIENCE = 2.0
_LOOKS = 5
_POLITE = 3.0
"""Seconds that the leash of a dead worker, which ends programs in good order, and a git of its are given."""


def end_strays(held: Sequence[int]) -> None:
    """Kill every other process that has one of our own open descriptors `held` open too; wait until they are gone.

    For a thread that has no living program: what still holds its lease descends from one whose leash was killed.
    """
    files = {_identity(os.fstat(number)) for number in held}
    ours = _command(os.getpid())
    until, looks = time.monotonic() + _PATIENCE, 0
    # a child that another thread is just starting shares everything of ours until it has become its program
    while strays := [pid for pid in _holders(files) if pid != os.getpid() and _command(pid) != ours]:
        _send(strays, signal.SIGKILL)
        looks += 1
        # on a busy machine one look takes that long, and what was just started is seen by the next one only
        if looks >= _LOOKS and time.monotonic() > until:
            return
        time.sleep(0.01)


class Orphans:
    """Ends what workers that died left running. Remembers when it saw each first, and is patient until then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: dict[str, float] = {}

    def end(self, worker: str, lease: Path) -> None:
        """Look at a lease that is held: by the worker, or by what it left? End the latter, politely at first."""
        left = orphans_of(worker, lease)
        if not left:
            self._first.pop(worker, None)
        elif self._clock() - self._first.setdefault(worker, self._clock()) < _POLITE:
            _send(left, signal.SIGTERM)  # git then takes its lock files away
        else:
            _send(left, signal.SIGKILL)


def orphans_of(worker: str, lease: Path) -> list[int]:
    """Return the processes that hold a worker's lease though its own process, whose pid begins its name, is gone.

    Empty when it lives, and when a holder belongs to another container, where numbers mean other processes.
    """
    pid = worker.partition("-")[0]
    try:
        file = _identity(lease.stat())
    except OSError:
        return []
    found = _holders({file})
    if not pid.isdigit() or int(pid) in found or os.getpid() in found:
        return []
    try:
        spaces = {(_PROC / str(one) / "ns/pid").stat().st_ino for one in (*found, os.getpid())}
    except OSError:
        return []  # somebody else's, or gone this moment: the next look tells
    return found if len(spaces) == 1 else []


def _holders(files: Iterable[tuple[int, int]]) -> list[int]:
    try:
        pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    except OSError:
        return []
    return [pid for pid in pids if not _open_files(pid).isdisjoint(files)]


def _open_files(pid: int) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    with suppress(OSError):
        for link in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.add(_identity(link.stat()))
    return found


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _command(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
