"""The system calls by which the store changes files: each made again when a signal breaks it off; decides nothing.

A test puts a disk of its own in place of the system's with `use`: one that fills up, fails, tears what it writes or
loses what was not synced, and that has several simulated processes take turns.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Disk", "StrPath", "listen", "lock", "make_dir", "open_file", "remove", "remove_dir", "rename",
    "rename_exclusive", "sync", "sync_many", "tell_longer", "truncate", "unlisten", "use", "write",
]  # fmt: skip


StrPath: TypeAlias = str | Path
"""A path; plain text where many files are handled, since a `Path` costs more to make than a file to rename."""

_Asked = TypeVarTuple("_Asked")
_Answer = TypeVar("_Answer")


class Disk:
    """What the operating system does when it is asked. Every method raises OSError as the system does."""

    def open(self, path: StrPath, flags: int, mode: int) -> int:
        """Open a file, perhaps a new one; return its descriptor."""
        return os.open(path, flags, mode)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write at least one byte; return how many were taken."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Return once a file, or the names in a folder, would survive a power cut."""
        os.fsync(descriptor)

    def sync_many(self, paths: Sequence[StrPath]) -> None:
        """Do what `sync` does for files and folders on one file system, by their paths."""
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                self.sync(descriptor)
            finally:
                os.close(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file off behind so many bytes."""
        os.ftruncate(descriptor, size)

    def rename(self, source: StrPath, target: StrPath) -> None:
        """Rename a file, replacing what is there."""
        os.replace(source, target)  # noqa: PTH105 - beside its twins

    def rename_exclusive(self, source: StrPath, target: StrPath) -> None:
        """Rename a file; FileExistsError when something is there."""
        _renamer()(source, target)

    def remove(self, path: StrPath) -> None:
        """Remove a file's name."""
        os.unlink(path)  # noqa: PTH108 - beside its twins

    def make_dir(self, path: StrPath, mode: int) -> None:
        """Make a folder."""
        os.mkdir(path, mode)  # noqa: PTH102 - beside its twins

    def remove_dir(self, path: StrPath) -> None:
        """Remove an empty folder."""
        os.rmdir(path)  # noqa: PTH106 - beside its twins

    def lock(self, descriptor: int) -> None:
        """Wait for the lock of an open file and take it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)


class _System(Disk):
    """The system itself, which can sync a whole file system for less than some of its files."""

    def sync_many(self, paths: Sequence[StrPath]) -> None:
        if len(paths) < _MANY or not _sync_file_system(paths[0]):
            super().sync_many(paths)


@cache
def _renamer() -> Callable[[StrPath, StrPath], None]:
    from sixthbot.store.rename import rename_exclusive  # noqa: PLC0415 - ctypes is slow to load, readers never move

    return rename_exclusive


def _sync_file_system(path: StrPath) -> bool:
    """Sync everything on the file system of a path; false where the system has no such call."""
    from sixthbot.store.syncfs import sync_file_system  # noqa: PLC0415 - ctypes is slow to load, readers never sync

    return sync_file_system(path)


_MANY = 8
"""So many files and folders are not synced one by one: measured, 200 new files cost 1.1 s so, and 0.02 to 0.09 s at once."""

SYSTEM: Final[Disk] = _System()
_disks = [SYSTEM]
_Listener = Callable[[str, bool], None]
_listeners: list[_Listener] = []


def use(disk: Disk | None) -> None:
    """Let all calls of this process go to `disk` from now on; None: to the system, as at first."""
    _disks[:] = [SYSTEM if disk is None else disk]


def listen(listener: _Listener) -> None:
    """Tell `listener` of every name that this process gives to a file from now on, or takes away (True), and of longer journals.

    It is called in the middle of everything: it must be quick and never raise.
    """
    _listeners.append(listener)


def unlisten(listener: _Listener) -> None:
    """Tell it no more."""
    with suppress(ValueError):
        _listeners.remove(listener)


def tell_longer(path: StrPath) -> None:
    """Tell whoever listens of a file that something was appended to, for who knows its name and not only its descriptor."""
    _tell(path, gone=False)


def _tell(path: StrPath, *, gone: bool) -> None:
    for listener in tuple(_listeners):
        listener(os.fspath(path), gone)


def _again(call: Callable[[*_Asked], _Answer], *asked: *_Asked) -> _Answer:
    """Call until no signal breaks it off.

    Python itself goes on after an interrupted open, write or fsync, but not after a rename, unlink or mkdir, which
    network and user-space file systems break off.
    """
    while True:
        try:
            return call(*asked)
        except InterruptedError:
            continue


def open_file(path: StrPath, flags: int, mode: int = 0o644) -> int:
    """Open a file, perhaps a new one; return its descriptor."""
    return _again(_disks[0].open, path, flags, mode)


def write(descriptor: int, data: bytes) -> None:
    """Write all of `data`, in as many pieces as the system takes it; raises OSError with a part of it written."""
    rest = memoryview(data)
    while rest:
        rest = rest[_again(_disks[0].write, descriptor, rest) :]


def sync(descriptor: int) -> None:
    """Return once a file, or the names in a folder, would survive a power cut.

    One that fails is not tried again: the system may have thrown away what it could not write.
    """
    _again(_disks[0].sync, descriptor)


def sync_many(paths: Sequence[StrPath]) -> None:
    """Return once files and folders, all on one file system, would survive a power cut; cheaper than one by one."""
    if paths:
        _again(_disks[0].sync_many, paths)


def truncate(descriptor: int, size: int) -> None:
    """Cut a file off behind so many bytes."""
    _again(_disks[0].truncate, descriptor, size)


def rename(source: StrPath, target: StrPath) -> None:
    """Rename a file, replacing what is there."""
    _again(_disks[0].rename, source, target)
    _tell(target, gone=False)


def rename_exclusive(source: StrPath, target: StrPath) -> None:
    """Rename a file; FileExistsError when something is there, FileNotFoundError when `source` is gone."""
    _again(_disks[0].rename_exclusive, source, target)
    _tell(target, gone=False)  # first, so that whoever saves in between never knows only that it is gone
    _tell(source, gone=True)


def remove(path: StrPath) -> None:
    """Remove a file's name; FileNotFoundError when it is gone."""
    _again(_disks[0].remove, path)
    _tell(path, gone=True)


def make_dir(path: StrPath, mode: int) -> None:
    """Make a folder; FileExistsError when something is there."""
    _again(_disks[0].make_dir, path, mode)


def remove_dir(path: StrPath) -> None:
    """Remove an empty folder."""
    _again(_disks[0].remove_dir, path)


def lock(descriptor: int) -> None:
    """Wait for the lock of an open file and take it; closing the file gives it back."""
    _again(_disks[0].lock, descriptor)
