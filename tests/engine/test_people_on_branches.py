"""People who work on the bot's branches: what it does then, and what it says; nothing of theirs is ever moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName
from sixthbot.core.tasks import Parked
from sixthbot.engine.reopening import redo_draft
from tests.bot.home import CONFIG, Home, make_home
from tests.cli.support import sixthbot
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BRANCH = "sixth/one"
ISSUE = "---\nid: one\n---\n# One\n\n- [ ] Sort `do: sort-words`\n"


@pytest.fixture
def home(repo: RepoDir) -> Home:
    home = make_home(repo)
    home.configure(f"{CONFIG}\n[changelog]\nenabled = false\n")
    return home


@dataclass(frozen=True)
class Mine:
    """A person's own work tree on the issue's branch."""

    home: Home
    path: Path

    def do(self, work: Callable[[RepoDir], object]) -> str:
        """Do something on the branch and leave it again; return its tip."""
        self.home.repo.git("worktree", "add", "--quiet", str(self.path), BRANCH)
        work(RepoDir(self.path))
        self.home.repo.git("worktree", "remove", "--force", str(self.path))
        return self.home.repo.tip(BRANCH)


@pytest.fixture
def mine(home: Home, tmp_path: Path) -> Mine:
    home.drop("one.md", ISSUE)
    home.bot().run()
    assert status(home) is IssueStatus.IN_REVIEW
    return Mine(home, tmp_path / "mine")


def status(home: Home) -> IssueStatus:
    return home.store.issues.record("one").status


def amend(repo: RepoDir) -> None:
    repo.git("commit", "--quiet", "--amend", "-m", "chore: in other words")


def force(repo: RepoDir) -> None:
    repo.git("reset", "--quiet", "--hard", "HEAD~1")
    repo.commit("feat: another way", {"other": "1\n"})


def merge_base_in(repo: RepoDir) -> None:
    repo.git("merge", "--quiet", "--no-ff", "-m", "Merge main", "main")


def rebase(repo: RepoDir) -> None:
    repo.git("rebase", "--quiet", "main")


def on_top(repo: RepoDir) -> None:
    repo.commit("feat: mine on top", {"mine": "1\n"})


@pytest.mark.parametrize("work", [amend, force, merge_base_in, rebase, on_top])
def test_what_a_person_did_to_a_branch_stays_until_they_give_it_back(
    mine: Mine, work: Callable[[RepoDir], object]
) -> None:
    home = mine.home
    home.repo.commit("feat: meanwhile", {"base": "1\n"})
    theirs = mine.do(work)
    author = home.repo.git("log", "-1", "--format=%an", BRANCH)
    redo_draft(home.bot().services(), "one")
    home.bot().run()
    assert home.repo.tip(BRANCH) == theirs
    if (
        work is not rebase and work is not merge_base_in
    ):  # those have the base already: there is nothing to move
        state = home.tasks("parked")[0].state
        assert isinstance(state, Parked)
        assert state.reason == f"{BRANCH} was changed by somebody else and is left alone (tip {theirs[:12]})"
        assert state.hint == f"to let the bot build on it: sixthbot release {BRANCH}"
    said = sixthbot("release", BRANCH, cwd=home.repo.path)
    assert said.code == 0
    home.bot().run()
    assert status(home) is IssueStatus.IN_REVIEW
    assert home.store.drafts.read(BranchName.parse(BRANCH)).head == home.repo.tip(BRANCH)
    if work is on_top:
        assert home.repo.git("log", "-1", "--format=%an", BRANCH) == author
        assert home.repo.git("merge-base", "main", BRANCH) == home.repo.tip("main")


def test_a_branch_that_was_renamed_is_followed(mine: Mine) -> None:
    home = mine.home
    home.drop("two.md", "---\nid: two\ndepends: one\n---\n# Two\n\n- [ ] By hand\n")
    home.bot().run()
    home.repo.git("branch", "-m", BRANCH, "mine/better")
    home.bot().run()
    assert status(home) is IssueStatus.IN_REVIEW
    assert home.store.drafts.read(BranchName.parse("mine/better")).head == home.repo.tip("mine/better")
    assert home.store.drafts.find(BranchName.parse(BRANCH)) is None
    assert home.store.issues.record("two").base == "mine/better"
    assert "branch.renamed" in home.kinds()
    home.repo.commit("feat: meanwhile", {"base": "1\n"})
    redo_draft(home.bot().services(), "one")
    home.bot().run()
    assert home.repo.git("merge-base", "main", "mine/better") == home.repo.tip("main")


def test_a_base_that_was_renamed_is_followed(mine: Mine) -> None:
    home = mine.home
    home.repo.git("branch", "-m", "main", "trunk")
    home.repo.commit("feat: meanwhile", {"base": "1\n"})
    redo_draft(home.bot().services(), "one")
    home.bot().run()
    assert home.store.issues.record("one").base == "trunk"
    assert home.repo.git("merge-base", "trunk", BRANCH) == home.repo.tip("trunk")


def test_a_branch_that_is_deleted_while_its_recipe_runs_ends_its_issue(home: Home) -> None:
    run = f'["sh", "-c", "git -C {home.repo.path} branch -D {BRANCH}; echo x > made"]'
    home.configure(f"{CONFIG}\n[worktree]\nconfine = false\n[recipes.unmake]\nrun = {run}\n")
    home.drop("one.md", "---\nid: one\n---\n# One\n\n- [ ] Unmake `do: unmake`\n")
    home.bot().run()
    assert status(home) is IssueStatus.ENDED
    assert home.repo.git("branch", "--list", BRANCH) == ""
    assert home.tasks("parked", "failed", "running", "ready") == []
