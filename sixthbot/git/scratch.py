"""Folders for the length of one command. Each is named after its process, so that what a killed one left is found."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"sixthbot-run-([0-9]+)-([1-9][0-9]{0,9})-.+")
_YOUNG = 10.0
"""Seconds for which a folder of a process that is gone is kept: its programs take a moment to end."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Lend an empty folder that nobody else can read, and take it away with all that is in it."""
    folder = tempfile.mkdtemp(prefix=f"sixthbot-run-{_pid_namespace()}-{os.getpid()}-")
    try:
        yield Path(folder)
    finally:
        with suppress(OSError):
            remove_tree(Path(folder))


def quoted_folder(path: Path) -> str:
    """Return a folder as an entry of a list of git's that is parted by colons."""
    text = str(path)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if ":" in text or '"' in text else text


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, also where a program took the rights to do so away."""
    folder.chmod(0o700)
    for place, folders, _ in os.walk(folder):
        for inner in (Path(place, name) for name in folders):
            if not inner.is_symlink():
                inner.chmod(0o700)  # before it is walked into
    shutil.rmtree(folder)


def sweep_scratch(*, now: float | None = None) -> int:
    """Remove folders of processes that were killed; return how many. Processes of other containers are not judged."""
    swept = 0
    now = time.time() if now is None else now
    with os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and int(match[1]) == _pid_namespace() and _is_left(entry, int(match[2]), now):
                with suppress(OSError):
                    remove_tree(Path(entry.path))
                    swept += 1
    return swept


def _pid_namespace() -> int:
    """Return a number for those processes among which a pid says who is meant; 0 where there is only one such."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _is_left(entry: os.DirEntry[str], pid: int, now: float) -> bool:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or abs(now - found.st_mtime) < _YOUNG:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
