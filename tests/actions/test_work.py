from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.core.errors import Cancelled, ConfigError, NeedsPerson, TryLater, WorkFailed
from sixthbot.core.issues import IssueStatus, SubtaskStatus
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.actions.base import Ran
    from tests.actions.workshop import Workshop

ISSUE = """---
labels: chore
---
# Tidy the notes

- [ ] Sort the word list `do: sort-words`
- [ ] Add today's numbers `do: numbers count=3 the-key='two words'`
"""
SORT = (
    "import pathlib; p = pathlib.Path('words'); p.write_text(''.join(sorted(p.read_text().splitlines(True))))"
)
NUMBERS = (
    "import os, pathlib; pathlib.Path('numbers').write_text("
    "'\\n'.join([os.environ['SIXTH_ARG_COUNT'], os.environ['SIXTH_ARG_THE_KEY'], os.environ['SIXTH_SUBTASK'],"
    "os.environ['SIXTH_SUBTASK_TEXT'], os.environ['SIXTH_BRANCH'], os.environ['SIXTH_BASE'],"
    "os.environ['SIXTH_ISSUE_TITLE'], os.environ['SIXTH_TASK_ID'], os.environ['SIXTH_REPO']]))"
)


@pytest.fixture
def ready(shop: Workshop) -> Workshop:
    shop.dir.commit("chore: words", {"words": "pear\napple\n"})
    shop.recipe("sort-words", SORT)
    shop.recipe("numbers", NUMBERS)
    return shop


def one(shop: Workshop, script: str, *, timeout: str = "30s") -> None:
    """Drop an issue whose one subtask runs `script`, and go as far as `work`."""
    shop.recipe("it", script, timeout=timeout)
    shop.drop("# Do it\n\n- [ ] Do it now `do: it`\n")
    shop.steps("branch", "plan")


def test_each_recipe_is_one_commit_with_the_trailers_and_the_tree_of_the_user_is_untouched(
    ready: Workshop,
) -> None:
    ready.drop(ISSUE)
    ready.dir.write({"dirty": "mine\n", "words": "changed by the user\n"})
    before = fingerprint(ready.dir.path)
    ready.steps("branch", "plan", "work")
    assert fingerprint(ready.dir.path) == before
    assert ready.dir.subjects("main..sixth/tidy-the-notes") == [
        "chore: sort the word list",
        "chore: add today's numbers",
    ]
    assert ready.dir.show("sixth/tidy-the-notes", "words") == "apple\npear\n"
    trailers = ready.dir.git("log", "-1", "--format=%(trailers:only,unfold)", ready.branch).splitlines()
    task = ready.context().task.id
    assert trailers == [f"Sixth-Issue: {ready.issue_id}", f"Sixth-Task: {task}", "Sixth-Subtask: 2"]
    assert ready.dir.git("log", "-1", "--format=%an <%ae>|%cn", ready.branch) == (
        "sixthbot <sixthbot@localhost>|sixthbot"
    )


def test_the_recipe_is_told_everything_through_its_environment(ready: Workshop) -> None:
    ready.drop(ISSUE)
    ready.steps("branch", "plan", "work")
    said = ready.dir.show("sixth/tidy-the-notes", "numbers").split("\n")
    assert said == [
        "3", "two words", "2", "Add today's numbers", "sixth/tidy-the-notes", "main", "Tidy the notes",
        ready.context().task.id, str(ready.dir.path),
    ]  # fmt: skip


def test_doing_it_again_does_nothing_again(ready: Workshop) -> None:
    ready.drop(ISSUE)
    ready.steps("branch", "plan", "work")
    tip, runs = ready.dir.tip(ready.branch), len(ready.processes.ran)
    first = ready.outputs["work"]
    assert ready.step("work").outputs == first
    assert (ready.dir.tip(ready.branch), len(ready.processes.ran)) == (tip, runs)


def test_a_crash_between_commit_and_plan_is_found_in_the_branch(ready: Workshop) -> None:
    ready.drop(ISSUE)
    ready.steps("branch", "plan")
    untouched = ready.plan
    ready.step("work")
    tip, done = ready.dir.tip(ready.branch), ready.plan
    ready.store.issues.change_plan(ready.issue_id, lambda _: untouched)
    ready.processes.ran.clear()
    ready.step("work")
    assert ready.processes.ran == []
    assert ready.dir.tip(ready.branch) == tip
    assert ready.plan == done


