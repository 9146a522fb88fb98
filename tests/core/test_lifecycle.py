"""The life of a task, by the table and by a machine that tries everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sixthbot.core import lifecycle
from sixthbot.core.events import make_event
from sixthbot.core.tasks import Done, Failed, Lane, Parked, Ready, Running, State, Task, Waiting

NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)


def a_task(state: State | None = None, *, attempts: int = 0, crashes: int = 0) -> Task:
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
    )


STATES: tuple[State, ...] = (
    Ready(), Waiting(NOW, "retry"), Running("w"), Parked("review", "draft"), Failed("no"), Done("succeeded"),
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
)


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
            for crashes in (0, lifecycle.CRASH_LIMIT - 1):
                if type(fact) in lifecycle.TRANSITIONS[type(state)]:
                    after = lifecycle.step(a_task(state, crashes=crashes), fact, NOW)
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
        if isinstance(fact, lifecycle.Retried):
            self.failures = self.crashes = 0
        self.failures += isinstance(fact, lifecycle.AttemptFailed)
        self.crashes += isinstance(fact, lifecycle.WorkerLost)
        self.ended = isinstance(self.task.state, Done)

    @invariant()
    def it_stays_the_same_task(self) -> None:
        fresh = a_task()
        assert (self.task.id, self.task.events, self.task.deadline) == (
            fresh.id,
            fresh.events,
            fresh.deadline,
        )

    @invariant()
    def counts_are_what_happened(self) -> None:
        assert (self.task.attempts, self.task.crashes) == (self.failures, self.crashes)

    @invariant()
    def a_crash_loop_ends(self) -> None:
        if not isinstance(self.task.state, Failed | Done):
            assert self.task.crashes < lifecycle.CRASH_LIMIT

    @invariant()
    def a_wait_ends_soon(self) -> None:
        if isinstance(self.task.state, Waiting):
            assert self.task.state.until - self.now <= timedelta(seconds=10)


TestLife = Life.TestCase
