"""Runs foreign programs for one task: each behind a leash, in a process group of its own, ended with its worker.

What a program prints goes to the task's log as it comes and comes back as its last part. Nothing here decides what to
run, and nothing a program does can stop the worker.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixthbot.actions.base import Ran
from sixthbot.core.errors import SixthError, WorkFailed
from sixthbot.core.names import clean_line
from sixthbot.engine.confine import fenced_paths, ruleset, worktree_paths
from sixthbot.engine.output import Tail
from sixthbot.engine.strays import BADGE, end_strays
from sixthbot.git.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LEASH = Path(__file__).with_name("leash.py")
_LOOK = 0.1  # seconds between two looks at cancel and time limits
_LEASH_LIMIT = 4.0  # seconds within which a leash that was told to end has ended
_DRAIN_LIMIT = 0.5
_LOG_LIMIT = 8_000_000  # bytes of one program's output that go to the log
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE_KEY|API_?KEY|ACCESS_KEY", re.IGNORECASE)


def child_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that programs start from: the bot's own without git's variables and without secrets.

    A variable counts as secret by its name; `[worktree] env` hands one on by choice.
    """
    return {
        name: value for name, value in own.items() if not name.startswith("GIT_") and not is_secret_name(name)
    }


def is_secret_name(name: str) -> bool:
    """Tell whether the name of an environment variable says that its value is secret."""
    return _SECRET.search(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildProcesses:
    """Runs programs for one task; an `actions.base.Processes`.

    `env` is what every program's environment starts from. `protected` are the folders no program may write below,
    but for those it is given; empty for no such limit. `held` are descriptors that must stay open as long as a
    program lives: the worker's lease; `badge` is `strays.badge_of` it, which they carry. `check` raises when the task is to stop
    and is called about ten times a second. `log` takes what programs print.
    """

    env: Mapping[str, str]
    protected: Sequence[Path] = ()
    held: Sequence[int] = ()
    badge: str = ""
    check: Callable[[], None] = lambda: None
    log: Callable[[bytes], None] = field(default=lambda data: None)  # noqa: ARG005 - takes and drops

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout: float | None,
        writable: Sequence[Path] = (),
        output_limit: int = 1_000_000,
    ) -> Ran:
        """Run `argv` to its end; see `actions.base.Processes`.

        The program has an own temporary folder (TMPDIR), which is gone afterwards, and no input. All its
        descendants end with it. A status above 128 tells the signal that ended it.
        """
        self.check()
        started = time.monotonic()
        with ExitStack() as stack:
            scratch = stack.enter_context(scratch_folder())
            paths = [scratch, *(one for path in writable for one in worktree_paths(path))]
            confinement = stack.enter_context(ruleset(self.protected, paths)) if self.protected else None
            read_only, exceptions = fenced_paths(self.protected, paths)
            order = {
                "argv": list(argv),
                "cwd": str(cwd),
                "env": {**self._inherited(), **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(scratch)), **env},
                "read_only": read_only,
                "writable": exceptions,
                "ruleset": confinement,
                "keep": list(self.held),
            }
            leash = stack.enter_context(closing(_Leash(order, self.end_strays)))
            deadline = None if timeout is None else started + timeout
            watch = _Watch(leash, Tail(output_limit), self, deadline)
            watch.until_end()
        if watch.stopped is not None:
            raise watch.stopped
        if watch.error:
            raise WorkFailed(
                f"cannot run {clean_line(argv[0], limit=120)!r}: {clean_line(watch.error)}",
                hint="is it installed, and on the PATH that sixthbot was started with?",
            )
        return Ran(
            status=None if watch.timed_out else watch.status,
            timed_out=watch.timed_out,
            output=watch.tail.text(),
            duration=time.monotonic() - started,
            confined=watch.confined,
            usage=watch.usage,
        )

    def end_strays(self) -> None:
        """End what programs whose leash was killed left running; for when none of ours runs."""
        end_strays(self.held, self.badge)

    def _inherited(self) -> Mapping[str, str]:
        return {**self.env, BADGE: self.badge} if self.badge else self.env


