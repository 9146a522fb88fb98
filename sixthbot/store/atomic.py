"""Every write to the disk passes here: whole or not at all, never through a link, each under a name of its own."""

from __future__ import annotations

import errno
import itertools
import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TypeAlias

from sixthbot.store import disk
from sixthbot.store.disk import StrPath
from sixthbot.store.home import HOME_MARK
from sixthbot.store.reading import read_small

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = [
    "WRITE_POINTS",
    "Durability",
    "Observer",
    "StrPath",
    "append_line",
    "append_to",
    "discard",
    "make_dirs",
    "move",
    "observe",
    "point",
    "process_lives",
    "read_small",
    "remove",
    "sweep_temporaries",
    "sync_folder", "sync_folders",
    "write_file",
    "write_temporaries",
    "write_temporary",
]  # fmt: skip

Durability: TypeAlias = Literal["power", "process"]
"""What must survive: a power cut (everything is synced) or the end of the process (nothing is)."""

WRITE_POINTS: set[str] = set()
"""Names of all places that write, as far as their modules are loaded; a crash test visits each of them."""

Observer: TypeAlias = "Callable[[str, str], None]"
"""Called with a write point and a moment of it: "before", "written" (not yet in its place) or "after"."""

HOME = ".sixth"
"""The bot's folder in a repository, which only `setup` makes."""

_observers: list[Observer] = []
_numbers = itertools.count()
_CHANCE = os.urandom(3).hex()  # a process of another container may have the same number
_WRITTEN_WITHIN = 5.0  # seconds
_TEMPORARY = re.compile(r"\.([1-9][0-9]{0,9})-[0-9]+-[0-9a-f]{6}\.tmp")


_NOT_OURS_TO_MAKE = frozenset({HOME, ".git"})


def point(name: str) -> str:
    """Declare a write point, once, where the module that writes is loaded; return its name."""
    WRITE_POINTS.add(name)
    return name


def observe(observer: Observer | None) -> None:
    """Let `observer` see each write of this process from now on, perhaps ending it there; None: nobody any more."""
    _observers[:] = [] if observer is None else [observer]


def _reached(point: str, moment: str) -> None:
    WRITE_POINTS.add(point)
    for observer in _observers:
        observer(point, moment)


def make_dirs(path: Path, *, mode: int = 0o777) -> None:
    """Make a folder and what is missing above it, all with `mode`; one that is there is fine.

    Never makes `.sixth` or `.git` itself: where a person took it away, a bot that is still at work must not begin it anew.
    Nor, in a repository, what lies right in a `.sixth` whose mark is gone: somebody is taking it away, and would find it
    not empty.
    """
    if path.name in _NOT_OURS_TO_MAKE:
        if not path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "was taken away", str(path))
        return
    if path.parent.name == HOME and not path.is_dir() and _is_being_taken_away(path.parent):
        raise FileNotFoundError(errno.ENOENT, "is being taken away", str(path.parent))
    try:
        disk.make_dir(path, mode)
    except FileExistsError:
        if not path.is_dir():
            raise
    except FileNotFoundError:
        make_dirs(path.parent, mode=mode)
        with suppress(FileExistsError):  # somebody else made it this moment
            disk.make_dir(path, mode)


def _is_being_taken_away(home: Path) -> bool:
    return not os.path.lexists(home / HOME_MARK) and os.path.lexists(home.with_name(".git"))


def write_file(path: StrPath, data: bytes, *, point: str, durability: Durability, mode: int = 0o644) -> None:
    """Put `data` at `path`, replacing what was there; a reader sees the old bytes or the new ones, nothing between.

    The folder must exist. Raises OSError (disk full, no permission) with the old file untouched.
    """
    _reached(point, "before")
    folder = os.path.dirname(path)
    temporary = write_temporary(folder, data, point=point, durability=durability, mode=mode)
    try:
        disk.rename(temporary, path)
    except OSError:
        with suppress(OSError):
            disk.remove(temporary)
        raise
    if durability == "power":
        sync_folder(folder)
    _reached(point, "after")


def write_temporary(
    folder: StrPath, data: bytes, *, point: str, durability: Durability, mode: int = 0o644
) -> str:
    """Write `data` to a new hidden file in `folder`, synced if asked for, and return its path.

    The caller renames it into its place. Raises OSError and leaves nothing behind.
    """
    # the name is short so that any final name fits, and unique among processes and threads
    path = f"{folder}/.{os.getpid()}-{next(_numbers)}-{_CHANCE}.tmp"
    descriptor = disk.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        try:
            disk.write(descriptor, data)
            if durability == "power":
                disk.sync(descriptor)
        finally:
            os.close(descriptor)
        _reached(point, "written")
    except OSError:
        with suppress(OSError):
            disk.remove(path)
        raise
    return path