def test_a_recipe_that_changes_nothing_gives_no_commit_and_says_so(shop: Workshop) -> None:
    one(shop, "pass")
    shop.step("work")
    assert shop.dir.tip(shop.branch) == shop.dir.tip("main")
    assert shop.plan.get(1).status is SubtaskStatus.DONE
    assert shop.plan.get(1).commits == ()
    assert any("changed nothing, so there is no commit" in line for line in shop.journal())


def test_a_recipe_that_fails_changes_nothing_and_shows_its_last_words(shop: Workshop) -> None:
    one(shop, "open('x', 'w').close(); print('so far'); raise SystemExit('it broke here')")
    with pytest.raises(WorkFailed, match=r"subtask 1: recipe it ended with exit status 1: it broke here"):
        shop.step("work")
    assert shop.dir.tip(shop.branch) == shop.dir.tip("main")
    assert shop.plan.get(1).status is SubtaskStatus.FAILED
    assert "it broke here" in shop.plan.get(1).reason


def test_a_failed_subtask_is_tried_again_by_the_next_attempt(shop: Workshop) -> None:
    one(shop, "raise SystemExit(3)")
    with pytest.raises(WorkFailed):
        shop.step("work")
    shop.recipe("it", "open('x', 'w').close()")
    shop.step("work")
    assert shop.plan.get(1).status is SubtaskStatus.DONE
    assert shop.plan.get(1).reason == ""


def test_a_recipe_that_hangs_is_ended_by_its_time_limit(shop: Workshop) -> None:
    one(shop, "import time; print('waiting', flush=True); time.sleep(60)", timeout="1s")
    started = time.monotonic()
    with pytest.raises(WorkFailed, match="time limit of 1s: waiting"):
        shop.step("work")
    assert time.monotonic() - started < 10
    assert shop.dir.tip(shop.branch) == shop.dir.tip("main")


def test_a_recipe_whose_program_is_missing_fails_clearly(shop: Workshop) -> None:
    shop.config["recipes"] = {"it": {"run": ["no-such-program-here"]}}
    shop.drop("# Do it\n\n- [ ] Now `do: it`\n")
    shop.steps("branch", "plan")
    with pytest.raises(WorkFailed, match="no-such-program-here"):
        shop.step("work")


def test_commits_that_a_recipe_makes_itself_become_the_one_commit(shop: Workshop) -> None:
    git = "subprocess.run(['git', '-c', 'user.name=x', '-c', 'user.email=x@x', *a], check=True)"
    one(
        shop,
        "import subprocess\n"
        f"def git(*a): {git}\n"
        "open('a', 'w').close(); git('add', '-A'); git('commit', '-qm', 'mine 1')\n"
        "open('b', 'w').close(); git('add', '-A'); git('commit', '-qm', 'mine 2')\n"
        "open('c', 'w').close()\n",
    )
    shop.step("work")
    assert shop.dir.subjects(f"main..{shop.branch}") == ["chore: do it now"]
    assert shop.dir.git("ls-tree", "--name-only", shop.branch).split() == ["README.md", "a", "b", "c"]


def test_a_recipe_may_delete_files_and_the_commit_says_so(shop: Workshop) -> None:
    one(shop, "import os; os.remove('README.md'); open('new', 'w').close()")
    shop.step("work")
    assert shop.dir.git("ls-tree", "--name-only", shop.branch).split() == ["new"]


def test_a_repository_that_a_recipe_makes_is_left_out(shop: Workshop) -> None:
    one(shop, "import subprocess; subprocess.run(['git', 'init', '-q', 'inner']); open('x', 'w').close()")
    shop.step("work")
    assert shop.dir.git("ls-tree", "-r", "--name-only", shop.branch).split() == ["README.md", "x"]
    assert any("inner" in line for line in shop.told)


@pytest.mark.parametrize(
    "script",
    [
        "import os; os.remove('.git')",
        "import os, shutil; shutil.rmtree(os.getcwd())",
        "import pathlib; pathlib.Path('.git').write_text('gitdir: /nowhere')",
    ],
)
def test_a_recipe_that_wrecks_its_worktree_harms_nothing_else(shop: Workshop, script: str) -> None:
    one(shop, script)
    before = fingerprint(shop.dir.path)
    try:
        shop.step("work")
    except WorkFailed as error:
        assert "subtask 1" in error.message  # noqa: PT017 - both ends are fine, silence is not
    assert fingerprint(shop.dir.path) == before
    assert shop.dir.subjects(f"main..{shop.branch}") in ([], ["chore: do it now"])
    shop.recipe("it", "open('x', 'w').close()")
    shop.step("work")


