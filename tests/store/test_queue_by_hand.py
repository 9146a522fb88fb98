"""Task files that people move, copy and damage, or that somebody forged: each is where it is, or set aside."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.core import lifecycle
from sixthbot.core.lifecycle import step
from sixthbot.core.tasks import Done, Failed, Lane, Parked, Ready
from sixthbot.store import taskfile
from sixthbot.store.queue import Queue
from sixthbot.store.reading import read_small
from tests.store.support import START, claimed, files, folder_of, make_task

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_moved_by_hand_is_where_it_was_put(queue: Queue, root: Path) -> None:
    task = make_task(lane=Lane.LOW)
    queue.put(task)
    name = taskfile.file_name(task)
    for folder, state, lane in (
        ("parked", "parked", Lane.LOW), ("waiting", "waiting", Lane.LOW), ("failed", "failed", Lane.LOW),
        ("done", "done", Lane.LOW), ("ready/critical", "ready", Lane.CRITICAL),
    ):  # fmt: skip
        (root / files(root)[0]).parent.joinpath(name).rename(folder_of(root, folder) / name)
        found = queue.find(task.id)
        assert found is not None
        assert (found.state.name, found.lane) == (state, lane)
    assert claimed(queue).lane is Lane.CRITICAL


def test_a_task_moved_by_hand_to_ready_is_not_parked_again_by_a_crash(queue: Queue, root: Path) -> None:
    queue.put(make_task(state=Parked("review", "look", "")))
    (root / files(root)[0]).rename(folder_of(root, "ready/high") / taskfile.file_name(make_task()))
    assert claimed(queue).lane is Lane.HIGH
    (task,) = queue.recover_worker("w1")
    assert (task.state, task.lane, task.crashes) == (Ready(), Lane.HIGH, 1)


def test_a_file_moved_by_hand_while_its_task_runs_stays_there(queue: Queue, root: Path) -> None:
    queue.put(make_task())
    running = claimed(queue)
    (root / files(root)[0]).rename(folder_of(root, "parked") / taskfile.file_name(running))
    assert not queue.settle(running, step(running, lifecycle.Succeeded(), START))
    found = queue.find(running.id)
    assert found is not None
    assert found.state.name == "parked"


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
    (folder_of(root, folder) / name).write_bytes(DAMAGE[damage])
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
    (folder_of(root, "ready/normal") / name).write_bytes(taskfile.encode(make_task()))

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
        (folder_of(root, folder) / name).write_bytes(newer)
        good = make_task(9)
        queue.put(good)
        assert not queue.put(make_task())
        assert queue.due(START) == []
        assert claimed(queue).id == good.id
        assert queue.claim("w") is None
        assert queue.left_to_newer(Lane.NORMAL) == (1 if folder == "ready/normal" else 0)
        assert (root / folder / name).read_bytes() == newer
        (root / folder / name).unlink()
        queue = Queue(folder_of(root.parent / "again", "queue"), "process")
        root = queue.root
    assert not (root / "failed").exists()


def test_what_a_newer_programs_dead_worker_had_is_kept_for_that_program(queue: Queue, root: Path) -> None:
    name, newer = taskfile.file_name(make_task()), _damaged(schema=2)
    (folder_of(root, "running/w9") / name).write_bytes(newer)
    assert queue.recover_worker("w9") == []
    assert (root / "failed" / name).read_bytes() == newer
    assert "a newer sixthbot wrote it" in (root / "failed" / f"{name}.reason.txt").read_text()
    assert queue.workers() == []


def test_two_damaged_files_of_one_name_are_both_kept(queue: Queue, root: Path) -> None:
    name = taskfile.file_name(make_task())
    for content in (b"one", b"two"):
        (folder_of(root, "ready/normal") / name).write_bytes(content)
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
        (folder_of(root, folder) / taskfile.file_name(make_task(number))).mkdir()
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
    (folder_of(root, "ready/low") / taskfile.file_name(later)).write_bytes(taskfile.encode(later))
    (folder_of(root, "ready/low") / taskfile.file_name(task)).write_bytes(taskfile.encode(task))
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
    (folder_of(root, "done") / taskfile.file_name(running)).write_bytes(b"in the way")
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


def test_a_file_of_the_longest_name_is_set_aside_and_stops_nobody(queue: Queue, root: Path) -> None:
    queue.put(make_task())
    (root / "ready/normal" / ("0" * 250 + ".json")).write_text("no task")
    assert claimed(queue).id == make_task().id
    assert sorted(path.name for path in (root / "failed").iterdir()) == ["0" * 200, "0" * 200 + ".reason.txt"]
