"""The worker threads of one process: each with a lease of its own, taking the most urgent task its lanes allow."""

from __future__ import annotations

import logging
import os
import random
import secrets
import threading
import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from sixthbot.core import lifecycle
from sixthbot.core.errors import Cancelled, SixthError
from sixthbot.core.tasks import Lane, Running
from sixthbot.engine.exclusions import Exclusions
from sixthbot.engine.stopping import Stopping
from sixthbot.engine.worker import Worker
from sixthbot.git.held import sharing
from sixthbot.store.counting import task_names
from sixthbot.store.home import home_is_gone
from sixthbot.store.locks import WorkerLease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager

    from sixthbot.core.lifecycle import Fact
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services
    from sixthbot.engine.turns import Turns

_LOOK = 60.0  # seconds between two looks at the queue without being woken; whoever keeps a pool wakes it more often
_TROUBLE_WAIT = 1.0  # seconds before a queue that failed is tried again, ...
_LONGEST_WAIT = 30.0  # ... up to these where it goes on failing: each try tells the journal
_log = logging.getLogger("sixthbot.engine")


class WorkerPool:
    """Runs tasks in `workers` threads (default: as configured), in `lanes` only if given.

    Lanes with workers reserved in the configuration get those first; at least one worker serves every lane.
    `services` gives the services as they are now, such as a `LiveServices`; `opened` are those to start with, since the
    settings may break before the workers do. `turns` are shared with the pools of
    other repositories in this process; workers that are reserved for a lane need none. Setting `stop` stops the
    workers as `stop()` does, which then has only to wait.
    """

    def __init__(
        self,
        services: Callable[[], Services],
        *,
        opened: Services | None = None,
        workers: int | None = None,
        lanes: Collection[Lane] | None = None,
        turns: Turns | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._services = services
        self._turns = turns
        self._wake = threading.Condition()
        self._stopping = Stopping(stop)
        self._claiming = threading.Lock()
        self._reviving = threading.Lock()
        self._generation = 0
        self._hurry = False  # the last look at the queue did not come to its end: look again at once
        self._leases: dict[WorkerLease, list[int]] = {}
        self._busy: dict[str, Task] = {}
        self._opened = services() if opened is None else opened
        self._shares = _shares(self._opened, workers, lanes)
        self._threads: list[threading.Thread | None] = []
        self._told = ""

    def start(self) -> None:
        """Take a lease for each worker and start its thread; raise Refused where leases do not hold.

        A worker whose lease the disk does not take, for it is full or read-only, is started by a later `wake`.
        """
        self._threads = [self._started(share) for share in self._shares]

    def wake(self) -> None:
        """Let idle workers look at the queue now; a worker that a mistake ended, or that could not start, is replaced.

        Leases whose files somebody removed, with `.sixth/local`, are taken anew.
        """
        with self._reviving:
            self._keep_leases()
            if self._threads and not self._stopping.is_set():
                self._threads = [
                    thread if thread is not None and thread.is_alive() else self._started(share)
                    for thread, share in zip(self._threads, self._shares, strict=True)
                ]
        self.ring()

    def _keep_leases(self) -> None:
        if home_is_gone(self._opened.places):
            return  # whoever takes `.sixth` away shall not find it half made anew
        for lease, held in list(self._leases.items()):
            with suppress(
                OSError, SixthError
            ):  # at the next turn, then; no lease at all is nobody's dead worker
                if lease.keep():
                    held.append(lease.fileno())  # programs that begin now share the new one, too

    def busy(self) -> list[Task]:
        """Return the tasks that are being done by this pool right now."""
        return list(self._busy.values())

    def stop(self, grace: float = 4.0) -> bool:
        """Give back the tasks in hand, ending their programs, and wait at most `grace` seconds; tell if all ended.

        What does not end in time is taken up by recovery once this process is gone.
        """
        self._stopping.set()
        for lease in list(self._leases):
            lease.tell_to_stop()
        self.wake()
        until = time.monotonic() + grace
        threads = [thread for thread in self._threads if thread is not None]
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in threads)

    def _started(self, lanes: Collection[Lane] | None) -> threading.Thread | None:
        """Start a worker, or say once why the disk does not let it and leave it for the next turn."""
        try:
            thread = self._start(lanes)
        except OSError as error:
            why = error.strerror or str(error)  # each lease has a path of its own
            if why != self._told:
                self._told = why
                _log.error("a worker cannot start; it is tried again by itself: %s", error)
            return None
        self._told = ""
        return thread

    def _start(self, lanes: Collection[Lane] | None) -> threading.Thread:
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        lease = WorkerLease(self._opened.places, name)
        lease.acquire()
        held = [lease.fileno()]
        self._leases[lease] = held
        worker = Worker(name, self._services, last=self._opened, held=held, stopping=self._stopping)
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
                    with self._turn(lanes) as mine:
                        task = self._claim(worker, lanes) if mine else None
                        if task is not None:
                            self._do(worker, task)
                    if task is None and not self._hurry:
                        self._rest(seen)
        finally:
            self._leases.pop(lease, None)
            lease.release(in_hand=self._left_behind(worker))  # no child is left

    def _left_behind(self, worker: Worker) -> bool:
        """Tell whether a worker that ends has a task that it could not put away, which is for recovery to take."""
        try:
            return any(task_names(self._opened.places.queue / "running" / worker.name))
        except OSError:
            return True

    def _turn(self, lanes: Collection[Lane] | None) -> AbstractContextManager[bool]:
        if self._turns is None or lanes is not None:
            return nullcontext(enter_result=True)
        # by the repository's name: a pool that is gone must not be remembered for its last turn
        return self._turns.taken(self._opened.places.git_home, unless=self._stopping.is_set)

    def _do(self, worker: Worker, task: Task) -> None:
        self._busy[worker.name] = task
        try:
            fact = worker.work(task)
            self._settle(worker, task, fact)
        finally:
            del self._busy[worker.name]
            self.ring()  # the next one of its key may go now

    def _settle(self, worker: Worker, task: Task, fact: Fact) -> None:
        """Put the task away, trying again as long as the disk refuses and until the stop."""
        wait = _TROUBLE_WAIT
        while True:
            try:
                worker.settle(task, fact)
            except (OSError, SixthError) as error:
                _log.error("cannot put task %s away: %s", task.id, error)
                if not self._still_held(worker, task):
                    return  # it got there after all, or a person moved its file
                if self._stopping.wait(wait):
                    return
                wait = min(2 * wait, _LONGEST_WAIT)
            else:
                return

    def ring(self) -> None:
        """Let idle workers look at the queue now, and nothing more: cheap enough for every task that is put."""
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
                # what lies there already: a claim that was broken off, or a file that a person moved here
                task = queue.in_hand(worker.name)
                if task is None:
                    before = Exclusions(services, worker.name)
                    task = (
                        None
                        if before.closed()
                        else queue.claim(worker.name, lanes=lanes, blocked=before.full)
                    )
                    self._hurry = task is None and queue.order.unfinished
            if task is None:
                return None
            after = Exclusions(services, worker.name)
            if after.closed(task) or after.full(task):
                self._give_back(services, task)
                return None
            return self._when_alone(worker, services, task) if after.alone(task) else task
        except (OSError, SixthError) as error:
            _log.error("cannot look at the queue: %s", error)
            self._stopping.wait(_TROUBLE_WAIT)
            self._hurry = True  # nobody may come to wake us
            return None

    def _when_alone(self, worker: Worker, services: Services, task: Task) -> Task | None:
        """Wait until nothing runs beside a claimed task; put it away and return None where it is not to start.

        That it lies in `running/` meanwhile keeps the others, in all processes, from starting anything.
        """

        def alone() -> bool:
            look = Exclusions(services, worker.name)
            if look.closed(task):
                raise Cancelled("a more urgent task runs alone first", by_person=False)
            return not look.others()

        fact = worker.hold_back(task, alone)
        if fact is None:
            return task
        self._settle(worker, task, fact)
        return None

    def _give_back(self, services: Services, task: Task) -> None:
        """Return a task whose key another process took at the same moment; a pause of chance lets one of them win."""
        after = lifecycle.step(task, lifecycle.GivenBack(), services.clock())
        services.store.queue.settle(task, after)
        self._stopping.wait(random.uniform(0.01, 0.1))  # noqa: S311 - not a secret

    def _rest(self, seen: int) -> None:
        with self._wake:
            if self._generation == seen and not self._stopping.is_set():
                self._wake.wait(_LOOK)


def _shares(
    services: Services, workers: int | None, lanes: Collection[Lane] | None
) -> list[Collection[Lane] | None]:
    """Return the lanes of each worker, None for all.

    Reserved workers are there whatever `bot.workers` says, and one more that serves every lane: a lane without a
    worker of its own must not wait for ever.
    """
    config = services.loaded.config
    total = max(config.bot.workers if workers is None else workers, 1)
    if lanes is not None:
        return [lanes] * total
    reserved: list[Collection[Lane] | None] = []
    for lane in Lane:
        setting = config.lanes.get(lane.value)
        reserved += [{lane}] * (setting.workers if setting is not None else 0)
    return [*reserved, *([None] * max(total - len(reserved), 1))]
