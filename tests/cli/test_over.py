"""Drafts that are over, and drafts made anew: what `approve`, `reject`, `push`, `rebase`, `queue` and `release` say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

FILE = ".sixth/drafts/sixth%2Ftidy-the-words.md"


def task_of(repo: RepoDir, state: str) -> str:
    """Return the id of the issue's own task, which is in that state."""
    tasks = sixthbot("queue", "list", "--json", cwd=repo.path).json["tasks"]
    [found] = [task["id"] for task in tasks if (task["state"], task["rule"]) == (state, "work on an issue")]
    return str(found)


def shown(repo: RepoDir) -> str:
    """Return the status of the one issue."""
    return str(sixthbot("issue", "list", "--json", cwd=repo.path).json["issues"][0]["status"])


def test_a_rejected_draft_cannot_be_approved_or_rejected_again_until_its_issue_is_reopened(
    drafted: RepoDir,
) -> None:
    assert sixthbot("reject", BRANCH, "-m", "not like this", cwd=drafted.path).code == 0
    for line in (["approve", BRANCH], ["reject", BRANCH, "-m", "again"], ["push", BRANCH]):
        said = sixthbot(*line, cwd=drafted.path)
        assert (line, said.code) == (line, 4)
        assert "was rejected: not like this" in said.err
        assert "hint: to take it up again: sixthbot issue reopen tidy" in said.err
    assert sixthbot("issue", "reopen", "tidy", cwd=drafted.path).code == 0
    assert 'status = "awaiting-review"' in (drafted.path / FILE).read_text()
    assert sixthbot("run", cwd=drafted.path).code == 0
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0


def test_a_cancelled_issue_takes_its_draft_and_its_approval_with_it(
    drafted: RepoDir, remote: RepoDir
) -> None:
    sixthbot("approve", BRANCH, cwd=drafted.path)
    sixthbot("issue", "cancel", "tidy", cwd=drafted.path)
    assert 'status = "rejected"' in (drafted.path / FILE).read_text()
    for verb in ("approve", "push", "rebase"):
        said = sixthbot(verb, BRANCH, cwd=drafted.path)
        assert (verb, said.code) == (verb, 4)
        assert "cancelled" in said.err
    assert remote.tip(BRANCH) == ""
    sixthbot("issue", "reopen", "tidy", cwd=drafted.path)
    assert sixthbot("push", BRANCH, cwd=drafted.path).code == 4, "no old approval counts"


def test_the_draft_of_an_ended_issue_is_out_of_the_way(drafted: RepoDir) -> None:
    drafted.git("branch", "-D", BRANCH)
    sixthbot("run", cwd=drafted.path)
    assert sixthbot("draft", cwd=drafted.path).out == "no drafts yet\n"
    assert (drafted.path / ".sixth/issues/tidy/drafts/sixth%2Ftidy-the-words.md").is_file()
    for verb in ("approve", "push", "review", "rebase"):
        said = sixthbot(verb, BRANCH, cwd=drafted.path)
        assert (verb, said.code) == (verb, 4)
        assert "ended" in said.err
    assert f"{BRANCH} was deleted" in sixthbot("approve", BRANCH, cwd=drafted.path).err


def test_a_draft_is_made_anew_on_a_base_that_moved(drafted: RepoDir) -> None:
    sixthbot("approve", BRANCH, cwd=drafted.path)
    main = drafted.commit("feat: more", {"more.txt": "1\n"})
    assert f"sixthbot rebase {BRANCH}" in sixthbot("review", BRANCH, "--stat", cwd=drafted.path).out
    story = f"{BRANCH}: rebase onto main (1 new commit), changelog, checks, a new draft\n"
    assert sixthbot("rebase", BRANCH, "--dry-run", cwd=drafted.path).out == f"would do: {story}"
    assert 'status = "approved"' in (drafted.path / FILE).read_text()
    assert sixthbot("rebase", BRANCH, cwd=drafted.path).out == f"to do: {story}"
    assert sixthbot("run", cwd=drafted.path).code == 0
    assert drafted.git("merge-base", "main", BRANCH) == main
    assert "base     main, up to date\n" in sixthbot("review", BRANCH, "--stat", cwd=drafted.path).out
    assert sixthbot("push", BRANCH, cwd=drafted.path).code == 4
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0


