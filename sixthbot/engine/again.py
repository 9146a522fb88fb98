"""Lets an issue's own tasks go on, or makes a new one where they are over; and opens again what git has no commit of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.actions.rewriting import lost_subtasks
from sixthbot.core import lifecycle
from sixthbot.core.errors import UsageError
from sixthbot.core.events import EventKind
from sixthbot.core.issues import SubtaskStatus
from sixthbot.core.names import BranchName, short_hash
from sixthbot.core.tasks import Done, Ready, Running, Task
from sixthbot.engine.closing import put_away
from sixthbot.git import refs
from sixthbot.git.commits import log
from sixthbot.store.past import past_tasks
from sixthbot.store.records import became

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.core.issues import Ending, IssueRecord, IssueStatus, Plan, Subtask
    from sixthbot.engine.services import Services

FROM_WORK = ("work", "rebase", "changelog", "check", "describe", "review")
"""The steps that look at what a person put on the branch."""
FROM_REBASE = FROM_WORK[1:]
"""The steps that make a draft of what is on the branch. A rule of the repository's own may leave out any."""

_EXPECTED = "reopened"


def own_tasks(services: Services, issue_id: str) -> list[Task]:
    """Return the tasks that rules made of the issue itself; raise UsageError when there is none."""
    store = services.store
    found = [
        *store.queue.about({issue_id}),
        *past_tasks(store.journal, lambda record: record.issue == issue_id),
    ]
    own = [task for task in found if task.event.kind == EventKind.ISSUE_ADDED]
    tasks = list({task.id: task for task in reversed(own)}.values())[::-1]
    if not tasks:
        raise UsageError(
            f"no task of issue {issue_id} is kept, or no rule ever made one", hint="sixthbot rules list"
        )
    return tasks


def require_at_rest(services: Services, issue_id: str) -> None:
    """Raise UsageError while a worker has a task of the issue in hand."""
    for task in own_tasks(services, issue_id):
        if isinstance(task.state, Running):
            raise UsageError(
                f"issue {issue_id} is being worked on: task {task.id} is running",
                hint=f"again in a moment; sixthbot queue show {task.id}",
            )


def take_up(services: Services, issue_id: str, *, redo: Sequence[str] = ()) -> list[Task]:
    """Let an issue's own tasks go on; return them, or the new one where all are over.

    The steps in `redo`, and all that follow them, are done again; all of them when none is named.
    """
    tasks = own_tasks(services, issue_id)
    resumed = []
    for task in tasks:
        if isinstance(task.state, Done | Running):
            continue
        forget_steps(services, task, redo)
        after = task
        if not isinstance(task.state, Ready):
            after = lifecycle.step(task, lifecycle.Retried(), services.clock())
            if not services.store.queue.settle(task, after):
                continue  # somebody was faster: where it is now counts
        services.store.journal.append("task.resumed", "goes on", **became("task.resumed", after, task))
        resumed.append(after)
    over = all(isinstance(task.state, Done) for task in tasks)
    return [_new_task(services, tasks)] if over else resumed


def set_status(services: Services, issue_id: str, status: IssueStatus) -> None:
    """Show on an issue how far it is; nothing for a draft that belongs to none."""
    if issue_id:
        services.store.issues.change_record(issue_id, lambda now: replace(now, status=status))


def forget_steps(services: Services, task: Task, redo: Sequence[str]) -> None:
    """Forget that the steps in `redo` were done, and all that follow them; all steps when none is named."""
    for use in redo:
        services.store.checkpoints.drop_from(task.id, use)
    if not redo:
        services.store.checkpoints.clear(task.id)


def forget_lost_work(services: Services, record: IssueRecord) -> None:
    """Open the subtasks again whose commits are not on the issue's branch; where it is gone, have a new one made.

    What is done is a fact in git, and the plan only repeats it. The draft of a branch that is gone is put away.
    """
    if not record.branch:
        return
    git, store = services.repo.git, services.store
    base = refs.tip(git, BranchName.parse(record.base)) if record.base else None
    tip = refs.tip(git, BranchName.parse(record.branch))
    gone = tip is None
    if gone:
        put_away(services, record)
    where = base if tip is None else tip
    commits = [] if tip is None else log(git, tip=tip, not_in=[base] if base is not None else [])

    def opened(plan: Plan) -> Plan:
        lost = lost_subtasks(git, plan, tip=where, commits=commits, issue_id=record.id)
        for subtask in plan.subtasks:
            # what changed nothing there may change something on a new branch
            again = gone and bool(lost) and subtask.settled and subtask.by.startswith(("recipe ", "action "))
            if subtask.n in lost or (again and not subtask.commits):
                plan = plan.with_subtask(_opened(subtask))
        return plan

    store.issues.change_plan(record.id, opened)
    if gone:
        _expect_deletion(services, record.branch)
        store.issues.change_record(record.id, lambda now: replace(now, branch="", base_commit=""))


def _expect_deletion(services: Services, branch: str) -> None:
    """Note where a branch was whose deletion nobody has looked at yet: that look must not end the issue once more."""
    tip = (services.store.seen_refs.load() or {}).get(f"refs/heads/{branch}")
    if tip is not None:
        expected = services.store.cursors.load(_EXPECTED) or {}
        services.store.cursors.save(_EXPECTED, {**expected, branch: tip})


def is_expected(services: Services, ending: Ending) -> bool:
    """Tell whether a branch's deletion is one that its issue was opened again after."""
    expected = services.store.cursors.load(_EXPECTED) or {}
    return not ending.into and expected.get(ending.branch) == ending.tip


def _opened(subtask: Subtask) -> Subtask:
    by_person = subtask.by == "person"
    status = SubtaskStatus.WAITING if by_person else SubtaskStatus.OPEN
    return replace(subtask, status=status, commits=(), reason="its commits are not on the branch any more")


def _new_task(services: Services, tasks: Sequence[Task]) -> Task:
    """Put a new task for the same rule and events, with an id of its own: a task that is over stays over."""
    last = max(tasks, key=lambda task: task.created)
    now = services.clock()
    rule = next((rule for rule in services.rules.rules if rule.name == last.rule), None)
    task = replace(
        last,
        id="t" + short_hash(last.id, "reopened", str(len(tasks)), digits=12),
        rule_hash=rule.digest if rule is not None else last.rule_hash,
        created=now,
        deadline=now + last.lane.wait,
        attempts=0,
        crashes=0,
        state=Ready(),
    )
    if services.store.queue.put(task):
        told = became("task.made", task)
        told["data"] = {**(told["data"] or {}), "from": last.id}
        said = f"made anew of the rule {task.rule}, lane {task.lane}: its issue is taken up again"
        services.store.journal.append("task.made", said, **told)
    return task
