"""Tasks that come after others: what follows from each standing, and that no circle and no dead end stays unsaid."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sixthbot.core import lifecycle
from sixthbot.core.events import make_event
from sixthbot.core.following import Standing, circles, decide, find_circle, in_order, what_follows
from sixthbot.core.lifecycle import Cancelled, PersonNeeded, PutAfter, Released
from sixthbot.core.tasks import (
    FOLLOWING,
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
)

NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
HELD = Blocked("waits for a")
GRAPHS = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3), max_size=6
)


def a_task(name: str, after: tuple[str, ...], state: State, policy: AfterFailed = AfterFailed.PARK) -> Task:
    event = make_event("start", {}, time=NOW, key=name)
    return Task(
        id=name, rule="r", rule_hash="h", events=(event,), lane=Lane.LOW, created=NOW, deadline=NOW,
        after=after, after_failed=policy, state=state,
    )  # fmt: skip


@pytest.mark.parametrize("policy", AfterFailed)
@pytest.mark.parametrize("standing", Standing)
def test_what_follows_from_each_standing(standing: Standing, policy: AfterFailed) -> None:
    fact = what_follows(a_task("b", ("a",), HELD, policy), {"a": standing})
    match standing, policy:
        case Standing.OPEN, _:
            assert fact is None
        case ((Standing.SUCCEEDED | Standing.FORGOTTEN), _):
            assert fact == Released()
        case Standing.UNKNOWN, _:
            assert isinstance(fact, PersonNeeded)
            assert fact.reason == "task a, which this one comes after, is not in the queue"
        case _, AfterFailed.RUN:
            assert fact == Released()
        case _, AfterFailed.SKIP:
            assert fact == Cancelled(f"skipped: task a, which it comes after, {standing}")
        case _:
            assert isinstance(fact, PersonNeeded)
            assert fact.kind == FOLLOWING


def test_one_that_was_parked_goes_on_when_its_predecessor_is_tried_again() -> None:
    parked = a_task("b", ("a",), Parked(FOLLOWING, "a failed"))
    assert what_follows(parked, {"a": Standing.FAILED}) is None
    again = what_follows(parked, {"a": Standing.OPEN})
    assert again == PutAfter(("a",), AfterFailed.PARK)
    assert lifecycle.step(parked, again, NOW).state == Blocked("waits for a")
    assert what_follows(parked, {"a": Standing.SUCCEEDED}) == Released()


@given(GRAPHS)
def test_what_is_left_without_the_circles_has_an_order(graph: dict[str, list[str]]) -> None:
    found = circles(graph)
    for circle in found:
        assert circle[0] == circle[-1]
        assert all(later in graph[one] for one, later in pairwise(circle))
    inside = {name for circle in found for name in circle}
    left = {name: after for name, after in graph.items() if name not in inside}
    order = in_order(left)
    assert all(order.index(one) < order.index(name) for name, after in left.items() for one in after)


@given(GRAPHS)
def test_a_circle_through_a_task_is_found_just_when_there_is_one(graph: dict[str, list[str]]) -> None:
    for name, first in graph.items():
        reached, ahead = set[str](), list(first)
        while ahead:
            one = ahead.pop()
            if one not in reached:
                reached.add(one)
                ahead += graph.get(one, ())
        way = find_circle(graph, name)
        assert bool(way) is (name in reached)
        assert all(later in graph[one] for one, later in pairwise(way))


class Graph(RuleBasedStateMachine):
    """Tasks that come after each other in any way, also in circles, and whatever may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: dict[str, Task] = {}
        self.pruned: set[str] = set()

    @rule(
        name=st.sampled_from("abcdef"),
        after=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True),
        policy=st.sampled_from(AfterFailed),
    )
    def put(self, name: str, after: list[str], policy: AfterFailed) -> None:
        if name not in self.tasks:
            self.tasks[name] = a_task(name, tuple(after), HELD, policy)

    @rule(name=st.sampled_from("abcdef"))
    def put_free(self, name: str) -> None:
        self.tasks.setdefault(name, a_task(name, (), Ready()))

    @rule(
        name=st.sampled_from("abcdef"), ends=st.sampled_from(("succeeds", "fails", "is retried", "is pruned"))
    )
    def happen(self, name: str, ends: str) -> None:
        task = self.tasks.get(name)
        if task is None:
            return
        facts: list[lifecycle.Fact] = []
        if ends in {"succeeds", "fails"} and isinstance(task.state, Ready):
            failed = lifecycle.AttemptFailed("no", retries=0)
            facts = [lifecycle.Claimed("w"), lifecycle.Succeeded() if ends == "succeeds" else failed]
        elif ends == "is retried" and isinstance(task.state, Failed):
            facts = [lifecycle.Retried()]
        elif ends == "is pruned" and isinstance(task.state, Done):
            del self.tasks[name]
            self.pruned.add(name)
            return
        for fact in facts:
            self.tasks[name] = lifecycle.step(self.tasks[name], fact, NOW)

    def standing(self, name: str) -> Standing:
        if name not in self.tasks:
            return Standing.FORGOTTEN if name in self.pruned else Standing.UNKNOWN
        match self.tasks[name].state:
            case Done("succeeded"):
                return Standing.SUCCEEDED
            case Done():
                return Standing.CANCELLED
            case Failed():
                return Standing.FAILED
            case _:
                return Standing.OPEN

    def look(self) -> bool:
        """Do what `engine.following.look_after` does; tell whether anything changed."""
        followers = [task for task in self.tasks.values() if isinstance(task.state, Blocked | Parked)]
        facts = decide(followers, {one: self.standing(one) for task in followers for one in task.after})
        for name, fact in facts.items():
            self.tasks[name] = lifecycle.step(self.tasks[name], fact, NOW)
        return bool(facts)

    @invariant()
    def nothing_waits_in_silence(self) -> None:
        for _ in range(20):
            if not self.look():
                break
        else:
            raise AssertionError("looking at them never comes to rest")
        for task in self.tasks.values():
            if isinstance(task.state, Blocked):
                assert any(self.leads_somewhere(one) for one in task.after), task

    def leads_somewhere(self, name: str) -> bool:
        """Tell whether what is waited for can still move by itself, or is told to a person."""
        seen, ahead = set[str](), [name]
        while ahead:
            task = self.tasks.get(ahead.pop())
            if task is None or task.id in seen:
                continue
            seen.add(task.id)
            if isinstance(task.state, Ready | Running | Parked | Failed):
                return True
            ahead += task.after
        return False


TestGraph = Graph.TestCase
