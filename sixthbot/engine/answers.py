"""A person's word: what `done`, `release`, `trust`, `approve`, `reject` and `push` do to tasks and issues."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.actions.branches import subtask_number
from sixthbot.core import lifecycle
from sixthbot.core.drafts import with_status
from sixthbot.core.errors import UsageError
from sixthbot.core.events import EventKind, make_event
from sixthbot.core.issues import IssueStatus, SubtaskStatus
from sixthbot.core.names import BranchName, parse_oid
from sixthbot.core.tasks import Done, Failed, Parked, Ready, Task, Waiting
from sixthbot.engine.admit import admit, cancel, hasten
from sixthbot.engine.again import FROM_WORK, own_tasks, set_status, take_up
from sixthbot.git import refs
from sixthbot.git.commits import log
from sixthbot.store.records import became

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sixthbot.core.drafts import Draft, DraftStatus
    from sixthbot.core.issues import IssueRecord, Plan, Subtask
    from sixthbot.core.names import Oid
    from sixthbot.engine.services import Services
    from sixthbot.git.commits import CommitInfo

_ANY_KIND = frozenset({"subtask", "review", "conflict", "untrusted", "frozen", "input"})


def answer_subtask(services: Services, issue_id: str, n: int | None) -> list[int]:
    """Record that a person finished subtask `n`, or every one that waits; return the numbers, in order.

    The branch's tip becomes one that the bot may build on, the person's commits are mapped to the subtasks (by their
    trailer, else to the first), and the issue's task goes on. Raise UsageError when nothing waits or there is no
    such subtask. Saying it again changes nothing, but finishes what was broken off, and returns [].
    """
    record, plan = services.store.issues.record(issue_id), services.store.issues.plan(issue_id)
    if not list(plan.waiting()) and _go_on_after_answer(services, issue_id, failed=False):
        return []
    answered = _answered(plan, n, issue_id)
    if not answered:
        return []
    accept_tip(services, record)
    commits = _commits_of_nobody(services, services.store.issues.record(issue_id), plan)
    named = {commit.id: subtask_number(commit, issue_id) for commit in commits}
    plan = services.store.issues.change_plan(issue_id, lambda now: _with_answers(now, answered, named))
    for subtask in answered:
        services.store.journal.append(
            "subtask.answered",
            f"subtask {subtask.n} was finished by a person",
            issue=issue_id,
            data={"subtask": subtask.n, "commits": list(plan.get(subtask.n).commits)},
        )
    _go_on_after_answer(services, issue_id, failed=True)
    return [subtask.n for subtask in answered]


def _go_on_after_answer(services: Services, issue_id: str, *, failed: bool) -> list[Task]:
    """Let the task go on that waits for a subtask: also where nobody is waited for, as an answer was broken off."""
    parked = services.store.queue.all(states=("parked",))
    if failed or any(one.issue == issue_id and getattr(one.state, "kind", "") == "subtask" for one in parked):
        set_status(services, issue_id, IssueStatus.OPEN)
        resumed = resume_parked(services, issue=issue_id, kinds={"subtask"}, redo="work", failed=failed)
        return resumed or _go_on(services, issue_id)
    return []


def _commits_of_nobody(services: Services, record: IssueRecord, plan: Plan) -> list[CommitInfo]:
    """Return the branch's last commits, oldest first, that neither the bot wrote nor any subtask has as its own."""
    branch = BranchName.parse(record.branch) if record.branch else None
    tip = None if branch is None else refs.tip(services.repo.git, branch)
    if branch is None or tip is None or tip in services.store.operations.tips_written(branch.ref):
        return []
    # the tip itself was accepted a moment ago, or by an answer that was broken off
    known = services.store.operations.tips_written(branch.ref) | set(record.accepted_tips) - {tip}
    known |= {commit for subtask in plan.subtasks for commit in subtask.commits}
    below = [parse_oid(record.base_commit)] if record.base_commit else []
    commits = log(services.repo.git, tip=tip, not_in=below)
    last_known = max((index for index, commit in enumerate(commits) if commit.id in known), default=-1)
    return commits[last_known + 1 :]


def answer_commits(services: Services, issue_id: str) -> list[CommitInfo]:
    """Accept what a person added to the issue's branch without having been asked, such as to a branch in review.

    Return the new commits, oldest first; where there are any, the issue's task goes on from its work and a new draft
    follows. Said again, it finishes what was broken off. Raise UsageError when the branch is gone.
    """
    record = services.store.issues.record(issue_id)
    commits = accept_tip(services, record) or _missing_in_draft(services, record)
    if commits:
        _go_on_with_branch(services, issue_id, moved=True)
    return commits


