"""`log` and `why`: what happened, and the chain behind a thing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.core import lifecycle
from sixthbot.store.open import open_store
from sixthbot.store.past import remember
from sixthbot.store.paths import locate
from sixthbot.store.taskfiles import TaskFiles
from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from sixthbot.core.tasks import Task
    from tests.support.repos import RepoDir


def why(repo: RepoDir, wanted: str, *options: str) -> str:
    said = sixthbot(*options, "why", wanted, cwd=repo.path)
    assert (said.code, said.err) == (0, "")
    return re.sub(r"\d\d:\d\d:\d\d", "TIME", said.out)


def test_the_log_tells_what_happened_oldest_first(waiting: RepoDir) -> None:
    said = sixthbot("log", "--issue", "tidy", cwd=waiting.path)
    assert (said.code, said.err) == (0, "")
    told = [line.split("  ", 2)[2] for line in said.out.splitlines()]
    assert told[0] == "issue.added tidy: fired work on an issue"
    assert told[-1] == "subtask 2 waits for a person: Rename the file by hand"
    assert not any(line.startswith("step ") for line in told)
    closely = sixthbot("-v", "log", "--issue", "tidy", cwd=waiting.path).out
    assert "  step 1, branch\n" in closely


def test_the_log_leaves_out_events_that_no_rule_is_for_and_shortens_commits(waiting: RepoDir) -> None:
    commit = waiting.commit("feat: one", {"one": "1"})
    said = sixthbot("run", cwd=waiting.path)
    assert commit[:9] not in said.err
    assert commit[:9] not in sixthbot("log", "-n", "0", cwd=waiting.path).out
    closely = sixthbot("-v", "log", "-n", "0", cwd=waiting.path).out
    assert f"commit main {commit[:9]}:" in closely
    assert commit not in closely
    assert commit not in why(waiting, commit[:9])


def test_the_log_is_cut_filtered_and_given_as_json(waiting: RepoDir) -> None:
    assert len(sixthbot("log", "-n", "2", cwd=waiting.path).out.splitlines()) == 2
    warnings = sixthbot("log", "--level", "warning", "--json", cwd=waiting.path).json
    assert warnings["schema"] == 1
    assert [record["kind"] for record in warnings["records"]] == ["task.parked"]
    closely = sixthbot("-v", "log", "--issue", "tidy", cwd=waiting.path).out
    assert sixthbot("log", "--issue", "tidy", "-v", cwd=waiting.path).out == closely
    for line, words in (
        (["--issue", "other"], "there is no issue 'other'"),
        (["--task", "zzz"], "there is no task 'zzz'"),
    ):
        said = sixthbot("log", *line, cwd=waiting.path)
        assert (said.code, said.out) == (2, "")
        assert words in said.err
    task = sixthbot("queue", "--json", cwd=waiting.path).json["tasks"][0]["id"]
    assert sixthbot("log", "--task", task[:5], cwd=waiting.path).out
    assert sixthbot("log", "--level", "loud", cwd=waiting.path).code == 2


def test_a_torn_line_in_the_journal_is_passed_over(waiting: RepoDir) -> None:
    (journal,) = (waiting.path / ".sixth/journal").glob("*.jsonl")
    with journal.open("ab") as file:
        file.write(b'{"time": "2026-11')
    assert sixthbot("log", "-n", "0", cwd=waiting.path).code == 0
    assert "waits for you" in why(waiting, "tidy")


def test_why_an_issue_tells_event_verdict_task_and_what_it_waits_for(waiting: RepoDir) -> None:
    told = why(waiting, "ti")
    event = sixthbot("why", "tidy", "--json", cwd=waiting.path).json["events"][0]["event"]
    (task,) = sixthbot("queue", "--json", cwd=waiting.path).json["tasks"]
    tip = waiting.tip(BRANCH)
    assert told.startswith(
        "issue tidy\n"
        "  issue tidy, waiting-for-person: Tidy the words\n"
        f"  branch {BRANCH} from main\n"
        "\n"
        f"event {event}  issue.added  tidy  TIME\n"
        "  fired  work on an issue: "
    )
    assert f"\ntask {task['id']}  work on an issue  parked, lane normal\n" in told
    assert f"\n  TIME  subtask 1: commit {tip[:12]}\n" in told
    assert told.endswith(
        "\nwaits for you: subtask 2 waits for a person: Rename the file by hand\n"
        f"next: commit it on {BRANCH} in a worktree of your own, leave the branch, then:\n"
        "      sixthbot done tidy\n"
    )


def test_why_finds_the_same_task_from_every_end(waiting: RepoDir) -> None:
    (task,) = sixthbot("queue", "--json", cwd=waiting.path).json["tasks"]
    event = sixthbot("why", "tidy", "--json", cwd=waiting.path).json["events"][0]["event"]
    for wanted in (task["id"], task["id"][:8], event, event[:9], BRANCH, waiting.tip(BRANCH)):
        assert f"\ntask {task['id']}  work on an issue" in why(waiting, wanted), wanted


def test_why_an_event_reads_no_other_tasks_file(waiting: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    event = sixthbot("why", "tidy", "--json", cwd=waiting.path).json["events"][0]["event"]
    [path] = waiting.path.glob(".sixth/queue/parked/*.json")
    path.with_name("20260101T000000000-t0000000000aa.json").write_text("{}")
    read: list[str] = []
    plain = TaskFiles.load

    def load(self: TaskFiles, path: str, **more: bool) -> Task | None:
        read.append(path)
        return plain(self, path, **more)

    monkeypatch.setattr(TaskFiles, "load", load)
    assert "work on an issue  parked" in why(waiting, event)
    assert {Path(one).name for one in read} == {path.name}


def test_why_a_task_that_left_the_queue_or_whose_file_was_removed_tells_it_from_the_journal(
    waiting: RepoDir,
) -> None:
    event = sixthbot("why", "tidy", "--json", cwd=waiting.path).json["events"][0]["event"]
    [path] = waiting.path.glob(".sixth/queue/parked/*.json")
    store = open_store(locate(waiting.path))
    task = next(store.queue.all())
    path.unlink()
    for wanted in (task.id, event):
        told = why(waiting, wanted)
        assert f"event {event}  issue.added" in told
        assert f"\ntask {task.id}  its file is gone; by the journal it was parked\n" in told
    assert sixthbot("why", event, "--json", cwd=waiting.path).json["gone"][0]["state"] == "parked"
    remember(store.journal, lifecycle.step(task, lifecycle.Cancelled(), task.created))
    for wanted in (task.id, event, "tidy"):
        assert f"\ntask {task.id}  work on an issue  done, lane normal\n" in why(waiting, wanted)


def test_why_a_rule_did_not_fire_names_the_first_false_term(home: RepoDir) -> None:
    (home.path / ".sixth/rules").mkdir(exist_ok=True)
    (home.path / ".sixth/rules/mine.toml").write_text(
        '[[rule]]\nname = "small ones"\non = "commit"\nwhen = { branch = "main" }\n'
        'if = "event.files > 5 and event.added > 1"\ndo = [{ use = "notify", text = "x" }]\n'
    )
    sixthbot("trust", "--yes", cwd=home.path)
    head = home.commit("feat: one", {"one": "1"})
    sixthbot("run", cwd=home.path)
    told = why(home, head)
    assert told.startswith(f"commit {head[:9]}\n")
    assert "\n  not fired  small ones: " in told
    assert "event.files > 5" in told
    closely = why(home, head[:10], "-v")
    assert "\n      holds: " in closely
    assert "\n      fails: event.files > 5" in closely


def test_why_a_commit_from_before_init_says_that_it_is_no_event(home: RepoDir) -> None:
    said = sixthbot("why", "HEAD", cwd=home.path)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"error: commit {home.head()[:12]} is there, but no event told of it\nhint: ")


@pytest.mark.parametrize("wanted", ["nothing", "", "--all", "..", "-n1", "a b", "\x1b[2J", ":/feat", "@{-1}"])
def test_why_something_unknown_is_a_usage_error(home: RepoDir, wanted: str) -> None:
    said = sixthbot("why", "--", wanted, cwd=home.path)
    assert (said.code, said.out) == (2, "")
    assert "\x1b" not in said.err


def test_why_a_pushed_draft_ends_the_story(drafted: RepoDir) -> None:
    sixthbot("approve", BRANCH, cwd=drafted.path)
    sixthbot("push", cwd=drafted.path)
    sixthbot("run", cwd=drafted.path)
    told = why(drafted, BRANCH)
    assert f"\ndraft {BRANCH} at {drafted.tip(BRANCH)[:9]}, pushed\n" in told
    assert "waits for you" not in told
