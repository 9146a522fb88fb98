"""The bot: puts everything together and runs the main loop. Sources tell what happened, rules decide, workers work."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import HomeGone, Locked, NoRepository, Refused, SixthError
from sixthbot.engine.live import LiveServices
from sixthbot.engine.patience import Patience, work_is_left
from sixthbot.engine.pool import WorkerPool
from sixthbot.engine.rebuild import bring_back, come_back
from sixthbot.engine.recovery import mend_rest
from sixthbot.engine.reloading import changes
from sixthbot.engine.saving import keeper
from sixthbot.engine.stopping import told_of
from sixthbot.looks import Looks, lone_duties
from sixthbot.sources.clock import Jumps
from sixthbot.sources.rest import POLL, Rest
from sixthbot.sources.timeset import TimeSet
from sixthbot.sources.wake import Reason, Waker, Woken
from sixthbot.store import clock as store_clock
from sixthbot.store.counting import task_names
from sixthbot.store.home import home_stamp, refuse_links
from sixthbot.store.locks import Held, hold, leave_behind
from sixthbot.store.logs import write_report
from sixthbot.store.news import ring
from sixthbot.store.paths import locate
from sixthbot.store.presence import Presence, is_taken_away
from sixthbot.store.runlog import logged
from sixthbot.store.setup import make_folders, require_writable
from sixthbot.store.state.home import mark_home, standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from sixthbot.core.tasks import Lane, Task
    from sixthbot.engine.services import Services
    from sixthbot.engine.turns import Turns

_RUN_LOOK = 0.05
"""Seconds between two looks of a run that waits for its workers."""
_RUN_PATIENCE = 60.0
"""Seconds for which a run waits for somebody to finish writing an inbox file."""
_WORK_LOOK = 0.5
"""Seconds between two looks of a lone worker at what is due, and at what one that died left: that goes on within a second."""
_TRIES = 3
_EVERYTHING = Woken(frozenset({Reason.LOST}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What one `run` did. `events` is how many were let in, `over` how many tasks came to their end.

    `failed` are tasks that were given up meanwhile, `parked` and `waiting` those that stay for a person or for later.
    `rejected` are inbox files with the reason, `unsettled` those that somebody is still writing.
    """

    events: int
    over: int
    failed: tuple[Task, ...]
    parked: tuple[Task, ...]
    waiting: tuple[Task, ...]
    rejected: tuple[tuple[str, str], ...]
    unsettled: tuple[str, ...]


