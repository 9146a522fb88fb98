"""What the bot looks at, turn by turn: its sources and duties, in their order. When and how long, the bot decides."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from sixthbot.core.events import EventKind, make_event
from sixthbot.core.times import format_time
from sixthbot.engine import housekeeping
from sixthbot.engine.admit import admit, hasten, take_in_strays, wake_due
from sixthbot.engine.answers import trust_resumed
from sixthbot.engine.duties import Duty
from sixthbot.engine.folders import FolderWatch
from sixthbot.engine.following import FollowerWatch
from sixthbot.engine.foresight import Foresight
from sixthbot.engine.givenup import GivenUpWatch
from sixthbot.engine.recovery import RecoveryWatch, tidy_up
from sixthbot.engine.replan import go_on_with_new_names
from sixthbot.engine.retention import Retention
from sixthbot.engine.soundness import put_torn_aside
from sixthbot.engine.stacks import Stacks
from sixthbot.git.commits import person_from
from sixthbot.sources.clock import Clock
from sixthbot.sources.files import Files
from sixthbot.sources.hooks import Hooks
from sixthbot.sources.intake import Intake, World
from sixthbot.sources.snapshot import branches_in_use
from sixthbot.sources.wake import Woken
from sixthbot.store.counting import task_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sixthbot.core.events import Event
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services
    from sixthbot.sources.wake import Place

_TIDY_EVERY = 300.0
_RETIRE_EVERY = 0.3
"""Seconds between two parts of letting go what is old."""


class Looks:
    """What one process has seen of one `.sixth`; it begins anew when that was taken away and came back.

    `interrupted` tells whether the bot is to stop, for what takes long.
    """

    def __init__(self, services: Services, *, interrupted: Callable[[], bool]) -> None:
        self._services = services
        self._woken = Woken()
        self._intake = Intake(
            services.store,
            admit=self._admit,
            end=lambda endings: housekeeping.end_issues(self._services, endings),
            interrupted=interrupted,
        )
        self.wake_workers: Callable[[], object] = lambda: None
        """Called as soon as there is something new to do."""
        self._clock = Clock(self._intake.let_in)
        self._files = Files(self._intake.let_in)
        self._hooks = Hooks(self._intake.let_in)
        self._followed: tuple[object, object, object] = (None, None, None)
        self._last_settings: Services | None = None
        self._foresight = Foresight()
        self._followers = FollowerWatch()
        self._stacks = Stacks()
        self._retention, self._retiring = Retention(services), False
        self._tidied_at = float("-inf")
        self._duties = (
            Duty("recovery", RecoveryWatch().look),
            Duty("folders", FolderWatch().look),
            Duty("strays", _take_in_strays),
            Duty("given-up", GivenUpWatch(services).look),
            Duty("tidying", self._tidy_up),
            Duty("settings", self._follow_settings),
            Duty("inbox", lambda services: self._intake.look_at_inbox(self._world(services))),
            Duty("hooks", self._look_at_notes),
            Duty("refs", lambda services: self._intake.look_at_refs(self._world(services))),
            Duty("branches", self._follow_people),
            Duty("forecast", self._foresee),
            Duty("files", self._look_at_files),
            Duty("clock", self._look_at_clock),
            Duty("waiting-tasks", _wake_due),
            Duty("followers", self._let_follow),
        )

    def _admit(self, events: Sequence[Event]) -> list[Task]:
        tasks = admit(self._services, events)
        if tasks:
            self.wake_workers()  # what else this turn looks at need not keep them waiting
        return tasks

    @property
    def events(self) -> int:
        """How many events were let in."""
        return self._intake.events

    @property
    def rejected(self) -> tuple[tuple[str, str], ...]:
        """Inbox files that were not taken, each with the reason."""
        return tuple(self._intake.rejected)

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Inbox files that somebody is still writing."""
        return self._intake.unsettled

    @property
    def at_rest(self) -> bool:
        """Whether the last look left nothing that has to be looked at again soon."""
        return self._intake.at_rest and self._files.at_rest

    @property
    def watched(self) -> tuple[Place, ...]:
        """Further folders whose changes should wake the bot."""
        return self._files.watched

    def refs_moved(self, services: Services) -> bool:
        """Tell cheaply whether a look at the branches would find anything."""
        return self._intake.refs_moved(services.store)

    def begin(self, services: Services, *, announce: bool) -> None:
        """Take up what an earlier process, that may have died anywhere, left behind."""
        self._services = services
        take_in_strays(services)  # before anybody asks which tasks there are
        with suppress(OSError):  # on a disk that takes nothing, the next start does it
            put_torn_aside(services)
        self._intake.begin(services.store, services.clock())
        if announce:
            now = services.clock()
            start = make_event(
                EventKind.START, {"args": ()}, time=now, key=f"{os.getpid()} {format_time(now)}"
            )
            self._intake.let_in(services.store, [start])

    def look(self, services: Services, woken: Woken) -> float | None:
        """Look at everything once and do what follows, short of the work itself; return seconds until something is due.

        What goes wrong in one duty is told in the journal and tried again later; the others go on.
        """
        self._services, self._woken = services, woken
        tick = time.monotonic()
        wishes = [duty.attempt(services, tick=tick) for duty in self._duties]
        return min((wish for wish in wishes if wish is not None), default=None)

    def let_follow(self, services: Services) -> bool:
        """Look at the tasks that come after others, whenever that was done last; tell whether one of them changed."""
        return bool(self._followers.look(services, time.monotonic(), now=True))

    def _world(self, services: Services) -> World:
        now = services.clock()
        return World(
            store=services.store,
            repo=services.repo,
            own_email=person_from(services.loaded.config.commit.committer, now).email,
            now=now,
            woken=self._woken,
        )

    def _follow_settings(self, services: Services) -> float | None:
        """Let tasks go on that waited for trust, or for a name that the settings have by now.

        At the first look, too: what is trusted again may have come back while no bot was there to see it.
        """
        if services is not self._last_settings and services.trusted:
            trust_resumed(services)
            go_on_with_new_names(services)
        self._last_settings = services
        return None

    def _look_at_notes(self, services: Services) -> float | None:
        return self._hooks.look(services.store, services.rules, services.clock())

    def _look_at_files(self, services: Services) -> float | None:
        rules, now = services.rules.rules, services.clock()
        fenced = services.loaded.config.worktree.confine
        return self._files.look(services.store, services.repo, rules, now, self._woken, fenced=fenced)

    def _look_at_clock(self, services: Services) -> float | None:
        return self._clock.look(services.store, services.rules, services.clock())

    def _follow_people(self, services: Services) -> float | None:
        """Do what follows from branches that moved, that somebody checked out or left, or that a task parked over."""
        tips, in_use = self._intake.tips, branches_in_use(services.places.git_dir)
        if tips is None:
            return None  # another process is at it; no branch known is not the same as no branch there
        parked = frozenset(task_names(services.places.queue / "parked"))
        with ExitStack() as then:  # done from the last to the first, whatever fails before
            then.callback(housekeeping.clean_up, services, tips, in_use)
            if in_use != self._followed[1]:
                then.callback(hasten, services)
            if (tips, in_use, parked) != self._followed:
                then.callback(self._stacks.look, services, tips)
                housekeeping.take_up_commits(services, tips, in_use)
        self._followed = (tips, in_use, parked)
        return None

    def _foresee(self, services: Services) -> float | None:
        if self._intake.tips is not None:
            self._foresight.look(services, self._intake.tips)
        return None

    def _let_follow(self, services: Services) -> float | None:
        return 0.0 if self._followers.look(services, time.monotonic()) else None

    def _tidy_up(self, services: Services) -> float | None:
        now = time.monotonic()
        if now - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = now
            tidy_up(services)
            self._retention.begin(services)
            self._retiring = True
        if self._retiring:
            self._retiring = self._retention.go_on(services)
        return _RETIRE_EVERY if self._retiring else None


def lone_duties() -> tuple[Duty, ...]:
    """Return what a worker beside no `watch` does: where that is gone, nobody else does it."""
    return (
        Duty("recovery", RecoveryWatch().look),
        Duty("folders", FolderWatch().look),
        Duty("waiting-tasks", _wake_due),
    )


def _take_in_strays(services: Services) -> float | None:
    return 0.0 if take_in_strays(services) else None


def _wake_due(services: Services) -> float | None:
    if wake_due(services):
        return 0.0
    now = services.clock()
    due = services.store.queue.next_due(now)
    return None if due is None else max((due - now).total_seconds(), 0.0)