@pytest.mark.parametrize("word", ["rebase", "retry"])
def test_a_failed_check_is_run_again(waiting: RepoDir, word: str) -> None:
    config = waiting.path / ".sixth/config.toml"
    works = config.read_text()
    config.write_text(works.replace("print(open('words.txt').read())", "raise SystemExit('no')"))
    sixthbot("trust", "--yes", cwd=waiting.path)
    sixthbot("done", "tidy", cwd=waiting.path)
    sixthbot("run", cwd=waiting.path)
    assert f"sixthbot rebase {BRANCH}" in sixthbot("review", BRANCH, "--stat", cwd=waiting.path).out
    config.write_text(works)
    sixthbot("trust", "--yes", cwd=waiting.path)
    line = ["rebase", BRANCH] if word == "rebase" else ["queue", "retry", task_of(waiting, "parked")]
    assert sixthbot(*line, cwd=waiting.path).code == 0
    assert sixthbot("run", cwd=waiting.path).code == 0
    assert "checks   1 passed" in sixthbot("review", BRANCH, "--stat", cwd=waiting.path).out
    assert sixthbot("approve", BRANCH, cwd=waiting.path).code == 0


@pytest.mark.parametrize("harm", [None, "nonsense"])
def test_a_draft_that_is_missing_or_damaged_is_written_again(drafted: RepoDir, harm: str | None) -> None:
    path = drafted.path / FILE
    before = path.read_text()
    path.unlink() if harm is None else path.write_text(harm)
    said = sixthbot("approve", BRANCH, cwd=drafted.path)
    assert said.code == 2
    assert f"sixthbot rebase {BRANCH}" in said.err
    assert sixthbot("rebase", BRANCH, cwd=drafted.path).code == 0
    assert sixthbot("run", cwd=drafted.path).code == 0
    duration = re.compile(r"\d+\.\d s")
    assert duration.sub("", path.read_text()) == duration.sub("", before)


def test_there_is_nothing_to_rebase_of_a_branch_without_issue(home: RepoDir) -> None:
    said = sixthbot("rebase", "main", cwd=home.path)
    assert (said.code, said.err.splitlines()[0]) == (2, "error: the branch 'main' belongs to no issue")
    assert sixthbot("rebase", "--", "--all", cwd=home.path).code == 2


def test_a_cancelled_task_takes_its_issue_with_it_and_names_the_way_back(waiting: RepoDir) -> None:
    task = task_of(waiting, "parked")
    said = sixthbot("queue", "cancel", task, cwd=waiting.path)
    assert said.out == (
        f"{task} is cancelled, and with it issue tidy; sixthbot issue reopen tidy takes it up again\n"
    )
    assert shown(waiting) == "cancelled"
    said = sixthbot("queue", "retry", task, cwd=waiting.path)
    assert said.code == 1
    assert "hint: sixthbot issue reopen tidy\n" in said.err


@pytest.mark.parametrize("ready", [False, True])
def test_a_task_moved_into_done_by_hand_takes_its_issue_with_it_as_cancelling_does(
    waiting: RepoDir, *, ready: bool
) -> None:
    task, queue = task_of(waiting, "parked"), waiting.path / ".sixth/queue"
    if ready:
        sixthbot("queue", "retry", task, cwd=waiting.path)
    [file] = queue.glob(f"ready/*/*-{task}.json" if ready else f"parked/*-{task}.json")
    (queue / "done").mkdir(exist_ok=True)
    file.rename(queue / "done" / file.name)
    for _ in range(2):  # the second time there is nothing new
        assert sixthbot("run", cwd=waiting.path).code == 0
        assert shown(waiting) == "cancelled"
    told = sixthbot("log", "--kind", "*.cancelled", "--json", cwd=waiting.path).json["records"]
    assert [record["kind"] for record in told] == ["issue.cancelled", "task.cancelled"]
    assert sixthbot("queue", "show", task, "--json", cwd=waiting.path).json["task"]["reason"] == (
        "given up: its file was moved into done/ by hand"
    )
    assert "nothing waits for you" in sixthbot("status", cwd=waiting.path).out
    sixthbot("issue", "reopen", "tidy", cwd=waiting.path)
    sixthbot("run", cwd=waiting.path)
    assert shown(waiting) == "waiting-for-person"