def answer_move(services: Services, issue_id: str) -> bool:
    """Have the draft made anew of an issue in review whose branch has less than that now, such as after an undo.

    Tell whether that was so. Where commits are new on the branch, `answer_commits` does it.
    """
    record = services.store.issues.record(issue_id)
    stale = _moved_in_review(services, record) is not None
    if stale:
        _go_on_with_branch(services, issue_id, moved=True)
    return stale


def _missing_in_draft(services: Services, record: IssueRecord) -> list[CommitInfo]:
    """Return what is on the branch of a task that waits for review, and not in the draft it waits with."""
    moved = _moved_in_review(services, record)
    return [] if moved is None else log(services.repo.git, tip=moved[1], not_in=[moved[0]])


def _moved_in_review(services: Services, record: IssueRecord) -> tuple[Oid, Oid] | None:
    """Return the commit that a draft in review describes and where its branch is, None where that is the same."""
    parked = services.store.queue.all(states=("parked",))
    if not any(one.issue == record.id and getattr(one.state, "kind", "") == "review" for one in parked):
        return None
    branch = BranchName.parse(record.branch)
    tip, draft = refs.tip(services.repo.git, branch), services.store.drafts.find(branch)
    if tip is None or draft is None or draft.head == tip:
        return None
    return parse_oid(draft.head), tip


def accept_tip(services: Services, record: IssueRecord) -> list[CommitInfo]:
    """Accept where the issue's branch is now as a tip to build on; return the commits that are new, oldest first.

    Raise UsageError when the branch does not exist.
    """
    if not record.branch:
        return []
    branch = BranchName.parse(record.branch)
    tip = refs.tip(services.repo.git, branch)
    if tip is None:
        raise UsageError(
            f"the branch {branch} of issue {record.id} is gone",
            hint=f"bring it back with git branch, or have it done again: sixthbot issue reopen {record.id}",
        )
    known = services.store.operations.tips_written(branch.ref) | set(record.accepted_tips)
    if tip in known:
        return []
    below = [parse_oid(record.base_commit)] if record.base_commit else []
    commits = log(services.repo.git, tip=tip, not_in=below)
    last_known = max((index for index, commit in enumerate(commits) if commit.id in known), default=-1)
    services.store.issues.change_record(
        record.id, lambda now: replace(now, accepted_tips=(*now.accepted_tips, tip))
    )
    services.store.journal.append(
        "branch.accepted", f"{branch} at {tip} was accepted as a person's work", issue=record.id, commit=tip
    )
    return commits[last_known + 1 :]


def resume_parked(
    services: Services,
    *,
    issue: str | None = None,
    kinds: Collection[str] = _ANY_KIND,
    redo: str = "",
    failed: bool = False,
) -> list[Task]:
    """Make ready the parked tasks of `issue` (None: of any) that wait for one of `kinds`; return them.

    Those that wait for another try of their own go on at once too. `failed` also brings back ones that were given
    up. `redo` names an action: its step and all after it are done again.
    """
    resumed = []
    for task in services.store.queue.all(states=("parked", "waiting", "failed")):
        if issue is not None and task.issue != issue:
            continue
        fact = _fact_for(task, kinds, failed=failed, any_issue=issue is None)
        if fact is None:
            continue
        if redo:
            services.store.checkpoints.drop_from(task.id, redo)
        after = lifecycle.step(task, fact, services.clock())
        if not services.store.queue.settle(task, after):
            continue  # somebody was faster: where it is now counts
        services.store.journal.append("task.resumed", "goes on", **became("task.resumed", after, task))
        resumed.append(after)
    return resumed


def cancel_task(services: Services, task: Task) -> Task | None:
    """Cancel a task; return it as it is then (a running one ends within a second), None when it was over."""
    return cancel(services, task, reason="a person does not want it")


def release_branch(services: Services, branch: str) -> list[Task] | None:
    """Let the bot work on a frozen branch again, from where it is now; return the tasks that go on.

    Return None when there is nothing to release: its tip is known, and no task holds back from it.
    Raise UsageError when the branch belongs to no issue or is gone.
    """
    record = _record_of(services, branch)
    moved = accept_tip(services, record)
    resumed = _go_on_with_branch(services, record.id, moved=bool(moved))
    if not moved and not resumed:
        return None
    services.store.journal.append("branch.released", f"{branch} was released", issue=record.id)
    return resumed


def trust_resumed(services: Services) -> list[Task]:
    """Make ready every task that waited for trust; return them."""
    return resume_parked(services, kinds={"untrusted"})


def on_approve(services: Services, draft: Draft) -> list[Task]:
    """After a draft was approved: the issue shows it and `draft.approved` is let in; return the tasks it made."""
    set_status(services, draft.issue, IssueStatus.APPROVED)
    return _draft_event(services, EventKind.DRAFT_APPROVED, draft)


