"""The queue: putting, claiming, settling, waiting, cancelling; what dead workers leave."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.core import lifecycle
from sixthbot.core.errors import UsageError
from sixthbot.core.lifecycle import step
from sixthbot.core.tasks import Done, Failed, Lane, Parked, Ready, Running, Task, Waiting
from sixthbot.store import taskfile, taskfiles
from sixthbot.store.queue import Queue
from tests.store.support import START, claimed, files, folder_of, make_task

if TYPE_CHECKING:
    from sixthbot.core.lifecycle import Fact


def test_a_task_comes_back_as_it_was_put(queue: Queue, root: Path) -> None:
    task = make_task(3, lane=Lane.HIGH, key="k é \ud800", issue="i", intensity="low", attempts=2)
    assert queue.put(task)
    assert files(root) == [f"ready/high/20260102T030408000Z-{task.id}.json"]
    assert queue.find(task.id) == task
    assert list(queue.all()) == [task]


def test_a_task_is_put_once_whatever_became_of_it(queue: Queue) -> None:
    task = make_task()
    assert queue.put(task)
    assert not queue.put(replace(task, deadline=START + timedelta(days=1)))
    running = claimed(queue)
    assert not queue.put(task)
    assert queue.settle(running, step(running, lifecycle.Succeeded(), START))
    assert not queue.put(task)
    assert not Queue(queue.root, "process").put(task)


def test_a_claim_goes_on_where_the_folder_of_another_worker_goes_meanwhile(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.put(make_task())
    monkeypatch.setattr(taskfiles, "folder_names", lambda _folder: ["gone-by-now", "w1"])
    assert claimed(queue).state == Running("w1")


def test_another_process_knows_what_was_put_since_it_started(root: Path) -> None:
    one, two = Queue(root, "process"), Queue(root, "process")
    assert two.find("tnothing") is None
    assert one.put(make_task())
    assert not two.put(make_task())
    assert two.find(make_task().id) == make_task()


def test_tasks_put_together_are_each_put_once_in_their_order(queue: Queue, root: Path) -> None:
    queue.put(make_task(1))
    tasks = [make_task(number) for number in (0, 1, 2, 2, 3)]
    assert queue.put_many(tasks) == [make_task(number) for number in (0, 2, 3)]
    assert queue.put_many(tasks) == queue.put_many([]) == []
    assert [task.id for task in queue.all()] == [make_task(number).id for number in range(4)]
    assert files(root) == [f"ready/normal/{taskfile.file_name(make_task(number))}" for number in range(4)]
    with pytest.raises(UsageError):
        queue.put_many([make_task(8), make_task(id="../x")])
    assert queue.find(make_task(8).id) is None


def test_a_put_is_not_kept_off_by_something_else_of_its_name(queue: Queue, root: Path) -> None:
    for number, content in ((1, b"no task"), (2, taskfile.encode(make_task(2)))):
        name = taskfile.file_name(make_task(number))
        (folder_of(root, "ready/normal") / name).write_bytes(content)
    Queue(root, "process")  # what came before this one was made would be known
    assert queue.put_many([make_task(number) for number in range(4)])
    assert len(list(queue.all())) == 4
    assert len(list((root / "failed").glob("*.reason.txt"))) == 1


def test_a_task_whose_file_a_person_removed_can_be_put_again(queue: Queue, root: Path) -> None:
    queue.put(make_task())
    (root / files(root)[0]).unlink()
    assert queue.find(make_task().id) is None
    assert queue.put(make_task())


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65, "a b", "a\n"])
def test_an_id_that_is_no_file_name_is_refused(queue: Queue, name: str) -> None:
    with pytest.raises(UsageError):
        queue.put(make_task(id=name))
    assert queue.find(name) is None
    assert not queue.cancel_requested(name)


def test_the_earliest_deadline_is_claimed_first_over_all_lanes(queue: Queue) -> None:
    for number, lane in ((5, Lane.CRITICAL), (1, Lane.LOW), (3, Lane.HIGH), (2, Lane.LOW)):
        queue.put(make_task(number, lane=lane))
    order = [claimed(queue).deadline.second - START.second for _ in range(4)]
    assert order == [1, 2, 3, 5]
    assert queue.claim("w1") is None


def test_only_the_lanes_asked_for_and_not_paused_are_claimed_from(queue: Queue) -> None:
    for number, lane in enumerate(Lane):
        queue.put(make_task(number, lane=lane))
    assert claimed(queue, "w").lane is Lane.CRITICAL
    task = queue.claim("w", lanes={Lane.LOW})
    assert task is not None
    assert task.lane is Lane.LOW
    queue.pause(Lane.HIGH)
    assert queue.paused() == {Lane.HIGH}
    assert claimed(queue).lane is Lane.NORMAL
    assert queue.claim("w") is None
    queue.resume(Lane.HIGH)
    assert claimed(queue).lane is Lane.HIGH


def test_of_a_queue_that_is_paused_as_a_whole_one_lane_can_be_resumed(queue: Queue) -> None:
    queue.pause(None)
    assert queue.paused() == set(Lane)
    queue.resume(Lane.LOW)
    assert queue.paused() == set(Lane) - {Lane.LOW}
    queue.resume(None)
    assert queue.paused() == set()


def test_blocked_tasks_are_passed_over_and_stay(queue: Queue) -> None:
    queue.put(make_task(1, key="a"))
    queue.put(make_task(2, key="b"))
    assert queue.claim("w", blocked=lambda task: task.key == "a") == replace(
        make_task(2, key="b"), state=Running("w")
    )
    assert queue.claim("w", blocked=lambda task: task.key == "a") is None
    assert claimed(queue).key == "a"


def test_a_task_put_by_another_process_is_seen_at_the_next_claim(root: Path) -> None:
    one, two = Queue(root, "process"), Queue(root, "process")
    assert one.claim("w") is None
    two.put(make_task())
    assert one.claim("w") is not None


def test_settling_writes_what_changed_and_moves_the_file(queue: Queue, root: Path) -> None:
    queue.put(make_task())
    running = claimed(queue)
    failed_once = step(running, lifecycle.AttemptFailed("no", retries=1), START)
    assert queue.settle(running, failed_once)
    assert queue.find(running.id) == failed_once
    assert isinstance(failed_once.state, Waiting)
    ready = step(failed_once, lifecycle.TimeCame(), START)
    assert queue.settle(failed_once, ready)
    again = claimed(queue)
    assert again.attempts == 1
    for fact in (lifecycle.PersonNeeded("subtask", "wait", "hint"), lifecycle.Answered()):
        after = step(again, fact, START)
        assert queue.settle(again, after)
        assert queue.find(again.id) == after
        again = after
    again = claimed(queue)
    done = step(again, lifecycle.Cancelled(), START)
    assert queue.settle(again, done)
    assert queue.find(again.id) == done
    assert [path for path in files(root) if "/" in path] == [f"done/{taskfile.file_name(done)}"]


def test_an_ack_with_nothing_changed_is_only_a_rename(queue: Queue, root: Path) -> None:
    queue.put(make_task())
    before = (root / files(root)[0]).stat()
    running = claimed(queue)
    queue.settle(running, step(running, lifecycle.Succeeded(), START))
    after = (root / files(root)[0]).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_task_moves_to_another_lane_with_its_deadline(queue: Queue, root: Path) -> None:
    task = make_task()
    queue.put(task)
    moved = replace(task, lane=Lane.CRITICAL, deadline=START - timedelta(hours=1))
    assert queue.settle(task, moved)
    assert files(root) == [f"ready/critical/{taskfile.file_name(moved)}"]
    assert claimed(queue).lane is Lane.CRITICAL


def test_settling_what_is_gone_changes_nothing(queue: Queue) -> None:
    task = make_task()
    queue.put(task)
    running = claimed(queue)
    assert not queue.settle(task, step(task, lifecycle.Cancelled(), START))
    assert queue.find(task.id) == running


def test_waiting_tasks_are_due_in_their_order(queue: Queue) -> None:
    assert queue.next_due(START) is None
    for number, seconds in ((1, 30), (2, 10), (3, 20)):
        queue.put(make_task(number, state=Waiting(START + timedelta(seconds=seconds), "later")))
    assert queue.next_due(START) == START + timedelta(seconds=10)
    assert queue.due(START) == []
    due = queue.due(START + timedelta(seconds=20))
    assert [task.deadline.second - START.second for task in due] == [2, 3]
    queue.settle(due[0], step(due[0], lifecycle.TimeCame(), START))
    assert queue.next_due(START + timedelta(seconds=20)) == START + timedelta(seconds=20)


def test_a_pause_is_not_longer_for_a_clock_that_is_set_back(queue: Queue, root: Path) -> None:
    hour, second = timedelta(hours=1), timedelta(seconds=1)
    queue.put(make_task(1, state=Waiting(START + 8 * second, "attempt 4 failed")))
    queue.put(make_task(2, state=Waiting(START + 8 * second, "not yet"), not_before=START + 8 * second))
    assert queue.due(START) == []
    back = START - hour
    assert queue.due(back) == []
    assert queue.next_due(back) == back + 8 * second
    assert [task.id for task in queue.due(back + 9 * second)] == [make_task(1).id]
    assert len(queue.due(START + 9 * second)) == 2
    # and one that waits anew does so from then on
    again = queue.due(back + 9 * second)[0]
    later = replace(again, state=Waiting(back + 20 * second, "attempt 5 failed"))
    queue.settle(again, step(again, lifecycle.TimeCame(), START))
    queue.settle(claimed(queue), later)
    assert queue.due(back + 10 * second) == []
    assert [task.id for task in queue.due(back + 20 * second)] == [later.id]


def test_what_a_clock_a_week_ahead_put_off_does_not_wait_for_a_week(queue: Queue, root: Path) -> None:
    ahead = START + timedelta(days=7)
    queue.put(make_task(1, state=Waiting(ahead + timedelta(seconds=2), "attempt 2 failed")))
    queue.put(make_task(2, state=Waiting(ahead, "not yet"), not_before=ahead))
    queue.put(make_task(3, state=Waiting(START + timedelta(days=1), "a long pause")))
    assert [task.id for task in Queue(root, "process").due(START)] == [make_task(1).id]


def test_counts_are_by_folder_alone(queue: Queue) -> None:
    for number in range(3):
        queue.put(make_task(number, lane=Lane.LOW))
    queue.put(make_task(7, state=Parked("input", "", "")))
    queue.put(make_task(8, state=Failed("")))
    claimed(queue)
    assert queue.counts() == {
        "ready": {"critical": 0, "high": 0, "normal": 0, "low": 2},
        "waiting": 0, "running": 1, "parked": 1, "failed": 1,
    }  # fmt: skip


def test_a_request_to_cancel_lasts_until_the_task_stops_running(queue: Queue) -> None:
    queue.put(make_task())
    running = claimed(queue)
    assert not queue.cancel_requested(running.id)
    queue.request_cancel(running.id)
    assert queue.cancel_requested(running.id)
    queue.settle(running, step(running, lifecycle.Cancelled(), START))
    assert not queue.cancel_requested(running.id)


@pytest.mark.parametrize(
    "fact", [lifecycle.GivenBack(), lifecycle.PersonNeeded("input", "why"), lifecycle.WorkerLost()]
)
def test_a_request_to_cancel_that_the_worker_did_not_see_ends_the_task(queue: Queue, fact: Fact) -> None:
    queue.put(make_task())
    running = claimed(queue)
    assert queue.cancel(running) == running
    if isinstance(fact, lifecycle.WorkerLost):
        queue.recover_worker("w1")
    else:
        assert queue.settle(running, step(running, fact, START))
    [over] = queue.all()
    assert over.state == Done("cancelled")
    assert not queue.cancel_requested(running.id)
    assert queue.cancel(over) is None


def test_cancelling_what_was_seen_running_finds_it_where_it_went(queue: Queue) -> None:
    """A request that came after the worker had put the task away would end it much later, when it goes on."""
    queue.put(make_task())
    running = claimed(queue)
    assert queue.settle(running, step(running, lifecycle.PersonNeeded("subtask", "why"), START))
    over = queue.cancel(running)
    assert over is not None
    assert over.state == Done("cancelled")
    assert not queue.cancel_requested(running.id)


def finished(queue: Queue, number: int, **changes: Any) -> Task:
    queue.put(make_task(number, **changes))
    running = claimed(queue)
    after = step(running, lifecycle.Succeeded(), START)
    assert queue.settle(running, after)
    return after


def test_old_finished_tasks_and_those_beyond_the_newest_leave(queue: Queue) -> None:
    # the kernel's time of a file's last change cannot be set back
    later = datetime.now(UTC) + timedelta(days=1)
    tasks = [finished(queue, number) for number in (7, 3, 5, 1)]
    for number, task in enumerate(tasks):
        os.utime(queue.files.path_for(task), (0, later.timestamp() + number))
    assert list(queue.done.old(later + timedelta(seconds=2), 100)) == tasks[:2]
    assert list(queue.done.old(later, 1)) == tasks[:3]
    assert list(queue.done.old(later, 4)) == []
    assert queue.done.remove(tasks[:2]) == 2
    assert queue.done.remove(tasks[:2]) == 0
    assert {task.id for task in queue.all()} == {task.id for task in tasks[2:]}


def test_a_task_that_left_never_comes_again(queue: Queue, root: Path) -> None:
    task = finished(queue, 1)
    queue.done.remove([task])
    for other in (queue, Queue(root, "process")):
        assert other.put(make_task(1)) is False
        assert other.knows(task.id)
        assert other.find(task.id) is None
        assert not other.knows(make_task(3).id)
        assert list(other.all()) == []


def test_tasks_of_an_issue_are_found_among_others(queue: Queue) -> None:
    for number, issue in enumerate(("one", "two", "on", "", "one")):
        queue.put(make_task(number, issue=issue, key='"one"'))
    assert [task.id for task in queue.about({"one"})] == [make_task(0).id, make_task(4).id]
    assert [task.id for task in queue.about({"two", "on"}, ("ready", "failed"))] == [
        make_task(1).id,
        make_task(2).id,
    ]
    assert list(queue.about({"one"}, ("done",))) == list(queue.about(())) == []


def test_claiming_does_not_read_the_folder_each_time(queue: Queue) -> None:
    for number in range(500):
        queue.put(make_task(number))
    for number in range(300):
        assert claimed(queue).id == make_task(number).id
    assert queue.order._ready[Lane.NORMAL].readings < 60


# dead workers


def test_the_tasks_of_a_dead_worker_are_ready_again_and_a_poisonous_one_is_set_aside(queue: Queue) -> None:
    queue.put(make_task())
    for crashes in (1, 2):
        claimed(queue)
        assert queue.workers() == ["w1"]
        (task,) = queue.recover_worker("w1")
        assert (task.state, task.crashes) == (Ready(), crashes)
        assert queue.find(task.id) == task
        assert queue.workers() == []
    claimed(queue)
    (task,) = queue.recover_worker("w1")
    assert isinstance(task.state, Failed)
    assert queue.claim("w1") is None


def test_a_worker_that_died_while_it_settled_counts_no_crash(queue: Queue, root: Path) -> None:
    queue.put(make_task())
    running = claimed(queue)
    parked = step(running, lifecycle.PersonNeeded("review", "look"), START)
    (root / files(root)[0]).write_bytes(taskfile.encode(parked))
    assert queue.recover_worker("w1") == [parked]
    assert queue.find(running.id) == parked


def test_a_task_that_somebody_died_over_while_moving_it_is_not_put_again(root: Path) -> None:
    """After a power cut that took the log of ids with it."""
    task = make_task(1)
    queue = Queue(root, "process")
    queue.put(task)
    [place] = queue.paths_of(task.id)
    path, taken = Path(place), root / ".moving" / Path(place).name
    taken.parent.mkdir()
    path.rename(taken)
    (root / ".ids").unlink()
    fresh = Queue(root, "process")
    assert not fresh.put(replace(task, deadline=task.deadline + timedelta(seconds=1)))
    assert fresh.paths_of(task.id) == [place]
    path.rename(taken)  # as one that is being moved at this moment
    assert fresh.knows(task.id)
