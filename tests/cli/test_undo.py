from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.issues import SubtaskStatus
from sixthbot.engine.services import open_services
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.repos import RepoDir


def branch_of(repo: RepoDir) -> str:
    """Return the one branch that the bot made, however it names branches."""
    [name] = repo.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/sixth/").splitlines()
    return name


def listed(repo: RepoDir, *options: str) -> list[dict[str, object]]:
    said = sixthbot("operations", "--json", *options, cwd=repo.path)
    assert said.code == 0, said.err
    assert said.json["schema"] == 1
    rows: list[dict[str, object]] = said.json["operations"]
    return rows


def test_the_last_operation_is_taken_back_and_had_again(drafted: RepoDir) -> None:
    branch = branch_of(drafted)
    others = drafted.git("for-each-ref", "refs/heads/main", "refs/remotes", "refs/tags")
    rows, tip = listed(drafted), drafted.tip(branch)
    assert [row["state"] for row in rows] == ["done"] * len(rows)
    last = rows[0]
    assert last["refs"] == [{"ref": f"refs/heads/{branch}", "old": drafted.tip(f"{branch}~1"), "new": tip}]
    told = sixthbot("undo", "--last", "--dry-run", cwd=drafted.path)
    assert told.code == 0
    assert str(last["id"]) in told.out
    assert (drafted.tip(branch), listed(drafted)) == (tip, rows)

    said = sixthbot("undo", "--last", cwd=drafted.path)
    assert said.code == 0
    assert drafted.tip(branch) == last["refs"][0]["old"]
    now = listed(drafted)
    assert [row["state"] for row in now[:2]] == ["done", "undone"]
    again = f"sixthbot undo {now[0]['id']} has it again"
    assert said.err == f"next: {again}; sixthbot issue reopen tidy works on its issue again\n"
    said = sixthbot("undo", str(last["id"]), cwd=drafted.path)
    assert (said.code, f"hint: {again}\n" in said.err) == (4, True)

    assert sixthbot("undo", "--last", cwd=drafted.path).code == 0
    assert drafted.tip(branch) == tip
    assert [row["state"] for row in listed(drafted)[:3]] == ["done", "undone", "done"]
    assert drafted.git("for-each-ref", "refs/heads/main", "refs/remotes", "refs/tags") == others


def test_the_list_can_be_narrowed(drafted: RepoDir) -> None:
    branch = branch_of(drafted)
    rows = listed(drafted)
    assert listed(drafted, "--branch", branch) == listed(drafted, "--branch", f"refs/heads/{branch}") == rows
    assert listed(drafted, "--branch", "other") == []
    assert listed(drafted, "--task", str(rows[0]["task"])) == rows
    said = sixthbot("operations", cwd=drafted.path)
    assert str(rows[0]["id"]) in said.out
    assert f"{branch} is made at" in said.out
    assert sixthbot("operations", "--branch", "other", cwd=drafted.path).out == "no operations of that kind\n"


def test_an_approval_of_what_is_undone_counts_no_more(drafted: RepoDir) -> None:
    branch = branch_of(drafted)
    assert sixthbot("approve", branch, cwd=drafted.path).code == 0
    assert sixthbot("undo", "--last", cwd=drafted.path).code == 0
    assert sixthbot("push", branch, cwd=drafted.path).code == 4
    assert sixthbot("undo", "--last", cwd=drafted.path).code == 0
    assert sixthbot("push", branch, cwd=drafted.path).code == 4
    drafts = sixthbot("draft", "list", "--json", cwd=drafted.path).json["drafts"]
    assert [draft["status"] for draft in drafts] == ["awaiting-review"]


def test_a_subtask_whose_commit_is_undone_is_open_again_and_done_again(waiting: RepoDir) -> None:
    branch = branch_of(waiting)
    services = open_services(waiting.path)
    assert services.store.issues.plan("tidy").get(1).status is SubtaskStatus.DONE
    assert waiting.show(branch, "words.txt") == "apple\npear\n"
    assert sixthbot("undo", "--last", cwd=waiting.path).code == 0
    assert waiting.show(branch, "words.txt") == "pear\napple\n"
    plan = services.store.issues.plan("tidy")
    assert (plan.get(1).status, plan.get(1).commits) == (SubtaskStatus.OPEN, ())
    assert "operation.undone" in [record.kind for record in services.store.journal.read()]
    assert sixthbot("issue", "reopen", "tidy", cwd=waiting.path).code == 0
    assert sixthbot("run", cwd=waiting.path).code == 0
    assert waiting.show(branch, "words.txt") == "apple\npear\n"


def test_what_is_not_as_it_was_left_is_refused(drafted: RepoDir, tmp_path: Path) -> None:
    branch = branch_of(drafted)
    tip = drafted.tip(branch)
    drafted.git("worktree", "add", "--quiet", str(tmp_path / "mine"), branch)
    said = sixthbot("undo", "--last", cwd=drafted.path)
    assert (said.code, "is checked out in" in said.err) == (4, True)
    drafted.git("worktree", "remove", str(tmp_path / "mine"))
    drafted.git("update-ref", f"refs/heads/{branch}", "main")
    said = sixthbot("undo", "--last", cwd=drafted.path)
    assert (said.code, "has moved since" in said.err) == (4, True)
    drafted.git("update-ref", f"refs/heads/{branch}", tip)
    drafted.git("update-ref", "refs/remotes/origin/x", tip)
    said = sixthbot("undo", "--last", cwd=drafted.path)
    assert (said.code, "is at origin/x already" in said.err) == (4, True)
    assert drafted.tip(branch) == tip


def test_an_operation_that_is_not_there_or_not_the_only_one_is_a_mistake(waiting: RepoDir) -> None:
    for wanted in ("nonsense", "../x", "2"):
        said = sixthbot("undo", wanted, cwd=waiting.path)
        assert (said.code, "hint: sixthbot operations" in said.err) == (2, True)


def test_without_an_id_the_last_operations_are_named_and_nothing_changes(drafted: RepoDir) -> None:
    rows, refs = listed(drafted), drafted.git("for-each-ref")
    for options in ((), ("--dry-run",)):
        said = sixthbot("undo", *options, cwd=drafted.path)
        assert (said.code, "hint: sixthbot undo ID, or sixthbot undo --last" in said.err) == (2, True)
        assert [row["id"] for row in rows if str(row["id"]) in said.out] == [row["id"] for row in rows[:5]]
    for wrong in (("",), (" ",), (str(rows[0]["id"]), "--last"), ("", "--last")):
        assert sixthbot("undo", *wrong, cwd=drafted.path).code == 2
    assert (listed(drafted), drafted.git("for-each-ref")) == (rows, refs)


def test_nothing_to_undo_and_a_task_s_own_command(home: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sixthbot("operations", cwd=home.path).out == "no operations yet\n"
    for options in ((), ("--last",)):
        assert "there is nothing to undo" in sixthbot("undo", *options, cwd=home.path).err
    monkeypatch.setenv("SIXTH_TASK_ID", "t1")
    assert sixthbot("undo", "--last", cwd=home.path).code == 4
