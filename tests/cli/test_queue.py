"""`queue`: looking at tasks and steering them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sixthbot.core.events import EventKind, make_event
from sixthbot.core.tasks import Failed, Lane, Parked, Ready, Running, State, Task, task_id
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def put(home: RepoDir, name: str, state: State | None = None, lane: Lane = Lane.NORMAL) -> Task:
    fields = {"id": name, "title": f"Issue {name}"}
    event = make_event(EventKind.ISSUE_ADDED, fields, time=NOW)
    task = Task(
        id=task_id("a rule", event),
        rule="a rule",
        rule_hash="0" * 64,
        events=(event,),
        lane=lane,
        created=NOW,
        deadline=NOW + lane.wait,
        issue=name,
        state=Ready() if state is None else state,
    )
    assert open_store(locate(home.path)).queue.put(task)
    return task


def state_of(home: RepoDir, task: Task) -> str:
    found = open_store(locate(home.path)).queue.find(task.id)
    assert found is not None
    return found.state.name


def test_an_empty_queue_says_so(home: RepoDir) -> None:
    assert sixthbot("queue", cwd=home.path).out == "the queue is empty\n"
    assert sixthbot("queue", "list", "--json", cwd=home.path).json == {"schema": 1, "tasks": []}


def test_the_list_is_the_contracts_json(home: RepoDir) -> None:
    parked = put(home, "b", Parked("input", "which base?", "say so"))
    ready = put(home, "a", lane=Lane.HIGH)
    assert sixthbot("queue", "list", "--json", cwd=home.path).json == {
        "schema": 1,
        "tasks": [
            {
                "id": ready.id,
                "state": "ready",
                "lane": "high",
                "rule": "a rule",
                "event": ready.event.id,
                "attempts": 0,
                "deadline": "2026-11-20T12:05:00.000Z",
                "reason": "",
            },
            {
                "id": parked.id,
                "state": "parked",
                "lane": "normal",
                "rule": "a rule",
                "event": parked.event.id,
                "attempts": 0,
                "deadline": "2026-11-20T12:30:00.000Z",
                "reason": "which base?",
            },
        ],
    }


def test_the_list_for_people_is_aligned(home: RepoDir) -> None:
    task = put(home, "a", Failed("it broke"))
    head, line = sixthbot("queue", cwd=home.path).out.splitlines()
    assert head.split() == ["task", "state", "lane", "rule", "about", "made", "reason"]
    assert line.startswith(f"{task.id}  failed  normal  a rule  a ")
    assert line.endswith("  it broke")
    assert head.index("reason") == line.index("it broke")


def test_show_takes_a_unique_prefix_and_names_what_is_known(home: RepoDir) -> None:
    task = put(home, "a", Parked("input", "which base?", "say so"))
    said = sixthbot("queue", "show", task.id[:6], cwd=home.path)
    assert said.code == 0
    assert f"id        {task.id}\n" in said.out
    assert "hint      say so\n" in said.out
    shown = sixthbot("queue", "show", task.id, "--json", cwd=home.path).json["task"]
    assert (shown["issue"], shown["events"]) == ("a", ["issue.added a"])


def test_a_failed_task_is_retried_from_a_clean_count(home: RepoDir) -> None:
    task = put(home, "a", Failed("it broke"))
    said = sixthbot("queue", "retry", task.id, cwd=home.path)
    assert said.out == f"{task.id} is ready again; a running watch takes it up, or sixthbot run\n"
    assert state_of(home, task) == "ready"


def test_a_ready_task_is_cancelled_and_cannot_be_retried(home: RepoDir) -> None:
    task = put(home, "a")
    assert sixthbot("queue", "cancel", task.id, cwd=home.path).out == f"{task.id} is cancelled\n"
    assert state_of(home, task) == "done"
    said = sixthbot("queue", "retry", task.id, cwd=home.path)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"error: task {task.id} is done: it cannot be retried\n"


def test_a_running_task_is_asked_to_stop(home: RepoDir) -> None:
    task = put(home, "a", Running("w1"))
    said = sixthbot("queue", "cancel", task.id, cwd=home.path)
    assert said.out == f"{task.id} is running; its worker was asked to stop\n"
    assert open_store(locate(home.path)).queue.cancel_requested(task.id)


def test_moving_a_task_moves_its_deadline(home: RepoDir) -> None:
    task = put(home, "a")
    assert sixthbot("queue", "move", task.id, "critical", cwd=home.path).code == 0
    found = open_store(locate(home.path)).queue.find(task.id)
    assert found == replace(task, lane=Lane.CRITICAL, deadline=NOW)
    assert sixthbot("queue", "move", task.id, "urgent", cwd=home.path).code == 2


def test_lanes_are_paused_and_resumed(home: RepoDir) -> None:
    assert sixthbot("queue", "pause", "low", cwd=home.path).out == (
        "lane low paused; sixthbot queue resume low goes on\n"
    )
    listed = sixthbot("queue", cwd=home.path).out
    assert listed == "lane low is paused (sixthbot queue resume low)\nthe queue is empty\n"
    assert sixthbot("queue", "resume", cwd=home.path).out == "every lane resumed\n"
    assert sixthbot("queue", cwd=home.path).out == "the queue is empty\n"


def test_ids_that_fit_nothing_or_several_are_usage_errors(home: RepoDir) -> None:
    one, other = put(home, "a"), put(home, "b")
    said = sixthbot("queue", "show", "nothing", cwd=home.path)
    assert (said.code, said.err) == (2, "error: there is no task 'nothing'\nhint: sixthbot queue list\n")
    said = sixthbot("queue", "show", "t", cwd=home.path)
    assert said.code == 2
    assert said.err.startswith(f"error: 't' fits 2 of them: {', '.join(sorted([one.id, other.id]))}\n")
    assert sixthbot("queue", "show", "../../config", cwd=home.path).code == 2


def test_a_damaged_task_file_stops_nothing(home: RepoDir) -> None:
    put(home, "a")
    (home.path / ".sixth/queue/ready/high/20261120T120000000Z-t1.json").write_text("{")
    assert len(sixthbot("queue", "--json", cwd=home.path).json["tasks"]) == 1