def on_push(services: Services, draft: Draft) -> list[Task]:
    """After a draft was pushed: its issue and task end, `draft.pushed` is let in; return the tasks it made."""
    set_status(services, draft.issue, IssueStatus.PUSHED)
    hasten(services)  # other issues may have waited for this one
    return _after_review(services, EventKind.DRAFT_PUSHED, draft)


def on_reject(services: Services, draft: Draft, why: str) -> list[Task]:
    """After a draft was rejected: its issue and task end, `draft.rejected` is let in; return the tasks it made."""
    set_status(services, draft.issue, IssueStatus.REJECTED)
    hasten(services)
    services.store.journal.append(
        "draft.rejected", f"{draft.branch} was rejected: {why}", issue=draft.issue or None, commit=draft.head
    )
    return _after_review(services, EventKind.DRAFT_REJECTED, draft)


def show_status(services: Services, draft: Draft, status: DraftStatus) -> Draft:
    """Write the draft with another status; the file only shows it. Return the draft as written."""
    after = with_status(draft, status)
    services.store.drafts.write(after)
    return after


def _go_on_with_branch(services: Services, issue_id: str, *, moved: bool) -> list[Task]:
    """Let the issue's task go on; what it knew of the branch is looked at anew when a person moved it."""
    kinds = {"frozen", "conflict", "review"} if moved else {"frozen", "conflict"}
    if moved:
        set_status(services, issue_id, IssueStatus.OPEN)
    resumed = resume_parked(services, issue=issue_id, kinds=kinds, redo="work" if moved else "rebase")
    return resumed or (_go_on(services, issue_id) if moved else [])


def _go_on(services: Services, issue_id: str) -> list[Task]:
    """Have what a person put on the branch looked at where no task waited for it: the last one may be over."""
    states = {type(task.state) for task in own_tasks(services, issue_id)}
    return take_up(services, issue_id, redo=FROM_WORK) if states <= {Ready, Done} else []


def _answered(plan: Plan, n: int | None, issue_id: str) -> list[Subtask]:
    if n is not None:
        subtask = plan.get(n)
        return [] if subtask.settled else [subtask]
    waiting = list(plan.waiting())
    if waiting:
        return waiting
    following = plan.next_open()
    if following is None:
        return []
    raise UsageError(
        f"no subtask of issue {issue_id} waits for a person",
        hint=f"if you did the next one yourself: sixthbot done {issue_id} {following.n}",
    )


def _with_answers(plan: Plan, answered: Sequence[Subtask], named: Mapping[Oid, int | None]) -> Plan:
    """Settle the answered subtasks, and those that a commit names; `named` are the new commits, oldest first."""
    first = answered[0].n
    numbers = {subtask.n for subtask in plan.subtasks}
    mapped: dict[int, list[str]] = {}
    for commit, number in named.items():
        mapped.setdefault(first if number is None or number not in numbers else number, []).append(commit)
    for subtask in plan.subtasks:
        theirs = tuple(mapped.get(subtask.n, ()))
        if subtask.n in {one.n for one in answered} or (theirs and not subtask.settled):
            done = replace(
                subtask,
                status=SubtaskStatus.DONE,
                by="person",
                reason="",
                commits=(*subtask.commits, *theirs),
            )
            plan = plan.with_subtask(done)
    return plan


def _fact_for(
    task: Task, kinds: Collection[str], *, failed: bool, any_issue: bool
) -> lifecycle.Answered | lifecycle.Retried | None:
    match task.state:
        case Parked(kind):
            return lifecycle.Answered() if kind in kinds else None
        case Waiting():
            own_try = task.event.kind == EventKind.ISSUE_ADDED and not any_issue
            return lifecycle.Answered() if own_try and task.not_before is None else None
        case Failed():
            return lifecycle.Retried() if failed and task.event.kind == EventKind.ISSUE_ADDED else None
        case _:
            return None


def _record_of(services: Services, branch: str) -> IssueRecord:
    record = services.store.issues.find_by_branch(branch)
    if record is None:
        raise UsageError(f"the branch {branch} belongs to no issue", hint="sixthbot issue list")
    return record


def _after_review(services: Services, kind: EventKind, draft: Draft) -> list[Task]:
    if draft.issue:
        resume_parked(services, issue=draft.issue, kinds={"review"})
    return _draft_event(services, kind, draft)


def _draft_event(services: Services, kind: EventKind, draft: Draft) -> list[Task]:
    fields = {"branch": draft.branch.value, "issue": draft.issue, "title": draft.title}
    event = make_event(kind, fields, time=services.clock(), key=f"{draft.branch} {draft.head}")
    return admit(services, [event])
