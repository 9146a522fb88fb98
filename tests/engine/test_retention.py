"""What is over leaves the queue for the journal, and can still be told and taken up again."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.core import lifecycle
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import IssueStatus
from sixthbot.engine import retention
from sixthbot.engine.admit import admit
from sixthbot.engine.again import own_tasks
from sixthbot.engine.retention import Retention
from sixthbot.engine.services import open_services
from sixthbot.store import disk
from sixthbot.store.jsonfile import load_json
from sixthbot.store.past import past_tasks
from sixthbot.store.state.arrived import note_names
from sixthbot.store.traces import trace_name
from tests.engine.scene import Scene, rule
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from sixthbot.core.tasks import Task
    from tests.support.repos import RepoDir

DAY = 24 * 3600


def sweep(scene: Scene) -> int:
    """Sweep as a bot does that has been there all the time."""
    keeper, turns = Retention(scene.services, lambda: 0.0), 1
    keeper._known = scene.clock()
    keeper.begin(scene.services)
    while keeper.go_on(scene.services):
        turns += 1
    return turns


def kept(scene: Scene) -> list[str]:
    return [task.id for task in scene.services.store.queue.all(states=("done",))]


def left(scene: Scene) -> list[Task]:
    return list(past_tasks(scene.services.store.journal, lambda _: True))


def clock_of_today() -> FixedClock:
    """Return a clock that begins with the real one: the kernel's time of a file's last change cannot be set back."""
    return FixedClock(datetime.now(UTC))


def finish(scene: Scene, *keys: str) -> list[Task]:
    scene.admit(*keys)
    return [ended(scene, scene.perform()) for _ in keys]


def ended(scene: Scene, task: Task) -> Task:
    """Let a task have ended when the scene's clock says."""
    [path] = (scene.services.places.queue / "done").glob(f"*{task.id}.json")
    os.utime(path, (0, scene.clock().timestamp()))
    return task


def test_what_is_old_leaves_for_the_journal_and_never_comes_again(repo: RepoDir) -> None:
    clock = clock_of_today()
    scene = Scene(repo.path, rule(), clock=clock)
    [old] = finish(scene, "old")
    clock.advance(29 * DAY)
    [new] = finish(scene, "new")
    sweep(scene)
    assert kept(scene) == [old.id, new.id]
    clock.advance(2 * DAY)
    sweep(scene)
    assert kept(scene) == [new.id]
    [past] = left(scene)
    assert (past.id, past.state, past.rule, past.event) == (old.id, old.state, old.rule, old.event)
    assert scene.admit("old") == []


def test_how_old_a_task_is_counts_from_its_end(repo: RepoDir) -> None:
    """One waited for a person for long; one was to begin in a year and was cancelled."""
    scene = Scene(repo.path, rule(), clock=(clock := clock_of_today()))
    [late] = scene.admit("late")
    queue = scene.services.store.queue
    [early] = scene.admit("early")
    put_off = lifecycle.step(early, lifecycle.Deferred(clock() + timedelta(days=365)), clock())
    assert queue.settle(early, put_off)
    ended(scene, queue.cancel(put_off) or early)
    clock.advance(40 * DAY)
    ended(scene, scene.perform())
    sweep(scene)
    assert kept(scene) == [late.id]
    assert [task.id for task in left(scene)] == [early.id]


