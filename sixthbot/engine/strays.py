"""Programs that outlived what should have ended them: found by what they got from their worker, and ended.

A worker's lease is inherited by every program it starts and by their children, and so is its badge, in the environment;
one that closes the files it inherited is known by the other. Nothing is done where /proc does not tell (another system,
another container, another user).
"""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

BADGE = "SIXTH_WORKER"
"""The variable that tells every program which worker it works for: as `badge_of` says it."""

_PROC = Path("/proc")
_CALM = 2
"""Looks in a row that find nobody: what is started while a look goes on may be missed by that one."""
_WORTH_TELLING = 5.0
_POLITE = 3.0
"""Seconds that the leash of a dead worker, which ends programs in good order, and a git of its are given."""
_log = logging.getLogger("sixthbot.engine")


def badge_of(worker: str, git_dir: Path) -> str:
    """Return what the programs of a worker carry: its name, and whose it is, by the number and the path of `git_dir`.

    In a copy of a repository workers have the names of the original's, which may be at work. A repository that is moved
    keeps the number, and where a file system changes numbers the path is the same.
    """
    try:
        number = ":".join(map(str, _identity(git_dir.stat())))
    except OSError:
        number = ""
    return f"{worker} {number} {git_dir}"


def end_strays(held: Sequence[int], badge: str = "") -> None:
    """Kill what else has one of our own open descriptors `held` or carries the `badge`; return once all are gone.

    For a thread that has no living program: what still holds its lease descends from one whose leash was killed. There
    is no time limit, since its task would go on beside them then.
    """
    files = {_identity(os.fstat(number)) for number in held}
    began, told, calm = time.monotonic(), False, 0
    nameless: set[int] = set()
    while calm < _CALM:
        strays, unsure = _strays(files, badge)
        _send([*strays, *(unsure & nameless)], signal.SIGKILL)
        nameless = unsure
        calm = 0 if strays or unsure else calm + 1
        if not told and time.monotonic() - began > _WORTH_TELLING:
            told = True
            _log.warning("waits for processes that do not end: %s", ", ".join(map(str, [*strays, *unsure])))
        time.sleep(0.01)


def _strays(files: set[tuple[int, int]], badge: str) -> tuple[list[int], set[int]]:
    """Return who is a stray, and who has no command line, as one that is just becoming its program."""
    ours, strays, unsure = _command(os.getpid()), [], set()
    for pid in _holders(files, badge):
        command = _command(pid)
        # a child that another thread is just starting shares everything of ours until it has become its program;
        # asked again in this order, that it still is what holds them is sure
        if pid == os.getpid() or command == ours or not _belongs(pid, files, badge):
            continue
        if command:
            strays.append(pid)
        else:
            unsure.add(pid)
    return strays, unsure


class Orphans:
    """Ends what workers that died left running. Remembers when it saw each first, and is patient until then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: dict[str, float] = {}

    def end(self, badge: str, lease: Path) -> None:
        """Look at a lease that is held: by its worker, or by what it left? End the latter, politely at first."""
        self._end(badge, orphans_of(badge, lease))

    def end_badged(self, badge: str) -> bool:
        """End what carries the badge of a worker whose lease nobody holds, the same way; tell if anybody is left."""
        left = _holders((), badge)
        self._end(badge, left)
        return bool(left)

    def _end(self, badge: str, left: Sequence[int]) -> None:
        if not left:
            self._first.pop(badge, None)
        elif self._clock() - self._first.setdefault(badge, self._clock()) < _POLITE:
            _send(left, signal.SIGTERM)  # git then takes its lock files away
        else:
            _send(left, signal.SIGKILL)


def orphans_of(badge: str, lease: Path) -> list[int]:
    """Return the processes that hold a worker's lease though its own process, whose pid begins its name, is gone.

    Those that only carry its badge are among them. Empty when it lives, and when a holder belongs to another container,
    where numbers mean other processes.
    """
    pid = badge.partition("-")[0]
    try:
        file = _identity(lease.stat())
    except OSError:
        return []
    found = _holders({file}, badge)
    if not pid.isdigit() or int(pid) in found or os.getpid() in found:
        return []
    try:
        spaces = {(_PROC / str(one) / "ns/pid").stat().st_ino for one in (*found, os.getpid())}
    except OSError:
        return []  # somebody else's, or gone this moment: the next look tells
    return found if len(spaces) == 1 else []


def git_at_work(git_dir: Path) -> bool | None:
    """Tell whether a git that a bot started is at work on a repository; None where /proc does not tell."""
    marks = {b"GIT_DIR=" + os.fsencode(git_dir), _OF_THE_BOT}
    try:
        pids = [entry for entry in _PROC.iterdir() if entry.name.isdigit()]
    except OSError:
        return None
    for entry in pids:
        with suppress(OSError):
            if marks <= set((entry / "environ").read_bytes().split(b"\0")):
                return True
    return False


_OF_THE_BOT = b"GIT_COMMITTER_EMAIL=sixthbot@localhost"
"""What `git/run.py` gives every git."""


def _holders(files: Iterable[tuple[int, int]], badge: str = "") -> list[int]:
    wanted = set(files)
    try:
        pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    except OSError:
        return []
    return [pid for pid in pids if _belongs(pid, wanted, badge)]


def _belongs(pid: int, files: set[tuple[int, int]], badge: str) -> bool:
    return _carries(pid, badge) or bool(files and not _open_files(pid).isdisjoint(files))


def _carries(pid: int, badge: str) -> bool:
    if not badge:
        return False
    try:
        variables = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    name = f"{BADGE}=".encode()
    return any(
        _is_same(one.removeprefix(name), os.fsencode(badge)) for one in variables if one.startswith(name)
    )


def _is_same(found: bytes, badge: bytes) -> bool:
    theirs, ours = found.split(b" ", 2), badge.split(b" ", 2)
    if len(theirs) != len(ours) or theirs[0] != ours[0]:
        return False
    return theirs[2] == ours[2] or theirs[1] == ours[1] != b""


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