class _Leash:
    """A started leash: its process, and our ends of the three pipes. Leaving the context ends what still lives."""

    def __init__(self, order: Mapping[str, Any], end_strays: Callable[[], None]) -> None:
        self._end_strays = end_strays
        control, self._control = os.pipe()
        self.words, words = os.pipe()
        self.output, output = os.pipe()
        passed = [output, *order["keep"], *([order["ruleset"]] if order["ruleset"] is not None else [])]
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LEASH)],
                stdin=control,
                stdout=words,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"LC_ALL": "C.UTF-8"},
                pass_fds=passed,
                start_new_session=True,
            )
            _write_all(self._control, json.dumps({**order, "output": output}).encode() + b"\n")
        except OSError:
            self.close()
            raise
        finally:
            for number in (control, words, output):
                os.close(number)

    def end(self) -> None:
        """Tell the leash to end its program; it takes at most half a second."""
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    def kill(self, program: int) -> None:
        """End leash and program group at once: the last means, for a leash that does not answer or was killed."""
        if self.process is not None:
            self.process.kill()
        with suppress(ProcessLookupError, PermissionError):
            if program:
                os.killpg(program, signal.SIGKILL)

    def close(self) -> None:
        """End everything, wait for that, however long it takes, and give the pipes back."""
        self.end()
        if self.process is not None:
            try:
                self.process.wait(_LEASH_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
            if self.process.wait() != 0:  # a leash that ended by itself left nothing
                self._end_strays()
        os.close(self.words)
        os.close(self.output)


class _Watch:
    """Follows one leash until it and its program are gone."""

    def __init__(self, leash: _Leash, tail: Tail, run: ChildProcesses, deadline: float | None) -> None:
        self.tail = tail
        self.status: int | None = None
        self.error = ""
        self.timed_out = False
        self.confined = False
        self.usage: Mapping[str, float] = {}
        self.stopped: SixthError | None = None
        self._leash = leash
        self._run = run
        self._deadline = deadline
        self._program = 0
        self._logged = 0
        self._words = b""
        self._told_at: float | None = None

    def until_end(self) -> None:
        """Take output and words until the leash is gone, and end the program when it has to."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._leash.output, selectors.EVENT_READ, self._take_output)
            words = selector.register(self._leash.words, selectors.EVENT_READ, self._take_words)
            next_look = 0.0
            while words.fileobj in selector.get_map():
                for key, _ in selector.select(_LOOK):
                    if not key.data():
                        selector.unregister(key.fileobj)
                if time.monotonic() >= next_look:
                    self._look()
                    next_look = time.monotonic() + _LOOK
            if self.status is None and not self.error:
                self._leash.kill(self._program)
                self._run.end_strays()
                self.error = "its supervisor was killed"
            self._drain(selector)

    def _look(self) -> None:
        now = time.monotonic()
        if self._told_at is not None:
            if now - self._told_at > _LEASH_LIMIT:
                self._leash.kill(self._program)
            return
        try:
            self._run.check()
        except SixthError as error:
            self.stopped = error
        self.timed_out = self.stopped is None and self._deadline is not None and now >= self._deadline
        if self.stopped is not None or self.timed_out:
            self._told_at = now
            self._leash.end()

    def _drain(self, selector: selectors.BaseSelector) -> None:
        """Take what is still in the pipe; only a descendant that escaped (not on Linux) can keep it open."""
        until = time.monotonic() + _DRAIN_LIMIT
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(_LOOK):
                if not key.data():
                    selector.unregister(key.fileobj)

    def _take_output(self) -> bool:
        data = os.read(self._leash.output, 1 << 16)
        self.tail.add(data)
        if data and self._logged < _LOG_LIMIT:
            self._logged += len(data)
            self._run.log(data)
            if self._logged >= _LOG_LIMIT:
                self._run.log(b"\n[the rest of this output is not kept in the log]\n")
        return bool(data)

    def _take_words(self) -> bool:
        data = os.read(self._leash.words, 1 << 16)
        *lines, self._words = (self._words + data).split(b"\n")
        for line in lines:
            word = json.loads(line)
            self._program = word.get("pid", self._program)
            self.confined = word.get("confined", self.confined)
            self.status = word.get("exit", self.status)
            self.error = word.get("error", self.error)
            self.usage = word.get("usage", self.usage)
        return bool(data)


def _write_all(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]