def test_ignored_files_are_not_committed(shop: Workshop) -> None:
    shop.dir.commit("chore: ignore", {".gitignore": "*.log\n"})
    one(shop, "open('x.log', 'w').close(); open('y', 'w').close()")
    shop.step("work")
    assert shop.dir.git("diff", "--name-only", "main", shop.branch).split() == ["y"]


def test_a_subtask_without_a_recipe_waits_for_a_person(ready: Workshop) -> None:
    ready.drop(ISSUE + "- [ ] Rename the old helper\n")
    ready.steps("branch", "plan")
    with pytest.raises(NeedsPerson, match="subtask 3 waits for a person: Rename the old helper") as caught:
        ready.step("work")
    assert caught.value.kind == "subtask"
    assert f"sixthbot done {ready.issue_id}" in caught.value.hint
    assert ready.plan.get(3).status is SubtaskStatus.WAITING
    assert ready.record.status is IssueStatus.WAITING_FOR_PERSON
    assert len(ready.dir.subjects(f"main..{ready.branch}")) == 2


def test_nothing_is_done_past_a_subtask_that_waits(ready: Workshop) -> None:
    ready.drop("# T\n\n- [ ] By hand\n- [ ] Then sort `do: sort-words`\n")
    ready.steps("branch", "plan")
    with pytest.raises(NeedsPerson):
        ready.step("work")
    assert ready.processes.ran == []
    assert ready.plan.get(2).status is SubtaskStatus.OPEN


@pytest.mark.parametrize("name", ["sort-word", "shell", "push", "branch", "work"])
def test_a_name_that_is_no_recipe_waits_for_a_person_with_the_reason(ready: Workshop, name: str) -> None:
    ready.drop(f"# T\n\n- [ ] Do `do: {name} run=id`\n")
    ready.steps("branch", "plan")
    with pytest.raises(NeedsPerson, match=f"nothing here is called '{name}'"):
        ready.step("work")
    assert ready.processes.ran == []


@pytest.mark.parametrize("text", ["- [ ] Sort `do: sort-words\n", "- [ ] Sort `do: sort-words``\n"])
def test_a_request_that_is_not_closed_is_to_be_corrected_as_an_unknown_one_is(
    ready: Workshop, text: str
) -> None:
    ready.drop(f"# T\n\n{text}")
    ready.steps("branch", "plan")
    with pytest.raises(NeedsPerson, match="the back-tick before its `do:` is not closed") as caught:
        ready.step("work")
    assert caught.value.hint.startswith(
        f"correct what it asks for with sixthbot plan {ready.issue_id} --edit, or commit it on "
    )
    assert "not closed" in ready.plan.get(1).reason


def test_a_persons_commit_with_the_trailer_is_taken_and_kept(ready: Workshop, tmp_path: Path) -> None:
    ready.drop("# T\n\n- [ ] Rename\n- [ ] Sort `do: sort-words`\n")
    ready.steps("branch", "plan")
    with pytest.raises(NeedsPerson):
        ready.step("work")
    commit = ready.by_hand(tmp_path / "mine", "rename it\n\nSixth-Subtask: 1\n", {"helper": "new\n"})
    ready.step("work")
    assert ready.plan.get(1).by == "person"
    assert ready.plan.get(1).commits == (commit,)
    assert ready.dir.subjects(f"main..{ready.branch}") == ["rename it", "chore: sort"]
    assert ready.record.accepted_tips == (commit,)


def test_a_persons_commit_without_a_word_freezes_the_branch(ready: Workshop, tmp_path: Path) -> None:
    ready.drop("# T\n\n- [ ] Sort `do: sort-words`\n")
    ready.steps("branch", "plan")
    commit = ready.by_hand(tmp_path / "mine", "something", {"x": "1\n"})
    with pytest.raises(NeedsPerson, match="somebody else") as caught:
        ready.step("work")
    assert caught.value.kind == "frozen"
    assert "sixthbot release sixth/t" in caught.value.hint
    assert ready.dir.tip(ready.branch) == commit
    assert ready.processes.ran == []


@pytest.mark.parametrize(
    "trailer",
    ["Sixth-Issue: other\nSixth-Subtask: 1", "Sixth-Subtask: one", "Sixth-Subtask: 1\nSixth-Subtask: 2"],
)
def test_a_trailer_that_does_not_fit_is_no_word(ready: Workshop, tmp_path: Path, trailer: str) -> None:
    ready.drop("# T\n\n- [ ] Sort `do: sort-words`\n")
    ready.steps("branch", "plan")
    ready.by_hand(tmp_path / "mine", f"x\n\n{trailer}\n", {"x": "1\n"})
    with pytest.raises(NeedsPerson) as caught:
        ready.step("work")
    assert caught.value.kind == "frozen"


