"""What follows from what people do to issue branches."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.issues import Ending, IssueStatus
from sixthbot.core.names import Oid
from sixthbot.engine import housekeeping
from sixthbot.sources.wake import Woken
from tests.bot.home import Home, make_home

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

ISSUE = "---\nid: {id}\n---\n# {id}\n\n- [ ] By hand\n"


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def waiting(home: Home, *ids: str) -> None:
    for name in ids:
        home.drop(f"{name}.md", ISSUE.format(id=name))
    home.bot().run()


def commit_on(home: Home, branch: str, folder: Path, *messages: str) -> None:
    home.repo.git("worktree", "add", "--quiet", str(folder), branch)
    place = type(home.repo)(folder)
    for number, message in enumerate(messages):
        place.commit(message, {f"hand-{number}.txt": "x\n"})
    home.repo.git("worktree", "remove", str(folder))


def test_commits_count_as_handed_over_once_the_last_one_names_a_subtask(home: Home, tmp_path: Path) -> None:
    """The same as in the step `work`: what goes on after the trailer was not handed over."""
    waiting(home, "one")
    commit_on(home, "sixth/one", tmp_path / "a", "feat: a\n\nSixth-Subtask: 1\n", "feat: and more")
    home.bot().run()
    assert home.store.issues.record("one").status is IssueStatus.WAITING_FOR_PERSON
    assert home.store.issues.record("one").accepted_tips == ()
    commit_on(home, "sixth/one", tmp_path / "b", "feat: the end\n\nSixth-Subtask: 1\n")
    home.bot().run()
    assert home.store.issues.record("one").status is IssueStatus.IN_REVIEW


@pytest.mark.parametrize("harm", ["record", "folder", "commit"])
def test_one_damaged_issue_does_not_hold_up_the_others(home: Home, tmp_path: Path, harm: str) -> None:
    waiting(home, "bad", "good")
    folder = home.places.issues / "bad"
    if harm == "record":
        (folder / "issue.toml").write_text("not = [toml")
    elif harm == "commit":  # as after a rebase by hand and a `git gc`
        home.store.issues.change_record("bad", partial(replace, base_commit="1" * 40))
        commit_on(home, "sixth/bad", tmp_path / "b", "feat: b\n\nSixth-Subtask: 1\n")
    else:
        folder.rename(tmp_path / "gone")
    commit_on(home, "sixth/good", tmp_path / "a", "feat: a\n\nSixth-Subtask: 1\n")
    home.bot().run()
    assert home.store.issues.record("good").status is IssueStatus.IN_REVIEW
    assert ("bot.trouble" in home.kinds()) is (harm == "commit")  # git may find it the next time


def test_a_commit_that_came_before_its_task_was_parked_is_taken_up(home: Home, tmp_path: Path) -> None:
    """The look at the branch came while the task was still at work, and no ref moves after that."""
    waiting(home, "one")
    [parked] = home.tasks("parked")
    path = next((home.places.queue / "parked").glob("*.json"))
    aside = tmp_path / path.name
    path.rename(aside)
    bot = home.bot()
    commit_on(home, "sixth/one", tmp_path / "a", "feat: a\n\nSixth-Subtask: 1\n")
    bot.tick(Woken())
    aside.rename(path)
    bot.tick(Woken())
    found = home.store.queue.find(parked.id)
    assert found is not None
    assert found.state.name == "ready"


def test_a_merged_branch_is_deleted_even_when_another_process_looked_at_the_refs(home: Home) -> None:
    waiting(home, "one")
    bot = home.bot()
    services = bot.services()
    tip = Oid(home.repo.tip("sixth/one"))
    housekeeping.end_issues(services, [Ending(branch="sixth/one", tip=tip, into="main")])
    bot._looks._follow_people(services)  # this process has seen no refs yet
    assert home.repo.tip("sixth/one") == tip
    bot.run()
    assert home.repo.tip("sixth/one") == ""
    told = [record.message for record in home.store.journal.read() if record.kind == "branch.deleted"]
    assert any(message.endswith(f"bring it back with: git branch sixth/one {tip}") for message in told)
