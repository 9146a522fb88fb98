"""The queue against a dictionary: whatever is put, claimed, settled, recovered and steered, both agree."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sixthbot.core import lifecycle
from sixthbot.core.lifecycle import TRANSITIONS, Fact, step
from sixthbot.core.tasks import Lane, Ready, Running, Task, Waiting
from sixthbot.store.queue import Queue
from tests.store.support import SEARCH, START, make_task

WORKERS = ("w1", "w2")
FACTS: tuple[Fact, ...] = (
    lifecycle.Succeeded(),
    lifecycle.AttemptFailed("it failed", retries=1),
    lifecycle.PersonNeeded("review", "look", "there"),
    lifecycle.Postponed("later", timedelta(seconds=7)),
    lifecycle.GivenBack(),
    lifecycle.TimeCame(),
    lifecycle.Answered(),
    lifecycle.Retried(),
    lifecycle.Cancelled(),
)


class QueueMachine(RuleBasedStateMachine):
    """Two processes' queues over one folder, in turns, and a dictionary that says what must be there."""

    def __init__(self) -> None:
        super().__init__()
        self._temporary = tempfile.TemporaryDirectory()
        self.root = Path(self._temporary.name) / ".sixth" / "queue"
        self.root.mkdir(parents=True)
        self.queues = [Queue(self.root, "process"), Queue(self.root, "process")]
        self.model: dict[str, Task] = {}
        self.now = START

    def teardown(self) -> None:
        self._temporary.cleanup()

    @rule(number=st.integers(0, 8), lane=st.sampled_from(Lane), one=st.integers(0, 1), waiting=st.booleans())
    def put(self, number: int, lane: Lane, one: int, *, waiting: bool) -> None:
        task = make_task(number, lane=lane)
        if waiting:
            task = replace(task, state=Waiting(START + timedelta(seconds=number), "later"))
        assert self.queues[one].put(task) is (task.id not in self.model)
        self.model.setdefault(task.id, task)

    @rule(
        worker=st.sampled_from(WORKERS),
        one=st.integers(0, 1),
        lanes=st.sets(st.sampled_from(Lane), min_size=1),
    )
    def claim(self, worker: str, one: int, lanes: set[Lane]) -> None:
        task = self.queues[one].claim(worker, lanes=lanes)
        open_lanes = lanes - self.queues[one].paused()
        ready = [
            task for task in self.model.values() if isinstance(task.state, Ready) and task.lane in open_lanes
        ]
        if not ready:
            assert task is None
            return
        # a list of names may be a moment old, so it is some ready task, not always the very first
        assert task is not None
        assert replace(task, state=Ready()) in ready
        self.model[task.id] = replace(self.model[task.id], state=Running(worker))

    @rule(number=st.integers(0, 8), fact=st.sampled_from(FACTS), one=st.integers(0, 1))
    def settle(self, number: int, fact: Fact, one: int) -> None:
        before = self.model.get(make_task(number).id)
        if before is None or type(fact) not in TRANSITIONS[type(before.state)]:
            return
        after = step(before, fact, START)
        assert self.queues[one].settle(before, after)
        self.model[before.id] = after

    @rule(number=st.integers(0, 8), lane=st.sampled_from(Lane), one=st.integers(0, 1))
    def change_lane(self, number: int, lane: Lane, one: int) -> None:
        before = self.model.get(make_task(number).id)
        if before is None or isinstance(before.state, Running):
            return
        after = replace(before, lane=lane, deadline=before.created + lane.wait)
        assert self.queues[one].settle(before, after)
        self.model[before.id] = after

    @rule(worker=st.sampled_from(WORKERS), one=st.integers(0, 1))
    def lose_a_worker(self, worker: str, one: int) -> None:
        lost = [task for task in self.model.values() if task.state == Running(worker)]
        expected = {task.id: step(task, lifecycle.WorkerLost(), START) for task in lost}
        assert {task.id: task for task in self.queues[one].recover_worker(worker)} == expected
        self.model.update(expected)

    @rule(lane=st.sampled_from([*Lane, None]), one=st.integers(0, 1))
    def pause(self, lane: Lane | None, one: int) -> None:
        self.queues[one].pause(lane)

    @rule(lane=st.sampled_from([*Lane, None]), one=st.integers(0, 1))
    def resume(self, lane: Lane | None, one: int) -> None:
        self.queues[one].resume(lane)

    @rule(one=st.integers(0, 1))
    def restart(self, one: int) -> None:
        self.queues[one] = Queue(self.root, "process")

    @rule(seconds=st.integers(0, 10), one=st.integers(0, 1))
    def look_at_what_is_due(self, seconds: int, one: int) -> None:
        now = self.now = max(self.now, START + timedelta(seconds=seconds))  # it is not set back here
        waiting = [task for task in self.model.values() if isinstance(task.state, Waiting)]
        expected = {
            task.id for task in waiting if isinstance(task.state, Waiting) and task.state.until <= now
        }
        assert {task.id for task in self.queues[one].due(now)} == expected

    @invariant()
    def the_folders_say_what_the_dictionary_says(self) -> None:
        for queue in self.queues:
            assert {task.id: task for task in queue.all()} == self.model
        names = [path.name for path in self.root.rglob("*.json")]
        assert len(names) == len(set(names)) == len(self.model)
        assert all(
            queue.find(task_id) == task for queue in self.queues for task_id, task in self.model.items()
        )


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(SEARCH, max_examples=60, stateful_step_count=30)
