from __future__ import annotations

import os
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.rules import Mode
from sixthbot.core.tasks import Done, Lane, Parked, Ready
from sixthbot.engine import pool as pool_module
from sixthbot.engine import steering
from sixthbot.engine.admit import admit
from sixthbot.engine.pool import WorkerPool
from sixthbot.engine.recovery import is_needed, recover
from sixthbot.store.atomic import observe
from sixthbot.store.config import workers_note
from sixthbot.store.locks import is_free
from sixthbot.store.schema import LaneSettings
from tests.engine.scene import Scene, probe, rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from tests.support.repos import RepoDir


def until(wanted: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if wanted():
            return True
        time.sleep(0.01)
    return wanted()


def done(scene: Scene) -> int:
    return sum(
        1 for task in scene.services.store.queue.all(states=("done",)) if task.state == Done("succeeded")
    )


def test_the_pool_does_everything_exactly_once(repo: RepoDir, tmp_path: Path) -> None:
    record = tmp_path / "record"
    scene = Scene(repo.path, rule(do=(probe(record=str(record)),), mode=Mode.PARALLEL))
    pool = WorkerPool(lambda: scene.services, workers=4)
    pool.start()
    tasks = scene.admit(*map(str, range(30)))
    pool.wake()
    assert until(lambda: done(scene) == 30)
    assert pool.stop()
    assert sorted(line.split()[0] for line in record.read_text().splitlines()) == sorted(
        task.id for task in tasks
    )


def test_a_task_is_claimed_at_once_when_the_pool_is_woken(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    pool = WorkerPool(lambda: scene.services, workers=1)
    pool.start()
    time.sleep(0.2)
    started = time.monotonic()
    scene.admit()
    pool.wake()
    assert until(lambda: done(scene) == 1)
    assert time.monotonic() - started < 0.9  # well before the look that needs no waking
    pool.stop()


def most_at_once(scene: Scene, pool: WorkerPool, total: int) -> int:
    most = 0
    end = time.monotonic() + 20
    while done(scene) < total and time.monotonic() < end:
        most = max(most, len(pool.busy()))
        time.sleep(0.005)
    assert done(scene) == total
    return most


def test_tasks_of_one_key_run_one_after_the_other(repo: RepoDir, tmp_path: Path) -> None:
    do = (probe("run", record=str(tmp_path / "record"), run=["sleep", "0.2"]),)
    scene = Scene(repo.path, rule(do=do, mode=Mode.QUEUED))
    pool = WorkerPool(lambda: scene.services, workers=3)
    scene.admit("a", "b", "c")
    pool.start()
    assert most_at_once(scene, pool, 3) == 1
    pool.stop()


def test_tasks_of_a_parallel_rule_run_beside_each_other(repo: RepoDir, tmp_path: Path) -> None:
    do = (probe("run", record=str(tmp_path / "record"), run=["sleep", "0.5"]),)
    scene = Scene(repo.path, rule(do=do, mode=Mode.PARALLEL))
    pool = WorkerPool(lambda: scene.services, workers=3)
    scene.admit("a", "b", "c")
    pool.start()
    assert most_at_once(scene, pool, 3) >= 2
    pool.stop()


def test_a_stop_ends_stubborn_programs_and_gives_their_tasks_back_within_five_seconds(
    repo: RepoDir, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()  # a folder that is there already: beside the repository nothing new can be made
    script = f"trap '' TERM INT; echo $$ > {out / 'pid'}; while :; do sleep 1; done"
    do = (
        probe(record=str(tmp_path / "record")),
        probe("run", record=str(tmp_path / "record"), run=["sh", "-c", script]),
    )
    scene = Scene(repo.path, rule(do=do))
    pool = WorkerPool(lambda: scene.services)
    pool.start()
    [task] = scene.admit()
    pool.wake()
    assert until(lambda: (out / "pid").exists() and (out / "pid").read_text().endswith("\n"))
    started = time.monotonic()
    assert pool.stop()
    assert time.monotonic() - started < 3
    after = scene.task(task.id)
    assert (after.state, after.attempts, after.crashes) == (Ready(), 0, 0)
    assert list(scene.services.store.checkpoints.load(task.id)) == [0]
    assert all(is_free(path) for path in scene.services.places.workers.glob("*.lock"))


def test_a_pool_of_one_lane_takes_from_no_other(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(lane=Lane.LOW), rule("urgent", lane=Lane.CRITICAL))
    pool = WorkerPool(lambda: scene.services, workers=1, lanes={Lane.LOW})
    pool.start()
    scene.admit()
    pool.wake()
    assert until(lambda: done(scene) == 1)
    time.sleep(0.1)
    [left] = scene.services.store.queue.all(states=("ready",))
    assert left.lane is Lane.CRITICAL
    pool.stop()


def test_a_worker_outlives_a_disk_that_refuses_for_a_while(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    pool = WorkerPool(lambda: scene.services, workers=1)
    scene.admit()
    target = scene.services.places.queue / "done"
    kept = target.with_name("done.away")
    if target.exists():
        target.rename(kept)
    target.write_text("in the way")
    pool.start()
    assert until(lambda: len(pool.busy()) == 1)
    time.sleep(0.5)
    target.unlink()
    if kept.exists():
        kept.rename(target)
    else:
        target.mkdir()
    assert until(lambda: done(scene) == 1)
    pool.stop()


@pytest.mark.parametrize(
    "where", [("queue.claim", "before"), ("queue.claim", "after"), ("queue.claim.rewrite", "before")]
)
def test_a_claim_that_the_disk_broke_off_is_made_up_for(repo: RepoDir, where: tuple[str, str]) -> None:
    scene = Scene(repo.path, rule())
    [task] = scene.admit()
    queue = scene.services.places.queue
    [ready] = (queue / "ready/normal").glob("*.json")
    ready.rename(queue / "ready/high" / ready.name)  # moved by hand, so that its claim writes it anew
    refused: list[str] = []

    def full(point: str, moment: str) -> None:
        if (point, moment) == where and not refused:
            refused.append(point)
            raise OSError(28, "No space left on device")

    observe(full)
    pool = WorkerPool(lambda: scene.services, workers=1)
    try:
        pool.start()
        end = time.monotonic() + 10
        while not isinstance(scene.task(task.id).state, Done) and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        observe(None)
        pool.stop()
    assert refused
    assert scene.task(task.id).state == Done("succeeded")


def test_a_disk_that_refuses_for_long_is_asked_less_and_less(
    repo: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()
    monkeypatch.setattr(pool_module, "_TROUBLE_WAIT", 0.02)
    monkeypatch.setattr(pool_module, "_LONGEST_WAIT", 0.16)
    tries: list[float] = []

    def full(point: str, moment: str) -> None:
        if (point, moment) == ("queue.settle", "before") and len(tries) < 6:
            tries.append(time.monotonic())
            raise OSError(28, "No space left on device")

    observe(full)
    pool = WorkerPool(lambda: scene.services, workers=1)
    try:
        pool.start()
        assert until(lambda: done(scene) == 1)
    finally:
        observe(None)
        pool.stop()
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert [
        pause >= wanted for pause, wanted in zip(pauses, (0.02, 0.04, 0.08, 0.16, 0.16), strict=True)
    ] == [True] * 5
    assert len(scene.journal("task.succeeded")) == 7  # one line a try: why they must become rare


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_task_whose_worker_a_mistake_ended_is_taken_up_in_the_same_process(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    [task] = scene.admit()
    struck: list[str] = []

    def mistake(point: str, moment: str) -> None:
        if (point, moment) == ("queue.settle", "before") and not struck:
            struck.append(point)
            raise RuntimeError("a mistake in the program")

    observe(mistake)
    pool = WorkerPool(lambda: scene.services, workers=1)
    try:
        pool.start()
        assert until(lambda: bool(struck) and is_needed(scene.services))
        assert [one.id for one in recover(scene.services).tasks] == [task.id]

        def done_when_woken() -> bool:
            pool.wake()  # as with every turn of the bot: the thread that ends may still be alive at the first
            return scene.task(task.id).state == Done("succeeded")

        assert until(done_when_woken)
    finally:
        observe(None)
        pool.stop()
    assert scene.task(task.id).crashes == 1
    assert not list(scene.services.places.workers.glob("*.lock"))


def test_a_no_op_task_costs_less_than_twenty_milliseconds_of_cpu(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(mode=Mode.PARALLEL))
    worker = scene.worker()
    scene.admit("warm")
    worker.perform(scene.claim())
    count = 100
    before = os.times()
    scene.admit(*map(str, range(count)))
    for _ in range(count):
        worker.perform(scene.claim())
    after = os.times()
    spent = sum(after[:4]) - sum(before[:4])
    assert spent / count < 0.020


def lines_of(record: Path) -> list[str]:
    return record.read_text().splitlines() if record.exists() else []


def test_so_many_of_a_key_run_at_a_time_as_the_rule_says(repo: RepoDir, tmp_path: Path) -> None:
    do = (probe("run", record=str(tmp_path / "record"), run=["sleep", "0.4"]),)
    scene = Scene(repo.path, rule(do=do, concurrency=2))
    pools = [WorkerPool(lambda: scene.services, workers=2) for _ in range(2)]  # as two processes
    scene.admit(*"abcd")
    for pool in pools:
        pool.start()
    most = 0
    while done(scene) < 4:
        most = max(most, sum(len(pool.busy()) for pool in pools))
        time.sleep(0.005)
    assert most == 2
    assert all(pool.stop() for pool in pools)


def test_nothing_runs_beside_a_task_that_runs_alone_and_it_gets_its_turn(
    repo: RepoDir, tmp_path: Path
) -> None:
    quick = rule(
        "quick", do=(probe("run", record=str(tmp_path / "q"), run=["sleep", "0.1"]),), mode=Mode.PARALLEL
    )
    alone = rule(
        "alone", on="hook.x", parallel_safe=False, mode=Mode.PARALLEL, lane=Lane.HIGH,
        do=(probe("run", record=str(tmp_path / "a"), run=["sleep", "0.3"]),),
    )  # fmt: skip
    scene = Scene(repo.path, quick, alone)
    scene.admit(*map(str, range(10)))
    pools = [WorkerPool(lambda: scene.services, workers=2) for _ in range(2)]
    for pool in pools:
        pool.start()
    assert until(lambda: done(scene) >= 2)
    admit(scene.services, [scene.event("1", "hook.x"), scene.event("2", "hook.x")])
    assert until(lambda: done(scene) == 12, 60)
    at_work = set[str]()
    for record in scene.services.store.journal.read():
        if record.kind == "process.started":
            at_work.add(f"{record.rule} {record.task}")
            assert len(at_work) == 1 or not any(one.startswith("alone") for one in at_work)
        elif record.kind == "process.ended":
            at_work.discard(f"{record.rule} {record.task}")
    assert len(lines_of(tmp_path / "a")) == 2
    assert all(pool.stop() for pool in pools)


@pytest.mark.parametrize(
    ("workers", "reserved", "expected"),
    [
        (2, {}, [None, None]),
        (2, {"critical": 1}, [{Lane.CRITICAL}, None]),
        (1, {"critical": 1}, [{Lane.CRITICAL}, None]),
        (2, {"critical": 2, "low": 1}, [{Lane.CRITICAL}, {Lane.CRITICAL}, {Lane.LOW}, None]),
    ],
)
def test_reserved_workers_are_there_and_one_for_every_lane(
    repo: RepoDir, workers: int, reserved: dict[str, int], expected: list[object]
) -> None:
    scene = Scene(repo.path)
    config = scene.services.loaded.config
    lanes = {name: LaneSettings(workers=count) for name, count in reserved.items()}
    config = config.model_copy(
        update={"bot": config.bot.model_copy(update={"workers": workers}), "lanes": lanes}
    )
    scene.services = replace(scene.services, loaded=replace(scene.services.loaded, config=config))
    pool = WorkerPool(lambda: scene.services)
    assert pool._shares == expected
    said = workers_note(config)
    assert said.endswith(f"{len(expected)} run, the last one for every lane") is (len(expected) != workers)


def test_a_running_task_is_paused_within_a_second_with_what_it_has_done(
    repo: RepoDir, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    script = f"sleep 60 & echo $! > {out / 'pid'}; wait"
    do = (
        probe(record=str(tmp_path / "record")),
        probe("run", record=str(tmp_path / "record"), run=["sh", "-c", script]),
    )
    scene = Scene(repo.path, rule(do=do))
    pool = WorkerPool(lambda: scene.services, workers=1)
    pool.start()
    [task] = scene.admit()
    pool.wake()
    assert until(lambda: (out / "pid").exists() and (out / "pid").read_text().endswith("\n"))
    started = time.monotonic()
    steering.pause(scene.services.store, scene.task(task.id), scene.clock())
    assert until(lambda: isinstance(scene.task(task.id).state, Parked))
    assert time.monotonic() - started < 2  # a second, and what a loaded machine takes
    with pytest.raises(ProcessLookupError):
        os.kill(int((out / "pid").read_text()), 0)
    paused = scene.task(task.id)
    assert (paused.attempts, paused.crashes) == (0, 0)
    assert until(lambda: not scene.services.store.queue.pause_requested(task.id))
    scene.set_rules(rule(do=(do[0], probe(record=str(tmp_path / "record")))))
    steering.resume(scene.services.store, paused, scene.clock())
    pool.wake()
    assert until(lambda: done(scene) == 1)
    assert pool.stop()
    assert [line.split()[2] for line in lines_of(tmp_path / "record")] == ["nothing", "run", "nothing"]


def test_the_claims_of_others_cost_the_same_with_a_long_line_behind_one_key(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(), rule("other", on="hook.x", lane=Lane.LOW))
    queue = scene.services.store.queue
    scene.admit(*map(str, range(1200)))
    assert scene.claim("w1").rule == "probe it"
    admit(scene.services, [scene.event("1", "hook.x")])
    looked = 0

    def full(task: Task) -> bool:
        nonlocal looked
        looked += 1
        return task.rule == "probe it"

    assert (
        queue.claim("w2", blocked=full) is None
    )  # it passes over so many and leaves the rest to the next look
    assert queue.order.unfinished
    while (found := queue.claim("w2", blocked=full)) is None:
        assert looked < 1300
    assert found.rule == "other"
    looked = 0
    assert queue.claim("w2", blocked=full) is None
    assert looked <= 2
    assert queue.claim("w2") is not None  # and the first of them is there once its key is free
