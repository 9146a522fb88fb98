"""A repository's life in steps, each in a process of its own that is struck at the first write not visited before.

Struck means ended, or refused the write. The step is then begun again, as a person would. Nothing here knows the write
points: a new one is visited by itself, or is missing from what was visited.
"""

from __future__ import annotations

import errno
import itertools
import os
import sys
import threading
import traceback
import zlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sixthbot.cli.app import main as command_line
from sixthbot.engine import duties, pool, worker
from sixthbot.engine.services import open_services
from sixthbot.git.run import Git, Result, failure
from sixthbot.store import disk, journal
from sixthbot.store.atomic import observe
from tests.support.repos import RepoDir, make_bare, make_repo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLED = 137
MODES = ("before", "torn", "written", "after", "full", "failing")
"""Killed before, with half of it written, between and after; a disk that refuses the write, or fails once it is done.

In the last two it is full at half of the points and fails at the others, and the other way round.
In every one of them the disk takes what is written in pieces, and a signal breaks each system call off once.
"""

GIT_WRITES = {"update-ref", "worktree", "reset", "clean", "push"}
_TRIES = 40


@dataclass
class Blow:
    """Strikes at every point that was not visited, if it does not end the process at the first; writes down where."""

    mode: str
    visited: set[str]
    report: Path
    _waits: threading.local = field(default_factory=threading.local)

    @property
    def armed(self) -> str:
        """The point that this thread is to be ended at, in the middle of the write; what others write is not it."""
        return getattr(self._waits, "point", "")

    def write(self, point: str, moment: str) -> None:
        """Watch a write of the store."""
        if self.mode == "torn":
            self._tear(point, moment)
            return
        if moment == {"full": "before", "failing": "after"}.get(self.mode, self.mode):
            self._strike(point, OSError(self._error(point), "the disk refuses"))

    def _error(self, point: str) -> int:
        """Return what the disk says: of half the points that it is full before and fails after, of the others vice versa."""
        odd = zlib.crc32(point.encode()) % 2 == 1
        return errno.ENOSPC if odd == (self.mode == "full") else errno.EIO

    def _tear(self, point: str, moment: str) -> None:
        """Have the disk end us in the middle of the write; what writes nothing, such as a rename, once it is done."""
        if moment == "before":
            self._waits.point = "" if point in self.visited else point
        elif self.armed == point:
            self.tear()

    def tear(self) -> None:
        """End here, at the write that is waited for."""
        self._strike(self.armed, OSError())

    def git(self, command: str, moment: str) -> bool:
        """Watch a writing git command; tell whether it is to fail."""
        wanted = {"full": "before", "failing": "after", "written": "after", "torn": "before"}.get(
            self.mode, self.mode
        )
        if moment != wanted:
            return False
        try:
            self._strike(f"git {command}", OSError())
        except OSError:
            return True
        return False

    def _strike(self, point: str, error: OSError) -> None:
        if point in self.visited:
            return
        self.visited.add(point)
        with self.report.open("a") as file:
            file.write(f"{point}\n")
        if self.mode in {"full", "failing"}:
            raise error
        os._exit(KILLED)


