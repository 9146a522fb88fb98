"""The light readers of `status` and the readers that build values see the same in the same files."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.drafts import DraftStatus
from sixthbot.core.issues import Asked, Issue, IssueRecord, IssueStatus, Plan, Subtask, SubtaskStatus
from sixthbot.core.names import BranchName
from sixthbot.core.tasks import STATE_NAMES, Lane, Parked
from sixthbot.store import counting, rows, taskform
from sixthbot.store.glance import open_drafts, open_issues, parked_tasks
from sixthbot.store.open import Store, open_store
from sixthbot.store.taskfile import encode
from sixthbot.store.tomlfile import OWN_LIMIT
from tests.store.support import home, make_task
from tests.store.test_drafts import DRAFT

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.paths import Places
    from tests.support.clock import FixedClock

PLAN = Plan(
    (
        Subtask(n=1, text="Sort", asked=Asked("sort", {"by": "two words"}), status=SubtaskStatus.DONE, commits=("a" * 40,)),
        Subtask(n=2, text="Say\nwhy", status=SubtaskStatus.WAITING, by="person", reason="nobody asked"),
    )
)  # fmt: skip


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return home(tmp_path / "top")


@pytest.fixture
def store(places: Places, clock: FixedClock) -> Store:
    return open_store(places, durability="process", clock=clock)


def add_issue(store: Store, places: Places, clock: FixedClock, title: str) -> IssueRecord:
    path = places.inbox / "x.md"
    path.write_text(title)
    issue = Issue(id=title, title=title, body="", subtasks=())
    return store.issues.accept(path, title.encode(), issue, now=clock())


def issue_names(places: Places) -> list[str]:
    return [path.name for path in places.issues.iterdir()]


def draft_names(places: Places) -> list[str]:
    return [path.name for path in places.drafts.iterdir()]


def test_the_words_of_the_light_readers_are_those_of_the_values() -> None:
    assert tuple(IssueStatus) == rows.ISSUE_STATUSES
    assert tuple(SubtaskStatus) == rows.SUBTASK_STATUSES
    assert tuple(DraftStatus) == counting.DRAFT_STATUSES
    assert tuple(Lane) == counting.LANES
    assert {*rows.RECORD_TEXTS, *rows.RECORD_LISTS, "status"} == {field.name for field in fields(IssueRecord)}
    assert tuple(taskform.STATE_TEXTS) == STATE_NAMES


def test_open_issues_are_those_of_the_store_oldest_first(
    places: Places, store: Store, clock: FixedClock
) -> None:
    for number, status in enumerate(IssueStatus):
        clock.advance(-5)
        record = add_issue(store, places, clock, f"i{number}")
        store.issues.change_record(record.id, partial(replace, status=status, branch=f"sixth/{number}"))
        store.issues.change_plan(record.id, lambda _: PLAN)
    found = open_issues(places, issue_names(places))
    expected = [record for record in store.issues.list() if record.status in counting.OPEN_ISSUES]
    assert [row["id"] for row in found] == ["i3", "i2", "i1", "i0"]
    for row, record in zip(found, expected, strict=True):
        plan = row.pop("plan")
        assert IssueRecord(**row) == record
        assert [subtask["status"] for subtask in plan] == ["done", "waiting"]
        assert plan[0]["asked"] == ("sort", {"by": "two words"})
        assert (plan[1]["text"], plan[1]["reason"]) == ("Say\nwhy", "nobody asked")


@pytest.mark.parametrize(
    "damage",
    ["", "nonsense", 'status = "open"\n', 'id = "other"\nstatus = "open"\n', 'id = "i"\ntitle = 3\nstatus = "open"\n'],
)  # fmt: skip
def test_a_record_that_the_store_cannot_read_is_left_out(
    places: Places, store: Store, clock: FixedClock, damage: str
) -> None:
    kept = add_issue(store, places, clock, "kept")
    record = add_issue(store, places, clock, "i")
    (places.issues / record.id / "issue.toml").write_text(damage)
    assert store.issues.damaged()
    assert [row["id"] for row in open_issues(places, issue_names(places))] == [kept.id]


def test_a_linked_issue_folder_is_nobodys_issue(places: Places, store: Store, clock: FixedClock) -> None:
    record = add_issue(store, places, clock, "i")
    (places.issues / record.id).rename(places.top / "elsewhere")
    (places.issues / record.id).symlink_to(places.top / "elsewhere")
    assert open_issues(places, issue_names(places)) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (b"nonsense", ".sixth/issues/i/plan.toml:1: not TOML"),
        (b"\xff", "not UTF-8"),
        (b"[[subtask]]\nn = 0\n", "subtask 1: n must be a number from 1"),
        (b"[[subtask]]\nn = 1\ndo = 1\n", "subtask 1: do must be text"),
        (b"#" * (OWN_LIMIT + 1), "plan.toml is longer than"),
    ],
)
def test_a_plan_that_cannot_be_read_says_so(
    places: Places, store: Store, clock: FixedClock, damage: bytes, reason: str
) -> None:
    record = add_issue(store, places, clock, "i")
    store.issues.plan_path(record.id).write_bytes(damage)
    (row,) = open_issues(places, issue_names(places))
    (subtask,) = row["plan"]
    assert (subtask["text"], subtask["status"]) == ("the plan cannot be read", "failed")
    assert reason in subtask["reason"]


def test_a_plan_that_is_a_link_or_is_gone_does_not_keep_the_rest_from_being_told(
    places: Places, store: Store, clock: FixedClock
) -> None:
    for title in ("gone", "link", "folder"):
        add_issue(store, places, clock, title)
        store.issues.plan_path(title).unlink()
    store.issues.plan_path("link").symlink_to(places.config_file)
    store.issues.plan_path("folder").mkdir()
    reasons = {row["id"]: row["plan"][0]["reason"] for row in open_issues(places, issue_names(places))}
    assert "its plan.toml is gone" in reasons["gone"]
    assert reasons["link"] == "plan.toml is a link or special file"
    assert reasons["folder"] == "plan.toml is not a regular file"


def test_open_drafts_are_those_of_the_store(places: Places, store: Store) -> None:
    for status in DraftStatus:
        store.drafts.write(replace(DRAFT, branch=BranchName.parse(f"sixth/{status}"), status=status))
    found = open_drafts(places, draft_names(places))
    expected = [draft for draft in store.drafts.list() if draft.status in counting.OPEN_DRAFTS]
    assert [row["branch"] for row in found] == [draft.branch.value for draft in expected]
    assert {row["title"] for row in found} == {DRAFT.title}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+++", "---"), ("sixth/tidy", "sixth/other"), ('head = "', 'head = "x'), ("awaiting-review", "fine"),
        ('title = "', 'titel = "'), ("sixth/tidy-the-notes", "sixth/tidy the notes"), ("base", "= base"),
    ],
)  # fmt: skip
def test_a_draft_that_the_store_cannot_read_is_left_out(
    places: Places, store: Store, old: str, new: str
) -> None:
    kept = replace(DRAFT, branch=BranchName.parse("sixth/kept"))
    for draft in (DRAFT, kept):
        store.drafts.write(draft)
    path = store.drafts.path(DRAFT.branch)
    path.write_text(path.read_text().replace(old, new))
    (places.drafts / "link.md").symlink_to(path)
    (places.drafts / "folder.md").mkdir()
    assert store.drafts.list() == [kept]
    assert [row["branch"] for row in open_drafts(places, draft_names(places))] == ["sixth/kept"]


def test_parked_tasks_are_those_of_the_store(places: Places, store: Store) -> None:
    for number in (2, 1):
        state = Parked("input", f"reason {number}", "type this")
        store.queue.put(make_task(number, issue=f"i{number}", state=state))
    store.queue.put(make_task(3))
    expected = list(store.queue.all(states=("parked",)))
    assert parked_tasks(places) == [
        {
            "id": task.id, "rule": task.rule, "issue": task.issue, "kind": "input",
            "reason": f"reason {number}", "hint": "type this",
        }
        for number, task in enumerate(expected, 1)
    ]  # fmt: skip


@pytest.mark.parametrize("state", [name for name in STATE_NAMES if name not in {"parked", "running"}])
def test_a_task_that_somebody_parked_by_hand_is_told_as_the_store_tells_it(
    places: Places, store: Store, state: str
) -> None:
    store.queue.put(make_task(1))
    (path,) = (places.queue / "ready" / "normal").iterdir()
    texts = {"name": state, "until": "2026-01-01T00:00:00Z", "reason": "x"}
    data = path.read_text().replace('"name": "ready"', ", ".join(f'"{k}": "{v}"' for k, v in texts.items()))
    (places.queue / "parked" / path.name).write_text(data)
    path.unlink()
    (task,) = store.queue.all(states=("parked",))
    assert isinstance(task.state, Parked)
    (row,) = parked_tasks(places)
    assert (row["kind"], row["reason"], row["hint"]) == (task.state.kind, task.state.reason, task.state.hint)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", "["), ('"schema": 1', '"schema": 2'), ('"rule": "a rule"', '"rule": 3'), ('"parked"', '"asleep"'),
        ('"reason": "why"', '"reason": 1'), ('"id": "t', '"id": "u'), ('"lane": "normal"', '"lane": "fast"'),
        ('"events": [', '"events": [3, '), ('"issue"', '"tissue"'),
    ],
)  # fmt: skip
def test_what_the_store_takes_for_no_task_is_left_out(
    places: Places, store: Store, old: str, new: str
) -> None:
    kept, task = (make_task(number, state=Parked("input", "why", "")) for number in (1, 2))
    for each in (kept, task):
        store.queue.put(each)
    (path,) = (places.queue / "parked").glob(f"*{task.id}.json")
    damaged = encode(task).decode().replace(old, new)
    assert damaged != encode(task).decode()
    path.write_text(damaged)
    (path.parent / "20260101T000000000Z-x.json").symlink_to(path)
    assert [each.id for each in store.queue.all(states=("parked",))] == [kept.id]
    assert [row["id"] for row in parked_tasks(places)] == [kept.id]
