"""The machine of one simulated run: processes that take turns by a seed, a clock that they alone move, and their ends.

Each simulated process is a thread, and one of them runs at a time: at every system call it hands over, or not, as the
dice say. What a process does after its end has no effect, as it is stopped at its next call.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TICK = 4_000_000  # nanoseconds: file systems date changes no finer
_MOST_STEPS = 12_000


class Killed(BaseException):
    """The end of a simulated process: nothing catches it."""


class Endless(BaseException):
    """The run does not come to its end."""


@dataclass(eq=False)
class Process:
    """One simulated process. `in_child` counts the programs it waits for: they live on when only it is killed."""

    name: str
    body: Callable[[], None]
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    until: float = 0.0
    dead: bool = False
    doomed: bool = False
    in_child: int = 0


class Machine:
    """Runs processes. `chaos` is asked at every call, told what it is, and may raise; None once all is to be calm."""

    def __init__(
        self, dice: random.Random, *, seed: int = 0, trace: Callable[[str], None] | None = None
    ) -> None:
        self.dice = dice
        self.seed = seed
        self.chaos: Callable[[str], None] | None = None
        self.steps = 0
        self.now = 0.0  # seconds of the monotonic clock
        self.jump = 0.0  # by how much the wall clock is off
        self.running: Process | None = None
        self.failure: BaseException | None = None
        self.deaths = 0
        self._alive: list[Process] = []
        self._back = threading.Semaphore(0)
        self._trace = trace
        self._numbers = 0

    # time

    def clock(self) -> datetime:
        """Return what the wall clock shows."""
        return START + timedelta(seconds=self.now + self.jump)

    def stamp(self) -> int:
        """Return the time that a change of a file gets now, in nanoseconds."""
        exact = int((START.timestamp() + self.now + self.jump) * 1e9)
        return exact - exact % _TICK

    def sleep(self, seconds: float) -> None:
        """Let others go on for so long."""
        me = self._me()
        me.until = self.now + seconds
        self._count()
        self._hand_over(me)

    # processes

    def start(self, name: str, body: Callable[[], None]) -> None:
        """Start a process; it takes its turn when the dice say so."""
        self._numbers += 1
        process = Process(f"{name}{self._numbers}", body)
        self._alive.append(process)
        threading.Thread(target=self._live, args=(process,), daemon=True).start()

    def run(self) -> None:
        """Let the started processes go on until none is left; raise what went wrong in one that was not its end."""
        if self._alive:
            self._let_go(self._next())
            self._back.acquire()
        if self.failure is not None:
            raise self.failure

    def is_calm(self) -> bool:
        """Tell whether the time of trouble is over."""
        return self.chaos is None

    def alive(self) -> int:
        """Return how many processes there are."""
        return len(self._alive)

    def call(self, what: str, *, waits: bool = False) -> None:
        """Say what system call comes next; here a process may end, fail or have to wait for the others."""
        me = self._me()
        self._stop_here_if_dead(me)
        self._count()
        self.now += self.dice.choice((0.00001, 0.0001, 0.001, 0.02))
        self.tell(what)
        if self.chaos is not None:
            self.chaos(what)
        if waits or self.dice.random() < 0.35:
            self._hand_over(me)
        self._stop_here_if_dead(me)

    @contextmanager
    def child(self) -> Iterator[None]:
        """Play a program that this process started: the kill of the process alone comes once it has ended."""
        me = self._me()
        me.in_child += 1
        try:
            yield
        finally:
            me.in_child -= 1
        self._stop_here_if_dead(me)

    def kill(self, *, with_children: bool) -> None:
        """End the process whose turn it is, at once or, without its children, when they have ended."""
        me = self._me()
        me.doomed = True
        if with_children or not me.in_child:
            me.in_child = 0
            self._stop_here_if_dead(me)

    def kill_all(self) -> None:
        """End every process where it is, as a power cut does."""
        for process in self._alive:
            process.doomed, process.in_child = True, 0
        self._stop_here_if_dead(self._me())

    def tell(self, what: str) -> None:
        """Write a line of the trace."""
        if self._trace is not None:
            name = self.running.name if self.running is not None else "-"
            self._trace(f"{self.steps:6} {self.now + self.jump:12.5f} {name:8} {what}")

    def _count(self) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise Endless(f"{self.steps} system calls and no end")

    def _stop_here_if_dead(self, me: Process) -> None:
        if me.doomed and not me.in_child:
            if not me.dead:
                self.deaths += 1
                self.tell("is dead")
            me.dead = True
            raise Killed

    def _me(self) -> Process:
        assert self.running is not None
        return self.running

    def _next(self) -> Process:
        ready = [process for process in self._alive if process.until <= self.now]
        if not ready:
            self.now = min(process.until for process in self._alive)
            ready = [process for process in self._alive if process.until <= self.now]
        return self.dice.choice(ready)

    def _let_go(self, process: Process) -> None:
        self.running = process
        process.go.release()

    def _hand_over(self, me: Process) -> None:
        other = self._next()
        if other is not me:
            self._let_go(other)
            me.go.acquire()
        self._stop_here_if_dead(me)

    def _live(self, process: Process) -> None:
        process.go.acquire()
        try:
            process.body()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            self.failure = self.failure or error
            self.chaos = None
            for other in self._alive:
                other.doomed, other.in_child = True, 0
        self._alive.remove(process)
        if self._alive:
            self._let_go(self._next())
        else:
            self.running = None
            self._back.release()


@contextmanager
def virtual_time(machine: Machine) -> Iterator[None]:
    """Let every module that asks `time` for the time get the machine's."""
    kept = {name: getattr(time, name) for name in ("time", "monotonic", "time_ns", "monotonic_ns", "sleep")}
    wall = START.timestamp()
    try:
        time.time = lambda: wall + machine.now + machine.jump
        time.time_ns = lambda: int(time.time() * 1e9)
        time.monotonic = lambda: machine.now
        time.monotonic_ns = lambda: int(machine.now * 1e9)
        time.sleep = lambda seconds: machine.sleep(float(seconds))
        yield
    finally:
        for name, function in kept.items():
            setattr(time, name, function)