class Nagging(disk.Disk):
    """A disk that takes half of what it is given and breaks every call off once; that tears where a blow waits for it."""

    def __init__(self, blow: Blow) -> None:
        self._blow = blow
        for name in (
            "open",
            "sync",
            "truncate",
            "rename",
            "rename_exclusive",
            "remove",
            "make_dir",
            "remove_dir",
        ):
            setattr(self, name, _interrupted(getattr(self, name)))

    def write(self, descriptor: int, data: memoryview) -> int:
        written = os.write(descriptor, data[: max(len(data) // 2, 1)])
        if self._blow.armed:
            self._blow.tear()
        return written


def _interrupted(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call that a signal breaks off every other time, before it does anything."""
    turns = itertools.count()

    def broken_off(*args: Any) -> Any:
        if next(turns) % 2 == 0:
            raise InterruptedError(errno.EINTR, "Interrupted system call")
        return call(*args)

    return broken_off


@dataclass
class Life:
    """One repository and what was visited in it."""

    folder: Path
    mode: str
    visited: set[str] = field(default_factory=set)
    repo: RepoDir = field(init=False)

    def begin(self) -> None:
        """Make the repository and its remote."""
        self.repo = make_repo(self.folder / "repo")
        hook = self.repo.git_dir / "hooks/post-commit"
        hook.write_text("#!/bin/sh\nexit 0\n")
        words: dict[str, str | bytes | None] = {
            "words.txt": "pear\napple\n",
            "more.txt": "b\na\n",
            "code.py": "def f():\n    return 1\n",
        }
        self.repo.commit("feat: words", words)
        make_bare(self.folder / "remote.git")
        self.repo.git("remote", "add", "origin", str(self.folder / "remote.git"))
        self.repo.git("push", "--quiet", "--set-upstream", "origin", "main")

    def go(self, step: Callable[[Life], int], *, struck: bool = True) -> None:
        """Take a step in a process of its own, again and again until nothing strikes it any more."""
        for _ in range(_TRIES):
            report = self.folder / "struck"
            report.unlink(missing_ok=True)
            status = self._process(step, report if struck else None)
            if report.exists():
                self.visited.update(report.read_text().splitlines())
                retry_failed(self)
            elif status == 0:
                return
            else:
                raise AssertionError(f"{step.__name__} ended with {status} though nothing struck it")
        raise AssertionError(f"{step.__name__} does not come to an end")

    def _process(self, step: Callable[[Life], int], report: Path | None) -> int:
        child = os.fork()
        if child == 0:
            status = 99
            try:
                if report is not None:
                    _watch(Blow(self.mode, self.visited, report))
                status = step(self)
            except BaseException:  # noqa: BLE001 - nothing may come back from here into the parent's code
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        _, raw = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(raw)

    def say(self, *args: str) -> int:
        """Run one command line in this process."""
        return command_line(["-C", str(self.repo.path), "-q", *args])


def _watch(blow: Blow) -> None:
    observe(blow.write)
    disk.use(Nagging(blow))
    plain = Git.run

    def run(self: Git, *args: str, write: bool = False, check: bool = True, **more: Any) -> Result:
        command = args[0]
        writes = write or command in GIT_WRITES
        refused = Result(128, b"", b"fatal: cannot write: No space left on device")
        result = refused
        if (
            writes
            and blow.mode == "torn"
            and command == "update-ref"
            and "git update-ref" not in blow.visited
        ):
            _leave_locks(self, more.get("stdin", b""))
        if not (writes and blow.git(command, "before")):
            result = plain(self, *args, write=write, check=False, **more)
            if writes and blow.git(command, "after"):
                result = refused
        if check and result.status:
            raise failure(command, result)
        return result

    Git.run = run  # type: ignore[method-assign]
    # the pauses after a failure are not what is tried here
    worker._DISK_WAIT = worker._LOCK_WAIT = timedelta(seconds=0.05)
    pool._TROUBLE_WAIT = 0.05
    duties._LONGEST_PAUSE = 0.05
    journal.SEGMENT = 20_000  # bytes: a life is short


def _leave_locks(git: Git, commands: bytes) -> None:
    """Leave what a git leaves that is killed half-way: the locks of the refs, one with a part of an id in it."""
    for word in commands.split(b"\0"):
        verb, _, ref = word.decode("utf-8", "surrogateescape").partition(" ")
        if verb in {"create", "update", "delete"}:
            path = git.git_dir / f"{ref}.lock"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("0123")
            os.utime(path, (1, 1))


def retry_failed(life: Life) -> None:
    """Say `queue retry` for every task that was set aside or ran out of attempts, in an undisturbed process."""
    if not list((life.repo.path / ".sixth/queue/failed").glob("*.json")):
        return
    child = os.fork()
    if child == 0:
        try:
            for task in open_services(life.repo.path).store.queue.all(states=("failed",)):
                life.say("queue", "retry", task.id)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
