"""`draft`, `review`, `approve`, `reject`, `push`, `release`: from draft to remote."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from pathlib import Path


FILE = ".sixth/drafts/sixth%2Ftidy-the-words.md"


def edit(repo: RepoDir, old: str, new: str) -> None:
    path = repo.path / FILE
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_list_is_the_contracts_json(drafted: RepoDir) -> None:
    assert sixthbot("draft", "list", "--json", cwd=drafted.path).json == {
        "schema": 1,
        "drafts": [
            {
                "branch": BRANCH,
                "issue": "tidy",
                "title": "Tidy the words",
                "status": "awaiting-review",
                "head": drafted.tip(BRANCH),
                "base": "main",
                "path": str(drafted.path / FILE),
                "void": "",
            }
        ],
    }


def test_show_prints_what_the_file_says(drafted: RepoDir) -> None:
    edit(drafted, "Tidy the words. ", "Words \x1b[31m are tidied. ")
    said = sixthbot("draft", "show", BRANCH, cwd=drafted.path)
    assert said.out.startswith("Tidy the words\n\nWords ^[[31m are tidied. ")
    assert said.err == f"\nthe file to edit is {drafted.path / FILE}\n"


def test_review_tells_on_one_screen_what_matters(drafted: RepoDir, remote: RepoDir) -> None:
    said = sixthbot("review", cwd=drafted.path)
    assert said.code == 0
    head = drafted.tip(BRANCH)
    tree = drafted.git("rev-parse", f"{BRANCH}^{{tree}}")
    lines = said.out.splitlines()
    assert lines[4].startswith("checks   1 passed")
    assert lines.pop(5).startswith("risk     low, ")
    assert lines[:8] == [
        "Tidy the words",
        "",
        f"branch   {BRANCH} at {head[:9]}",
        "status   awaiting-review",
        f"checks   1 passed on tree {tree[:9]}",
        "base     main, up to date",
        f"remote   origin ({remote.path})",
        lines[7],
    ]
    assert lines[7].startswith("changes  2 commits, 2 files, +")
    assert f"\nnext: sixthbot approve {BRANCH}, or sixthbot reject {BRANCH} -m WHY\n" in said.out
    for part in ("\ntext\n", "\ncommits\n", "\nfiles\n", "\ndiff\n", "\n+pear\n", "docs(changelog): "):
        assert part in said.out
    assert "\ndiff\n" not in sixthbot("review", "--stat", cwd=drafted.path).out


def test_review_neutralises_what_a_diff_could_do_to_a_terminal(waiting: RepoDir) -> None:
    waiting.git("worktree", "add", "--quiet", "../mine", BRANCH)
    mine = RepoDir(waiting.path.parent / "mine")
    mine.commit("feat: trap \x1b]0;x\x07", {"trap.txt": "a \x1b[2J \u202e b\r\n"})
    waiting.git("worktree", "remove", "../mine")
    sixthbot("done", "tidy", cwd=waiting.path)
    sixthbot("run", cwd=waiting.path)
    said = sixthbot("review", cwd=waiting.path)
    assert "+a ^[[2J <U+202E> b^M\n" in said.out
    assert not set(said.out) & {"\x1b", "\x07", "\u202e", "\r"}


def test_review_says_that_the_base_moved_on_and_the_approval_still_holds(drafted: RepoDir) -> None:
    sixthbot("approve", BRANCH, cwd=drafted.path)
    drafted.commit("feat: more", {"more.txt": "1\n"})
    said = sixthbot("review", BRANCH, cwd=drafted.path)
    assert "\nbase     main has moved on since\n" in said.out
    assert "\nstatus   approved\n" in said.out


def test_an_approved_draft_is_pushed_to_the_remote_exactly(drafted: RepoDir, remote: RepoDir) -> None:
    head = drafted.tip(BRANCH)
    said = sixthbot("approve", BRANCH, cwd=drafted.path)
    assert (said.code, said.out) == (0, f"{BRANCH} at {head[:9]} is approved for origin ({remote.path})\n")
    said = sixthbot("push", "--dry-run", cwd=drafted.path)
    assert (said.code, said.out) == (0, f"would push {head[:9]} to origin, branch {BRANCH}\n")
    assert remote.tip(BRANCH) == ""
    said = sixthbot("push", cwd=drafted.path)
    assert (said.code, said.out) == (0, f"pushed {head[:9]} to origin, branch {BRANCH}\n")
    assert remote.tip(BRANCH) == head
    assert 'status = "pushed"' in (drafted.path / FILE).read_text()
    assert (
        sixthbot("push", cwd=drafted.path).out
        == "no draft is approved; sixthbot draft list shows what waits\n"
    )


def test_what_nobody_approved_is_not_pushed(drafted: RepoDir, remote: RepoDir) -> None:
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert (said.code, said.out) == (4, "")
    assert said.err == (
        f"error: {BRANCH} is not approved\nhint: sixthbot review {BRANCH}, then sixthbot approve {BRANCH}\n"
    )
    assert remote.tip(BRANCH) == ""


def test_a_status_written_by_hand_is_no_approval_and_is_put_right(drafted: RepoDir, remote: RepoDir) -> None:
    edit(drafted, 'status = "awaiting-review"', 'status = "approved"')
    said = sixthbot("push", cwd=drafted.path)
    assert said.code == 4
    assert remote.tip(BRANCH) == ""
    assert 'status = "awaiting-review"' in (drafted.path / FILE).read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [('title = "Tidy the words"', 'title = "Other words"'), ("## Commits", "## No commits")],
)
def test_a_title_or_text_that_changed_voids_the_approval(
    drafted: RepoDir, remote: RepoDir, old: str, new: str
) -> None:
    sixthbot("approve", BRANCH, cwd=drafted.path)
    assert "approval void" not in sixthbot("draft", "list", cwd=drafted.path).out
    edit(drafted, old, new)
    said = sixthbot("draft", "list", cwd=drafted.path)
    assert f"{BRANCH}  approval void  " in said.out
    assert f"next: sixthbot review {BRANCH}, then sixthbot approve {BRANCH} again" in said.out + said.err
    [shown] = sixthbot("draft", "list", "--json", cwd=drafted.path).json["drafts"]
    assert (shown["status"], "was changed after it was approved" in shown["void"]) == ("approved", True)
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert said.code == 4
    assert "was changed after it was approved" in said.err
    assert remote.tip(BRANCH) == ""
    assert 'status = "awaiting-review"' in (drafted.path / FILE).read_text()
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    assert sixthbot("push", BRANCH, cwd=drafted.path).code == 0


def test_a_branch_that_moved_or_a_remote_that_changed_voids_the_approval(
    drafted: RepoDir, remote: RepoDir
) -> None:
    sixthbot("approve", BRANCH, cwd=drafted.path)
    head = drafted.tip(BRANCH)
    drafted.git("update-ref", f"refs/heads/{BRANCH}", f"{BRANCH}~1")
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert (said.code, said.out) == (4, "")
    assert "has moved since its draft was written" in said.err
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 4
    drafted.git("update-ref", f"refs/heads/{BRANCH}", head)
    sixthbot("approve", BRANCH, cwd=drafted.path)
    drafted.git("remote", "set-url", "origin", str(remote.path) + "/")
    assert sixthbot("push", BRANCH, cwd=drafted.path).code == 4
    assert remote.tip(BRANCH) == ""


def test_a_failed_check_needs_a_word_of_its_own(waiting: RepoDir) -> None:
    config = waiting.path / ".sixth/config.toml"
    config.write_text(config.read_text().replace("print(open('words.txt').read())", "raise SystemExit('no')"))
    sixthbot("trust", "--yes", cwd=waiting.path)
    sixthbot("done", "tidy", cwd=waiting.path)
    assert sixthbot("run", cwd=waiting.path).code == 0
    shown = sixthbot("review", "--stat", cwd=waiting.path).out
    assert "\nchecks   1 of 1 failed\n" in shown
    assert "\n  failed  " in shown
    assert "\n    no\n" in shown
    said = sixthbot("approve", BRANCH, cwd=waiting.path)
    assert (said.code, said.out) == (4, "")
    assert "--despite-checks" in said.err
    assert sixthbot("approve", BRANCH, "--despite-checks", cwd=waiting.path).code == 0


def test_a_rejected_draft_says_why_and_its_issue_can_be_reopened(drafted: RepoDir) -> None:
    assert sixthbot("reject", BRANCH, cwd=drafted.path).code == 2
    assert sixthbot("reject", BRANCH, "-m", " ", cwd=drafted.path).code == 2
    said = sixthbot("reject", BRANCH, "-m", "leave\nit", cwd=drafted.path)
    assert (said.code, said.out) == (0, f"{BRANCH} is rejected: leave it\n")
    assert 'status = "rejected"' in (drafted.path / FILE).read_text()
    assert "leave it" in sixthbot("log", cwd=drafted.path).out
    assert sixthbot("push", BRANCH, cwd=drafted.path).code == 4
    sixthbot("run", cwd=drafted.path)
    assert sixthbot("issue", "reopen", "tidy", cwd=drafted.path).code == 0


def test_a_branch_that_has_no_draft_is_a_usage_error(home: RepoDir) -> None:
    for line in (["approve", "main"], ["review", "main"], ["draft", "show", "main"], ["push", "main"]):
        said = sixthbot(*line, cwd=home.path)
        assert (line, said.code, said.out) == (line, 2, "")
        assert said.err == "error: there is no draft of 'main'\nhint: sixthbot draft list\n"
    for bad in ("..", "a..b", "--all", "x y", "HEAD"):
        assert sixthbot("approve", "--", bad, cwd=home.path).code == 2, bad


def test_without_a_remote_an_approval_says_what_is_missing(drafted: RepoDir) -> None:
    drafted.git("remote", "remove", "origin")
    said = sixthbot("approve", BRANCH, cwd=drafted.path)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: this repository has no remote\n")
    assert "\nremote   this repository has no remote\n" in sixthbot("review", cwd=drafted.path).out


def test_a_damaged_draft_is_named_and_the_others_are_listed(drafted: RepoDir) -> None:
    (drafted.path / ".sixth/drafts/other.md").write_text("nonsense")
    said = sixthbot("draft", cwd=drafted.path)
    assert BRANCH in said.out
    assert "other.md" in said.err


def test_review_uses_the_pager_of_git_on_a_terminal_only(
    drafted: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_PAGER", f"cat >{tmp_path}/paged; echo $LESS >>{tmp_path}/paged")
    sixthbot("review", cwd=drafted.path)
    assert not (tmp_path / "paged").exists()
    said = sixthbot("review", cwd=drafted.path, terminal=True)
    assert said.out == ""
    paged = (tmp_path / "paged").read_text()
    assert paged.startswith("Tidy the words\n\nbranch   ")
    assert paged.endswith("\nFRX\n")


def test_a_push_that_died_before_it_was_told_is_told_by_the_next(
    drafted: RepoDir, remote: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    sixthbot("approve", BRANCH, cwd=drafted.path)
    with monkeypatch.context() as patch:
        patch.setattr("sixthbot.engine.answers.on_push", lambda *_: sys.exit(9))
        with pytest.raises(SystemExit):
            sixthbot("push", BRANCH, cwd=drafted.path)
    assert remote.tip(BRANCH) == drafted.tip(BRANCH)
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert (said.code, said.out.startswith("it is already there: ")) == (0, True)
    [issue] = sixthbot("issue", "list", "--json", cwd=drafted.path).json["issues"]
    assert issue["status"] == "pushed"
    assert "nothing to do" in sixthbot("push", BRANCH, cwd=drafted.path).out
