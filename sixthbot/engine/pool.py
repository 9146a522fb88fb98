"""The worker threads of one process: each with a lease of its own, taking the most urgent task its lanes allow."""

from __future__ import annotations

import logging
import os
import random
import secrets
import threading
import time
from typing import TYPE_CHECKING

from sixthbot.core import lifecycle
from sixthbot.core.errors import SixthError
from sixthbot.core.rules import Mode
from sixthbot.core.tasks import Lane, Running
from sixthbot.engine.worker import Worker
from sixthbot.git.held import sharing
from sixthbot.store.locks import WorkerLease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sixthbot.core.lifecycle import Fact
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services

_LOOK = 1.0  # seconds between two looks at the queue without being woken: other processes put tasks too
_TROUBLE_WAIT = 1.0  # seconds before a queue that failed is tried again
_log = logging.getLogger("sixthbot.engine")


class WorkerPool:
    """Runs tasks in `workers` threads (default: as configured), in `lanes` only if given.

    Lanes with workers reserved in the configuration get those first; at least one worker serves every lane.
    `services` gives the services as they are now, such as a `LiveServices`.
    """

    def __init__(
        self,
        services: Callable[[], Services],
        *,
        workers: int | None = None,
        lanes: Collection[Lane] | None = None,
    ) -> None:
        self._services = services
        self._wake = threading.Condition()
        self._stopping = threading.Event()
        self._claiming = threading.Lock()
        self._reviving = threading.Lock()
        self._generation = 0
        self._busy: dict[str, Task] = {}
        self._doubted: set[str] = set()  # workers that may hold a task whose claim was broken off
        self._opened = services()  # what workers start with: the settings may break before they do
        self._shares = _shares(self._opened, workers, lanes)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take a lease for each worker and start its thread; raise Refused where leases do not hold."""
        self._threads = [self._start(share) for share in self._shares]

    def wake(self) -> None:
        """Let idle workers look at the queue now; a worker that a mistake ended is replaced."""
        with self._reviving:
            if self._threads and not self._stopping.is_set():
                self._threads = [
                    thread if thread.is_alive() else self._start(share)
                    for thread, share in zip(self._threads, self._shares, strict=True)
                ]
        self._ring()

    def busy(self) -> list[Task]:
        """Return the tasks that are being done by this pool right now."""
        return list(self._busy.values())

    def stop(self, grace: float = 4.0) -> bool:
        """Give back the tasks in hand, ending their programs, and wait at most `grace` seconds; tell if all ended.

        What does not end in time is taken up by recovery once this process is gone.
        """
        self._stopping.set()
        self.wake()
        until = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self, lanes: Collection[Lane] | None) -> threading.Thread:
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        lease = WorkerLease(self._opened.places, name)
        lease.acquire()
        worker = Worker(
            name, self._services, last=self._opened, held=[lease.fileno()], stopping=self._stopping
        )
        thread = threading.Thread(
            target=self._serve, args=(worker, lease, lanes), name=f"worker {name}", daemon=True
        )
        thread.start()
        return thread

    def _serve(self, worker: Worker, lease: WorkerLease, lanes: Collection[Lane] | None) -> None:
        try:
            with sharing(lease.fileno()):  # a git that survives us is at work on our task, too
                while not self._stopping.is_set():
                    seen = self._generation
                    task = self._claim(worker, lanes)
                    if task is None:
                        self._rest(seen)
                    else:
                        self._do(worker, task)
        finally:
            lease.release()  # no child is left; a task that could not be put away is found by recovery

    def _do(self, worker: Worker, task: Task) -> None:
        self._busy[worker.name] = task
        try:
            fact = worker.work(task)
            self._settle(worker, task, fact)
        finally:
            del self._busy[worker.name]
            self._ring()  # the next one of its key may go now

    def _settle(self, worker: Worker, task: Task, fact: Fact) -> None:
        """Put the task away, trying again as long as the disk refuses and until the stop."""
        while True:
            try:
                worker.settle(task, fact)
            except (OSError, SixthError) as error:
                _log.error("cannot put task %s away: %s", task.id, error)
                if not self._still_held(worker, task):
                    return  # it got there after all, or a person moved its file
                if self._stopping.wait(_TROUBLE_WAIT):
                    return
            else:
                return

    def _ring(self) -> None:
        with self._wake:
            self._generation += 1
            self._wake.notify_all()

    def _still_held(self, worker: Worker, task: Task) -> bool:
        try:
            found = self._services().store.queue.find(task.id)
        except (OSError, SixthError):
            return True
        return found is not None and found.state == Running(worker.name)

    def _claim(self, worker: Worker, lanes: Collection[Lane] | None) -> Task | None:
        try:
            services = self._services()
            queue = services.store.queue
            with self._claiming:  # one at a time, so that two tasks of one key are not taken together
                task = queue.in_hand(worker.name) if worker.name in self._doubted else None
                self._doubted.discard(worker.name)
                if task is None:
                    task = queue.claim(worker.name, lanes=lanes, blocked=_Blocked(services, worker.name))
            if task is not None and _Blocked(services, worker.name)(task):
                self._give_back(services, task)
                return None
        except (OSError, SixthError) as error:
            _log.error("cannot look at the queue: %s", error)
            self._doubted.add(worker.name)
            self._stopping.wait(_TROUBLE_WAIT)
            return None
        return task

    def _give_back(self, services: Services, task: Task) -> None:
        """Return a task whose key another process took at the same moment; a pause of chance lets one of them win."""
        after = lifecycle.step(task, lifecycle.GivenBack(), services.clock())
        services.store.queue.settle(task, after)
        self._stopping.wait(random.uniform(0.01, 0.1))  # noqa: S311 - not a secret

    def _rest(self, seen: int) -> None:
        with self._wake:
            if self._generation == seen and not self._stopping.is_set():
                self._wake.wait(_LOOK)


class _Blocked:
    """Tells whether a task must wait because another worker runs one of the same rule and key."""

    def __init__(self, services: Services, worker: str) -> None:
        self._services = services
        self._worker = worker
        self._running: set[tuple[str, str]] | None = None

    def __call__(self, task: Task) -> bool:
        rule = next((rule for rule in self._services.rules.rules if rule.name == task.rule), None)
        if rule is None or rule.mode is Mode.PARALLEL:
            return False
        if self._running is None:
            self._running = {
                (other.rule, other.key)
                for other in self._services.store.queue.all(states=("running",))
                if getattr(other.state, "worker", "") != self._worker
            }
        return (task.rule, task.key) in self._running


def _shares(
    services: Services, workers: int | None, lanes: Collection[Lane] | None
) -> list[Collection[Lane] | None]:
    """Return the lanes of each worker, None for all."""
    config = services.loaded.config
    total = max(config.bot.workers if workers is None else workers, 1)
    if lanes is not None:
        return [lanes] * total
    reserved: list[Collection[Lane] | None] = []
    for lane in Lane:
        setting = config.lanes.get(lane.value)
        reserved += [{lane}] * (setting.workers if setting is not None else 0)
    reserved = reserved[: total - 1]
    return [*reserved, *([None] * (total - len(reserved)))]
