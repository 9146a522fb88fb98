"""`queue`: looking at tasks and steering them."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.events import EventKind, make_event
from sixthbot.core.tasks import Done, Failed, Lane, Parked, Ready, Running, State, Task, Waiting, task_id
from sixthbot.store.open import open_store
from sixthbot.store.past import remember
from sixthbot.store.paths import locate
from sixthbot.store.queue import Queue
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

CLOCK = r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"
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
                "not_before": None,
                "after": [],
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
                "not_before": None,
                "after": [],
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
    [told] = sixthbot("queue", "list", "--all", "--json", cwd=home.path).json["tasks"]
    assert (told["state"], told["reason"]) == ("done", "cancelled")
    assert state_of(home, task) == "done"
    said = sixthbot("queue", "retry", task.id, cwd=home.path)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"error: task {task.id} is done: it cannot be retried\n"


def test_a_running_task_is_asked_to_stop(home: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sixthbot.store.afoot.is_free", lambda _: False)
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
    said = sixthbot("queue", "pause", "fast", cwd=home.path)
    assert said.err == (
        "error: there is no lane or task 'fast'\n"
        "hint: the lanes are critical, high, normal, low; the tasks: sixthbot queue list\n"
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


def test_what_is_set_aside_is_told_wherever_somebody_looks(home: RepoDir) -> None:
    parked, failed = put(home, "a", Parked("input", "which base?")), put(home, "b", Failed("it broke"))
    queue, store = home.path / ".sixth/queue", open_store(locate(home.path))
    [file] = queue.glob(f"parked/*-{parked.id}.json")
    (queue / "ready/normal" / file.name).write_bytes(file.read_bytes())
    for number, text in enumerate(("{", "", "[]")):
        (queue / f"ready/high/20261120T120000000Z-t{number}.json").write_text(text)
    assert store.queue.claim("w1") is None
    records = list(store.journal.read(where=lambda record: record.kind == "task.set-aside"))
    assert {record.task for record in records} == {"t0", "t1", "t2", parked.id}
    assert len(records) == 4
    said = sixthbot("log", "--errors", cwd=home.path).out
    assert ("was set aside" in said, "sixthbot doctor says what" in said) == (True, True)
    (home.path / ".sixth/inbox/rejected").mkdir(exist_ok=True)
    for name in ("bad.md", "bad.md.reason.txt"):
        (home.path / ".sixth/inbox/rejected" / name).write_text("the id is not usable\n")
    said = sixthbot("status", cwd=home.path).out
    assert "  1 parked, 1 failed, 4 set aside (sixthbot doctor)\n" in said
    assert "  1 file rejected (sixthbot doctor)\n" in said
    status = sixthbot("status", "--json", cwd=home.path).json
    assert (status["queue"]["failed"], status["set_aside"], status["rejected"]) == (1, 4, 1)
    said = sixthbot("why", "t1", cwd=home.path).out
    assert "its file cannot be read: .sixth/queue/failed/20261120T120000000Z-t1.json\n" in said
    assert sixthbot("why", "t1", "--json", cwd=home.path).json["unread"][0]["id"] == "t1"
    assert "its file" not in sixthbot("why", failed.id, cwd=home.path).out
    found = sixthbot("doctor", "--json", cwd=home.path).json["findings"]
    assert any(parked.id in one["message"] and "delete both" in one["hint"] for one in found)


def test_what_is_gone_before_it_could_be_paused_is_not_said_to_be(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = put(home, "a")

    def settle(queue: Queue, before: Task, _after: Task) -> None:
        Path(queue.files.path_for(before)).unlink()

    monkeypatch.setattr(Queue, "settle", settle)
    said = sixthbot("queue", "pause", task.id, cwd=home.path)
    assert (said.code, said.out, "moved on at this moment" in said.err) == (1, "", True)
    assert sixthbot("log", "--kind", "task.pause.*", "--json", cwd=home.path).json["records"] == []


# several at once, and only looking


def test_several_are_steered_at_once_and_all_failed_ones_tried_again(home: RepoDir) -> None:
    one, other, ready = put(home, "a", Failed("no")), put(home, "b", Failed("no")), put(home, "c")
    dry = sixthbot("queue", "retry", "--failed", "--dry-run", cwd=home.path)
    assert dry.out.count("(a rule, failed) would be tried again\n") == 2
    assert {state_of(home, one), state_of(home, other)} == {"failed"}
    assert sixthbot("queue", "retry", "--failed", cwd=home.path).out.count("is ready again") == 2
    assert sixthbot("queue", "retry", "--failed", cwd=home.path).out == "no task failed\n"
    assert sixthbot("queue", "move", one.id, other.id, "low", cwd=home.path).code == 0
    said = sixthbot("queue", "list", "--lane", "low", "--json", cwd=home.path).json["tasks"]
    assert {task["id"] for task in said} == {one.id, other.id}
    sixthbot("queue", "cancel", ready.id, cwd=home.path)
    said = sixthbot("queue", "cancel", one.id, ready.id, other.id, cwd=home.path)
    assert said.code == 1
    assert (
        said.err
        == f"{ready.id}: task {ready.id} is done: it cannot be cancelled\nerror: 1 task of 3 stayed as they were\n"
    )
    assert {state_of(home, one), state_of(home, other)} == {"done"}


def test_nothing_is_done_to_any_while_one_of_several_is_not_there(home: RepoDir) -> None:
    task = put(home, "a")
    assert sixthbot("queue", "cancel", task.id, "nothing", cwd=home.path).code == 2
    assert state_of(home, task) == "ready"
    assert sixthbot("queue", "cancel", cwd=home.path).code == 2


# waiting


def test_a_task_is_put_off_and_brought_back(home: RepoDir) -> None:
    task = put(home, "a", lane=Lane.HIGH)
    said = sixthbot("queue", "defer", task.id, "2099-01-01", cwd=home.path)
    assert (said.code, said.err) == (
        2,
        (
            "error: not a time to wait for: '2099-01-01'\n"
            "hint: write it like 2h, 14:00, 2026-11-20, '2026-11-20 14:00' or 2026-11-20T14:00:00Z\n"
        ),
    )
    assert sixthbot("queue", "defer", task.id, "2h", cwd=home.path).out.startswith(
        f"{task.id} is waiting, not"
    )
    [shown] = sixthbot("queue", "list", "--json", cwd=home.path).json["tasks"]
    assert shown["reason"].startswith("not before ")
    assert re.search(f"\nwaits until {CLOCK}\n$", sixthbot("why", task.id, cwd=home.path).out)
    found = open_store(locate(home.path)).queue.find(task.id)
    assert found is not None
    assert found.not_before is not None
    assert found.deadline == found.not_before + Lane.HIGH.wait
    assert sixthbot("queue", "defer", task.id, "0s", cwd=home.path).out == f"{task.id} is ready\n"


def test_a_task_waits_for_another_and_a_circle_is_refused(home: RepoDir) -> None:
    first, second, third = put(home, "a"), put(home, "b"), put(home, "c")
    said = sixthbot("queue", "after", second.id, first.id, "--on-failure", "skip", cwd=home.path)
    assert said.out == f"{second.id} comes after {first.id}\n"
    sixthbot("queue", "after", third.id, second.id, cwd=home.path)
    said = sixthbot("queue", "after", first.id, third.id, cwd=home.path)
    assert said.code == 2
    assert said.err.startswith(
        f"error: task {first.id} would wait for itself: "
        f"{first.id} after {third.id} after {second.id} after {first.id}\n"
    )
    listed = {task["id"]: task for task in sixthbot("queue", "--json", cwd=home.path).json["tasks"]}
    assert listed[second.id]["reason"] == f"waits for task {first.id} of rule a rule (ready)"
    assert listed[second.id]["after"] == [first.id]
    shown = sixthbot("queue", "show", first.id, "--json", cwd=home.path).json["task"]
    assert shown["followers"] == [second.id]
    sixthbot("queue", "cancel", first.id, cwd=home.path)  # the second is skipped, so the third needs a person
    assert [state_of(home, task) for task in (first, second, third)] == ["done", "done", "parked"]
    skipped = sixthbot("queue", "show", second.id, "--json", cwd=home.path).json["task"]["reason"]
    assert skipped == f"skipped: task {first.id}, which it comes after, was cancelled"
    assert sixthbot("queue", "after", third.id, "--none", cwd=home.path).code == 0
    assert state_of(home, third) == "ready"
    said = sixthbot("queue", "after", third.id, first.id, cwd=home.path)
    assert (said.code, "was cancelled" in said.err) == (2, True)


def test_what_cannot_be_done_to_a_task_says_what_can(home: RepoDir) -> None:
    parked, task = put(home, "a", Parked("input", "which base?")), put(home, "b")
    for words in (("defer", parked.id, "2h"), ("pause", parked.id)):
        said = sixthbot("queue", *words, cwd=home.path)
        assert (said.code, f"hint: it waits for you: sixthbot queue show {parked.id}" in said.err) == (
            1,
            True,
        )
    for ids in ((task.id,), (parked.id, task.id)):
        said = sixthbot("queue", "defer", *ids, cwd=home.path)
        assert (said.code, said.err.splitlines()[0]) == (2, "error: the time is missing: not before when?")
    assert "not a time to wait for: 'noon'" in sixthbot("queue", "defer", task.id, "noon", cwd=home.path).err
    sixthbot("queue", "defer", put(home, "c", lane=Lane.LOW).id, "2h", cwd=home.path)
    sixthbot("queue", "pause", "normal", cwd=home.path)
    said = sixthbot("run", cwd=home.path)
    assert re.search(f"\nwaits c: not before {CLOCK}\n", said.out)
    assert "left lying 1 task: lane normal is paused (go on: sixthbot queue resume normal)\n" in said.out


@pytest.mark.parametrize(
    "state", [Parked("input", "which base?"), Waiting(NOW.replace(year=2199), "a retry")]
)
def test_a_circle_is_refused_whatever_its_tasks_wait_for(home: RepoDir, state: State) -> None:
    first, second, third = put(home, "a", Parked("review", "look")), put(home, "b", state), put(home, "c")
    needs = "; it is parked: it needs you first"
    said = sixthbot("queue", "after", first.id, second.id, cwd=home.path)
    assert said.out == f"{first.id} comes after {second.id}{needs}\n"
    sixthbot("queue", "after", second.id, third.id, cwd=home.path)
    for task, other in ((second, first), (third, first)):
        said = sixthbot("queue", "after", task.id, other.id, cwd=home.path)
        assert (said.code, "would wait for itself" in said.err) == (2, True)
    sixthbot("queue", "cancel", third.id, cwd=home.path)
    assert [state_of(home, task) for task in (first, second)] == ["parked", state.name]


def test_single_tasks_are_paused_and_resumed(home: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sixthbot.store.afoot.is_free", lambda _: False)
    task, running = put(home, "a"), put(home, "b", Running("w1"))
    said = sixthbot("queue", "pause", task.id, running.id, cwd=home.path)
    assert said.out == (
        f"{task.id} is paused; sixthbot queue resume {task.id} lets it go on\n"
        f"{running.id} is running; its worker was asked to give it back\n"
    )
    assert state_of(home, task) == "parked"
    assert open_store(locate(home.path)).queue.pause_requested(running.id)
    said = sixthbot("queue", "resume", task.id, running.id, cwd=home.path)
    assert said.out == f"{task.id} is ready again\n{running.id} is running, and goes on\n"
    assert not open_store(locate(home.path)).queue.pause_requested(running.id)
    said = sixthbot("queue", "resume", task.id, cwd=home.path)
    assert (said.code, said.err.splitlines()[0]) == (2, f"error: task {task.id} is ready: it is not paused")
    assert sixthbot("queue", "pause", "low", task.id, cwd=home.path).code == 2


def test_what_is_held_back_says_by_what(home: RepoDir) -> None:
    put(home, "a", Running("w1"))
    put(home, "b")
    put(home, "c", lane=Lane.LOW)
    sixthbot("queue", "pause", "low", cwd=home.path)
    listed = sixthbot("queue", "--state", "ready", cwd=home.path).out
    assert "lane low is paused\n" in listed


def test_of_a_long_queue_the_most_urgent_are_listed(home: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sixthbot.cli.queue._SHOWN", 2)
    tasks = [put(home, f"i{number}", lane=lane) for number, lane in enumerate((Lane.LOW, *Lane))]
    said = sixthbot("queue", "list", cwd=home.path).out
    assert [task.id in said for task in tasks] == [False, True, True, False, False]
    assert "and 3 more (sixthbot queue list --json has them all)" in said
    everything = json.loads(sixthbot("queue", "list", "--json", cwd=home.path).out)["tasks"]
    assert [task["lane"] for task in everything] == ["critical", "high", "normal", "low", "low"]


def test_a_task_that_has_left_the_queue_is_still_shown(home: RepoDir) -> None:
    task = put(home, "it", Done("succeeded"))
    store = open_store(locate(home.path))
    remember(store.journal, task)
    store.queue.done.remove([task])
    assert sixthbot("queue", "list", "--all", cwd=home.path).out == "the queue is empty\n"
    shown = json.loads(sixthbot("queue", "show", task.id[:6], "--json", cwd=home.path).out)["task"]
    assert (shown["id"], shown["state"], shown["issue"]) == (task.id, "done", "it")
    assert sixthbot("why", task.id, cwd=home.path).code == 0
    assert sixthbot("queue", "retry", task.id, cwd=home.path).code == 2


def test_a_name_in_no_encoding_is_told_of_in_letters(home: RepoDir) -> None:
    store = open_store(locate(home.path))
    odd = os.fsencode(store.places.queue / "ready/normal/20260101T000000000Z-t0") + b"\xff\n.json"
    os.close(os.open(odd, os.O_CREAT))
    assert store.queue.claim("w") is None
    [record] = store.journal.read(where=lambda one: one.kind == "task.set-aside")
    assert record.message.encode().isascii()
    assert "\n" not in record.message
    assert sixthbot("log", "--errors", cwd=home.path).code == 0
