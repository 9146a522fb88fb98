from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core import lifecycle
from sixthbot.core.errors import UsageError
from sixthbot.core.lifecycle import step
from sixthbot.core.tasks import Done, Failed, Lane, Parked, Ready, Running, Task, Waiting
from sixthbot.store import taskfile, taskfiles
from sixthbot.store.idset import IdSet
from sixthbot.store.known import KnownIds
from sixthbot.store.queue import Queue
from sixthbot.store.reading import read_small
from tests.store.support import SEARCH, START, make_task

if TYPE_CHECKING:
    from sixthbot.core.lifecycle import Fact


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / ".sixth" / "queue"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def queue(root: Path) -> Queue:
    return Queue(root, "process")


def claimed(queue: Queue, worker: str = "w1") -> Task:
    task = queue.claim(worker)
    assert task is not None
    return task


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.json*"))


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
        (_folder(root, "ready/normal") / name).write_bytes(content)
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


def test_of_very_many_spent_ids_the_oldest_half_is_let_go(queue: Queue, root: Path) -> None:
    other = Queue(root, "process")
    for number in range(8):
        queue.spend(make_task(number).id)
    queue.spend("t_of_another_form")
    assert other.knows(make_task(0).id)
    other.compact(limit=1000)
    assert queue.knows(make_task(0).id)
    other.compact(limit=50)
    for one in (queue, other, Queue(root, "process")):
        assert [one.knows(make_task(number).id) for number in range(8)] == [False] * 4 + [True] * 4
        assert one.knows("t_of_another_form")


@SEARCH
@given(st.lists(st.sets(st.integers(0, 60)), max_size=6))
def test_a_set_of_ids_is_a_set(batches: list[set[int]]) -> None:
    kept, model = IdSet(), set()
    for batch in batches:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sixthbot.store.idset._RECENT", 3)
            ids = {make_task(number).id if number % 5 else f"T{number}" for number in batch}
            kept.update(ids)
            model |= ids
    wanted = (
        {make_task(number).id for number in range(61)} | {f"T{number}" for number in range(61)} | {"", "t"}
    )
    assert {task_id for task_id in wanted if task_id in kept} == model


