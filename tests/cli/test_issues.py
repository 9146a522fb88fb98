"""`issue`, `plan` and `done`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import BRANCH, CONFIG
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


def test_the_list_is_the_contracts_json(waiting: RepoDir) -> None:
    assert sixthbot("issue", "list", "--json", cwd=waiting.path).json == {
        "schema": 1,
        "issues": [
            {
                "id": "tidy",
                "title": "Tidy the words",
                "branch": BRANCH,
                "status": "waiting-for-person",
                "subtasks": [
                    {"n": 1, "text": "Sort the list", "status": "done", "by": "recipe sort-words"},
                    {"n": 2, "text": "Rename the file by hand", "status": "waiting", "by": "person"},
                ],
            }
        ],
    }


def test_the_list_for_people(waiting: RepoDir) -> None:
    assert sixthbot("issue", cwd=waiting.path).out == (
        "issue  status              done  branch                title\n"
        f"tidy   waiting-for-person  1/2   {BRANCH}  Tidy the words\n"
    )


def test_an_issue_is_shown_with_plan_and_what_it_waits_for(waiting: RepoDir) -> None:
    out = sixthbot("issue", "show", "ti", cwd=waiting.path).out
    tip = waiting.tip(BRANCH)
    assert out.startswith("Tidy the words\nissue     tidy\nstatus    waiting-for-person\n")
    assert f"[x] 1. Sort the list  (by recipe sort-words; {tip[:9]})\n" in out
    assert "\n      sixthbot done tidy\n" in out
    assert out.endswith("- [ ] Rename the file by hand\n")


def test_what_was_understood_of_an_issue_is_shown_and_what_was_not(home: RepoDir) -> None:
    text = "---\nid: odd\nlabels: [bug, ui]\nprio: high\ndue: 2026-12-01\n---\n# Odd\n"
    (home.path / ".sixth/inbox/odd.md").write_text(text, encoding="utf-8")
    said = sixthbot("run", cwd=home.path)
    warning = "line 4: unknown key 'prio'; did you mean priority?"
    assert warning in said.out + said.err
    assert warning in sixthbot("log", "-n", "0", cwd=home.path).out
    out = sixthbot("issue", "show", "odd", cwd=home.path).out
    assert f"labels    bug, ui\ndue       2026-12-01\nwarning   {warning}\n" in out
    shown = sixthbot("issue", "show", "odd", "--json", cwd=home.path).json["issue"]
    assert shown["understood"] == {"labels": ["bug", "ui"], "due": "2026-12-01"}
    assert shown["warnings"] == [warning]


def test_the_plan_says_who_does_what(waiting: RepoDir) -> None:
    assert sixthbot("plan", "tidy", cwd=waiting.path).out == (
        "Tidy the words  tidy\n\n"
        f"[x] 1. Sort the list  (by recipe sort-words; {waiting.tip(BRANCH)[:9]})\n"
        "[?] 2. Rename the file by hand  (by person)\n"
        "      waiting: no recipe was asked for\n"
    )


def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "editor with spaces"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("GIT_EDITOR", f'"{program}"')


def test_a_plan_is_edited_in_the_persons_editor(
    waiting: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, monkeypatch, 'sed -i "s/Rename the file by hand/Rename it/" "$1"')
    said = sixthbot("plan", "tidy", "--edit", cwd=waiting.path)
    assert said.code == 0
    assert "2. Rename it" in said.out


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('echo nonsense >"$1"', "plan.toml"),
        ('echo >"$1"', "subtask 1 is gone: a number is never reused"),
        ("exit 3", "the editor ended with status 3; nothing was changed"),
    ],
)
def test_an_edit_that_cannot_be_used_leaves_the_plan_as_it_was(
    waiting: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    plan = waiting.path / ".sixth/issues/tidy/plan.toml"
    before = plan.read_bytes()
    editor(tmp_path, monkeypatch, script)
    said = sixthbot("plan", "tidy", "--edit", cwd=waiting.path)
    assert said.code in {1, 2}
    assert words in said.err
    assert plan.read_bytes() == before


def test_done_for_a_subtask_that_the_bot_has_not_reached_says_that_no_commit_was_found(
    home: RepoDir,
) -> None:
    put(home, "---\nid: two\n---\n# Two\n\n- [ ] first\n- [ ] second\n")
    said = sixthbot("done", "two", "2", cwd=home.path)
    assert (said.code, said.out) == (0, "subtask 2 is done: second\n")
    assert said.err.startswith("no new commit was found for it")
    assert "[?] 1. first" in sixthbot("plan", "two", cwd=home.path).out


def test_done_names_what_is_finished(waiting: RepoDir) -> None:
    said = sixthbot("done", "tidy", cwd=waiting.path)
    assert (said.code, said.out) == (0, "subtask 2 is done: Rename the file by hand\n")
    again = sixthbot("done", "tidy", "2", cwd=waiting.path)
    assert (again.code, again.out) == (0, "it was done already; nothing changed\n")


@pytest.mark.parametrize("line", [["tidy", "9"], ["tidy", "0"], ["tidy", "x"], ["other"], [".."], [""]])
def test_done_with_what_is_not_there_is_a_usage_error(waiting: RepoDir, line: list[str]) -> None:
    said = sixthbot("done", *line, cwd=waiting.path)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")


def test_an_issue_is_cancelled_and_reopened(waiting: RepoDir) -> None:
    assert sixthbot("issue", "cancel", "tidy", cwd=waiting.path).code == 0
    assert sixthbot("issue", cwd=waiting.path).out.startswith("no open issues")
    assert "tidy   cancelled" in sixthbot("issue", "list", "--all", cwd=waiting.path).out
    assert sixthbot("issue", "reopen", "tidy", cwd=waiting.path).code == 0
    assert sixthbot("run", cwd=waiting.path).code == 0
    assert "tidy   waiting-for-person" in sixthbot("issue", cwd=waiting.path).out


def test_inside_a_task_a_persons_word_is_refused(waiting: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXTH_TASK_ID", "t1")
    for line in (
        ["done", "tidy"],
        ["issue", "cancel", "tidy"],
        ["trust", "--yes"],
        ["release", BRANCH],
        ["run"],
    ):
        said = sixthbot(*line, cwd=waiting.path)
        assert (line, said.code, said.out) == (line, 4, "")
        assert "is for a person" in said.err


MISSPELT = "---\nid: sorted\n---\n# Sort\n\n- [ ] Sort it `do: sort-wrods`\n- [ ] Look at it\n"


def put(home: RepoDir, text: str) -> str:
    """Put an issue into the inbox, let the bot work, return what it told."""
    home.commit("feat: words", {"words.txt": "pear\napple\n"})
    (home.path / ".sixth/config.toml").write_text(CONFIG, encoding="utf-8")
    assert sixthbot("trust", "--yes", cwd=home.path).code == 0
    (home.path / ".sixth/inbox/sorted.md").write_text(text, encoding="utf-8")
    said = sixthbot("run", cwd=home.path)
    return said.out + said.err


def test_wrong_arguments_are_corrected_in_the_plan_where_they_stand_as_written(
    home: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = put(home, "---\nid: sorted\n---\n# Sort\n\n- [ ] Sort it `do: text.sort words.txt`\n")
    assert "'words.txt', which is not key=value; text.sort takes paths=, unique=" in told
    for script in ('sed -i "s/sort words/sort word/" "$1"', "sed -i 's/sort words/sort paths=words/' \"$1\""):
        editor(tmp_path, monkeypatch, script)
        said = sixthbot("plan", "sorted", "--edit", cwd=home.path)
        assert said.code == (0 if "paths" in script else 2)
        assert "paths" in script or "subtask 1: its `do:` has 'word.txt'" in said.err
    assert "[ ] 1. Sort it  (by action text.sort)" in sixthbot("plan", "sorted", cwd=home.path).out
    assert sixthbot("run", cwd=home.path).code == 0
    assert home.git("show", "sixth/sort:words.txt") == "apple\npear"


def test_a_misspelt_recipe_is_corrected_in_the_plan_and_the_bot_does_it(
    home: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = put(home, MISSPELT)
    assert "did you mean 'sort-words'?" in told
    assert "correct what it asks for with sixthbot plan sorted --edit, or commit it on sixth/sort" in told
    assert "      sixthbot done sorted\n" in told
    editor(tmp_path, monkeypatch, 'sed -i s/sort-wrods/sort-words/ "$1"')
    said = sixthbot("plan", "sorted", "--edit", cwd=home.path)
    assert "[ ] 1. Sort it  (by recipe sort-words)\n[ ] 2. Look at it" in said.out
    assert said.err == "saved; 1 task can go on: a running watch does, or sixthbot run\n"
    assert sixthbot("run", cwd=home.path).code == 0
    out = sixthbot("plan", "sorted", cwd=home.path).out
    assert "[x] 1. Sort it  (by recipe sort-words; " in out
    assert "nothing here is called" not in out


def test_a_recipe_that_the_settings_gained_meanwhile_is_found(home: RepoDir) -> None:
    put(home, MISSPELT)
    config = home.path / ".sixth/config.toml"
    config.write_text(CONFIG.replace("sort-words", "sort-wrods"), encoding="utf-8")
    said = sixthbot("trust", "--yes", cwd=home.path)
    assert "1 task can go on" in said.err
    assert "[ ] 1. Sort it  (by recipe sort-wrods)\n" in sixthbot("plan", "sorted", cwd=home.path).out
    assert sixthbot("run", cwd=home.path).code == 0
    assert "[x] 1. Sort it" in sixthbot("plan", "sorted", cwd=home.path).out


def test_a_failed_subtask_is_tried_again_once_its_request_was_changed(
    home: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, MISSPELT.replace("sort-wrods", "format.whitespace wrong=1"))
    assert "[!] 1. Sort it" in sixthbot("plan", "sorted", cwd=home.path).out
    editor(tmp_path, monkeypatch, """sed -i 's/^do = .*/do = "sort-words"/' "$1\"""")
    said = sixthbot("plan", "sorted", "--edit", cwd=home.path)
    assert "[ ] 1. Sort it  (by recipe sort-words)\n" in said.out
    sixthbot("run", cwd=home.path)
    assert "[x] 1. Sort it" in sixthbot("plan", "sorted", cwd=home.path).out


