"""A person's word, on the whole main path with the shipped rules and the real actions."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.drafts import DraftStatus
from sixthbot.core.errors import UsageError
from sixthbot.core.events import make_event
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName
from sixthbot.core.tasks import Done, Failed, Parked, Waiting
from sixthbot.engine import answers, reopening
from sixthbot.engine.admit import admit
from sixthbot.engine.confine import landlock_version
from sixthbot.engine.services import Services, open_services
from sixthbot.engine.worker import Worker
from sixthbot.store.atomic import observe
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise
from sixthbot.store.trust import items_of
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.tasks import Task

CONFIG = f"""
[recipes.sort-words]
run = [{sys.executable!r}, "-c", "p='words'; l=sorted(open(p)); open(p,'w').writelines(l)"]

[recipes.broken]
run = ["false"]

[recipes.outside]
run = ["sh", "-c", 'echo x > "$SIXTH_REPO/words" || exit 9; git branch mine']

[recipes.inside]
run = ["sh", "-c", 'git status --short && echo c >> words && git diff --stat && mktemp']
"""
NOTHING = {"critical": 0, "high": 0, "normal": 0, "low": 0}
ISSUE = b"""# Tidy the notes

- [ ] Sort the word list `do: sort-words`
- [ ] Rename the old helper
- [ ] Read it all again
"""


@dataclass
class Path_:  # noqa: N801 - the main path, not a file's
    repo: RepoDir
    services: Services
    issue: str = ""

    def drop(self, text: bytes = ISSUE, name: str = "tidy.md") -> Task:
        services = self.services
        path = services.places.inbox / name
        path.write_bytes(text)
        record = services.store.issues.accept(path, text, parse_issue(text, name), now=services.clock())
        self.issue = record.id
        fields = {"id": record.id, "title": record.title}
        [task] = admit(services, [make_event("issue.added", fields, time=services.clock())])
        return task

    def perform(self) -> Task:
        worker = Worker("w1", lambda: self.services)
        claimed = self.services.store.queue.claim("w1")
        assert claimed is not None
        return worker.perform(claimed)

    @property
    def branch(self) -> str:
        return self.services.store.issues.record(self.issue).branch

    def person_commits(self, folder: Path, message: str) -> str:
        self.repo.git("worktree", "add", "-q", str(folder), self.branch)
        oid = RepoDir(folder).commit(message, {"helper": message})
        self.repo.git("worktree", "remove", "--force", str(folder))
        return oid

    def tasks(self) -> list[Task]:
        return [task for task in self.services.store.queue.all() if task.issue == self.issue]

    def status(self) -> IssueStatus:
        return self.services.store.issues.record(self.issue).status


@pytest.fixture
def path(repo: RepoDir) -> Path_:
    repo.commit("feat: words", {"words": "b\na\n", "helper": "old\n"})
    places = locate(repo.path)
    initialise(places)
    places.config_file.write_text(CONFIG)
    services = open_services(repo.path)
    contents = services.store.trust.collect(places, services.repo.exec_settings())
    services.store.trust.trust(items_of(contents), contents)
    return Path_(repo, open_services(repo.path))


def test_done_takes_the_persons_commits_up_and_the_bot_goes_on(path: Path_, tmp_path: Path) -> None:
    before = fingerprint(path.repo.path)
    path.drop()
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "subtask"
    assert path.status() is IssueStatus.WAITING_FOR_PERSON
    mine = path.person_commits(tmp_path / "mine", "refactor: rename the helper")
    assert answers.answer_subtask(path.services, path.issue, None) == [2]
    plan = path.services.store.issues.plan(path.issue)
    assert (plan.get(2).status, plan.get(2).by, plan.get(2).commits) == ("done", "person", (mine,))
    assert mine in path.services.store.issues.record(path.issue).accepted_tips
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert "subtask 3" in state.reason
    assert answers.answer_subtask(path.services, path.issue, 3) == [3]
    assert path.services.store.issues.plan(path.issue).get(3).commits == ()
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "review"
    assert path.status() is IssueStatus.IN_REVIEW
    assert fingerprint(path.repo.path) == before


def test_done_said_twice_changes_nothing(path: Path_) -> None:
    path.drop()
    path.perform()
    assert answers.answer_subtask(path.services, path.issue, 2) == [2]
    plan = path.services.store.issues.plan(path.issue)
    assert answers.answer_subtask(path.services, path.issue, 2) == []
    assert path.services.store.issues.plan(path.issue) == plan


@pytest.mark.parametrize("number", range(1, 17))
def test_done_broken_off_at_any_write_and_said_again_is_done(
    path: Path_, tmp_path: Path, number: int
) -> None:
    path.drop()
    path.perform()
    mine = path.person_commits(tmp_path / "mine", "refactor: rename the helper")
    left = [number]

    def full(point: str, moment: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, f"full at {point} {moment}")

    observe(full)
    with suppress(OSError):
        answers.answer_subtask(path.services, path.issue, None)
    observe(None)
    with suppress(UsageError):  # it was all done: subtask 3 is nobody's yet
        answers.answer_subtask(path.services, path.issue, None)
    plan = path.services.store.issues.plan(path.issue)
    assert (plan.get(2).status, plan.get(2).by, plan.get(2).commits) == ("done", "person", (mine,))
    assert plan.get(3).status == "open"
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert "subtask 3" in state.reason


@pytest.mark.parametrize("number", range(1, 12))
def test_more_commits_accepted_half_way_still_lead_to_a_new_draft(
    path: Path_, tmp_path: Path, number: int
) -> None:
    path.drop(b"# Sort\n\n- [ ] Sort `do: sort-words`\n")
    while path.services.store.queue.counts()["ready"] != NOTHING:
        path.perform()
    path.person_commits(tmp_path / "mine", "refactor: rename the helper")
    left = [number]

    def full(point: str, moment: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, f"full at {point} {moment}")

    observe(full)
    with suppress(OSError):
        answers.answer_commits(path.services, path.issue)
    observe(None)
    answers.answer_commits(path.services, path.issue)
    while path.services.store.queue.counts()["ready"] != NOTHING:
        path.perform()
    draft = path.services.store.drafts.find(BranchName(path.branch))
    assert draft is not None
    assert path.repo.show(draft.head, "helper") == "refactor: rename the helper"


def test_done_for_what_does_not_exist_or_does_not_wait_is_said(path: Path_) -> None:
    path.drop()
    with pytest.raises(UsageError, match="no subtask 9"):
        answers.answer_subtask(path.services, path.issue, 9)
    path.perform()
    answers.answer_subtask(path.services, path.issue, 2)
    with pytest.raises(UsageError, match="waits for a person") as caught:
        answers.answer_subtask(path.services, path.issue, None)
    assert caught.value.hint.endswith(f"sixthbot done {path.issue} 3")


def test_a_commit_that_names_its_subtask_answers_for_that_one(path: Path_, tmp_path: Path) -> None:
    path.drop()
    path.perform()
    message = f"refactor: both\n\nSixth-Issue: {path.issue}\nSixth-Subtask: 3"
    mine = path.person_commits(tmp_path / "mine", message)
    assert answers.answer_subtask(path.services, path.issue, 2) == [2]
    plan = path.services.store.issues.plan(path.issue)
    assert (plan.get(2).commits, plan.get(3).commits, plan.get(3).by) == ((), (mine,), "person")


def test_a_subtask_that_failed_may_be_done_by_hand(path: Path_, tmp_path: Path) -> None:
    path.drop(b"# Broken\n\n- [ ] Break `do: broken`\n")
    assert isinstance(path.perform().state, Waiting | Failed)
    path.person_commits(tmp_path / "mine", "fix: by hand")
    assert answers.answer_subtask(path.services, path.issue, 1) == [1]
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "review"


def test_a_recipe_that_writes_into_the_persons_tree_fails_its_subtask_and_changes_nothing(
    path: Path_,
) -> None:
    before = fingerprint(path.repo.path)
    path.drop(b"# Outside\n\n- [ ] Write where nobody may `do: outside`\n")
    state = path.perform().state
    if landlock_version() < 2:
        return
    assert isinstance(state, Waiting | Failed), state
    assert "exit status 9" in state.reason
    assert (
        "Read-only file system"
        in (path.services.places.logs / f"{next(iter(path.tasks())).id}.log").read_text()
    )
    assert fingerprint(path.repo.path) == before


def test_a_recipe_may_use_git_in_its_worktree(path: Path_) -> None:
    path.drop(b"# Inside\n\n- [ ] Write where it may `do: inside`\n")
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "review"
    assert path.repo.git("show", f"{path.branch}:words") == "b\na\nc"


def test_a_rewritten_branch_is_frozen_until_it_is_released(path: Path_, tmp_path: Path) -> None:
    path.drop(b"# Words\n\n- [ ] Think\n- [ ] Sort `do: sort-words`\n")
    path.perform()
    answers.answer_subtask(path.services, path.issue, 1)
    mine = path.person_commits(tmp_path / "mine", "chore: nobody knows this one")
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "frozen"
    assert len(answers.release_branch(path.services, path.branch) or ()) == 1
    assert mine in path.services.store.issues.record(path.issue).accepted_tips
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "review"


def test_a_branch_that_is_gone_or_nobodys_is_said(path: Path_) -> None:
    path.drop()
    path.perform()
    with pytest.raises(UsageError, match="belongs to no issue"):
        answers.release_branch(path.services, "main")
    path.repo.git("update-ref", "-d", f"refs/heads/{path.branch}")
    with pytest.raises(UsageError, match="is gone"):
        answers.answer_subtask(path.services, path.issue, 2)


def test_a_cancelled_issue_can_be_opened_again(path: Path_) -> None:
    task = path.drop()
    path.perform()
    [cancelled] = reopening.cancel_issue(path.services, path.issue)
    assert cancelled.state == Done("cancelled")
    assert path.status() is IssueStatus.CANCELLED
    [again] = reopening.reopen_issue(path.services, path.issue)
    assert again.id != task.id
    assert path.status() is IssueStatus.OPEN
    with pytest.raises(UsageError, match="is not closed"):
        reopening.reopen_issue(path.services, path.issue)
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "subtask"  # the first one was found done
    assert path.repo.git("rev-list", "--count", f"main..{path.branch}") == "1"


def test_without_trust_the_work_waits_and_goes_on_after_it(path: Path_) -> None:
    path.services.store.trust.revoke()
    path.services = open_services(path.repo.path)
    assert not path.services.trusted
    path.drop(b"# Words\n\n- [ ] Sort `do: sort-words`\n")
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "untrusted"
    contents = path.services.store.trust.collect(path.services.places, path.services.repo.exec_settings())
    path.services.store.trust.trust(items_of(contents), contents)
    path.services = open_services(path.repo.path)
    assert len(answers.trust_resumed(path.services)) == 1
    state = path.perform().state
    assert isinstance(state, Parked), state
    assert state.kind == "review"


@pytest.mark.parametrize("word", ["push", "reject"])
def test_the_task_ends_with_the_push_or_the_rejection(path: Path_, word: str) -> None:
    task = path.drop(b"# Words\n\n- [ ] Sort `do: sort-words`\n")
    path.perform()
    drafts = path.services.store.drafts
    draft = drafts.read(BranchName(path.branch))
    if word == "push":
        answers.on_approve(path.services, answers.show_status(path.services, draft, DraftStatus.APPROVED))
        assert path.status() is IssueStatus.APPROVED
        answers.on_push(path.services, answers.show_status(path.services, draft, DraftStatus.PUSHED))
        assert path.status() is IssueStatus.PUSHED
    else:
        answers.on_reject(
            path.services, answers.show_status(path.services, draft, DraftStatus.REJECTED), "no, thanks"
        )
        assert path.status() is IssueStatus.REJECTED
    while path.services.store.queue.counts()["ready"] != NOTHING:
        path.perform()  # rules about drafts have made tasks too
    found = path.services.store.queue.find(task.id)
    assert found is not None
    assert found.state == Done("succeeded")
