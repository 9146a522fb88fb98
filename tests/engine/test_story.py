"""A task's recorded story, folded, is the state that its file has: whatever people, workers, time and crashes do."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sixthbot.core import lifecycle, story
from sixthbot.core.errors import SixthError
from sixthbot.core.story import TOLD_STATES, Told, fold
from sixthbot.core.tasks import AfterFailed, Done
from sixthbot.engine import admit, answers, steering
from sixthbot.engine.following import look_after
from sixthbot.engine.patience import Patience
from sixthbot.engine.recovery import recover
from sixthbot.store.kinds import KINDS
from tests.engine.scene import Scene, probe
from tests.engine.scene import rule as a_rule
from tests.store.support import SEARCH
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sixthbot.core.tasks import Task
    from tests.support.repos import RepoDir

OUTCOMES = ("nothing", "fail", "misuse", "ask", "later", "bug", "full")
ASKED = st.sampled_from(("", "", "cancel", "pause"))
DELAY = timedelta(seconds=5)


def told(task: Task) -> Told:
    result = task.state.result if isinstance(task.state, Done) else ""
    return Told(task.state.name, result, task.attempts, task.crashes)


class Story(RuleBasedStateMachine):
    """Real services over one repository; what is checked after each step is every task there is."""

    template: Path

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        shutil.copytree(self.template, self.folder / "repo", symlinks=True)
        self.clock = FixedClock()
        self.scene = Scene(self.folder / "repo", clock=self.clock.now)
        self.number = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def pick(self, number: int) -> Task | None:
        tasks = sorted(self.scene.services.store.queue.all(), key=lambda task: task.id)
        return tasks[number % len(tasks)] if tasks else None

    @rule(
        key=st.integers(0, 3), outcome=st.sampled_from(OUTCOMES), retries=st.integers(0, 1),
        delay=st.sampled_from((None, DELAY)), settle=st.sampled_from((None, DELAY)),
        policy=st.sampled_from((None, *AfterFailed)),
    )  # fmt: skip
    def something_happens(
        self,
        key: int,
        outcome: str,
        retries: int,
        delay: timedelta | None,
        settle: timedelta | None,
        policy: AfterFailed | None,
    ) -> None:
        first = a_rule("first", do=(probe(outcome),), retries=retries, delay=delay, settle=settle)
        second = a_rule("second", after=("first",), after_failed=policy or AfterFailed.PARK)
        self.scene.set_rules(*((first, second) if policy else (first,)))
        self.scene.admit(str(key))

    @rule(seconds=st.integers(0, 10))
    def time_goes_by(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.scene.wake()

    @rule(seconds=st.integers(0, 10), asked=ASKED)
    def all_is_done_that_can_be(self, seconds: int, asked: str) -> None:
        """Also with a person who asks for something when a worker is about to put the task away and looks no more."""
        self.clock.advance(seconds)
        self.scene.wake()
        while (task := self.scene.services.store.queue.claim("w1")) is not None:
            worker = self.scene.worker()
            fact = worker.work(task)
            worker._show_on_issue = lambda *_, task=task: self.ask(task, asked)  # type: ignore[method-assign]
            worker.settle(task, fact)

    def ask(self, task: Task, asked: str) -> None:
        if asked == "cancel":
            self.scene.services.store.queue.cancel(task)
        elif asked == "pause":
            steering.pause(self.scene.services.store, task, self.clock.now())

    @rule(asked=ASKED, stage=st.sampled_from(("claimed", "begun", "worked")))
    def a_worker_dies(self, asked: str, stage: str) -> None:
        queue = self.scene.services.store.queue
        while (task := queue.claim("1-gone")) is None:  # the name of a process that is not ours
            self.number += 1
            self.scene.set_rules(a_rule("first", do=(probe("nothing"),)))
            self.scene.admit(f"further {self.number}")
        worker = self.scene.worker("1-gone")
        if stage != "claimed":
            worker.work(task)
        self.ask(task, asked)
        if stage == "worked":
            worker._record(self.scene.services, lifecycle.step(task, lifecycle.Succeeded(), self.clock.now()))
        (self.scene.services.places.workers / "1-gone.lock").touch()
        recover(self.scene.services)

    @rule(number=st.integers(0, 9), verb=st.sampled_from(("pause", "resume", "defer", "retry", "cancel")))
    def a_person_steers(self, number: int, verb: str) -> None:
        services, now = self.scene.services, self.clock.now()
        verbs: dict[str, Callable[[Task], object]] = {
            "pause": lambda task: steering.pause(services.store, task, now),
            "resume": lambda task: steering.resume(services.store, task, now),
            "defer": lambda task: steering.defer(services.store, task, now + DELAY, now),
            "retry": lambda task: steering.told(
                services.store, task, lifecycle.Retried(), now, kind="task.retried", message="tried again"
            ),
            "cancel": lambda task: admit.cancel(services, task, reason="enough"),
        }
        task = self.pick(number)
        with suppress(SixthError):  # not every verb is for every state
            if task is not None:
                verbs[verb](task)

    @rule(number=st.integers(0, 9), other=st.integers(0, 9), policy=st.sampled_from(AfterFailed))
    def a_person_puts_one_after_another(self, number: int, other: int, policy: AfterFailed) -> None:
        task, first = self.pick(number), self.pick(other)
        with suppress(SixthError):
            if task is not None and first is not None:
                steering.put_after(self.scene.services.store, task, [first], policy, self.clock.now())

    @rule()
    def nothing_else_is_left_to_do(self) -> None:
        """As `run` does then: what gathers events is made ready before its time."""
        patience = Patience()
        patience.wait(self.scene.services)
        self.clock.advance(2)
        patience.wait(self.scene.services)

    @rule()
    def what_waits_for_a_person_is_answered(self) -> None:
        answers.resume_parked(self.scene.services, failed=True)
        look_after(self.scene.services.store, self.clock.now())

    @invariant()
    def the_story_is_the_state(self) -> None:
        stories: dict[str, list[tuple[str, dict[str, object]]]] = {}
        for record in self.scene.services.store.journal.read():
            stories.setdefault(record.task or "", []).append((record.kind, dict(record.data or {})))
        for task in self.scene.services.store.queue.all():
            assert fold(stories.get(task.id, ())) == told(task), (task, stories.get(task.id))


def test_the_recorded_story_folded_is_the_state_of_the_file(repo: RepoDir) -> None:
    machine = type("Machine", (Story,), {"template": repo.path})
    run_state_machine_as_test(machine, settings=settings(SEARCH, max_examples=25, stateful_step_count=12))


def test_every_kind_that_tells_a_state_is_a_kind_of_the_journal() -> None:
    assert set(TOLD_STATES) <= set(KINDS)
    assert {kind for kind in KINDS if kind.startswith("task.")} - set(TOLD_STATES) == {
        "task.moved", "task.alone", "task.cancel.requested", "task.pause.requested", "task.set-aside",
    }  # fmt: skip


@pytest.mark.parametrize("data", [{"state": "sideways"}, {"state": 3, "attempts": "many"}, {}])
def test_what_nobody_wrote_into_a_record_says_nothing(data: dict[str, object]) -> None:
    assert fold([("task.made", {}), ("task.claimed", data), ("progress", {"state": "done"})]) == Told(
        "running"
    )
    assert fold([("progress", {})]) is None


def test_a_worker_that_tells_of_a_task_before_its_maker_does_is_right() -> None:
    assert fold([("task.claimed", {}), ("task.made", {})]) == Told("running")
    assert fold([("task.claimed", {}), ("task.succeeded", {}), ("task.made", {"state": "waiting"})]) == Told(
        "done", "succeeded"
    )


def test_a_task_that_is_to_gather_no_more_events_is_told_of(repo: RepoDir) -> None:
    scene = Scene(repo.path, a_rule(settle=DELAY), clock=(clock := FixedClock()))
    [task] = scene.admit()
    patience = Patience()
    patience.wait(scene.services)
    clock.advance(2)
    patience.wait(scene.services)
    records = [record for record in scene.services.store.journal.read() if record.task == task.id]
    assert [record.kind for record in records] == ["task.made", "task.due"]
    assert (
        fold((record.kind, record.data or {}) for record in records)
        == told(scene.task(task.id))
        == Told("ready")
    )


LATE = sorted(story.AT_REST)


@pytest.mark.parametrize("kind", LATE)
def test_what_is_told_late_of_a_task_that_is_in_hand_by_then_changes_nothing(kind: str) -> None:
    claimed = ("task.claimed", {"worker": "w2"})
    told = fold([("task.made", {}), ("task.waiting", {}), claimed, (kind, {"attempts": 0})])
    assert told == Told("running")
    assert fold([("task.made", {}), claimed, (kind, {}), ("task.succeeded", {})]) == Told("done", "succeeded")


def test_a_task_that_came_back_from_a_dead_worker_may_be_in_another_s_hand_before_that_is_told() -> None:
    first, second = (("task.claimed", {"worker": name}) for name in ("w1", "w2"))
    recovered = ("task.recovered", {"worker": "w1", "crashes": 1})
    assert fold([first, recovered]) == Told("ready", crashes=1)
    assert fold([first, second, recovered]) == Told("running")
    assert fold([first, recovered, second]) == Told("running", crashes=1)
