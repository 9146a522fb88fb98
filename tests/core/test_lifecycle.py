"""The life of a task, by the table and by a machine that tries everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sixthbot.core import lifecycle
from sixthbot.core.events import make_event
from sixthbot.core.tasks import (
    FOLLOWING,
    PAUSED,
    AfterFailed,
    Blocked,
    Done,
    Failed,
    Lane,
    Parked,
    Ready,
    Running,
    State,
    Task,
    Waiting,
    deadline_of,
)

NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)


LATER = NOW + timedelta(hours=1)


def a_task(state: State | None = None, *, attempts: int = 0, crashes: int = 0, **more: Any) -> Task:
    return Task(
        id="t1",
        rule="r",
        rule_hash="h",
        events=(make_event("start", {}, time=NOW, key="k"),),
        lane=Lane.NORMAL,
        created=NOW,
        deadline=NOW + Lane.NORMAL.wait,
        attempts=attempts,
        crashes=crashes,
        state=state or Ready(),
        **more,
    )


STATES: tuple[State, ...] = (
    Ready(), Waiting(NOW, "retry"), Blocked("waits for t2"), Running("w"), Parked("review", "draft"),
    Parked(FOLLOWING, "t2 failed"), Failed("no"), Done("succeeded"),
)  # fmt: skip
FACTS: tuple[lifecycle.Fact, ...] = (
    lifecycle.Claimed("w"),
    lifecycle.Succeeded(),
    lifecycle.AttemptFailed("broke", retries=3),
    lifecycle.PersonNeeded("review", "look", "sixthbot review"),
    lifecycle.Postponed("busy", timedelta(seconds=10)),
    lifecycle.WorkerLost(),
    lifecycle.GivenBack(),
    lifecycle.TimeCame(),
    lifecycle.Answered(),
    lifecycle.Retried(),
    lifecycle.Cancelled(),
    lifecycle.Paused(),
    lifecycle.Deferred(NOW),
    lifecycle.Deferred(LATER),
    lifecycle.PutAfter(("t2",), AfterFailed.SKIP),
    lifecycle.PutAfter((), AfterFailed.PARK),
    lifecycle.Released(),
)
HOLDING = (Waiting, Blocked, Parked, Failed)
CARRIED: tuple[dict[str, Any], ...] = ({}, {"after": ("t2",)}, {"not_before": LATER})


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("fact", FACTS)
def test_every_pair_leads_where_the_table_says_or_is_illegal(state: State, fact: lifecycle.Fact) -> None:
    allowed = lifecycle.TRANSITIONS[type(state)].get(type(fact))
    if allowed is None:
        with pytest.raises(lifecycle.IllegalTransition):
            lifecycle.step(a_task(state), fact, NOW)
    else:
        assert type(lifecycle.step(a_task(state), fact, NOW).state) in allowed


def test_every_target_in_the_table_is_reached() -> None:
    reached = set()
    for state in STATES:
        for fact in (*FACTS, lifecycle.AttemptFailed("broke", retries=0)):
            for crashes, carried in product(
                (0, lifecycle.CRASH_LIMIT - 1), CARRIED if isinstance(state, HOLDING) else CARRIED[:1]
            ):
                if type(fact) in lifecycle.TRANSITIONS[type(state)]:
                    after = lifecycle.step(a_task(state, crashes=crashes, **carried), fact, NOW)
                    reached.add((type(state), type(fact), type(after.state)))
    listed = {
        (state, fact, target)
        for state, facts in lifecycle.TRANSITIONS.items()
        for fact, targets in facts.items()
        for target in targets
    }
    assert reached == listed


def test_retries_wait_one_two_four_and_eight_seconds_then_it_failed() -> None:
    task, waits = a_task(), []
    for _ in range(5):
        task = lifecycle.step(task, lifecycle.Claimed("w"), NOW)
        task = lifecycle.step(task, lifecycle.AttemptFailed("broke", retries=4), NOW)
        if isinstance(task.state, Waiting):
            waits.append((task.state.until - NOW).total_seconds())
            task = lifecycle.step(task, lifecycle.TimeCame(), NOW)
    assert waits == [1, 2, 4, 8]
    assert task.state == Failed("broke")
    assert task.attempts == 5


def test_jitter_lengthens_a_wait_by_at_most_once_its_length() -> None:
    running = a_task(Running("w"))
    after = lifecycle.step(running, lifecycle.AttemptFailed("broke", retries=1, jitter=1.0), NOW)
    assert isinstance(after.state, Waiting)
    assert after.state.until == NOW + timedelta(seconds=2)


def test_a_task_that_kills_its_worker_three_times_is_set_aside() -> None:
    task = a_task()
    for _ in range(lifecycle.CRASH_LIMIT):
        assert isinstance(task.state, Ready)
        task = lifecycle.step(task, lifecycle.Claimed("w"), NOW)
        task = lifecycle.step(task, lifecycle.WorkerLost(), NOW)
    assert isinstance(task.state, Failed)
    again = lifecycle.step(task, lifecycle.Retried(), NOW)
    assert (again.state, again.crashes, again.attempts) == (Ready(), 0, 0)


def test_the_diagram_names_every_transition() -> None:
    picture = lifecycle.diagram()
    assert picture.startswith("stateDiagram-v2\n")
    for state, facts in lifecycle.TRANSITIONS.items():
        for fact, targets in facts.items():
            for target in targets:
                line = f"    {state.__name__.lower()} --> {target.__name__.lower()}: {fact.__name__}\n"
                assert line in picture


def test_a_task_that_is_put_off_has_its_lanes_wait_from_then_on() -> None:
    off = lifecycle.step(a_task(), lifecycle.Deferred(LATER), NOW)
    assert off.state == Waiting(LATER, "not before 2026-11-20T20:30:00.000Z")
    assert off.deadline == LATER + Lane.NORMAL.wait
    assert off.in_lane(Lane.HIGH).deadline == LATER + Lane.HIGH.wait
    due = lifecycle.step(off, lifecycle.TimeCame(), LATER)
    assert (due.state, due.not_before, due.deadline) == (Ready(), None, off.deadline)


def test_a_paused_task_waits_for_its_resume_and_then_for_what_it_waited_for_before() -> None:
    off = lifecycle.step(a_task(), lifecycle.Deferred(LATER), NOW)
    paused = lifecycle.step(off, lifecycle.Paused(), NOW)
    assert paused.state == Parked(PAUSED, "paused by hand", "sixthbot queue resume t1")
    assert lifecycle.step(paused, lifecycle.Answered(), NOW) == off
    assert lifecycle.step(paused, lifecycle.Answered(), LATER).state == Ready()
    ran = lifecycle.step(a_task(Running("w"), attempts=2), lifecycle.Paused(), NOW)
    assert (ran.attempts, ran.crashes) == (2, 0)


def test_a_task_after_another_waits_for_it_and_then_for_its_time() -> None:
    both = a_task(not_before=LATER)
    blocked = lifecycle.step(both, lifecycle.PutAfter(("t2", "t3"), AfterFailed.PARK), NOW)
    assert blocked.state == Blocked("waits for t2, t3")
    assert lifecycle.step(blocked, lifecycle.Released(), NOW).state == Waiting(
        LATER, "not before 2026-11-20T20:30:00.000Z"
    )
    assert lifecycle.step(blocked, lifecycle.Released(), LATER).state == Ready()
    assert lifecycle.step(blocked, lifecycle.Retried(), NOW).after == ()


class Life(RuleBasedStateMachine):
    """Any facts in any order, at times that only move on."""

    def __init__(self) -> None:
        super().__init__()
        self.task = a_task()
        self.now = NOW
        self.failures = 0
        self.crashes = 0
        self.ended = False

    @rule(fact=st.sampled_from(FACTS), seconds=st.integers(0, 100))
    def tell(self, fact: lifecycle.Fact, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        before = self.task
        try:
            self.task = lifecycle.step(before, fact, self.now)
        except lifecycle.IllegalTransition:
            assert type(fact) not in lifecycle.TRANSITIONS[type(before.state)]
            return
        assert not self.ended, "nothing happens to a task that is over"
        if not isinstance(fact, lifecycle.Deferred):
            assert self.task.deadline == before.deadline, "only a person changes when a task has its turn"
        from_failed = isinstance(fact, lifecycle.Deferred) and isinstance(before.state, Failed)
        if isinstance(fact, lifecycle.Retried) or from_failed:
            self.failures = self.crashes = 0
        self.failures += isinstance(fact, lifecycle.AttemptFailed)
        self.crashes += isinstance(fact, lifecycle.WorkerLost)
        self.ended = isinstance(self.task.state, Done)

    @invariant()
    def it_stays_the_same_task(self) -> None:
        fresh = a_task()
        assert (self.task.id, self.task.events, self.task.created) == (
            fresh.id,
            fresh.events,
            fresh.created,
        )

    @invariant()
    def its_deadline_is_its_lanes_wait_from_when_it_may_start(self) -> None:
        if self.task.not_before is not None:
            assert self.task.deadline == deadline_of(self.task.lane, self.task.created, self.task.not_before)

    @invariant()
    def it_runs_when_nothing_it_carries_holds_it(self) -> None:
        if isinstance(self.task.state, Ready | Running):
            assert self.task.after == ()
            assert self.task.not_before is None
        if isinstance(self.task.state, Blocked):
            assert self.task.after

    @invariant()
    def counts_are_what_happened(self) -> None:
        assert (self.task.attempts, self.task.crashes) == (self.failures, self.crashes)

    @invariant()
    def a_crash_loop_ends(self) -> None:
        if not isinstance(self.task.state, Failed | Done):
            assert self.task.crashes < lifecycle.CRASH_LIMIT

    @invariant()
    def a_wait_ends_soon(self) -> None:
        if isinstance(self.task.state, Waiting) and self.task.not_before is None:
            assert self.task.state.until - self.now <= timedelta(seconds=10)


TestLife = Life.TestCase