def test_a_recipe_that_changes_nothing_is_told_once_and_the_plan_says_so(home: RepoDir) -> None:
    told = put(home, MISSPELT.replace("sort-wrods", "sort-words").replace("Sort it", "Sort it once"))
    assert "changed nothing" not in told
    again = "---\nid: again\nbase: sixth/sort\n---\n# Again\n\n- [ ] Sort it `do: sort-words`\n- [ ] b\n"
    (home.path / ".sixth/inbox/again.md").write_text(again, encoding="utf-8")
    said = sixthbot("run", cwd=home.path)
    assert (said.out + said.err).count("changed nothing") == 1
    assert "the plan has 2 subtasks" in said.out + said.err
    out = sixthbot("plan", "again", cwd=home.path).out
    assert "[x] 1. Sort it  (by recipe sort-words; nothing changed)\n" in out


def test_an_edit_that_is_no_plan_keeps_the_text_and_says_where(
    waiting: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, monkeypatch, 'echo "status = wrong" >>"$1"; grep -c "" "$1" >"$1.count"')
    said = sixthbot("plan", "tidy", "--edit", cwd=waiting.path)
    assert said.code == 2
    found = re.search(r"(\S+/plan\.toml):(\d+): not TOML", said.err)
    assert found is not None
    assert found[2] == Path(found[1] + ".count").read_text().strip()
    assert f"your text is kept in {found[1]}" in said.err
    assert "status = wrong" in Path(found[1]).read_text()
