"""Issues that are given up, end, and are taken up again: what git has no commit of is to be done again."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.core.drafts import Approval, DraftStatus
from sixthbot.core.errors import Refused, UsageError
from sixthbot.core.issues import Ending, IssueStatus
from sixthbot.core.names import BranchName, Oid
from sixthbot.core.story import TOLD_STATES, fold
from sixthbot.engine import answers, housekeeping, reopening
from tests.bot.home import Home, make_home

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sixthbot.core.drafts import Draft
    from tests.support.repos import RepoDir

SORT = "---\nid: sort\n---\n# Sort\n\n- [ ] Sort `do: sort-words`\n"
BRANCH = BranchName("sixth/sort")
APPROVAL = Approval(digest="0" * 64, approved="2026-11-20T00:00:00Z")


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def run(home: Home, text: str = SORT) -> None:
    """Drop an issue and do what there is to do."""
    home.drop("sort.md", text)
    home.bot().run()


def draft(home: Home) -> Draft:
    return home.store.drafts.read(BRANCH)


def status(home: Home) -> IssueStatus:
    return home.store.issues.record("sort").status


def commit_on(home: Home, folder: Path, message: str) -> str:
    home.repo.git("worktree", "add", "--quiet", str(folder), "sixth/sort")
    commit = type(home.repo)(folder).commit(message, {"hand.txt": f"{message}\n"})
    home.repo.git("worktree", "remove", str(folder))
    return commit


def by_hand_and_by_recipe(home: Home, tmp_path: Path) -> None:
    run(home, SORT + "- [ ] By hand\n")
    commit_on(home, tmp_path / "mine", "feat: by hand")
    assert answers.answer_subtask(home.bot().services(), "sort", None) == [2]
    home.bot().run()
    assert status(home) is IssueStatus.IN_REVIEW


def untold(home: Home) -> list[str]:
    """Return the tasks whose story does not begin with how they came about, or does not end in the state they are in."""
    stories: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for record in home.store.journal.read():
        if record.task and record.kind in TOLD_STATES:
            stories[record.task].append((record.kind, record.data or {}))
    return [
        task.id
        for task in home.store.queue.all()
        if not (story := stories[task.id])
        or story[0][0] != "task.made"
        or (told := fold(story)) is None
        or told.state != task.state.name
    ]


@pytest.mark.parametrize("seen", [True, False])
def test_an_issue_whose_branch_was_deleted_is_done_again(home: Home, tmp_path: Path, *, seen: bool) -> None:
    by_hand_and_by_recipe(home, tmp_path)
    home.repo.git("branch", "-D", "sixth/sort")
    if seen:
        home.bot().run()
        assert status(home) is IssueStatus.ENDED
    reopening.reopen_issue(home.bot().services(), "sort")
    home.bot().run()
    assert untold(home) == []
    plan = home.store.issues.plan("sort")
    assert [subtask.status for subtask in plan.subtasks] == ["done", "waiting"]
    assert plan.get(1).commits == (home.repo.tip("sixth/sort"),)
    assert home.repo.show("sixth/sort", "words.txt") == "apple\npear\n"
    assert status(home) is IssueStatus.WAITING_FOR_PERSON


def test_an_issue_whose_branch_lost_a_commit_does_that_one_again(home: Home, tmp_path: Path) -> None:
    by_hand_and_by_recipe(home, tmp_path)
    mine = next(iter(home.store.issues.plan("sort").get(2).commits))
    home.repo.git("branch", "-f", "sixth/sort", f"{mine}~1")
    reopening.reopen_issue(home.bot().services(), "sort")
    plan = home.store.issues.plan("sort")
    assert [subtask.status for subtask in plan.subtasks] == ["done", "waiting"]


def test_what_is_in_the_base_stays_done(home: Home) -> None:
    run(home)
    home.repo.git("merge", "--quiet", "sixth/sort")
    home.bot().run()
    assert (status(home), home.repo.tip("sixth/sort")) == (IssueStatus.ENDED, "")
    reopening.reopen_issue(home.bot().services(), "sort")
    home.bot().run()
    assert home.store.issues.plan("sort").get(1).settled
    assert status(home) is IssueStatus.ENDED


def test_an_issue_that_was_given_up_has_its_draft_turned_down(home: Home) -> None:
    run(home)
    home.store.approvals.record(BRANCH, APPROVAL)
    reopening.cancel_issue(home.bot().services(), "sort")
    assert draft(home).status is DraftStatus.REJECTED
    assert home.store.approvals.get(BRANCH) is None
    home.store.approvals.record(BRANCH, APPROVAL)
    reopening.reopen_issue(home.bot().services(), "sort")
    assert draft(home).status is DraftStatus.AWAITING_REVIEW
    assert home.store.approvals.get(BRANCH) is None


def test_a_rejected_issue_can_be_opened_again_before_its_task_saw_the_rejection(home: Home) -> None:
    run(home)
    services = home.bot().services()
    rejected = answers.show_status(services, draft(home), DraftStatus.REJECTED)
    answers.on_reject(services, rejected, "no")
    reopening.reopen_issue(services, "sort")
    home.bot().run()
    assert (status(home), draft(home).status) == (IssueStatus.IN_REVIEW, DraftStatus.AWAITING_REVIEW)


@pytest.mark.parametrize("harm", ["", "nonsense"])
def test_the_draft_of_an_issue_that_ended_is_put_away(home: Home, harm: str) -> None:
    run(home)
    path = home.store.drafts.path(BRANCH)
    if harm:
        path.write_text(harm)
    data = path.read_bytes()
    ending = Ending(branch="sixth/sort", tip=Oid(home.repo.tip("sixth/sort")), into="main")
    for _ in range(2):
        housekeeping.end_issues(home.bot().services(), [ending])
    assert not path.exists()
    assert (home.places.issues / "sort/drafts" / path.name).read_bytes() == data


def test_commits_after_the_push_lead_to_a_new_draft(home: Home, tmp_path: Path) -> None:
    for word in ("seen", "not seen"):
        run(home)
        services = home.bot().services()
        answers.on_push(services, answers.show_status(services, draft(home), DraftStatus.PUSHED))
        if word == "seen":
            home.bot().run()
        mine = commit_on(home, tmp_path / word, f"feat: {word}")
        assert [commit.id for commit in answers.answer_commits(home.bot().services(), "sort")] == [mine]
        home.bot().run()
        assert (draft(home).status, draft(home).head) == (
            DraftStatus.AWAITING_REVIEW, home.repo.tip("sixth/sort"),
        )  # fmt: skip
        assert status(home) is IssueStatus.IN_REVIEW


def test_a_subtask_done_by_a_person_of_an_issue_that_was_given_up_goes_on(home: Home) -> None:
    run(home, "---\nid: sort\n---\n# Sort\n\n- [ ] By hand\n- [ ] Sort `do: sort-words`\n")
    reopening.cancel_issue(home.bot().services(), "sort")
    assert answers.answer_subtask(home.bot().services(), "sort", None) == [1]
    home.bot().run()
    assert status(home) is IssueStatus.IN_REVIEW


def test_a_draft_is_made_anew_on_a_base_that_moved(home: Home) -> None:
    run(home)
    home.store.approvals.record(BRANCH, APPROVAL)
    answers.show_status(home.bot().services(), draft(home), DraftStatus.APPROVED)
    main = home.repo.commit("feat: more", {"more.txt": "1\n"})
    [task] = reopening.redo_draft(home.bot().services(), "sort")
    assert task.state.name == "ready"
    assert (draft(home).status, home.store.approvals.get(BRANCH)) == (DraftStatus.AWAITING_REVIEW, None)
    home.bot().run()
    assert home.repo.git("merge-base", "main", "sixth/sort") == main
    assert draft(home).head == home.repo.tip("sixth/sort")
    assert status(home) is IssueStatus.IN_REVIEW


def test_a_draft_whose_file_is_gone_is_written_again(home: Home) -> None:
    run(home)
    before = draft(home)
    home.store.drafts.remove(BRANCH)
    reopening.redo_draft(home.bot().services(), "sort")
    home.bot().run()
    assert draft(home).text == before.text


def test_a_draft_that_was_pushed_and_does_not_change_stays_pushed(home: Home) -> None:
    run(home)
    services = home.bot().services()
    answers.on_push(services, answers.show_status(services, draft(home), DraftStatus.PUSHED))
    home.bot().run()
    reopening.redo_draft(home.bot().services(), "sort")
    home.bot().run()
    assert (status(home), draft(home).status) == (IssueStatus.PUSHED, DraftStatus.PUSHED)


def test_there_is_nothing_to_make_anew_of_an_issue_that_is_over_or_not_that_far(home: Home) -> None:
    run(home, "---\nid: sort\n---\n# Sort\n\n- [ ] By hand\n")
    with pytest.raises(UsageError, match="subtask 1 is waiting"):
        reopening.redo_draft(home.bot().services(), "sort")
    reopening.cancel_issue(home.bot().services(), "sort")
    with pytest.raises(Refused, match="is cancelled"):
        reopening.redo_draft(home.bot().services(), "sort")
