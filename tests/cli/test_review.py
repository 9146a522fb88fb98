"""`review`: commit by commit, since the last look, and what a reviewer has changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest

from sixthbot.cli.checks import check_result
from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from pathlib import Path


def issue(repo: RepoDir) -> list[tuple[int, str, str]]:
    [found] = sixthbot("issue", "list", "--json", cwd=repo.path).json["issues"]
    return [(one["n"], one["text"], one["status"]) for one in found["subtasks"]]


def with_a_persons_commit(repo: RepoDir) -> None:
    repo.git("worktree", "add", "--quiet", "../mine", BRANCH)
    RepoDir(repo.path.parent / "mine").commit("feat: by hand", {"hand.txt": "1\n"})
    repo.git("worktree", "remove", "../mine")
    assert sixthbot("done", "tidy", cwd=repo.path).code == 0
    assert sixthbot("run", cwd=repo.path).code == 0


def test_a_commit_is_dropped_as_an_operation_and_a_new_draft_follows(waiting: RepoDir) -> None:
    with_a_persons_commit(waiting)
    path = waiting.path
    assert waiting.subjects(f"main..{BRANCH}")[:2] == ["chore: sort the list", "feat: by hand"]
    author = waiting.git("log", "-1", "--format=%an %ae %ad", f"{BRANCH}~1")
    before = waiting.tip(BRANCH)
    sixthbot("approve", BRANCH, cwd=path)
    said = sixthbot("review", "--drop", "1", "--dry-run", cwd=path)
    assert (said.code, said.out.startswith("would drop ")) == (0, True)
    assert waiting.tip(BRANCH) == before
    said = sixthbot("review", "--drop", "1", cwd=path)
    assert said.code == 0, said.err
    assert waiting.subjects(f"main..{BRANCH}") == ["feat: by hand"]
    assert waiting.git("log", "-1", "--format=%an %ae %ad", BRANCH) == author
    operation = said.out.split("sixthbot undo ")[1].split()[0]
    assert (path / f".sixth/operations/{operation}.json").is_file()
    assert 'status = "awaiting-review"' in next((path / ".sixth/drafts").glob("*.md")).read_text()
    again = sixthbot("review", "--drop", "1", cwd=path)
    assert (again.code, "sixthbot run writes its draft anew" in again.err) == (4, True)
    assert sixthbot("run", cwd=path).code == 0
    draft = sixthbot("draft", "show", BRANCH, cwd=path).out
    assert "- [ ] 1. Sort the list (recipe sort-words, its commit was dropped in review)" in draft
    assert "- [ ] 1 of 2 subtasks done" in draft
    said = sixthbot("review", "--drop", "1", cwd=path)
    assert (said.code, said.err.startswith(f"error: nothing would be left of {BRANCH}")) == (4, True)


def test_a_draft_of_a_commit_that_is_not_in_this_clone_is_said_in_words(drafted: RepoDir) -> None:
    (draft,) = (drafted.path / ".sixth/drafts").glob("*.md")
    draft.write_text(draft.read_text().replace(drafted.tip(BRANCH), "e" * 40))
    said = sixthbot("review", cwd=drafted.path)
    assert said.code == 4
    assert f"describes commit {'e' * 12}, which is not in this clone" in said.err
    assert "hint: sixthbot sync brings the branch" in said.err
    assert f"sixthbot rebase {BRANCH}" in said.err
    board = sixthbot("status", cwd=drafted.path).out
    assert f"missing commit {'e' * 9}" in board
    assert "next: sixthbot sync" in board
    with (drafted.git_dir / "config").open("a") as config:
        config.write("[broken")
    said = sixthbot("status", cwd=drafted.path)
    assert (said.code, BRANCH in said.out, "missing commit" in said.out) == (0, True, False), said


def test_a_commit_that_another_builds_on_is_not_dropped(waiting: RepoDir) -> None:
    waiting.git("worktree", "add", "--quiet", "../mine", BRANCH)
    RepoDir(waiting.path.parent / "mine").commit("feat: plums", {"words.txt": "apple\nplum\n"})
    waiting.git("worktree", "remove", "../mine")
    sixthbot("done", "tidy", cwd=waiting.path)
    sixthbot("run", cwd=waiting.path)
    before = waiting.tip(BRANCH)
    said = sixthbot("review", "--drop", "1", cwd=waiting.path)
    assert said.code == 4
    assert "feat: plums builds on it, in words.txt" in said.err
    assert waiting.tip(BRANCH) == before
    for wanted in ("0", "9", "zzzz", "--", "HEAD"):
        assert sixthbot("review", BRANCH, f"--drop={wanted}", cwd=waiting.path).code == 2, wanted
    waiting.git("worktree", "add", "--quiet", "../mine", BRANCH)
    assert "is checked out in" in sixthbot("review", "--drop", "2", cwd=waiting.path).err


def test_a_commit_is_reworded_and_its_trailers_stay(
    drafted: RepoDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = drafted.path
    tree = drafted.git("rev-parse", f"{BRANCH}^{{tree}}")
    said = sixthbot(
        "review", "--reword", "1", "-m", "fix: sort\n\nSixth-Issue: other\nReviewed-by: Ann <a@x>", cwd=path
    )
    assert said.code == 0, said.err
    message = drafted.git("log", "-1", "--format=%B", f"{BRANCH}~1")
    assert message.startswith("fix: sort\n\nReviewed-by: Ann <a@x>\nSixth-Issue: tidy\nSixth-Task: ")
    assert message.count("Sixth-Issue") == 1
    assert drafted.git("rev-parse", f"{BRANCH}^{{tree}}") == tree
    assert sixthbot("run", cwd=path).code == 0
    assert issue(drafted)[0][2] == "done"
    assert "fix: sort (subtask 1, task " in sixthbot("draft", "show", BRANCH, cwd=path).out
    monkeypatch.setenv("GIT_EDITOR", "true")
    assert "the message is the same" in sixthbot("review", "--reword", "1", cwd=path).err
    assert sixthbot("review", "-m", "x", cwd=path).code == 2
    monkeypatch.setenv("GIT_EDITOR", "false")  # a message was given, so nobody is asked for one
    said = sixthbot("review", "--reword", "1", "-m", "", cwd=path)
    assert (said.code, said.out) == (2, "")
    assert "the message says nothing" in said.err
    monkeypatch.setenv("SIXTH_TASK_ID", "t1")
    assert sixthbot("review", "--reword", "1", "-m", "x", cwd=path).code == 4


def test_comments_become_subtasks_that_the_bot_goes_on_with(drafted: RepoDir) -> None:
    path = drafted.path
    for place, why in (("word.txt:1", "did you mean words.txt?"), ("words.txt:3", "has 2 lines")):
        said = sixthbot("review", "--comment", place, "x", cwd=path)
        assert (said.code, why in said.err) == (2, True), said.err
    said = sixthbot(
        "review",
        "--comment",
        "words.txt:1",
        "sort again `do: sort-words`",
        "--comment",
        "words.txt",
        "why?",
        cwd=path,
    )
    assert (
        said.out == "subtask 3: In words.txt:1: sort again `do: sort-words`\nsubtask 4: In words.txt: why?\n"
    )
    sixthbot("run", cwd=path)
    assert issue(drafted)[2:] == [
        (3, "In words.txt:1: sort again", "done"), (4, "In words.txt: why?", "waiting"),
    ]  # fmt: skip
    shown = sixthbot("review", "--stat", cwd=path).out
    assert "\nnotes    subtask 4 not done yet\n" in shown
    assert sixthbot("review", "--json", cwd=path).json["open_subtasks"] == [4]
    said = sixthbot("approve", BRANCH, cwd=path)
    assert (said.code, "is not finished: subtask 4 of issue tidy" in said.err) == (4, True)
    assert "sixthbot done tidy" in said.err
    status = sixthbot("status", cwd=path).out
    assert status.count("next: ") == status.count("sixthbot done tidy") == 1
    assert "    draft made anew after that: Tidy the words\n" in status
    sixthbot("done", "tidy", cwd=path)
    sixthbot("run", cwd=path)
    assert "- [x] 4. In words.txt: why? (person" in sixthbot("draft", "show", BRANCH, cwd=path).out
    sixthbot("reject", BRANCH, "-m", "no", cwd=path)
    assert (
        "sixthbot issue reopen tidy"
        in sixthbot("review", BRANCH, "--comment", "words.txt", "x", cwd=path).err
    )


def test_comments_are_written_into_the_diff_with_an_editor(
    drafted: RepoDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "ed"
    editor.write_text("#!/bin/sh\nsed -i 's/^+pear$/+pear\\n> plums, too/' \"$1\"\n")
    editor.chmod(0o755)
    monkeypatch.setenv("GIT_EDITOR", str(editor))
    said = sixthbot("review", "--edit", cwd=drafted.path)
    assert (said.code, said.out) == (0, "subtask 3: In words.txt:2: plums, too\n")
    monkeypatch.setenv("GIT_EDITOR", "true")
    assert sixthbot("review", BRANCH, "--edit", cwd=drafted.path).err == "no comment, so nothing changes\n"


def test_an_editor_may_leave_files_of_its_own_and_no_word_typed_is_lost(
    drafted: RepoDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, editor, folder = drafted.path, tmp_path / "ed", tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("GIT_EDITOR", str(editor))
    editor.write_text('#!/bin/sh\necho "fix: sort" >"$1"; touch "$1~"; exit 1\n')
    editor.chmod(0o755)
    said = sixthbot("review", "--reword", "1", cwd=path)
    (kept,) = folder.glob("*/message.txt")
    assert (said.code, kept.read_text()) == (1, "fix: sort\n")
    assert f"your text is kept in {kept}" in said.err
    shutil.rmtree(kept.parent)
    editor.write_text(editor.read_text().replace("exit 1", "exit 0"))
    assert sixthbot("review", "--reword", "1", cwd=path).code == 0
    assert "fix: sort" in drafted.git("log", "--format=%s", BRANCH)
    sixthbot("run", cwd=path)
    editor.write_text("#!/bin/sh\necho 'plums, too' >>\"$1\"\n")
    said = sixthbot("review", "--edit", cwd=path)
    (kept,) = folder.glob("*/review.diff")
    assert (said.code, f"your text is kept in {kept}" in said.err) == (2, True)
    shutil.rmtree(kept.parent)
    editor.write_text("#!/bin/sh\nsed -i~ 's/^+pear$/+pear\\n> plums, too/' \"$1\"\n")
    assert "plums, too" in sixthbot("review", "--edit", cwd=path).out
    assert list(folder.iterdir()) == []


def test_what_changed_since_the_last_look(drafted: RepoDir) -> None:
    path = drafted.path
    assert "nobody looked at" in sixthbot("review", "--since-last", cwd=path).err
    sixthbot("review", "--json", cwd=path)
    assert "nobody looked at" in sixthbot("review", "--since-last", cwd=path).err
    first = drafted.tip(BRANCH)
    sixthbot("review", "--stat", cwd=path)
    assert sixthbot("review", "--since-last", cwd=path).out == "nothing changed since you looked\n"
    sixthbot("review", "--reword", "1", "-m", "fix: sort", cwd=path)
    is_made_anew(drafted)
    sixthbot("run", cwd=path)
    assert sixthbot("review", "--json", cwd=path).json["last_seen"] == first
    said = sixthbot("review", "--since-last", cwd=path).out
    assert "\n    +    fix: sort\n" in said
    assert sixthbot("review", "--since-last", cwd=path).out == "nothing changed since you looked\n"


def is_made_anew(repo: RepoDir) -> None:
    """Assert that whatever tells of the draft says that another one follows, and names one thing to type: to go on."""
    told = "sixthbot run"
    since = sixthbot("review", "--since-last", cwd=repo.path)
    assert since.out.startswith(f"the draft of {BRANCH} is being made anew")
    shown = sixthbot("review", "--stat", cwd=repo.path).out
    assert "being made anew" in shown
    status = sixthbot("status", cwd=repo.path).out
    assert status.endswith("    draft made anew: Tidy the words\n    next: sixthbot run\n")
    for text in (shown, status):
        assert [line.partition(": ")[2][: len(told)] for line in text.splitlines() if "next: " in line] == [
            told
        ]
    said = sixthbot("approve", BRANCH, cwd=repo.path)
    assert (said.code, told in said.err) == (4, True)
    assert f"the draft of {BRANCH} is being made anew" in said.err


def test_a_draft_that_is_made_anew_after_an_undo_is_told_as_such(drafted: RepoDir) -> None:
    path = drafted.path
    sixthbot("review", "--stat", cwd=path)
    sixthbot("review", "--reword", "1", "-m", "fix: sort", cwd=path)
    last = sixthbot("operations", "--json", cwd=path).json["operations"][0]["id"]
    assert sixthbot("undo", last, cwd=path).code == 0
    is_made_anew(drafted)
    # in review again, what status says is next leads to a new draft
    assert sixthbot("run", cwd=path).code == 0
    sixthbot("review", "--stat", cwd=path)
    assert sixthbot("undo", "--last", cwd=path).code == 0
    assert "next: sixthbot done tidy\n" in sixthbot("status", cwd=path).out
    assert "a new draft follows" in sixthbot("done", "tidy", cwd=path).out
    is_made_anew(drafted)


def test_commit_by_commit(drafted: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    said = sixthbot("review", "--commits", cwd=drafted.path).out
    assert said.index("commit 1 of 2") < said.index("\n+pear\n") < said.index("commit 2 of 2  ")
    assert "    Sixth-Subtask: 1\n" in said
    one = sixthbot("review", "--commit", drafted.tip(BRANCH)[:8], cwd=drafted.path).out
    assert one.startswith("commit 2 of 2  ")
    assert sixthbot("review", "--commit", "3", cwd=drafted.path).code == 2
    assert "the diff goes on" not in said
    monkeypatch.setattr("sixthbot.cli.review._PATCH_LIMIT", 50)
    cut = sixthbot("review", "--commit", "1", cwd=drafted.path).out
    base, first = (drafted.tip(f"{BRANCH}~{back}")[:12] for back in (2, 1))
    assert cut.endswith(f"(the diff goes on: git diff {base} {first})\n")


def test_the_json_has_everything_of_the_screen(drafted: RepoDir) -> None:
    found = sixthbot("review", "--json", cwd=drafted.path).json
    assert found["forecast"] == [{"branch": "main", "base": True, "conflicts": []}]
    assert found["risk"]["score"] == sum(term["points"] for term in found["risk"]["terms"])
    assert found["size"]["docs"]["files"] == 2
    assert [one["n"] for one in found["commits"]] == [1, 2]


def test_the_difftool_is_the_persons_own_and_gets_two_files(
    drafted: RepoDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "diff.tool is not set" in sixthbot("review", "--tool", cwd=drafted.path).err
    drafted.git("config", "diff.tool", "evil")
    drafted.git("config", "difftool.evil.cmd", f"touch {tmp_path}/evil")
    assert "diff.tool is not set" in sixthbot("review", "--tool", cwd=drafted.path).err
    own = tmp_path / "gitconfig"
    own.write_text(
        f'[diff]\ntool = t\n[difftool "t"]\ncmd = cat \\"$LOCAL\\" \\"$REMOTE\\" >>{tmp_path}/shown\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    drafted.git("config", "--unset", "diff.tool")
    said = sixthbot("review", "--tool", cwd=drafted.path)
    assert said.code == 0, said.err
    assert "words.txt\n" in said.err
    assert "pear\napple\napple\npear\n" in (tmp_path / "shown").read_text()
    assert not (tmp_path / "evil").exists()


def test_a_pager_that_leaves_early_is_no_error(drafted: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_PAGER", "true")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr(os, "isatty", lambda _: True)
    said = sixthbot("review", cwd=drafted.path)
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("at", ["store.issues.Issues.change_plan", "engine.reviewing.redo_draft"])
def test_a_drop_that_was_cut_off_is_brought_to_its_end(
    waiting: RepoDir, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    with_a_persons_commit(waiting)
    path = waiting.path

    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"sixthbot.{at}", cut_off)
        assert sixthbot("review", "--drop", "1", cwd=path).code == 130
    operation = max((path / ".sixth/operations").glob("*.json"))
    operation.write_text(
        operation.read_text().replace('"time": "20', '"time": "19')
    )  # of somebody who is gone
    assert sixthbot("run", cwd=path).code == 0
    assert waiting.subjects(f"main..{BRANCH}")[0] == "feat: by hand"
    draft = sixthbot("draft", "show", BRANCH, cwd=path).out
    assert "- [ ] 1. Sort the list (recipe sort-words, its commit was dropped in review)" in draft
    assert "moved since" not in sixthbot("status", cwd=path).out


@pytest.mark.parametrize(
    ("raw", "ending"),
    [
        ({"ok": False, "exit": 1, "problem": ""}, "exit status 1"),
        ({"ok": False, "exit": 137, "problem": "stopped after its time limit of 1m"}, "stopped after its time limit of 1m"),
        ({"ok": False, "exit": None}, "it did not end"),
        ({"ok": True, "exit": 0}, ""),
        ("damaged", "its record is damaged"),
    ],
)  # fmt: skip
def test_a_check_says_how_it_ended(raw: object, ending: str) -> None:
    assert check_result(raw).ending == ending