class Bot:
    """The bot of one repository. Calling `services` gives what it works with, as the files say now."""

    def __init__(self, services: LiveServices) -> None:
        self.services = services
        self._announced = services()
        self._stop = threading.Event()
        self._unsaved: list[str] = []
        self._ended = True
        self._compose()

    def _compose(self) -> None:
        """Put together what works on `.sixth` as it is now; again when it was taken away and came back."""
        self._last = self.services()
        places = self._last.places
        make_folders(places)
        if standing(places) == "new":
            mark_home(places)
        self._presence = Presence(places)
        self._home = home_stamp(places)
        if self._home == (0, 0):
            raise HomeGone(f"{places.home} was taken away")
        self._trouble = ""
        self._looks = Looks(self._last, interrupted=self._interrupted)
        self._jumps = Jumps()

    @classmethod
    def open(
        cls,
        start: Path,
        *,
        clock: Callable[[], datetime] = store_clock.now,
        env: Mapping[str, str] | None = None,
        flags: Mapping[str, str] | None = None,
    ) -> Bot:
        """Open the bot of the repository around `start`; raise what `open_services` raises.

        A `.sixth` that is taken away just then is brought back.
        """
        for _ in range(_TRIES):
            with suppress(HomeGone):
                return cls(LiveServices(start, clock=clock, env=env, flags=flags))
            bring_back(locate(start), clock=clock)
        return cls(LiveServices(start, clock=clock, env=env, flags=flags))

    def watch(
        self, stop: threading.Event, *, turns: Turns | None = None, began: Callable[[], object] = lambda: None
    ) -> None:
        """Work until `stop` is set, then leave within 5 s with the work in hand given back.

        `turns` are shared with the bots of other repositories; `began` is called once this is the one that watches.
        Raise Locked when another `watch` runs on this repository, NoRepository when it is gone meanwhile.
        """
        self._stop = stop
        since = self._last.clock().timestamp()
        self._at_home(lambda: self._watch_here(turns, began, since))

    def _watch_here(self, turns: Turns | None, began: Callable[[], object], since: float) -> None:
        places = self._last.places
        with (
            hold(places.watch_lock, what="watch") as held,
            logged(places, self._last.loaded.config.log),
            self._kept(),
        ):
            held.begun_at(since)
            self._looks.begin(self._last, announce=True)
            waker, pool = Waker(places), self._pool(turns)
            self._say("bot.started", f"watches, process {os.getpid()}")
            try:
                waker.start()
                pool.start()
                self._looks.wake_workers = pool.ring
                began()
                with self._resting(waker) as rest:
                    self._serve(waker, rest, pool, held)
            finally:
                pool.stop()
                waker.stop()
                self._say("bot.stopped", "left")

    @contextmanager
    def _resting(self, waker: Waker) -> Iterator[Rest]:
        """Give what the loop sleeps by, woken by the waker, a stop and a clock that is set; all as long as the block."""

        def wake() -> None:
            waker.poke(Reason.LOST)

        clock = TimeSet(wake)
        with told_of(self._stop, wake) as of_stop:
            try:
                yield Rest(
                    waker, self._stop, self._jumps, told=clock.start() and of_stop,
                    refs_moved=lambda: self._looks.refs_moved(self._last),
                )  # fmt: skip
            finally:
                clock.stop()

    def run(self, stop: threading.Event | None = None) -> RunReport:
        """Handle every event and do every task of every lane that is not paused; return what came of it.

        Waits for retries due within 60 s, at most 2 s for events to gather, and for tasks that other processes are doing. `stop` ends it
        early, with the work in hand given back. Raise OSError where nothing can be written at first.
        """
        self._stop = stop or self._stop
        queue, done = self._last.store.queue, self._last.places.queue / "done"
        failed_before = {task.id for task in queue.all(states=("failed",))}
        over_before = set(task_names(done))
        self._at_home(self._run_here)
        queue = self._last.store.queue
        return RunReport(
            events=self._looks.events,
            over=len(set(task_names(done)) - over_before),
            failed=tuple(task for task in queue.all(states=("failed",)) if task.id not in failed_before),
            parked=tuple(queue.all(states=("parked",))),
            waiting=tuple(queue.all(states=("waiting",))),
            rejected=self._looks.rejected,
            unsettled=self._looks.unsettled,
        )

    def work(self, lane: Lane, stop: threading.Event, *, began: Callable[[], object]) -> bool:
        """Do the tasks of one lane until `stop` is set; tell whether all was given back in time then.

        `began` is called once it works. Raise NoRepository when the repository is gone meanwhile, OSError as `run`.
        """
        self._stop = stop
        self._at_home(lambda: self._work_here(lane, began))
        return self._ended

    def _work_here(self, lane: Lane, began: Callable[[], object]) -> None:
        require_writable(self._last.places)
        with self._kept(), logged(self._last.places, self._last.loaded.config.log):
            pool = WorkerPool(self.services, opened=self._last, workers=1, lanes={lane}, stop=self._stop)
            duties = lone_duties()
            pool.start()
            try:
                began()
                while not self._stop.wait(_WORK_LOOK):
                    services = self._fresh()
                    for duty in duties:
                        duty.attempt(services, tick=time.monotonic())
                    pool.wake()
            finally:
                self._ended = pool.stop()

    def reload(self) -> list[str]:
        """Read settings, rules and trust anew and say in the journal what changed; return that.

        What cannot be used is told, too, and the last settings count on.
        """
        try:
            after = self.services.reload()
        except (SixthError, OSError) as error:
            self._say(
                "bot.reloaded", f"the settings cannot be used, the last ones count: {error}", level="error"
            )
            return []
        told = changes(self._announced, after)
        self._announced = after
        self._say("bot.reloaded", "; ".join(told) or "read anew: nothing changed")
        return told

    def say_stacks(self, text: str) -> None:
        """Keep what every thread is at, for whoever wonders what the bot does, and say where."""
        services = self._last
        stamp = services.clock().strftime("%Y%m%dT%H%M%S%f")
        try:
            path = write_report(services.places, f"stacks-{stamp}.txt", text)
        except OSError as error:
            self._say("bot.trouble", f"cannot write down what the bot is at: {error}", level="error")
            return
        self._say("bot.stacks", f"what every thread is at: {path.relative_to(services.places.top)}")

    def _say(self, kind: str, message: str, *, level: str = "info") -> None:
        """Write a record about the bot itself; that it cannot be written hurts nothing."""
        if home_stamp(self._last.places) != self._home:
            return  # whoever takes it away must not find anything new in it
        with suppress(OSError):
            self._last.store.journal.append(kind, message, level=level, data={"pid": os.getpid()})

    def _run_here(self) -> None:
        require_writable(self._last.places)
        with self._kept():
            self._looks.begin(self._last, announce=False)
            pool = self._pool(None)
            with logged(self._last.places, self._last.loaded.config.log):
                pool.start()
                try:
                    self._drain(pool)
                finally:
                    pool.stop()

    def _pool(self, turns: Turns | None) -> WorkerPool:
        return WorkerPool(self.services, opened=self._last, turns=turns, stop=self._stop)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Save the state while a block goes on; remember what of it was not saved when `.sixth` was taken away."""
        saving = keeper(self._last, self._stop)
        try:
            with saving:
                yield
        finally:
            self._unsaved = saving.changes.pending()

    def _at_home(self, work: Callable[[], None]) -> None:
        """Do the work, and begin it again each time that `.sixth` was taken away under it and is back."""
        while True:
            try:
                work()
            except (SixthError, OSError) as error:
                if not self._is_away(error):
                    raise
                if not self._came_back():
                    return
            else:
                return

    def _is_away(self, error: SixthError | OSError) -> bool:
        """Tell whether something failed because `.sixth` was taken away; raise Refused where it became a link."""
        places = self._last.places
        refuse_links(places)
        missed = isinstance(error, FileNotFoundError | NoRepository | Refused) and not self._stop.is_set()
        return isinstance(error, HomeGone) or is_taken_away(places, self._home, missed=missed)

    def _came_back(self) -> bool:
        def begin() -> None:
            services = self.services.reload()
            leave_behind(services.places, services.store.queue.workers())
            self._compose()

        return come_back(self._last, self._stop, lost=self._unsaved, here=self._presence.require, begin=begin)

    def _interrupted(self) -> bool:
        return self._stop.is_set()

    def tick(self, woken: Woken) -> float | None:
        """Look at everything once and do what follows, short of the work itself.

        Return seconds until something is due, None when nothing is.

        What goes wrong in one duty is told in the journal and tried again later; the others go on.
        """
        return self._looks.look(self._fresh(), woken)

    def _serve(self, waker: Waker, rest: Rest, pool: WorkerPool, held: Held) -> None:
        woken = _EVERYTHING
        while not self._stop.is_set():
            self._require_home()  # before anything is made anew in it
            self._keep(held)
            pause = self.tick(woken)
            pool.wake()
            waker.also = self._looks.watched
            waker.refresh()
            if woken.reasons:
                ring()  # whoever reads along may find what other processes wrote
            woken = rest.sleep(pause, busy=bool(pool.busy()))

    def _require_home(self) -> None:
        self._presence.require()
        refuse_links(self._last.places)
        if home_stamp(self._last.places) != self._home:
            raise HomeGone(f"{self._last.places.home} was taken away")

    def _keep(self, held: Held) -> None:
        """Take the lock anew where `.sixth/local` was removed; raise Locked where another bot began meanwhile."""
        try:
            if not held.keep():
                return
        except OSError:
            return  # the disk does not take it, as the duties tell; it is tried again at the next turn
        except Locked as error:
            raise Locked(
                f"{held.path} was removed under this bot and another one has begun: {error.message}",
                hint="the other one goes on with the work",
            ) from None
        message = "somebody removed .sixth/local; what is needed of it is made anew"
        self._say("bot.trouble", message, level="warning")

    def _drain(self, pool: WorkerPool) -> None:
        """Turn after turn until nothing is left that a run should wait for."""
        patience, woken, left = Patience(), _EVERYTHING, True
        give_up = time.monotonic() + _RUN_PATIENCE
        while not self._stop.is_set():
            events = self._looks.events
            wish = self.tick(woken)
            pause = POLL if wish is None else wish
            pool.wake()
            woken = Woken()
            if self._looks.events != events:
                give_up = time.monotonic() + _RUN_PATIENCE
            at_rest = self._looks.at_rest or time.monotonic() > give_up
            was_left, left = left, work_is_left(self._last)
            # what workers left behind just before they finished is found by one more turn after that
            if at_rest and self._looks.events == events and pause > 0 and not (was_left or left):
                wait = patience.wait(self._last)
                if wait is None and not (self._looks.let_follow(self._last) or mend_rest(self._last)):
                    return
                wait = wait or 0.0
                pause = min(pause, wait)
            self._stop.wait(min(pause, _RUN_LOOK))

    def _fresh(self) -> Services:
        """Return the services as the files say now, or as they said last while those cannot be used.

        Raise Refused when a part of `.sixth` became a symbolic link, which a checkout can bring: nothing may be
        written through it, so that the bot has to end. Raise HomeGone when `.sixth` was taken away, or is another one,
        NoRepository when the whole repository is gone.
        """
        self._require_home()
        try:
            services = self.services()
        except (SixthError, OSError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                message = f"the settings cannot be used, the last ones count: {error}"
                self._say("bot.trouble", message, level="error")
            return self._last
        self._trouble = ""
        if services is not self._last:
            self._last = services
            told, self._announced = changes(self._announced, services), services
            if told:
                self._say("bot.reloaded", "; ".join(told))
        return services
