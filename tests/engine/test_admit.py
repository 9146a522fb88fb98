from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.rules import Mode
from sixthbot.core.tasks import Done, Lane, Waiting
from sixthbot.core.times import format_time
from sixthbot.engine.admit import SETTLING, admit, hasten
from sixthbot.store.reading import read_small
from tests.engine.scene import SECOND, Scene, probe, rule
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

MINUTE = timedelta(minutes=1)


def states(scene: Scene) -> list[tuple[str, list[str]]]:
    return [
        (task.state.name, [event.key for event in task.events]) for task in scene.services.store.queue.all()
    ]


def test_every_rule_that_fires_makes_one_task_with_its_lane(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(lane=Lane.HIGH), rule("two"), rule("other", on="hook.x"), clock=clock)
    tasks = scene.admit()
    assert [(task.rule, task.lane) for task in tasks] == [("probe it", Lane.HIGH), ("two", Lane.NORMAL)]
    assert tasks[0].deadline == clock() + 5 * MINUTE
    assert scene.services.store.queue.claim("w") == scene.task(tasks[0].id)


def test_the_same_event_seen_again_makes_nothing_more(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    [task] = scene.admit()
    assert scene.admit() == []
    scene.perform()
    assert scene.admit() == []
    assert scene.task(task.id).state == Done("succeeded")


def test_the_journal_tells_the_verdict_of_every_rule_that_names_the_event(repo: RepoDir) -> None:
    scene = Scene(
        repo.path, rule(), rule("never", condition="event.args == 'no'"), rule("other", on="hook.x")
    )
    scene.admit()
    [record] = scene.journal("event")
    assert record.event == scene.event().id
    assert record.data is not None
    assert [(one["rule"], one["fired"]) for one in record.data["verdicts"]] == [
        ("probe it", True),
        ("never", False),
    ]
    assert record.message == "start one: fired probe it"


def test_an_event_that_no_rule_wants_is_still_in_the_journal(repo: RepoDir) -> None:
    scene = Scene(repo.path)
    assert scene.admit() == []
    assert scene.journal("event")[0].message == "start one: no rule fired"


def test_events_within_the_settle_time_become_one_task_that_carries_them_all(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(settle=2 * SECOND), clock=clock)
    [task] = scene.admit("a")
    assert task.state == Waiting(clock() + 2 * SECOND, SETTLING)
    clock.advance(1.5)
    [joined] = scene.admit("b")
    assert joined.id == task.id
    assert scene.admit("a", "b") == []
    clock.advance(1.5)
    assert scene.wake() == []
    clock.advance(0.5)
    assert len(scene.wake()) == 1
    assert states(scene) == [("ready", ["a", "b"])]
    scene.admit("c")
    assert sorted(states(scene)) == [("ready", ["a", "b"]), ("waiting", ["c"])]


def test_a_stream_without_a_pause_is_cut_into_tasks(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(settle=2 * SECOND), clock=clock)
    for number in range(25):
        scene.admit(str(number))
        scene.wake()
        clock.advance(1)
    assert len(states(scene)) == 2


def test_only_events_of_the_same_key_settle_together(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(settle=2 * SECOND, key="{args}"))
    first, second = (scene.event(key, fields={"args": key}) for key in ("a", "b"))
    assert len(admit(scene.services, [first, second])) == 2


def test_a_cooldown_lets_nothing_in_for_its_key_and_says_until_when(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(cooldown=10 * MINUTE), clock=clock)
    scene.admit("a")
    clock.advance(599)
    assert scene.admit("b") == []
    data = scene.journal("event")[-1].data
    assert data is not None
    assert data["verdicts"][0]["fired"] is False
    assert data["verdicts"][0]["reason"] == "cooling down for 10m, until 2026-01-02T03:14:05.000Z"
    clock.advance(1)
    assert len(scene.admit("c")) == 1


def test_mode_single_lets_nothing_in_while_one_is_there(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(mode=Mode.SINGLE))
    scene.admit("a")
    assert scene.admit("b") == []
    scene.perform()
    assert len(scene.admit("c")) == 1


def test_mode_restart_cancels_the_one_that_is_there(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(mode=Mode.RESTART))
    [first] = scene.admit("a")
    [second] = scene.admit("b")
    assert scene.task(first.id).state == Done("cancelled")
    scene.claim()
    scene.admit("c")
    assert scene.services.store.queue.cancel_requested(second.id)


@pytest.mark.parametrize("mode", [Mode.QUEUED, Mode.PARALLEL])
def test_other_modes_take_everything_in(repo: RepoDir, mode: Mode) -> None:
    scene = Scene(repo.path, rule(mode=mode))
    assert len(scene.admit("a", "b")) == 2


def test_own_events_are_skipped_unless_a_rule_wants_them(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(), rule("self", react_to_self=True))
    tasks = admit(scene.services, [scene.event(fields={"origin": "sixthbot"})])
    assert [task.rule for task in tasks] == ["self"]


def test_an_issue_brings_its_lane_intensity_and_budgets(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(on="issue.added", do=(probe("ask"),)))
    services = scene.services
    text = b"---\npriority: critical\nintensity: high\nmin_budget: 1h\nmax_budget: 2h\n---\n# Do it\n"
    path = services.places.inbox / "it.md"
    path.write_bytes(text)
    from sixthbot.core.issuefile import parse_issue  # noqa: PLC0415 - here only

    record = services.store.issues.accept(path, text, parse_issue(text, "it.md"), now=services.clock())
    [task] = admit(services, [scene.event(record.id, kind="issue.added", fields={"id": record.id})])
    assert (task.issue, task.lane, task.intensity, task.min_budget, task.max_budget) == (
        record.id, Lane.CRITICAL, "high", "1h", "2h",
    )  # fmt: skip
    scene.perform()
    assert services.store.issues.record(record.id).status == "waiting-for-person"


def test_an_event_that_settled_into_a_task_makes_none_when_it_is_seen_again_later(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(settle=2 * SECOND), clock=clock)
    scene.admit("a")
    scene.admit("b")
    clock.advance(3)
    scene.wake()
    assert len(scene.perform().events) == 2
    assert scene.admit("a", "b") == []
    done = scene.services.store.queue.done
    done.remove(list(done.old(clock() + MINUTE * 60, 0)))
    assert scene.admit("b", "a") == []
    assert len(scene.admit("c")) == 1


def test_what_has_cooled_down_is_forgotten(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(on="hook.x", key="{args}", cooldown=MINUTE), clock=clock)
    for number in range(5):
        admit(scene.services, [scene.event(f"{number}", kind="hook.x", fields={"args": f"{number}"})])
        clock.advance(45)
    saved = scene.services.store.cursors.load("cooldowns")
    assert saved is not None
    assert len(saved) == 2


def test_a_rules_delay_and_an_issues_own_time_put_the_start_off(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(delay=10 * MINUTE), rule("work", on="issue.added"), clock=clock)
    [task] = scene.admit()
    assert task.state == Waiting(clock() + 10 * MINUTE, f"not before {format_time(clock() + 10 * MINUTE)}")
    assert task.deadline == clock() + 40 * MINUTE
    assert hasten(scene.services) == []  # it is not another look that it waits for
    clock.advance(600)
    assert [one.id for one in scene.wake()] == [task.id]
    (scene.services.places.issues / "a").mkdir(parents=True)
    text = b"---\nnot_before: 2h\npriority: high\n---\n# Do it\n"
    (scene.services.places.issues / "a/issue.md").write_bytes(text)
    [task] = admit(scene.services, [scene.event("a", "issue.added", {"id": "a"})])
    assert (task.not_before, task.lane) == (clock() + 120 * MINUTE, Lane.HIGH)
    assert task.deadline == clock() + 125 * MINUTE


def test_a_long_queue_is_not_read_for_each_event(repo: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(repo.path, rule(settle=2 * SECOND, key="{args}"))
    admit(scene.services, [scene.event(key, fields={"args": key}) for key in map(str, range(60))])
    read: list[str] = []

    def counting(path: Path | str, limit: int) -> bytes:
        read.append(str(path))
        return read_small(path, limit)

    monkeypatch.setattr("sixthbot.store.groups.read_small", counting)
    monkeypatch.setattr("sixthbot.store.taskfiles.read_small", counting)
    for key in ("1", "2", "new"):
        [task] = admit(scene.services, [scene.event(f"again {key}", fields={"args": key})])
        assert len(task.events) == (1 if key == "new" else 2)
    assert len([path for path in read if path.endswith(".json")]) < 30


def test_what_another_process_put_and_what_moved_meanwhile_counts_for_single(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(mode=Mode.SINGLE))
    assert scene.admit("first")
    other = Scene(repo.path, rule(mode=Mode.SINGLE))
    assert other.admit("second") == []
    task = other.claim()
    assert scene.admit("third") == [], "it runs now"
    other.worker().perform(task)
    [fourth] = other.admit("fourth")
    assert scene.admit("fifth") == [], "the other process put it"
    (path,) = (repo.path / ".sixth/queue/ready/normal").glob(f"*{fourth.id}.json")
    path.rename(path.parents[1] / "high" / path.name)
    assert scene.admit("sixth") == [], "a person moved it"