def test_a_push_of_what_was_pushed_says_so(drafted: RepoDir, remote: RepoDir) -> None:
    sixthbot("approve", BRANCH, cwd=drafted.path)
    sixthbot("push", BRANCH, cwd=drafted.path)
    head = drafted.tip(BRANCH)
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert (said.code, said.out) == (0, f"{BRANCH} was pushed already at {head[:9]}; nothing to do\n")
    remote.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert said.code == 4
    assert "no such branch any more" in said.err


def test_a_release_of_what_is_not_frozen_says_so(drafted: RepoDir) -> None:
    said = sixthbot("release", BRANCH, cwd=drafted.path)
    assert (said.code, said.out) == (
        0,
        f"nothing to release: the bot does not hold back from {BRANCH}\n",
    )


def test_an_error_that_lists_drafts_says_how_many_more_there_are(drafted: RepoDir) -> None:
    text = (drafted.path / FILE).read_text()
    for number in range(6):
        name = f"sixth/other-{number}"
        copy = text.replace(BRANCH, name)
        (drafted.path / f".sixth/drafts/sixth%2Fother-{number}.md").write_text(copy)
    said = sixthbot("review", cwd=drafted.path)
    assert (said.code, said.err.splitlines()[0].endswith("sixth/other-4 and 2 more")) == (2, True)


def test_a_base_that_is_gone_is_waited_for(waiting: RepoDir) -> None:
    main = waiting.tip("main")
    waiting.git("switch", "--quiet", "--create", "trunk")  # a rename would be followed
    waiting.git("branch", "-D", "main")
    sixthbot("done", "tidy", cwd=waiting.path)
    assert sixthbot("run", cwd=waiting.path).code == 0
    task = task_of(waiting, "parked")
    status = sixthbot("status", cwd=waiting.path).out
    assert f"git branch main {main}" in status + sixthbot("queue", "show", task, cwd=waiting.path).out
    waiting.git("branch", "main", main)
    sixthbot("queue", "retry", task, cwd=waiting.path)
    sixthbot("run", cwd=waiting.path)
    assert shown(waiting) == "in-review"
    waiting.git("branch", "-D", "main")
    said = sixthbot("review", BRANCH, "--stat", cwd=waiting.path).out
    assert "\nbase     main is gone\n" in said
    assert "\nchanges  2 commits, 2 files, +" in said


def test_an_issue_that_changed_nothing_says_so_and_leaves_no_branch(waiting: RepoDir) -> None:
    waiting.commit("chore: sort", {"words.txt": "apple\npear\n"})
    issue = "+++\nid = 'again'\n+++\n# Sort again\n\n- [ ] Sort `do: sort-words`\n"
    (waiting.path / ".sixth/inbox/again.md").write_text(issue, encoding="utf-8")
    said = sixthbot("run", cwd=waiting.path)
    assert "nothing changed, so there is no draft" in said.out + said.err
    assert waiting.tip("sixth/sort-again") == ""
    assert "again  ended" in sixthbot("issue", "list", "--all", cwd=waiting.path).out


def test_review_names_the_way_on_where_the_branch_moved_or_is_gone(drafted: RepoDir) -> None:
    drafted.git("update-ref", f"refs/heads/{BRANCH}", f"{BRANCH}~1")
    said = sixthbot("review", BRANCH, "--stat", cwd=drafted.path).out
    assert f"\nnext: sixthbot done tidy (your commits) or sixthbot rebase {BRANCH} (moved back), then" in said
    assert sixthbot("rebase", BRANCH, cwd=drafted.path).code == 0
    sixthbot("run", cwd=drafted.path)
    assert "status   awaiting-review\n" in sixthbot("review", BRANCH, "--stat", cwd=drafted.path).out
    head = drafted.tip(BRANCH)
    drafted.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    said = sixthbot("review", BRANCH, "--stat", cwd=drafted.path).out
    assert f"\nnext: git branch {BRANCH} {head} brings it back\n" in said
