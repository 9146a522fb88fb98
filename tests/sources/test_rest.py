"""How long the bot sleeps, and what ends it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from sixthbot.engine.stopping import Stop, told_of
from sixthbot.sources.clock import Jumps
from sixthbot.sources.rest import LONGEST, POLL, Rest
from sixthbot.sources.timeset import TimeSet
from sixthbot.sources.wake import Reason, Waker, Woken
from sixthbot.store.paths import Places, locate

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


class Told(Waker):
    """A waker that sleeps in no time at all, and says `answers` one after the other, nothing when they are used up."""

    def __init__(self, *, tells: bool = True, branches: bool = True) -> None:
        super().__init__(Places("/nowhere", "/nowhere/.git"))
        self.tells, self.sees_branches = tells, branches
        self.answers: list[Woken] = []
        self.slept: list[float] = []

    def covers(self) -> bool:
        return self.tells

    def wait(self, seconds: float) -> Woken:
        self.slept.append(round(seconds, 1))
        return self.answers.pop(0) if self.answers else Woken()


def rest_of(waker: Told, *, refs_moved: bool = False) -> Rest:
    return Rest(waker, threading.Event(), Jumps(), told=True, refs_moved=lambda: refs_moved)


def test_looks_without_a_reason_become_seldom_and_something_happening_makes_them_frequent_again() -> None:
    waker = Told()
    rest = rest_of(waker)
    for _ in range(7):
        assert not rest.sleep(None, busy=False).reasons
    assert waker.slept == [2, 4, 8, 16, LONGEST, LONGEST, LONGEST]
    waker.answers, waker.slept = [Woken(frozenset({Reason.INBOX}))], []
    assert rest.sleep(None, busy=False).reasons == {Reason.INBOX}
    rest.sleep(None, busy=False)
    rest.sleep(1.0, busy=False)  # something is due: that is no quiet time
    rest.sleep(None, busy=False)
    rest.sleep(None, busy=True)  # workers are at work
    rest.sleep(None, busy=False)
    assert waker.slept == [LONGEST, POLL, 1.0, POLL, POLL, POLL]


def test_where_the_kernel_does_not_tell_enough_looks_stay_frequent() -> None:
    waker = Told(tells=False)
    rest = rest_of(waker)
    for _ in range(4):
        rest.sleep(None, busy=False)
    assert waker.slept == [POLL] * 4


def test_branches_that_are_not_watched_are_looked_at_in_between() -> None:
    waker = Told(branches=False)
    rest = rest_of(waker, refs_moved=True)
    rest.sleep(None, busy=False)
    assert rest.sleep(None, busy=False).reasons == {Reason.REFS}
    assert waker.slept == [POLL, POLL]


def test_a_stop_ends_the_sleep_at_once_or_in_half_a_second_where_nobody_tells_of_it(repo: RepoDir) -> None:
    waker, stop = Waker(locate(repo.path)), Stop()
    for told, event in ((True, stop), (False, threading.Event())):
        rest = Rest(waker, event, Jumps(), told=told, refs_moved=lambda: False)
        threading.Timer(0.05, event.set).start()
        started = time.monotonic()
        with told_of(event, lambda: waker.poke(Reason.LOST)) as it_tells:
            assert it_tells is told
            rest.sleep(None, busy=False)
        assert time.monotonic() - started < 1.5
    assert stop.listeners == []


def test_a_clock_that_jumped_is_a_reason_to_look_at_everything() -> None:
    wall = iter([0.0, 3600.0])
    jumps = Jumps(wall=lambda: next(wall), steady=lambda: 0.0)
    rest = Rest(Told(), threading.Event(), jumps, told=True, refs_moved=lambda: False)
    assert rest.sleep(None, busy=False).reasons == {Reason.LOST}


def test_the_kernels_timer_tells_when_its_time_comes_and_leaves_nothing_behind() -> None:
    """A clock cannot be set here; what can be seen is that the timer is the one that was asked for."""
    heard, before = threading.Event(), threading.active_count()
    timer = TimeSet(heard.set, far=0.05)
    assert timer.start()
    assert heard.wait(5)
    timer.stop()
    timer.stop()
    assert threading.active_count() == before
    calm = TimeSet(heard.clear, far=60)
    assert calm.start()
    calm.stop()
    assert heard.is_set()
