"""`log`: what happened, by kind, time, issue and level; errors by their sort."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.store.clock import now
from sixthbot.store.kinds import KINDS, NO_FAILURES
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


@pytest.fixture
def told(home: RepoDir) -> RepoDir:
    begin = now()
    for hours, kind, level, message in (
        (50, "task.failed", "error", "failed: 'sort' ended with exit status 1"),
        (3, "bot.trouble", "warning", "refs: no room"),
        (2, "task.failed", "error", "failed: 'uniq' ended with exit status 2"),
        (1, "task.succeeded", "info", "succeeded"),
    ):
        store = open_store(locate(home.path), clock=lambda hours=hours: begin - timedelta(hours=hours))  # type: ignore[misc]  # bound early
        store.journal.append(kind, message, level=level, task="t1", rule="r")
    return home


def messages(repo: RepoDir, *options: str) -> list[str]:
    found: dict[str, Any] = sixthbot("log", "--json", *options, cwd=repo.path).json
    return [record["message"] for record in found["records"] if record.get("task") == "t1"]


def test_records_are_chosen_by_kind_and_time(told: RepoDir) -> None:
    assert len(messages(told)) == 4
    assert messages(told, "--kind", "task.succeeded") == ["succeeded"]
    assert len(messages(told, "--kind", "task.*", "--kind", "bot.*")) == 4
    assert messages(told, "--since", "90m") == ["succeeded"]
    assert len(messages(told, "--since", "1d", "--kind", "task.*")) == 2
    moment = (now() - timedelta(hours=2, minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(messages(told, "--since", moment)) == 2
    assert messages(told, "-n", "1", "--since", "1d") == ["succeeded"]
    said = sixthbot("log", "--since", "yesterday", cwd=told.path)
    assert (said.code, "--since" in said.err, "hint: " in said.err) == (2, True, True)


def test_what_waits_for_a_person_is_no_error(told: RepoDir) -> None:
    store = open_store(locate(told.path))
    for kind in NO_FAILURES:
        store.journal.append(kind, "waits for a person", level="warning", task="t1")
    assert {sort["kind"] for sort in sixthbot("log", "--errors", "--json", cwd=told.path).json["errors"]} == {
        "task.failed",
        "bot.trouble",
    }
    assert set(KINDS) >= NO_FAILURES


def test_what_several_tasks_begin_with_is_refused(told: RepoDir) -> None:
    open_store(locate(told.path)).journal.append("task.failed", "it broke", level="error", task="t12")
    assert messages(told, "--task", "t1") == [*messages(told)]  # it is one's whole id
    said = sixthbot("log", "--task", "t", cwd=told.path)
    assert (said.code, said.out) == (2, "")
    assert "'t' fits 2 of them: t1, t12\nhint: give more of it" in said.err


def test_ctrl_c_is_the_way_to_leave_what_follows_the_log(
    told: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sixthbot.cli.log.time.sleep", interrupt)
    said = sixthbot("log", "-f", cwd=told.path)
    assert (said.code, said.err) == (0, "")


def test_errors_are_put_together_by_their_sort(told: RepoDir) -> None:
    first, second = sixthbot("log", "--errors", "--json", cwd=told.path).json["errors"]
    assert (first["kind"], first["count"], second["kind"], second["count"]) == (
        "task.failed",
        2,
        "bot.trouble",
        1,
    )
    assert "uniq" in first["example"]
    assert first["hint"].startswith("sixthbot why t1")
    said = sixthbot("log", "--errors", cwd=told.path).out
    assert "task.failed  2 times, first 2 d ago, last 2 h ago" in said
    assert "next: sixthbot why t1" in said
    assert sixthbot("log", "--errors", "--level", "debug", cwd=told.path).out == said
    (only,) = sixthbot("log", "--errors", "--since", "1d", "--level", "error", "--json", cwd=told.path).json[
        "errors"
    ]
    assert only["count"] == 1


def test_a_draft_is_told_in_one_line_and_kept_in_all(drafted: RepoDir) -> None:
    lines = sixthbot("log", "-n", "0", cwd=drafted.path).out.splitlines()
    about = [line for line in lines if "draft" in line or line.endswith("succeeded")]
    assert len(about) == 1, about
    assert about[0].endswith("the draft of sixth/tidy-the-words waits for a person")
    closely = sixthbot("log", "-n", "0", "-v", cwd=drafted.path).out
    for words in (" is ready: ", "draft.ready ", "a draft waits for review", "  succeeded"):
        assert words in closely
