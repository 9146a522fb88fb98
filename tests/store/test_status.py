from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.core.drafts import DraftStatus
from sixthbot.core.issues import Issue, IssueStatus
from sixthbot.core.rules import DisabledRule
from sixthbot.store.clock import now
from sixthbot.store.locks import hold
from sixthbot.store.open import Store, open_store
from sixthbot.store.rulesummary import save_summary
from sixthbot.store.status import draft_statuses, figures, issue_statuses
from tests.store.support import home, make_task
from tests.store.test_drafts import DRAFT

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.paths import Places
    from tests.support.clock import FixedClock


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return home(tmp_path / "top")


@pytest.fixture
def store(places: Places, clock: FixedClock) -> Store:
    return open_store(places, durability="process", clock=clock)


def status(places: Places) -> dict[str, Any]:
    return figures(places, now(), issues=issue_statuses(places), drafts=draft_statuses(places))


def test_a_fresh_home_has_nothing_to_say(places: Places) -> None:
    found = status(places)
    assert list(found) == [
        "schema",
        "watcher",
        "queue",
        "drafts",
        "issues",
        "rules",
        "last_error",
        "running",
        "health",
        "conflicts",
        "paused",
        "set_aside",
        "rejected",
    ]
    assert found["schema"] == 1
    assert found["watcher"] == {"running": False, "pid": None, "since": None}
    assert found["queue"] == {
        "ready": {"critical": 0, "high": 0, "normal": 0, "low": 0},
        "waiting": 0, "running": 0, "parked": 0, "failed": 0,
    }  # fmt: skip
    assert found["issues"] == {"open": 0, "waiting_for_person": 0}
    assert set(found["drafts"].values()) == {0}
    assert found["rules"]["active"] >= 1
    assert found["last_error"] is None
    assert found["running"] == []


def test_it_says_what_there_is(places: Places, store: Store, clock: FixedClock) -> None:
    store.queue.put(make_task())
    for number, issue_status in enumerate(IssueStatus):
        path = places.inbox / "x.md"
        path.write_text(str(number))
        issue = Issue(title="status = 'open'", body="", subtasks=())
        record = store.issues.accept(path, str(number).encode(), issue, now=clock())
        store.issues.change_record(record.id, partial(replace, status=issue_status))
    store.drafts.write(replace(DRAFT, title='\nstatus = "rejected"', status=DraftStatus.APPROVED))
    store.journal.append("task.failed", "it broke", task="t1", level="error")
    clock.advance(5)
    store.journal.append("task.failed", "it broke again", task="t2", level="error")
    store.journal.append("task.claimed", "task.failed", task="t3")
    found = status(places)
    assert found["queue"]["ready"]["normal"] == 1
    assert found["issues"] == {"open": 4, "waiting_for_person": 1}
    assert found["drafts"] == {"awaiting-review": 0, "approved": 1, "rejected": 0, "pushed": 0}
    assert found["last_error"] == {
        "time": "2026-01-02T03:04:10.000Z",
        "task": "t2",
        "message": "it broke again",
    }


def test_the_last_error_is_found_when_the_journal_has_just_begun_a_new_file(
    places: Places, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.journal.append("task.failed", "it broke", task="t1", level="error")
    monkeypatch.setattr("sixthbot.store.journal.SEGMENT", 1)
    store.journal.append("task.claimed", "claimed", task="t3")  # the file is closed behind it
    assert (status(places)["last_error"] or {})["task"] == "t1"
    monkeypatch.undo()
    store.journal.append("task.claimed", "claimed", task="t4")
    assert (status(places)["last_error"] or {})["task"] == "t1"


def test_it_names_a_running_watcher(places: Places) -> None:
    with hold(places.watch_lock, what="watch"):
        watcher = status(places)["watcher"]
    assert (watcher["running"], watcher["pid"]) == (True, os.getpid())
    assert watcher["since"].endswith("Z")
    assert not status(places)["watcher"]["running"]


def test_the_figures_of_rules_are_those_of_the_last_check(places: Places) -> None:
    save_summary(places, active=7, disabled=[DisabledRule("x", "why")], untrusted=[".sixth/rules/y.toml"])
    expected = [
        {"name": "x", "reason": "why"},
        {"name": ".sixth/rules/y.toml", "reason": "not trusted: sixthbot trust --show"},
    ]
    assert status(places)["rules"] == {"active": 7, "disabled": expected, "stopped": []}
    (places.rules_dir / "new.toml").write_text("")
    rules = status(places)["rules"]
    assert rules["disabled"][:2] == expected
    assert rules["disabled"][2]["reason"] == "changed since they were read last: sixthbot run reads them"


def test_damage_does_not_stop_it(places: Places) -> None:
    for path in (places.drafts / "x.md", places.journal / "x.jsonl", places.cache / "rules.json"):
        path.write_bytes(b"\xff{")
    (places.issues / "x").mkdir()
    (places.issues / "file").write_text("")
    (places.drafts / "folder.md").mkdir()
    (places.queue / "failed/folder.json").mkdir()
    for name in ("folder.json.reason.txt", "x.json"):
        (places.queue / "failed" / name).write_text("{")
    found = status(places)
    assert found["queue"]["failed"] == 1, "a folder is no task that failed, with a reason beside it or not"
    assert found["issues"]["open"] == 0
    assert sum(found["drafts"].values()) == 0


def test_it_loads_neither_pydantic_nor_git_nor_click(places: Places) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom sixthbot.store.paths import locate\n"
        "from sixthbot.store.status import draft_statuses, figures, issue_statuses\nfrom sixthbot.store.clock import now\n"
        "places = locate(Path(sys.argv[1]))\n"
        "figures(places, now(), issues=issue_statuses(places), drafts=draft_statuses(places))\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(places.top)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {
        "pydantic",
        "git",
        "click",
        "filelock",
        "tomli_w",
        "ctypes",
        "asyncio",
        "subprocess",
    }
