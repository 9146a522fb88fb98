"""Rules and tasks that come after others, with the engine at work."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sixthbot.core import lifecycle
from sixthbot.core.tasks import FOLLOWING, AfterFailed, Blocked, Done, Failed, Parked, Ready
from sixthbot.engine.following import FollowerWatch, look_after
from sixthbot.store.queue import Queue
from tests.engine.scene import Scene, probe, rule

if TYPE_CHECKING:
    from sixthbot.core.tasks import Task
    from tests.support.repos import RepoDir


def both(
    repo: RepoDir, *, do: str = "nothing", policy: AfterFailed = AfterFailed.PARK
) -> tuple[Scene, Task, Task]:
    """Return a scene in which `deploy` comes after `build`, and their tasks for one event."""
    second = rule("deploy", after=("build",), after_failed=policy)
    scene = Scene(repo.path, second, rule("build", do=(probe(do),), retries=0))
    build, deploy = scene.admit()
    assert (build.rule, deploy.rule) == ("build", "deploy")
    return scene, build, deploy


def test_a_rules_task_waits_for_that_of_the_other_rule_and_follows_it_at_once(repo: RepoDir) -> None:
    scene, build, deploy = both(repo)
    assert deploy.state == Blocked(f"waits for {build.id}")
    assert deploy.after == (build.id,)
    assert scene.perform().id == build.id
    assert (scene.task(deploy.id).state, scene.task(deploy.id).after) == (Ready(), ())
    assert scene.perform().state == Done("succeeded")


def test_a_rule_waits_for_nothing_where_the_other_one_did_not_fire(repo: RepoDir) -> None:
    off = rule("build", when={"args": ("never",)})
    scene = Scene(repo.path, rule("deploy", after=("build", "gone")), off)
    [deploy] = scene.admit()
    assert deploy.state == Ready()


@pytest.mark.parametrize("policy", AfterFailed)
def test_what_a_failure_means_for_what_comes_after(repo: RepoDir, policy: AfterFailed) -> None:
    scene, build, deploy = both(repo, do="fail", policy=policy)
    assert isinstance(scene.perform().state, Failed)
    state = scene.task(deploy.id).state
    match policy:
        case AfterFailed.RUN:
            assert state == Ready()
        case AfterFailed.SKIP:
            assert state == Done("cancelled", f"skipped: task {build.id}, which it comes after, failed")
        case AfterFailed.PARK:
            assert isinstance(state, Parked)
            assert state.kind == FOLLOWING


def test_a_parked_follower_goes_on_by_itself_once_the_other_one_succeeds(repo: RepoDir) -> None:
    scene, build, deploy = both(repo, do="fail")
    failed = scene.perform()
    scene.set_rules(rule("build"), rule("deploy"))
    scene.services.store.queue.settle(failed, lifecycle.step(failed, lifecycle.Retried(), scene.clock()))
    look_after(scene.services.store, scene.clock())
    assert isinstance(scene.task(deploy.id).state, Blocked)
    assert scene.perform().id == build.id
    assert scene.task(deploy.id).state == Ready()


def test_what_nobody_told_is_found_by_a_look(repo: RepoDir) -> None:
    scene, build, deploy = both(repo)
    queue = scene.services.places.queue
    [path] = (queue / "ready/normal").glob(f"*{build.id}.json")
    (queue / "done").mkdir(exist_ok=True)
    path.rename(queue / "done" / path.name)  # by hand
    watch = FollowerWatch()
    assert [task.id for task in watch.look(scene.services, 0.0)] == [deploy.id]
    assert scene.task(deploy.id).state == Ready()
    assert watch.look(scene.services, 100.0) == []


def test_a_predecessor_that_is_gone_needs_a_person_and_one_that_was_pruned_is_over(repo: RepoDir) -> None:
    scene, build, deploy = both(repo)
    done = scene.claim()
    queue = scene.services.store.queue
    queue.settle(done, lifecycle.step(done, lifecycle.Succeeded(), scene.clock()))
    [path] = (scene.services.places.queue / "done").glob(f"*{build.id}.json")
    path.rename(path.with_name("away"))
    look_after(scene.services.store, scene.clock())
    parked = scene.task(deploy.id).state
    assert isinstance(parked, Parked)
    assert parked.reason == f"task {build.id}, which this one comes after, is not in the queue"
    path.with_name("away").rename(path)
    assert queue.done.remove(list(queue.done.old(done.deadline.replace(year=2090), 0))) == 1
    look_after(scene.services.store, scene.clock())
    assert scene.task(deploy.id).state == Ready()
    # what was pruned does not come again, not even after a restart
    store = replace(scene.services.store, queue=Queue(scene.services.places.queue, "process"))
    scene.services = replace(scene.services, store=store)
    assert scene.admit() == []


def test_a_circle_made_by_hand_is_told_and_stays_told(repo: RepoDir) -> None:
    scene, build, deploy = both(repo)
    queue = scene.services.store.queue
    circle = lifecycle.step(build, lifecycle.PutAfter((deploy.id,), AfterFailed.RUN), scene.clock())
    assert queue.settle(build, circle)
    watch = FollowerWatch()
    told = watch.look(scene.services, 0.0)
    assert {task.id for task in told} == {build.id, deploy.id}
    for task in told:
        assert isinstance(task.state, Parked)
        assert task.state.reason.startswith("it waits for itself: ")
    assert look_after(scene.services.store, scene.clock()) == []
    assert queue.settle(
        task := scene.task(build.id), lifecycle.step(task, lifecycle.Retried(), scene.clock())
    )
    assert scene.perform().id == build.id
    assert scene.task(deploy.id).state == Ready()
