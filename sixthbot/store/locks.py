"""Locks that the kernel drops when their holder dies: `flock` through filelock, checked to be just that."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sixthbot.core.errors import Locked, Refused
from sixthbot.store import disk
from sixthbot.store.atomic import HOME, make_dirs, point, remove, write_file
from sixthbot.store.probe import held_by, is_free, pid_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from filelock import UnixFileLock

    from sixthbot.store.paths import Places

__all__ = [
    "Held", "WorkerLease", "exclusive", "exclusive_folder", "held_by", "hold", "is_free", "lease_file", "leave_behind",
    "pid_file",
    "told_file", "try_hold",
]  # fmt: skip

_PATIENCE = 0.2
"""Seconds that a claim on a lock goes on: one that only looks whether it is free holds it for microseconds."""

_NOT_ABOUT_LOCKS = frozenset(
    {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOENT}
)
"""What makes a lock file impossible that has nothing to do with locking."""

_PID_FILE = point("lock.pid")
_TOLD = point("lease.told")


class Held:
    """A lock in hand. Give it back with `release`; the end of the process, and of children it was passed to, does too."""

    def __init__(self, path: Path, *, patience: float = _PATIENCE) -> None:
        self.path = path
        self._descriptor = -1
        self._begun: float | None = None
        self._lock = self._take(patience)
        self._outlived: list[UnixFileLock] = []
        try:
            self._write_pid()
        except BaseException:
            self._lock.release()  # nobody has it in hand
            raise

    def _write_pid(self) -> None:
        with suppress(OSError):  # the pid is for error messages only
            write_file(
                pid_file(self.path), f"{os.getpid()}\n".encode(), point=_PID_FILE, durability="process"
            )
            self._date_pid()

    def _date_pid(self) -> None:
        if self._begun is not None:
            os.utime(pid_file(self.path), (self._begun, self._begun))

    def begun_at(self, moment: float) -> None:
        """Let `status` say that its holder began then, in seconds since 1970, however often it takes the lock anew."""
        self._begun = moment
        with suppress(OSError):
            self._date_pid()

    def _take(self, patience: float) -> UnixFileLock:
        from filelock import Timeout, UnixFileLock  # noqa: PLC0415 - slow to load, and most commands take no lock

        make_dirs(self.path.parent)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        lock = UnixFileLock(
            self.path,
            thread_local=False,
            fallback_to_soft=False,
            preserve_lock_file=True,
            on_acquired=self._remember,
        )
        try:
            lock.acquire(timeout=patience, poll_interval=0.01)
            if not _same_file(folder, self.path.parent):
                # it went in this moment, and the library made all folders anew, up to a repository that is gone
                lock.release()
                _unmake(self.path)
                raise FileNotFoundError(errno.ENOENT, "was taken away", str(self.path.parent))
        except Timeout:
            raise Locked(f"{self.path.name} is held by {_holder(self.path)}") from None
        except OSError as error:
            if error.errno in _NOT_ABOUT_LOCKS:
                raise  # what it says is what is wrong
            raise Refused(
                f"cannot lock {self.path}: {error.strerror}", hint="the file system must support flock"
            ) from None
        finally:
            os.close(folder)
        if is_free(self.path):
            lock.release()
            raise Refused(
                f"locks do not hold on the file system of {self.path}",
                hint="move the repository to a local disk",
            )
        return lock

    def _remember(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor that carries the lock, to pass to a child that shall share it."""
        return self._descriptor

    def keep(self) -> bool:
        """See that the lock lies where others look for it, and take it anew where its file was removed.

        Tell whether that was so. What children share of the old one stays theirs. Raises Locked when somebody else was
        faster, and OSError.
        """
        if _same_file(self._descriptor, self.path):
            return False
        before = self._lock
        self._lock = self._take(_PATIENCE)
        self._outlived.append(before)
        self._write_pid()
        return True

    def release(self) -> None:
        """Give the lock back, also for children that share it; doing it twice is fine."""
        for lock in self._outlived:
            lock.release()
        if self._lock.is_locked:
            try:
                with suppress(OSError):
                    disk.remove(pid_file(self.path))
            finally:
                self._lock.release()  # also when Ctrl-C comes in between