def test_history_that_a_person_rewrote_is_not_taken_over_by_a_trailer(ready: Workshop) -> None:
    ready.drop("# T\n\n- [ ] Sort `do: sort-words`\n- [ ] By hand\n")
    ready.steps("branch", "plan")
    with pytest.raises(NeedsPerson):
        ready.step("work")
    ready.dir.git("checkout", "--quiet", "--orphan", "elsewhere")
    commit = ready.dir.commit("x\n\nSixth-Subtask: 2\n", {"x": "1\n"})
    ready.dir.git("checkout", "--quiet", "main")
    ready.dir.git("branch", "-f", ready.branch, commit)
    with pytest.raises(NeedsPerson):
        ready.step("work")
    assert ready.record.accepted_tips == ()


def test_a_branch_that_is_checked_out_is_waited_for(ready: Workshop, tmp_path: Path) -> None:
    ready.drop(ISSUE)
    ready.steps("branch", "plan")
    ready.dir.git("worktree", "add", "--quiet", str(tmp_path / "mine"), ready.branch)
    with pytest.raises(TryLater, match=r"is checked out in .*mine") as caught:
        ready.step("work")
    assert caught.value.seconds == 10
    ready.dir.git("worktree", "remove", "--force", str(tmp_path / "mine"))
    ready.step("work")
    assert len(ready.dir.subjects(f"main..{ready.branch}")) == 2


def test_a_branch_that_moves_while_the_recipe_runs_is_not_overwritten(shop: Workshop) -> None:
    one(
        shop,
        "import os, subprocess\n"
        "git = lambda *a: subprocess.run(['git', '-C', os.environ['SIXTH_REPO'], '-c', 'user.name=x',"
        "  '-c', 'user.email=x@x', *a], check=True, capture_output=True, text=True).stdout.strip()\n"
        "new = git('commit-tree', '-p', 'HEAD', '-m', 'theirs', 'HEAD^{tree}')\n"
        "git('update-ref', 'refs/heads/' + os.environ['SIXTH_BRANCH'], new)\n"
        "open('x', 'w').close()\n",
    )
    with pytest.raises(TryLater, match="moved while"):
        shop.step("work")
    assert shop.dir.subjects(f"main..{shop.branch}") == ["theirs"]
    assert [operation.state for operation in shop.store.operations.list()] == ["done", "reverted"]


def test_ticked_boxes_are_done_by_the_issue(shop: Workshop) -> None:
    shop.drop("# T\n\n- [x] Done before\n- [ ] Left\n")
    shop.steps("branch", "plan")
    with pytest.raises(NeedsPerson, match="subtask 2"):
        shop.step("work")
    assert shop.plan.get(1).by == "issue"


def test_an_issue_without_boxes_asks_for_its_recipe(ready: Workshop) -> None:
    ready.drop("---\ndo: sort-words\n---\n# Sort the words\n")
    ready.steps("branch", "plan", "work")
    assert ready.dir.subjects(f"main..{ready.branch}") == ["chore: sort the words"]


def test_issue_text_forges_no_trailer(ready: Workshop) -> None:
    ready.drop("# T\n\n- [ ] Sixth-Subtask: 9 `do: sort-words`\n- [ ] Left for a person\n")
    ready.steps("branch", "plan")
    with pytest.raises(NeedsPerson, match="subtask 2"):
        ready.step("work")
    trailers = ready.dir.git("log", "-1", "--format=%(trailers:key=Sixth-Subtask,valueonly)", ready.branch)
    assert trailers.split() == ["1"]


def test_the_file_to_copy_is_there_for_the_recipe_and_never_committed(shop: Workshop) -> None:
    shop.dir.write({".env": "secret\n"})
    shop.config["worktree"] = {"copy": [".env"]}
    one(shop, "open('seen', 'w').write(open('.env').read())")
    shop.step("work")
    assert shop.dir.git("diff", "--name-only", "main", shop.branch).split() == ["seen"]


def test_what_setting_up_leaves_is_not_committed(shop: Workshop) -> None:
    python = shop.config.setdefault("worktree", {})
    one(shop, "open('mine', 'w').write(open('tool').read())")
    run = shop.config["recipes"]["it"]["run"][0]
    python["setup"] = [[run, "-c", "open('tool', 'w').write('made by setup')"]]
    shop.step("work")
    assert shop.dir.git("diff", "--name-only", "main", shop.branch).split() == ["mine"]
    assert shop.dir.show(shop.branch, "mine") == "made by setup"