def test_the_ids_of_a_large_queue_are_not_put_in_order_again_with_every_put(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.store.known._COMPACT_AT", 100)
    listed = []

    def present() -> list[str]:
        listed.append(1)
        return [f"t{number:012x}" for number in range(200)]

    known = KnownIds(root / ".ids", present)
    for number in range(200):
        with known.alone():
            assert f"t{number:012x}" in known
            known.add([f"t{number:012x}"])
    assert 2 <= len(listed) < 10


def test_the_log_of_ids_stays_short_however_many_one_process_puts(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.store.known._COMPACT_AT", 100)
    known = KnownIds(root / ".ids", lambda: ["t_present"])
    for number in range(100):
        with known.alone():
            known.add([f"t{number:012x}"])
        assert (root / ".ids").stat().st_size < 200
    assert "t_present" in known
    assert "t000000000000" not in known


def test_what_is_present_is_known_also_after_somebody_died_over_making_the_log_shorter(root: Path) -> None:
    known = KnownIds(root / ".ids", lambda: ["t_present"])
    with known.alone():
        known.add(["t_over"])
    os.truncate(root / ".ids", 0)
    assert "t_present" in known
    with known.alone():
        known.add(["t_new"])
    assert [one in known for one in ("t_present", "t_over", "t_new")] == [True, False, True]


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


# hands, damage and forgery


def test_a_file_moved_by_hand_is_where_it_was_put(queue: Queue, root: Path) -> None:
    task = make_task(lane=Lane.LOW)
    queue.put(task)
    name = taskfile.file_name(task)
    for folder, state, lane in (
        ("parked", "parked", Lane.LOW), ("waiting", "waiting", Lane.LOW), ("failed", "failed", Lane.LOW),
        ("done", "done", Lane.LOW), ("ready/critical", "ready", Lane.CRITICAL),
    ):  # fmt: skip
        (root / files(root)[0]).parent.joinpath(name).rename(_folder(root, folder) / name)
        found = queue.find(task.id)
        assert found is not None
        assert (found.state.name, found.lane) == (state, lane)
    assert claimed(queue).lane is Lane.CRITICAL


def test_a_task_moved_by_hand_to_ready_is_not_parked_again_by_a_crash(queue: Queue, root: Path) -> None:
    queue.put(make_task(state=Parked("review", "look", "")))
    (root / files(root)[0]).rename(_folder(root, "ready/high") / taskfile.file_name(make_task()))
    assert claimed(queue).lane is Lane.HIGH
    (task,) = queue.recover_worker("w1")
    assert (task.state, task.lane, task.crashes) == (Ready(), Lane.HIGH, 1)


def test_a_file_moved_by_hand_while_its_task_runs_stays_there(queue: Queue, root: Path) -> None:
    queue.put(make_task())
    running = claimed(queue)
    (root / files(root)[0]).rename(_folder(root, "parked") / taskfile.file_name(running))
    assert not queue.settle(running, step(running, lifecycle.Succeeded(), START))
    found = queue.find(running.id)
    assert found is not None
    assert found.state.name == "parked"


def _folder(root: Path, name: str) -> Path:
    (root / name).mkdir(parents=True, exist_ok=True)
    return root / name


def _damaged(**changes: Any) -> bytes:
    data = json.loads(taskfile.encode(make_task()))
    for key, value in changes.items():
        data[key] = value
    return json.dumps(data).encode()


DAMAGE = {
    "empty": b"",
    "torn": taskfile.encode(make_task())[:100],
    "binary": bytes(range(256)),
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "a huge number": b'{"schema": ' + b"9" * 5000 + b"}",
    "no schema": _damaged(schema=None),
    "another id": _damaged(id="t000000000001"),
    "a path for an id": _damaged(id="../../x"),
    "no events": _damaged(events=[]),
    "a wrong event": _damaged(events=["x"]),
    "an unknown event": _damaged(
        events=[{"kind": "x", "key": "", "time": "2026-01-01T00:00:00Z", "fields": {}}]
    ),
    "a lane that is none": _damaged(lane="fast"),
    "attempts that are text": _damaged(attempts="1"),
    "attempts below zero": _damaged(attempts=-1),
    "true for a number": _damaged(crashes=True),
    "a time without zone": _damaged(deadline="2026-01-02T03:04:05"),
    "a time before time": _damaged(created="0001-01-01T00:00:00+14:00"),
    "a state that is none": _damaged(state={"name": "gone"}),
    "waiting for nothing": _damaged(state={"name": "waiting"}),
    "not UTF-8": taskfile.encode(make_task()).replace(b"a rule", b"a \xff\xfe"),
    "too large": taskfile.encode(make_task()) + b" " * taskfile.SIZE_LIMIT,
    "not a number": _damaged(attempts=float("nan")),
    "a huge count": _damaged(crashes=10**30),
    "the year 9999": _damaged(deadline="9999-12-31T23:59:59Z"),
    "before 1970": _damaged(created="1969-12-31T23:59:59Z"),
}


@pytest.mark.parametrize("folder", ["ready/normal", "waiting", "running/w9"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_set_aside_with_its_reason_and_stops_nothing(
    queue: Queue, root: Path, damage: str, folder: str
) -> None:
    name = taskfile.file_name(make_task())
    (_folder(root, folder) / name).write_bytes(DAMAGE[damage])
    good = make_task(9)
    queue.put(good)
    assert list(queue.all()) == [good]
    queue.due(START)
    queue.recover_worker("w9")
    assert claimed(queue).id == good.id
    assert queue.claim("w") is None
    assert (root / "failed" / name).read_bytes() == DAMAGE[damage]
    reason = (root / "failed" / f"{name}.reason.txt").read_text()
    assert f"It was {folder}/{name}." in reason
    assert len(reason.splitlines()[0]) > 5


def test_a_file_that_may_not_be_read_is_set_aside_and_stops_nothing(
    queue: Queue, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = taskfile.file_name(make_task())
    (_folder(root, "ready/normal") / name).write_bytes(taskfile.encode(make_task()))

    def refuse(path: str, limit: int) -> bytes:
        if path.endswith(name):  # root may read anything: the refusal is played
            raise PermissionError(13, "Permission denied", path)
        return read_small(path, limit)

    monkeypatch.setattr("sixthbot.store.taskfiles.read_small", refuse)
    queue.put(make_task(9))
    assert claimed(queue).id == make_task(9).id
    assert queue.claim("w") is None
    assert (root / "failed" / f"{name}.reason.txt").read_text().startswith("it cannot be read\n")


def test_what_a_newer_program_wrote_stays_where_it_is_and_comes_to_no_harm(queue: Queue, root: Path) -> None:
    name, newer = taskfile.file_name(make_task()), _damaged(schema=2, more={"of": "it"})
    for folder in ("ready/normal", "waiting"):
        (_folder(root, folder) / name).write_bytes(newer)
        good = make_task(9)
        queue.put(good)
        assert not queue.put(make_task())
        assert queue.due(START) == []
        assert claimed(queue).id == good.id
        assert queue.claim("w") is None
        assert queue.left_to_newer(Lane.NORMAL) == (1 if folder == "ready/normal" else 0)
        assert (root / folder / name).read_bytes() == newer
        (root / folder / name).unlink()
        queue = Queue(_folder(root.parent / "again", "queue"), "process")
        root = queue.root
    assert not (root / "failed").exists()


def test_what_a_newer_programs_dead_worker_had_is_kept_for_that_program(queue: Queue, root: Path) -> None:
    name, newer = taskfile.file_name(make_task()), _damaged(schema=2)
    (_folder(root, "running/w9") / name).write_bytes(newer)
    assert queue.recover_worker("w9") == []
    assert (root / "failed" / name).read_bytes() == newer
    assert "a newer sixthbot wrote it" in (root / "failed" / f"{name}.reason.txt").read_text()
    assert queue.workers() == []


def test_two_damaged_files_of_one_name_are_both_kept(queue: Queue, root: Path) -> None:
    name = taskfile.file_name(make_task())
    for content in (b"one", b"two"):
        (_folder(root, "ready/normal") / name).write_bytes(content)
        assert Queue(root, "process").claim("w") is None
    assert {path.read_bytes() for path in (root / "failed").glob(f"{name}*") if path.suffix != ".txt"} == {
        b"one",
        b"two",
    }


def test_folders_links_and_pipes_with_a_tasks_name_are_nobodys_tasks(
    queue: Queue, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside.json").write_bytes(taskfile.encode(make_task()))
    for number, folder in enumerate(
        ("ready/low", "ready/high", "ready/normal", "waiting", "parked", "failed")
    ):
        (_folder(root, folder) / taskfile.file_name(make_task(number))).mkdir()
    (root / "ready/low" / taskfile.file_name(make_task(20))).symlink_to(tmp_path / "outside.json")
    os.mkfifo(root / "ready/low" / taskfile.file_name(make_task(21)))
    queue.put(make_task(30))
    assert [task.id for task in queue.all()] == [make_task(30).id]
    assert claimed(queue).id == make_task(30).id
    assert queue.claim("w") is None
    assert queue.counts()["failed"] == 0


def test_of_two_files_of_one_task_one_runs_and_the_other_is_kept_aside(queue: Queue, root: Path) -> None:
    task = make_task()
    queue.put(task)
    later = replace(task, deadline=START + timedelta(hours=1))
    (_folder(root, "ready/low") / taskfile.file_name(later)).write_bytes(taskfile.encode(later))
    (_folder(root, "ready/low") / taskfile.file_name(task)).write_bytes(taskfile.encode(task))
    assert [found.id for found in queue.all()] == [task.id]
    running = claimed(queue)
    assert queue.claim("w2") is None
    assert queue.claim("w1") is None
    queue.settle(running, step(running, lifecycle.Succeeded(), START))
    assert list(queue.all()) == [replace(task, lane=running.lane, state=Done("succeeded"))]
    kept = [path.name for path in (root / "failed").iterdir() if not path.name.endswith(".txt")]
    assert len(kept) == 2
    assert all(".second" in name for name in kept)


def test_a_second_file_in_the_way_does_not_stop_a_settle(queue: Queue, root: Path) -> None:
    queue.put(make_task())
    running = claimed(queue)
    (_folder(root, "done") / taskfile.file_name(running)).write_bytes(b"in the way")
    done = step(running, lifecycle.Succeeded(), START)
    assert queue.settle(running, done)
    assert queue.find(running.id) == done


def test_folders_that_are_missing_are_made(root: Path) -> None:
    root.rmdir()
    queue = Queue(root, "process")
    assert (queue.claim("w"), queue.due(START), queue.workers(), list(queue.all())) == (None, [], [], [])
    queue.put(make_task())
    running = claimed(queue)
    assert queue.settle(running, step(running, lifecycle.Succeeded(), START))


def test_a_copy_of_a_task_in_another_lane_is_set_aside_and_not_done_a_second_time(queue: Queue) -> None:
    queue.put(make_task(1, state=Failed("it broke")))
    [path] = (queue.root / "failed").glob("*.json")
    (queue.root / "ready/low").mkdir(parents=True)
    shutil.copy2(path, queue.root / "ready/low" / path.name)
    assert queue.claim("w1") is None
    assert [task.state for task in queue.all()] == [Failed("it broke")]
    assert (queue.root / "failed" / f"{path.name}.second").exists()


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
