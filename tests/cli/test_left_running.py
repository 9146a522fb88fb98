"""What commands say of a task that lies as running though its worker was killed: nobody hears what is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.core.tasks import Running
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from sixthbot.store.progressfile import write_progress
from tests.cli.support import sixthbot
from tests.cli.test_queue import put

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

LEFT = "its worker is dead, so this holds once `sixthbot run` or `sixthbot watch` starts"


@pytest.mark.parametrize(
    ("verb", "dead", "living"),
    [
        ("pause", f"is paused; {LEFT}", "is running; its worker was asked to give it back"),
        ("resume", f"goes on; {LEFT}", "is running, and goes on"),
        ("cancel", f"is cancelled; {LEFT}", "is running; its worker was asked to stop"),
    ],
)
def test_what_nobody_works_on_is_not_said_to_be_asked_of_a_worker(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch, verb: str, dead: str, living: str
) -> None:
    task = put(home, "a", Running("w1"))
    open_store(locate(home.path)).queue.request_pause(task.id)
    assert sixthbot("queue", verb, task.id, cwd=home.path).out == f"{task.id} {dead}\n"
    open_store(locate(home.path)).queue.request_pause(task.id)
    monkeypatch.setattr("sixthbot.store.afoot.is_free", lambda _: False)
    assert sixthbot("queue", verb, task.id, cwd=home.path).out == f"{task.id} {living}\n"


@pytest.mark.parametrize("folder", ["parked", "failed"])
def test_what_was_put_away_by_hand_is_not_resumed_but_retried(home: RepoDir, folder: str) -> None:
    task = put(home, "a")
    queue = home.path / ".sixth/queue"
    [path] = queue.glob("ready/normal/*.json")
    (queue / folder).mkdir(exist_ok=True)
    path.rename(queue / folder / path.name)
    said = sixthbot("queue", "resume", task.id, cwd=home.path)
    assert (said.code, said.err.splitlines()[1]) == (2, f"hint: sixthbot queue retry {task.id}")
    assert sixthbot("queue", "retry", task.id, cwd=home.path).code == 0


def test_show_tells_that_nobody_works_on_it_and_what_to_type(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = put(home, "a", Running("w1"))
    row = {
        "schema": 1, "task": task.id, "step": 3, "steps": 8, "action": "work", "since": "2026-01-02T03:04:05Z",
        "updated": "2026-01-02T03:04:05Z", "done": 0, "total": 0, "eta": None, "item": "", "line": "",
    }  # fmt: skip
    write_progress(locate(home.path), row)
    told = "now  stopped at work, step 3 of 8; its worker is dead, the next run or watch takes it up\n     next: sixthbot run\n"
    assert told in sixthbot("queue", "show", task.id, cwd=home.path).out
    assert sixthbot("queue", "show", task.id, "--json", cwd=home.path).json["task"]["dead"] is True
    monkeypatch.setattr("sixthbot.store.afoot.is_free", lambda _: False)
    assert "now  work, step 3 of 8, begun " in sixthbot("queue", "show", task.id, cwd=home.path).out