def test_setting_up_that_fails_fails_the_subtask_and_is_tried_again(shop: Workshop) -> None:
    one(shop, "open('x', 'w').close()")
    run = shop.config["recipes"]["it"]["run"][0]
    shop.config["worktree"] = {"setup": [[run, "-c", "raise SystemExit('no network')"]]}
    for _ in range(2):
        with pytest.raises(WorkFailed, match=r"worktree.setup.*no network"):
            shop.step("work")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", ".git/config"])
def test_a_file_to_copy_from_elsewhere_is_an_error_of_the_configuration(shop: Workshop, name: str) -> None:
    shop.config["worktree"] = {"copy": [name]}
    one(shop, "pass")
    with pytest.raises(ConfigError, match="not a path below"):
        shop.step("work")


def test_without_trust_no_recipe_runs(ready: Workshop) -> None:
    ready.drop(ISSUE)
    ready.steps("branch", "plan")
    ready.trusted = False
    with pytest.raises(NeedsPerson) as caught:
        ready.step("work")
    assert (caught.value.kind, ready.processes.ran) == ("untrusted", [])


def test_a_worktree_sees_its_own_python_code_first(shop: Workshop) -> None:
    shop.dir.commit(
        "build: x", {"pyproject.toml": "[project]\nname='x'\nversion='1'\n", "src/pack.py": "N = 1\n"}
    )
    one(
        shop,
        "import pack, os, pathlib; pathlib.Path('where').write_text(str(os.path.relpath(pack.__file__)))",
    )
    shop.step("work")
    assert shop.dir.show(shop.branch, "where") == "src/pack.py"


def test_a_cancelled_task_begins_no_further_subtask(ready: Workshop) -> None:
    ready.drop(ISSUE)
    ready.steps("branch", "plan")
    ready.cancelled = True
    with pytest.raises(Cancelled):
        ready.step("work")
    assert ready.processes.ran == []


def test_what_a_person_settles_while_a_recipe_runs_is_kept(shop: Workshop) -> None:
    """The recipe's own outcome is written into the plan as it is by then, not into the one it began with."""
    shop.recipe("slow", "open('made', 'w').close()")
    record = shop.drop("# Two\n\n- [ ] One `do: slow`\n- [ ] Two\n")
    shop.steps("branch", "plan")
    run = shop.processes.run

    def meanwhile(*args: Any, **more: Any) -> Ran:
        issues = shop.store.issues
        issues.change_plan(
            record.id,
            lambda now: now.with_subtask(replace(now.get(2), status=SubtaskStatus.DONE, by="person")),
        )
        issues.change_record(record.id, lambda now: replace(now, status=IssueStatus.CANCELLED))
        return run(*args, **more)

    shop.processes.run = meanwhile  # type: ignore[method-assign]
    shop.step("work")
    assert [(one.status, one.by) for one in shop.plan.subtasks] == [
        (SubtaskStatus.DONE, "recipe slow"),
        (SubtaskStatus.DONE, "person"),
    ]
    assert shop.record.status is IssueStatus.CANCELLED


@pytest.mark.parametrize("left", ["file", "link"])
def test_the_file_to_copy_is_the_one_of_now_and_nothing_is_written_through_a_link(
    shop: Workshop, tmp_path: Path, left: str
) -> None:
    """Ignored files outlive a use of the worktree where set-up or copies are configured, what commands made of them too."""
    shop.dir.commit("chore: ignore", {".gitignore": ".env\nout\n"})
    shop.config["worktree"] = {"copy": [".env"]}
    victim = tmp_path / "victim"
    (shop.dir.path / ".env").write_text("old\n")
    leave = f"os.remove('.env'); os.symlink({str(victim)!r}, '.env')" if left == "link" else "pass"
    shop.recipe("one", f"import os; open('a', 'w').close(); {leave}")
    shop.recipe("two", "open('b', 'w').write(open('.env').read())")
    shop.drop("# Two\n\n- [ ] One `do: one`\n- [ ] Two `do: two`\n")
    shop.steps("branch", "plan")
    run = shop.processes.run

    def meanwhile(*args: Any, **more: Any) -> Ran:
        ran = run(*args, **more)
        (shop.dir.path / ".env").write_text("new\n")
        return ran

    shop.processes.run = meanwhile  # type: ignore[method-assign]
    shop.step("work")
    assert shop.dir.git("show", f"{shop.branch}:b") == "new"
    assert not victim.exists()
