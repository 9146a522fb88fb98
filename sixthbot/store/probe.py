"""Looks at locks without taking them; loads nothing but what the system has."""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from pathlib import Path

PID_SUFFIX = ".pid"
"""What the name of the file beside a lock ends in."""


def is_free(path: Path | str) -> bool:
    """Tell whether nobody holds the lock at `path`; a missing file is free."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)  # closing gives a taken one back
    return True


def held_by(path: Path | str) -> int | None:
    """Return the pid of the process that took the lock at `path`; None when it is free or the pid unknown."""
    if is_free(path):
        return None
    try:
        with open(f"{path}{PID_SUFFIX}", "rb") as file:
            return int(file.read(20))
    except (OSError, ValueError):
        return None


def pid_file(path: Path) -> Path:
    """Return the file beside a lock that names its holder; its time is when the lock was taken."""
    return path.with_name(path.name + PID_SUFFIX)