def write_temporaries(
    files: Sequence[tuple[StrPath, bytes]], *, point: str, durability: Durability
) -> list[str]:
    """Write new hidden files, given as folder and bytes, as `write_temporary` does; synced together, which is cheaper.

    Returns their paths. Raises OSError and leaves nothing behind.
    """
    if len(files) == 1:
        return [write_temporary(*files[0], point=point, durability=durability)]
    written: list[str] = []
    try:
        for folder, data in files:
            written.append(write_temporary(folder, data, point=point, durability="process"))
        if durability == "power":
            disk.sync_many(written)
    except OSError:
        discard(written)
        raise
    return written


def write_files(files: Sequence[tuple[StrPath, bytes, str]], *, durability: Durability) -> None:
    """Put files in their places, each given as path, bytes and write point, as `write_file` does, with shared syncs.

    They are renamed in the given order, once the bytes of all are safe. Raises OSError with some of them in place.
    """
    for _, _, point in files:
        _reached(point, "before")
    written: list[str] = []
    try:
        for path, data, point in files:
            written.append(write_temporary(os.path.dirname(path), data, point=point, durability="process"))
        if durability == "power":
            disk.sync_many(written)
        for temporary, (path, _, _) in zip(written, files, strict=True):
            disk.rename(temporary, path)
    except OSError:
        discard(written)
        raise
    if durability == "power":
        disk.sync_many(list({os.path.dirname(path): None for path, _, _ in files}))
    for _, _, point in files:
        _reached(point, "after")


def sync_folders(folders: Sequence[StrPath]) -> None:
    """Make the names in several folders survive a power cut."""
    disk.sync_many(folders)


def discard(temporaries: Sequence[str]) -> None:
    """Remove temporary files that are not needed any more, those that are still there."""
    for path in temporaries:
        with suppress(OSError):
            disk.remove(path)


def sweep_temporaries(folder: Path) -> int:
    """Remove what processes that are gone left half-written anywhere below a folder; return how many files.

    Those of the last seconds are kept: a process of another container is not seen from here.
    """
    swept = 0
    for place, _, names in os.walk(folder):
        for name in names:
            match = _TEMPORARY.fullmatch(name)
            if match and not process_lives(int(match[1])):
                path = folder.joinpath(place, name)
                with suppress(OSError):
                    if abs(time.time() - path.lstat().st_mtime) > _WRITTEN_WITHIN:
                        disk.remove(path)
                        swept += 1
    return swept


def process_lives(pid: int) -> bool:
    """Tell whether there is a process of that number on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def move(source: StrPath, target: StrPath, *, point: str, durability: Durability) -> None:
    """Rename `source` to `target` on the same file system, never over something.

    Raises FileExistsError when `target` is there and FileNotFoundError when `source` is gone, which is how one of
    two racing processes learns that it lost.
    """
    _reached(point, "before")
    disk.rename_exclusive(source, target)
    if durability == "power":
        old, new = os.path.dirname(source), os.path.dirname(target)
        sync_folder(new)
        if old != new:
            sync_folder(old)
    _reached(point, "after")


def remove(path: StrPath, *, point: str) -> bool:
    """Remove a file; tell whether it was there."""
    _reached(point, "before")
    try:
        disk.remove(path)
    except FileNotFoundError:
        return False
    _reached(point, "after")
    return True


def append_line(path: Path, line: bytes, *, point: str, durability: Durability) -> None:
    """Append one line (without its newline) to a file, made if missing; never glued to a torn last line.

    Other processes may append at the same time. The folder must exist.
    """
    _reached(point, "before")
    descriptor = disk.open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW)
    try:
        fresh = os.fstat(descriptor).st_size == 0
        _append(descriptor, line, torn=_is_torn(descriptor))
        if durability == "power":
            disk.sync(descriptor)
            if fresh:
                sync_folder(os.path.dirname(path))
    finally:
        os.close(descriptor)
    _reached(point, "after")


def append_to(descriptor: int, line: bytes, *, point: str, torn: bool | None = None) -> None:
    """Append one line to an open file; a last line that a crash left unfinished is closed first.

    `torn` says whether there is one, where the caller knows.
    """
    _reached(point, "before")
    _append(descriptor, line, torn=_is_torn(descriptor) if torn is None else torn)
    _reached(point, "after")


def _is_torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _append(descriptor: int, line: bytes, *, torn: bool) -> None:
    disk.write(descriptor, (b"\n" if torn else b"") + line + b"\n")


def sync_folder(folder: StrPath) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
