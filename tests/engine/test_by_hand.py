"""`mv` between any two folders of the queue is legal: where a person puts a task is where it is, and it ends well."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from sixthbot.core import lifecycle
from sixthbot.core.tasks import Done, Lane, Ready, Running
from sixthbot.engine.admit import take_in_strays, wake_due
from sixthbot.engine.pool import WorkerPool
from sixthbot.engine.recovery import recover
from sixthbot.store.clock import now
from sixthbot.store.taskfile import file_name
from tests.engine.scene import Scene, probe, rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from tests.support.repos import RepoDir

LATER = now() + timedelta(days=1)
SOURCES: dict[str, tuple[lifecycle.Fact, ...]] = {
    "ready/normal": (),
    "waiting": (lifecycle.Deferred(LATER),),
    "running/w": (lifecycle.Claimed("w"),),
    "parked": (lifecycle.Paused(),),
    "failed": (lifecycle.Claimed("w"), lifecycle.AttemptFailed("no", retries=0)),
    "done": (lifecycle.Cancelled(),),
}
TARGETS = ("ready/low", "ready/critical", "ready", "", "waiting", "running/gone", "parked", "failed", "done")


def file_of(scene: Scene, task: Task) -> Path:
    [path] = scene.services.places.queue.rglob(f"*-{task.id}.json")
    return path


def put_in(scene: Scene, task: Task, folder: str) -> None:
    """Move a task's file as `mv` does."""
    place = scene.services.places.queue / folder
    place.mkdir(parents=True, exist_ok=True)
    path = file_of(scene, task)
    path.rename(place / path.name)


def bring_to(scene: Scene, task: Task, facts: tuple[lifecycle.Fact, ...]) -> None:
    for fact in facts:
        after = lifecycle.step(task, fact, scene.clock())
        assert scene.services.store.queue.settle(task, after)
        task = after


def test_a_task_moved_anywhere_while_no_bot_runs_is_there_and_the_next_bot_goes_on_from_there(
    repo: RepoDir,
) -> None:
    scene = Scene(repo.path, rule())
    pairs = [(source, target) for source in SOURCES for target in TARGETS]
    tasks = dict(zip(pairs, scene.admit(*(f"{source} {target}" for source, target in pairs)), strict=True))
    for (source, target), task in tasks.items():
        bring_to(scene, task, SOURCES[source])
        put_in(scene, task, target)
        if target not in {"ready", ""}:
            assert scene.task(task.id).state.name == target.partition("/")[0], (source, target)
    taken = {task.id for task in take_in_strays(scene.services)}
    assert taken == {task.id for (_, target), task in tasks.items() if target in {"ready", ""}}
    recover(scene.services)
    wake_due(scene.services)
    while (claimed := scene.services.store.queue.claim("w1")) is not None:
        scene.worker().perform(claimed)
    for (source, target), task in tasks.items():
        state, place = scene.task(task.id).state, target.partition("/")[0]
        if place == "running":  # its worker is gone: what its file says of where it was to go counts
            place = "ready" if source in {"ready/normal", "running/w"} else source
        if place in {"ready", ""}:
            assert state == Done("succeeded"), (source, target)
        else:
            assert state.name == place, (source, target)


def test_a_task_moved_between_lanes_has_the_turn_of_its_new_lane(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(lane=Lane.NORMAL))
    queue = scene.services.store.queue
    tasks = sorted(scene.admit(*"abcd"), key=file_name)  # those of one millisecond go by their ids
    last = tasks[-1]
    first = scene.claim("w0")  # the bot has seen them all
    assert first.id == tasks[0].id
    bring_to(scene, first, (lifecycle.GivenBack(),))
    put_in(scene, last, "ready/critical")
    put_in(scene, first, "ready/low")
    order = []
    while (claimed := queue.claim("w1")) is not None:
        order.append((claimed.id, claimed.lane, claimed.deadline - claimed.created))
    assert order == [
        (last.id, Lane.CRITICAL, Lane.CRITICAL.wait),
        (tasks[1].id, Lane.NORMAL, Lane.NORMAL.wait),
        (tasks[2].id, Lane.NORMAL, Lane.NORMAL.wait),
        (first.id, Lane.LOW, Lane.LOW.wait),
    ]


def soon(wanted: Callable[[], bool], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not wanted() and time.monotonic() < end:
        time.sleep(0.02)
    return wanted()


def test_a_task_moved_away_from_its_worker_is_let_go_and_one_moved_to_it_is_done(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule("spin", do=(probe("spin"),)), rule("quick", on="hook.x"))
    queue = scene.services.store.queue
    pool = WorkerPool(lambda: scene.services, workers=1)
    pool.start()
    [task] = scene.admit()
    try:
        for target in ("parked", "failed", "waiting", "done"):
            pool.wake()
            assert soon(lambda: [one.id for one in pool.busy()] == [task.id]), target
            put_in(scene, task, target)
            assert soon(lambda: not pool.busy()), target
            assert scene.task(task.id).state.name == target
            put_in(scene, task, "ready/low")
        pool.wake()  # as whoever keeps a pool does when a name changes
        assert soon(lambda: isinstance(scene.task(task.id).state, Running))
        put_in(scene, task, "done")
        queue.pause(None)
        assert soon(lambda: not pool.busy())
        scene.set_rules(rule())
        [other] = scene.admit("another")
        [worker] = scene.services.store.queue.workers()
        put_in(scene, other, f"running/{worker}")
        pool.wake()
        assert soon(lambda: scene.task(other.id).state == Done("succeeded"))
        assert scene.task(task.id).state.name == "done"
        assert scene.journal("task.cancelled") == []  # of no issue: what a worker finished looks the same
    finally:
        pool.stop()
    assert list(queue.all(states=("running",))) == []
    assert Ready not in {type(one.state) for one in queue.all()}
