"""The end of the process at every moment of every write of the queue: no task is lost, none is there twice."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.core import lifecycle
from sixthbot.core.lifecycle import step
from sixthbot.core.tasks import Lane, Task
from sixthbot.store import disk
from sixthbot.store.atomic import observe
from sixthbot.store.queue import Queue
from tests.store.support import START, Crash, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.store.disk import StrPath


@pytest.fixture(autouse=True)
def nobody_observes() -> Iterator[None]:
    yield
    observe(None)


class Bomb:
    """Ends the process at the n-th moment of any write; remembers what that was."""

    def __init__(self, at: int, *, error: OSError | None = None) -> None:
        self.left = at
        self.error = error
        self.where = ""

    def __call__(self, point: str, moment: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.where = f"{point} {moment}"
            if self.error is not None:
                raise self.error
            raise Crash


def a_day_in_the_life(queue: Queue) -> None:
    """Put three tasks and take one of them through retry, parking, a change of lane and success."""
    for number in range(3):
        queue.put(make_task(number))
    task = queue.claim("w1")
    assert task is not None
    settled(queue, settled(queue, task, lifecycle.AttemptFailed("no", retries=3)), lifecycle.TimeCame())
    task = queue.claim("w1")
    assert task is not None
    settled(queue, settled(queue, task, lifecycle.PersonNeeded("review", "look")), lifecycle.Retried())
    task = queue.claim("w1", lanes={Lane.NORMAL})
    assert task is not None
    settled(queue, task, lifecycle.Succeeded())


def settled(queue: Queue, task: Task, fact: lifecycle.Fact) -> Task:
    after = step(task, fact, START)
    assert queue.settle(task, after)
    return after


def place(folder: Path) -> Path:
    """Return where a queue may be in a folder: nobody but `init` makes `.sixth`."""
    (folder / ".sixth").mkdir(parents=True)
    return folder / ".sixth" / "queue"


def moments(tmp_path: Path) -> int:
    counter = Bomb(0)
    observe(counter)
    a_day_in_the_life(Queue(place(tmp_path / "dry"), "process"))
    observe(None)
    return -counter.left


def finish(root: Path) -> Queue:
    """Start anew as the bot does: take tasks from dead workers, put again, work everything off."""
    queue = Queue(root, "process")
    for worker in queue.workers():
        queue.recover_worker(worker)
    for number in range(3):
        queue.put(make_task(number))
    for task in queue.due(START.replace(year=2030)):
        settled(queue, task, lifecycle.TimeCame())
    for task in tuple(queue.all(states=("parked",))):
        settled(queue, task, lifecycle.Answered())
    while (ready := queue.claim("w2")) is not None:
        settled(queue, ready, lifecycle.Succeeded())
    return queue


def test_no_crash_loses_or_doubles_a_task(tmp_path: Path) -> None:
    total = moments(tmp_path)
    assert total > 30
    visited = set()
    for at in range(1, total + 1):
        root = place(tmp_path / str(at))
        bomb = Bomb(at)
        observe(bomb)
        with pytest.raises(Crash):
            a_day_in_the_life(Queue(root, "process"))
        observe(None)
        visited.add(bomb.where)
        queue = finish(root)
        names = sorted((path.parent.name, path.name[-17:-5]) for path in root.rglob("*.json"))
        assert names == [("done", make_task(number).id[1:]) for number in range(3)], bomb.where
        assert len(list(queue.all())) == 3
        assert not list(root.rglob("*.reason.txt")), bomb.where
    assert {
        "queue.put written",
        "queue.claim after",
        "queue.settle.rewrite after",
        "queue.settle.take after",
    } <= visited


def test_no_full_disk_loses_or_doubles_a_task(tmp_path: Path) -> None:
    for at in range(1, moments(tmp_path) + 1):
        root = place(tmp_path / str(at))
        bomb = Bomb(at, error=OSError(28, "No space left on device"))
        observe(bomb)
        with pytest.raises(OSError, match="No space"):
            a_day_in_the_life(Queue(root, "process"))
        observe(None)
        finish(root)
        names = sorted((path.parent.name, path.name[-17:-5]) for path in root.rglob("*.json"))
        assert names == [("done", make_task(number).id[1:]) for number in range(3)], bomb.where


class DyingOverMoves(disk.Disk):
    """Ends the process once it has moved a file, before that would survive a power cut."""

    moved = False

    def rename_exclusive(self, source: StrPath, target: StrPath) -> None:
        super().rename_exclusive(source, target)
        self.moved = True

    def sync(self, descriptor: int) -> None:
        if self.moved:
            raise Crash
        super().sync(descriptor)


class Syncs(disk.Disk):
    """Says which folders are synced when a folder goes."""

    def __init__(self) -> None:
        self.synced: set[str] = set()
        self.before_removal: set[str] = set()

    def sync(self, descriptor: int) -> None:
        self.synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    def remove_dir(self, path: StrPath) -> None:
        super().remove_dir(path)
        self.before_removal = set(self.synced)


@pytest.mark.parametrize(
    "fact",
    [
        lifecycle.Succeeded(),
        lifecycle.GivenBack(),
        lifecycle.AttemptFailed("no", retries=0),
        lifecycle.AttemptFailed("no", retries=1),
        lifecycle.PersonNeeded("review", "look"),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_workers_folder_goes_only_once_a_power_cut_leaves_its_task_where_it_was_moved(
    tmp_path: Path, fact: lifecycle.Fact
) -> None:
    queue = Queue(place(tmp_path / "queue"), "power")
    queue.put(make_task(1))
    task = queue.claim("w1")
    assert task is not None
    disk.use(DyingOverMoves())
    try:
        with suppress(Crash):
            queue.settle(task, step(task, fact, START))
    finally:
        disk.use(None)
    assert queue.find(task.id) == step(task, fact, START)
    syncs = Syncs()
    disk.use(syncs)
    try:
        Queue(queue.root, "power").recover_worker("w1")
    finally:
        disk.use(None)
    assert not (queue.root / "running/w1").exists()
    assert str(Path(queue.paths_of(task.id)[0]).parent) in syncs.before_removal


@pytest.mark.parametrize(
    ("fact", "word"),
    [
        (lifecycle.PersonNeeded("review", "look"), lifecycle.Answered()),
        (lifecycle.AttemptFailed("no", retries=0), lifecycle.Retried()),
    ],
    ids=["answered", "retried"],
)
def test_what_a_person_said_holds_when_the_worker_dies_over_its_claim(
    tmp_path: Path, fact: lifecycle.Fact, word: lifecycle.Fact
) -> None:
    for at in range(1, 9):  # every moment of a claim
        root = place(tmp_path / str(at))
        queue = Queue(root, "process")
        queue.put(make_task(1))
        task = queue.claim("w1")
        assert task is not None
        settled(queue, settled(queue, task, fact), word)
        observe(Bomb(at))
        with suppress(Crash):
            queue.claim("w1")
        observe(None)
        again = Queue(root, "process")
        again.recover_worker("w1")
        assert [one.state.name for one in again.all()] == ["ready"], at


def test_a_task_that_the_disk_refused_to_move_keeps_its_turn_in_the_same_process(tmp_path: Path) -> None:
    """Also where nothing in its folder changes, so that no later look at the folder would find it again."""
    refused = set()
    for at in range(1, 9):  # every moment of a claim of what a person moved into another lane
        root = place(tmp_path / str(at))
        queue = Queue(root, "process")
        queue.put(make_task(1, lane=Lane.LOW))
        (path,) = (root / "ready/low").glob("*.json")
        (root / "ready/high").mkdir()
        path.rename(root / "ready/high" / path.name)
        os.utime(root / "ready/high", (0, 0))
        bomb = Bomb(at, error=OSError(28, "No space left on device"))
        observe(bomb)
        with suppress(OSError):
            queue.claim("w1")
        observe(None)
        refused.add(bomb.where)
        task = queue.in_hand("w1") or queue.claim("w1")
        assert task is not None, bomb.where
    assert {"queue.put-right before", "queue.put-right after", "queue.claim before"} <= refused


def test_tasks_keep_their_turns_when_whoever_asks_what_blocks_them_fails(tmp_path: Path) -> None:
    queue = Queue(place(tmp_path), "process")
    for number in range(3):
        queue.put(make_task(number, key=str(number)))
    os.utime(tmp_path / ".sixth/queue/ready/normal", (0, 0))
    assert queue.claim("w1", blocked=lambda _: True) is None

    def fails(task: Task) -> bool:
        if task.key == "1":
            raise OSError(5, "Input/output error")
        return False

    with suppress(OSError):
        while queue.claim("w1", blocked=fails) is not None:
            pass
    left = [queue.claim("w2") for _ in range(4)]
    taken = {task.key for task in queue.all(states=("running",))}
    assert taken == {"0", "1", "2"}, left