def test_of_many_the_newest_stay_and_the_rest_leave_in_turns(
    repo: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_TOGETHER", 2)
    monkeypatch.setattr(retention, "_TURN", -1.0)
    clock = clock_of_today()
    scene = Scene(repo.path, rule(), clock=clock)
    config = scene.services.loaded.config
    few = config.model_copy(update={"bot": config.bot.model_copy(update={"keep_done_files": 3})})
    scene.services = replace(scene.services, loaded=replace(scene.services.loaded, config=few))
    tasks = finish(scene, *(str(number) for number in range(8)))
    assert sweep(scene) == 3
    assert len(kept(scene)) == 3
    assert {task.id for task in left(scene)} | set(kept(scene)) == {task.id for task in tasks}


def test_a_clock_that_jumps_back_lets_nothing_go_early(repo: RepoDir) -> None:
    clock = clock_of_today()
    scene = Scene(repo.path, rule(), clock=clock)
    [task] = finish(scene, "one")
    clock.advance(-3600)
    sweep(scene)
    clock.advance(7 * DAY)
    sweep(scene)
    assert kept(scene) == [task.id]


def test_a_clock_that_jumps_ahead_lets_nothing_go_that_is_not_old(repo: RepoDir) -> None:
    clock = clock_of_today()
    scene = Scene(repo.path, rule(), clock=clock)
    [task] = finish(scene, "one")
    clock.advance(400 * DAY)
    ticks = iter([0.0, 10.0, 10.0, 29.0 * DAY, 31.0 * DAY])
    keeper = Retention(scene.services, lambda: next(ticks))
    for expected in ([task.id], [task.id], [task.id], []):
        assert not keeper.go_on(scene.services)
        assert kept(scene) == expected


def test_an_issues_own_task_stays_until_the_issue_is_over_and_can_be_taken_up_after_that(
    repo: RepoDir,
) -> None:
    clock = clock_of_today()
    scene = Scene(repo.path, rule(on="issue.added"), clock=clock)
    store = scene.services.store
    path = scene.services.places.inbox / "it.md"
    text = b"# Tidy\n"
    path.write_bytes(text)
    record = store.issues.accept(path, text, parse_issue(text, "it.md"), now=clock())
    fields = {"id": record.id, "title": "Tidy", "labels": ("a", "b")}
    admit(scene.services, [scene.event(record.id, kind="issue.added", fields=fields)])
    task = scene.perform()
    clock.advance(400 * DAY)
    sweep(scene)
    assert kept(scene) == [task.id]
    store.issues.change_record(record.id, lambda now: replace(now, status=IssueStatus.ENDED))
    sweep(scene)
    assert kept(scene) == []
    assert own_tasks(scene.services, record.id) == [task]
    assert own_tasks(open_services(repo.path), record.id)[0].event.fields == task.event.fields


@pytest.mark.parametrize("line", [b'{"kind": "task.retired"}', b'{"data": {"task": []}}', b"\xff"])
def test_a_record_that_a_person_broke_is_passed_over(repo: RepoDir, line: bytes) -> None:
    clock = clock_of_today()
    scene = Scene(repo.path, rule(), clock=clock)
    [task] = finish(scene, "one")
    clock.advance(31 * DAY)
    sweep(scene)
    with scene.services.store.journal.path.open("ab") as file:
        file.write(line + b"\n")
    scene.services.store.journal.append("task.retired", "", task="t0", data={"task": {"id": 1}})
    assert [past.id for past in left(scene)] == [task.id]
    assert clock() - task.created > timedelta(days=30)


def test_a_task_is_safe_in_the_journal_before_its_file_goes(repo: RepoDir) -> None:
    """A power cut in between must not take both."""

    class Watching(disk.Disk):
        def __init__(self, journal: Path) -> None:
            self.journal = journal
            self.synced: set[int] = set()
            self.unsafe: list[str] = []
            self.removed = 0

        def sync(self, descriptor: int) -> None:
            if os.path.samestat(os.fstat(descriptor), self.journal.stat()):
                self.synced.add(self.journal.stat().st_size)

        def remove(self, path: disk.StrPath) -> None:
            if "/done/" in str(path):
                self.removed += 1
                safe = max(self.synced, default=0)
                if Path(path).name[-17:-5] not in self.journal.read_text()[:safe]:
                    self.unsafe.append(str(path))
            super().remove(path)

    clock = clock_of_today()
    scene = Scene(repo.path, rule(), clock=clock)
    finish(scene, "one", "two", "three")
    clock.advance(40 * DAY)
    watching = Watching(scene.services.store.journal.path)
    disk.use(watching)
    try:
        sweep(scene)
    finally:
        disk.use(None)
    assert (watching.removed, watching.unsafe) == (3, [])


def test_what_nobody_asks_for_any_more_goes_when_it_is_old_and_nothing_else(repo: RepoDir) -> None:
    clock = clock_of_today()
    clock.advance(31 * DAY)
    scene = Scene(repo.path, rule(), clock=clock)
    [task] = scene.admit("here")
    places = scene.services.places
    goes = (
        places.checkpoints / "t0123456789ab.json",
        places.checkpoints / "t0123456789ab.2.items",
        places.checkpoints / f"{task.id}.json.damaged",
        places.operations / "x.json.damaged.1",
        places.queue / ".ids.damaged",
        places.cache / "changelog.json.damaged",
        places.beside / "actor.damaged",
        places.data_dir / "approvals" / "x.json.damaged",
        places.local / "arrived" / f"{'a' * 32}.json",
        places.logs / "bug-1.txt",
        places.local / "torn" / ("ab" * 20),
        places.local / "traces" / trace_name("a rule that is gone"),
    )
    stays = (
        places.checkpoints / f"{task.id}.json",
        places.rejected / "bad.md",
        places.local / "traces" / trace_name(rule().name),
        places.local / "traces" / "stopped.json",
        places.checkpoints / "my notes.md",
        places.operations / "20200101T000000000000Z-abc.json",
        places.inbox / "still there.md",
        *(places.local / "arrived" / name for name in note_names(["still there.md"])),
    )
    for path in (*goes, *stays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        os.utime(path, (0, clock().timestamp() - 31 * DAY))
    young = places.cursors / "y.json.damaged"
    young.parent.mkdir(exist_ok=True)
    young.write_text("{}")
    os.utime(young, (0, clock().timestamp() - 29 * DAY))
    sweep(scene)
    assert [path.name for path in goes if path.exists()] == []
    assert [path.name for path in (*stays, young) if not path.exists()] == []


def test_what_was_put_aside_today_stays_however_long_ago_it_was_written(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(), clock=clock_of_today())
    torn = scene.services.places.cursors / "old.json"
    torn.parent.mkdir(exist_ok=True)
    torn.write_text("{")
    os.utime(torn, (1, 1))
    assert load_json(torn) is None
    sweep(scene)
    assert torn.with_name("old.json.damaged").exists()