def _unmake(path: Path) -> None:
    """Remove a lock file and the folders that were made for it, as far as they are empty, up to the repository's own."""
    names = path.parts
    above = max((at for at, name in enumerate(names) if name in {HOME, ".git"}), default=len(names))
    with suppress(OSError):
        disk.remove(path)
        for folder in path.parents[: len(names) - above]:
            disk.remove_dir(folder)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        there, ours = os.stat(path), os.fstat(descriptor)  # noqa: PTH116 - beside its twin
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


@contextmanager
def hold(path: Path, *, what: str, patience: float = _PATIENCE) -> Iterator[Held]:
    """Hold the lock at `path` for a block, waiting at most `patience` seconds for it.

    `what` says in the error what is going on, such as "watch". Raises Locked naming the holder's pid.
    """
    held = try_hold(path, patience=patience)
    if held is None:
        raise Locked(f"{what} is already running in this repository: {_holder(path)}")
    try:
        yield held
    finally:
        held.release()


def try_hold(path: Path, *, patience: float = 0.0) -> Held | None:
    """Take the lock at `path`, or return None when somebody has it for `patience` seconds more."""
    try:
        return Held(path, patience=patience)
    except Locked:
        return None


def _holder(path: Path) -> str:
    pid = held_by(path)
    return f"process {pid}" if pid else "another process"


@contextmanager
def exclusive(descriptor: int) -> Iterator[None]:
    """Keep other processes out of an open file for a few instructions, waiting for as long as they need."""
    disk.lock(descriptor)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def exclusive_folder(path: Path) -> Iterator[None]:
    """Keep everybody else who asks for the same folder out of it, threads and processes; not to be nested."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with exclusive(descriptor):
            yield
    finally:
        os.close(descriptor)


class WorkerLease:
    """A worker's sign of life: locked from before its first claim until it and its children are gone."""

    def __init__(self, places: Places, name: str) -> None:
        self.path = lease_file(places, name)
        self._held: Held | None = None

    def acquire(self) -> None:
        """Take it; raises Locked when a worker of this name lives."""
        self._held = Held(self.path)

    def release(self, *, in_hand: bool = False) -> None:
        """End it, with no child left, and remove its file.

        With a task still `in_hand` the file stays, held by nobody: that is how recovery knows, though the process of
        the worker lives on.
        """
        if self._held is not None:
            held, self._held = self._held, None
            try:
                if in_hand:
                    return
                with suppress(OSError):
                    remove(told_file(self.path), point=_TOLD)
                with suppress(OSError):
                    # under the lock: whoever waits for it sees that the file is gone and starts over
                    disk.remove(self.path)
            finally:
                held.release()

    def tell_to_stop(self) -> None:
        """Leave word that the worker was told to stop: that it ends with a task in hand is no crash then."""
        with suppress(OSError):
            write_file(told_file(self.path), b"", point=_TOLD, durability="process")

    def keep(self) -> bool:
        """Do what `Held.keep` does, if it is held."""
        return self._held is not None and self._held.keep()

    def fileno(self) -> int:
        """Return the descriptor to pass to children; raises Locked when the lease is not held."""
        if self._held is None:
            raise Locked(f"{self.path.name} is not held")
        return self._held.fileno()


def leave_behind(places: Places, workers: Iterable[str]) -> None:
    """Give up what earlier workers of this process still have in hand as told to stop: `.sixth` went under them and is back."""
    for worker in workers:
        lease = WorkerLease(places, worker)
        if worker.partition("-")[0] == str(os.getpid()):
            with suppress(Locked):
                lease.acquire()
                lease.tell_to_stop()
                lease.release(in_hand=True)


def told_file(lease: Path) -> Path:
    """Return the file that says that the worker of a lease was told to stop.

    It is not the lease's own: whoever tries a lock empties its file.
    """
    return lease.with_suffix(".told")


def lease_file(places: Places, worker: str) -> Path:
    """Return the lease file of the worker of that name."""
    return places.workers / f"{worker}.lock"
