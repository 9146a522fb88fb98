"""Decides when a dropped file is finished: nobody writes to it any more and it has not changed for a moment."""

from __future__ import annotations

import fcntl
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

SETTLED_AFTER = 0.05
"""Seconds for which two looks at a file must find it unchanged."""

HELD_OPEN_LOOK = 0.25
"""Seconds until the next look at a file that somebody still writes to."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a file saw, and the monotonic time in seconds when this was seen first."""

    signature: tuple[int, ...]
    since: float


def signature_of(found: os.stat_result) -> tuple[int, ...]:
    """Return what changes whenever a file is written, replaced or renamed."""
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(slots=True)
class Settling:
    """Remembers looks at files by name.

    Two looks are compared with each other, never with a clock of the day: times of files may lie in the future,
    and a copy may carry an old one.
    """

    settled_after: float = SETTLED_AFTER
    looks: dict[str, Look] = field(default_factory=dict)

    def wait(self, name: str, found: os.stat_result, *, tick: float, renamed: bool) -> float:
        """Look at the file `name` at the monotonic time `tick`; return seconds until the next look, 0 when it settled.

        `renamed` says that the kernel reported it as renamed in, so that it was finished before it came.
        """
        signature = signature_of(found)
        look = self.looks.get(name)
        if look is None or look.signature != signature:
            look = self.looks[name] = Look(signature, tick)
        return 0.0 if renamed else max(look.since + self.settled_after - tick, 0.0)

    def forget_all_but(self, names: Collection[str]) -> None:
        """Forget files that are gone."""
        for name in self.looks.keys() - set(names):
            del self.looks[name]


def held_open(path: Path) -> bool:
    """Tell whether some process has the file open for writing, as far as the kernel can tell.

    A read lease is granted only on a file that nobody can write to. Where leases do not work (another owner, a
    network file system, another kernel than Linux) this is False, and only the comparison of two looks counts.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Who opens the file for writing meanwhile makes the kernel send a signal; the usual one, SIGIO, would end us.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)  # ends the lease too
    return False
