"""Issues that stand on each other's branches, in a whole bot: what becomes of those above when one below changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.cli.assess import choose_target
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName
from sixthbot.core.tasks import Parked
from sixthbot.engine.answers import answer_commits
from sixthbot.engine.reopening import cancel_issue, reopen_issue
from sixthbot.engine.services import open_services
from tests.bot.home import CONFIG, Home, make_home
from tests.cli.support import sixthbot
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.drafts import Draft

ADDING = """
[recipes.add]
run = ["sh", "-c", "echo $SIXTH_ARG_TEXT >> $SIXTH_ARG_FILE"]

[changelog]
enabled = false
"""


@pytest.fixture
def home(repo: RepoDir) -> Home:
    home = make_home(repo)
    home.configure(CONFIG + ADDING)
    return home


def drop(home: Home, name: str, *depends: str, file: str = "") -> None:
    wanted = f"depends: [{', '.join(depends)}]\n" if depends else ""
    asked = f"`do: add text={name} file={file or name}`"
    home.drop(f"{name}.md", f"---\nid: {name}\n{wanted}---\n# Add {name}\n\n- [ ] Write {name} {asked}\n")


def stack(home: Home, *names: str) -> None:
    """Make a stack of issues, each on the one before it, all up to their drafts."""
    for at, name in enumerate(names):
        drop(home, name, *names[at - 1 : at])
    home.bot().run()
    assert {status(home, name) for name in names} == {IssueStatus.IN_REVIEW}


def status(home: Home, name: str) -> IssueStatus:
    return home.store.issues.record(name).status


def draft(home: Home, name: str) -> Draft:
    return home.store.drafts.read(BranchName.parse(f"sixth/add-{name}"))


def subjects(home: Home, name: str, base: str = "main") -> list[str]:
    """Return what a branch has and its base has not, without changelogs, oldest first."""
    found = home.repo.git("log", "--reverse", "--format=%s", f"{base}..sixth/add-{name}").splitlines()
    return [one for one in found if not one.startswith("docs(changelog)")]


def waits_for(home: Home, name: str) -> Parked:
    [task] = [task for task in home.tasks("parked") if task.issue == name]
    assert isinstance(task.state, Parked)
    return task.state


def squash(home: Home, name: str) -> None:
    home.repo.git("merge", "--quiet", "--squash", f"sixth/add-{name}")
    home.repo.git("commit", "--quiet", "-m", f"feat: {name} as one")


def test_a_stack_of_three_stands_and_each_draft_names_what_it_stands_on(home: Home) -> None:
    stack(home, "a", "b", "c")
    assert [draft(home, name).base for name in "abc"] == ["main", "sixth/add-a", "sixth/add-b"]
    assert subjects(home, "c") == ["chore: write a", "chore: write b", "chore: write c"]
    assert subjects(home, "c", "sixth/add-b") == ["chore: write c"]
    assert (
        "Stands on `sixth/add-b`, the branch of issue `b`: that one comes in first." in draft(home, "c").text
    )
    assert "Stands on" not in draft(home, "a").text
    before = [home.repo.tip(f"sixth/add-{name}") for name in "abc"]
    home.bot().run()
    assert [home.repo.tip(f"sixth/add-{name}") for name in "abc"] == before  # nothing moves by itself
    # the remote that the branch below all of them goes to is that of each
    for remote in ("origin", "mirror"):
        home.repo.git("remote", "add", remote, str(home.repo.path / f"../{remote}"))
    home.repo.git("config", "branch.main.remote", "origin")
    home.repo.git("config", "branch.main.merge", "refs/heads/main")
    services = open_services(home.repo.path)
    assert {choose_target(services, draft(home, name)).remote for name in "abc"} == {"origin"}


def test_those_above_follow_when_a_branch_below_gets_a_commit(home: Home, tmp_path: Path) -> None:
    stack(home, "a", "b", "c")
    home.repo.git("worktree", "add", "--quiet", str(tmp_path / "mine"), "sixth/add-a")
    RepoDir(tmp_path / "mine").commit("feat: by hand", {"hand": "x\n"})
    home.repo.git("worktree", "remove", str(tmp_path / "mine"))
    home.bot().run()
    assert "feat: by hand" not in subjects(home, "b")  # nobody handed it over yet
    answer_commits(home.bot().services(), "a")
    home.bot().run()
    assert subjects(home, "c") == [
        "chore: write a", "feat: by hand", "chore: write b", "chore: write c",
    ]  # fmt: skip
    for below, above in (("a", "b"), ("b", "c")):
        assert home.store.issues.record(above).base_commit == home.repo.tip(f"sixth/add-{below}")
        assert draft(home, above).head == home.repo.tip(f"sixth/add-{above}")


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_when_the_lowest_comes_in_the_next_one_stands_on_the_base_without_its_commits(
    home: Home, how: str
) -> None:
    names = ["a", "b", "c"] if how == "squash" else ["a", "b"]
    stack(home, *names)
    home.repo.commit("feat: meanwhile", {"other": "1\n"})
    if how == "merge":
        home.repo.git("merge", "--quiet", "--no-ff", "sixth/add-a")
    elif how == "squash":
        squash(home, "a")
    else:
        home.repo.git("cherry-pick", "main..sixth/add-a")
    home.bot().run()
    assert status(home, "a") is IssueStatus.ENDED
    assert subjects(home, "b") == ["chore: write b"]
    assert draft(home, "b").base == "main"
    if "c" in names:
        assert subjects(home, "c") == ["chore: write b", "chore: write c"]
        assert draft(home, "c").base == "sixth/add-b"
    assert home.store.issues.record("b").stands_on == ""
    assert home.repo.git("branch", "--list", "sixth/add-a") == ""


def by_hand(home: Home, name: str, text: str) -> None:
    """Write what a branch has in the file `same`, without a work tree that stays, and hand it over."""
    home.repo.git("checkout", "--quiet", "--detach", f"sixth/add-{name}")
    home.repo.git(
        "update-ref", f"refs/heads/sixth/add-{name}", home.repo.commit("fix: by hand", {"same": text})
    )
    home.repo.git("checkout", "--quiet", "main")
    answer_commits(home.bot().services(), name)
    home.bot().run()


def test_a_branch_above_that_edits_the_same_line_has_a_conflict_only_where_there_is_one(home: Home) -> None:
    drop(home, "a", file="same")
    drop(home, "b", "a", file="same")
    home.bot().run()
    before = home.repo.tip("sixth/add-b")
    by_hand(home, "a", "other\n")
    waiting = waits_for(home, "b")
    assert waiting.kind == "conflict"
    assert "sixth/add-b conflicts with sixth/add-a in same; the commit that does not fit is" in waiting.reason
    assert "git rebase " in waiting.hint
    assert home.repo.tip("sixth/add-b") == before
    by_hand(home, "a", "a\n")
    assert status(home, "b") is IssueStatus.IN_REVIEW  # tried again when the one below changed
    squash(home, "a")
    home.bot().run()
    assert status(home, "b") is IssueStatus.IN_REVIEW
    assert subjects(home, "b") == ["chore: write b"]
    assert home.repo.git("show", "sixth/add-b:same") == "a\nb"


def test_a_stack_that_comes_in_at_once_ends_at_once(home: Home) -> None:
    stack(home, "a", "b")
    home.repo.git("merge", "--quiet", "--no-ff", "sixth/add-b")
    home.bot().run()
    assert [status(home, name) for name in "ab"] == [IssueStatus.ENDED, IssueStatus.ENDED]


def test_when_the_lower_one_is_given_up_the_upper_one_says_so_and_what_to_do(home: Home) -> None:
    stack(home, "a", "b")
    cancel_issue(home.bot().services(), "a")
    home.bot().run()
    state = waits_for(home, "b")
    assert state.reason == "it stands on sixth/add-a, and issue a is cancelled"
    assert "sixthbot issue reopen a" in state.hint
    assert "sixthbot release sixth/add-b --onto main" in state.hint
    reopen_issue(home.bot().services(), "a")
    home.bot().run()
    assert [status(home, name) for name in "ab"] == [IssueStatus.IN_REVIEW, IssueStatus.IN_REVIEW]
    assert waits_for(home, "b").kind == "review"


def test_when_the_lower_branch_is_deleted_the_upper_one_can_be_put_on_the_base(home: Home) -> None:
    stack(home, "a", "b")
    home.repo.git("branch", "-D", "sixth/add-a")
    home.bot().run()
    assert (
        waits_for(home, "b").reason == "it stands on sixth/add-a, which was deleted before it came into main"
    )
    said = sixthbot("release", "sixth/add-b", "--onto", "main", cwd=home.repo.path)
    assert (said.code, said.out) == (0, "sixth/add-b is to stand on main\n")
    home.bot().run()
    assert status(home, "b") is IssueStatus.IN_REVIEW
    assert subjects(home, "b") == ["chore: write b"]


def test_no_branch_can_be_put_onto_itself_or_onto_what_stands_on_it(home: Home) -> None:
    stack(home, "a", "b")
    for base, why in (
        ("sixth/add-a", "cannot stand on it"),
        ("sixth/add-b", "cannot stand on it"),
        ("no", "no branch no"),
    ):
        said = sixthbot("release", "sixth/add-a", "--onto", base, cwd=home.repo.path)
        assert (said.code, why in said.err) == (2, True)
    assert home.store.issues.record("a").base == "main"


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize("rewritten", [False, True])
def test_an_approval_holds_while_the_base_below_only_grows(
    home: Home, tmp_path: Path, *, rewritten: bool
) -> None:
    # with a changelog, that commit of the branch below is written anew
    home.configure(CONFIG + ADDING.replace("enabled = false", f"enabled = {str(rewritten).lower()}"))
    stack(home, "a", "b")
    assert sixthbot("approve", "sixth/add-b", cwd=home.repo.path).code == 0
    assert status(home, "b") is IssueStatus.APPROVED
    before = home.repo.tip("sixth/add-b")
    home.repo.git("worktree", "add", "--quiet", str(tmp_path / "mine"), "sixth/add-a")
    RepoDir(tmp_path / "mine").commit("feat: by hand", {"hand": "x\n"})
    home.repo.git("worktree", "remove", str(tmp_path / "mine"))
    answer_commits(home.bot().services(), "a")
    home.bot().run()
    assert (home.repo.tip("sixth/add-b") != before) == rewritten
    assert (status(home, "b") is not IssueStatus.APPROVED) == rewritten
    said = [record.message for record in home.store.journal.read() if record.kind == "draft.redone"]
    assert any("the approval is taken back" in one for one in said) == rewritten


def test_a_rebase_that_is_never_wanted_is_asked_for_once(home: Home) -> None:
    stack(home, "a", "b")
    home.configure(f'{CONFIG}{ADDING}\n[rebase]\npolicy = "never"\n')
    home.repo.commit("feat: meanwhile", {"other": "1\n"})
    squash(home, "a")
    home.bot().run()
    redone = home.kinds().count("draft.redone")
    for _ in range(2):
        home.bot().run()
    assert home.kinds().count("draft.redone") == redone == 1
