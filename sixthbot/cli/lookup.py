"""Finds what a person means by an id, a prefix of one, or a branch name; several that fit are named, none is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.cli.output import one_line
from sixthbot.core.errors import ConfigError, Refused, UsageError
from sixthbot.core.issues import IssueStatus, Plan, Subtask, SubtaskStatus
from sixthbot.core.names import BranchName
from sixthbot.store.past import past_tasks
from sixthbot.store.records import naming

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sixthbot.core.drafts import Draft
    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.tasks import Task
    from sixthbot.store.issues import Issues
    from sixthbot.store.open import Store


_NAMED = 5
"""How many of several things an error names."""


def unique(wanted: str, names: Iterable[str], *, what: str, hint: str) -> str:
    """Return the one name that is `wanted` or starts with it; raise UsageError for none or several."""
    known = sorted(set(names))
    if wanted in known:
        return wanted
    near = [name for name in known if wanted and name.startswith(wanted)]
    if len(near) == 1:
        return near[0]
    if not near:
        raise UsageError(f"there is no {what} {one_line(wanted, 80)!r}", hint=hint)
    raise UsageError(
        f"{one_line(wanted, 80)!r} fits {len(near)} of them: {', '.join(near[:_NAMED])}" + _more(near),
        hint="give more of it",
    )


def find_task(
    store: Store, wanted: str, *, past: bool = False, what: str = "task", hint: str = "sixthbot queue list"
) -> Task:
    """Return the task of that id or unique prefix; with `past`, also one that has left the queue.

    `what` and `hint` are for who may have meant something else.
    """
    exact = store.queue.find(wanted)
    if exact is not None:
        return exact
    left: dict[str, Task] = {}
    if past:
        began = past_tasks(store.journal, lambda record: str(record.task).startswith(wanted))
        left = {task.id: task for task in began}
    name = unique(wanted, {*store.queue.ids(), *left}, what=what, hint=hint)
    task = store.queue.find(name) or left.get(name)
    if task is None:
        raise UsageError(f"task {name} cannot be read", hint="sixthbot doctor")
    return task


def find_draft(store: Store, wanted: str | None, *, statuses: Iterable[str] = ()) -> Draft:
    """Return the draft of that branch, or of the issue named, or the only one there is when nothing was named.

    `statuses` narrows the choice when nothing was named.
    """
    if wanted is None:
        return _only_draft(store, tuple(statuses))
    drafts = {draft.branch.value: draft for draft in store.drafts.list()}
    if wanted in drafts:
        return drafts[wanted]
    for draft in drafts.values():
        if wanted == draft.issue:
            return draft
    _refuse_over(store, BranchName.parse(wanted))
    return drafts[unique(wanted, drafts, what="draft of", hint="sixthbot draft list")]


def _only_draft(store: Store, statuses: tuple[str, ...]) -> Draft:
    drafts = [draft for draft in store.drafts.list() if not statuses or draft.status in statuses]
    if len(drafts) == 1:
        return drafts[0]
    if not drafts:
        raise UsageError("no draft waits for you", hint="sixthbot status shows what is under way")
    names = ", ".join(draft.branch.value for draft in drafts[:_NAMED])
    raise UsageError(f"there are {len(drafts)} drafts: {names}{_more(drafts)}", hint="name one of them")


def _more(things: Sequence[object]) -> str:
    return f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""


def _refuse_over(store: Store, wanted: BranchName) -> None:
    """Raise where an issue has that branch, or that id, and its draft is damaged, gone or put away: say so, and why."""
    record = next(
        (one for one in reversed(store.issues.list()) if wanted.value in {one.branch, one.id}), None
    )
    if record is None or not record.branch:
        return
    refuse_given_up(store, record)
    branch = BranchName.parse(record.branch)
    try:
        found = store.drafts.find(branch)
    except ConfigError as error:
        raise ConfigError(
            error.message, hint=f"mend it, or: sixthbot rebase {branch} (the bot keeps it and writes another)"
        ) from None
    if found is None and plan_of(store.issues, record.id).next_open() is None:
        raise UsageError(f"there is no draft of {branch}", hint=f"sixthbot rebase {branch} writes it anew")


def refuse_given_up(store: Store, record: IssueRecord) -> None:
    """Raise Refused, saying why, where an issue was cancelled or has ended."""
    again = f"to take it up again: sixthbot issue reopen {record.id}"
    if record.status is IssueStatus.CANCELLED:
        raise Refused(f"issue {record.id} was cancelled, and its draft with it", hint=again)
    if record.status is IssueStatus.ENDED:
        why = last_word(store, "issue.ended", record.id) or last_word(store, "draft.none", record.id)
        raise Refused(f"issue {record.id} has ended" + (f": {why}" if why else ""), hint=again)


def last_word(store: Store, kind: str, issue_id: str) -> str:
    """Return the message of the last journal record of a kind about an issue, empty when there is none."""
    found = store.journal.read(
        newest_first=True,
        where=lambda record: record.kind == kind and record.issue == issue_id,
        worth=naming([issue_id]),
    )
    return next((one_line(record.message, 600) for record in found), "")


def plan_of(issues: Issues, issue_id: str) -> Plan:
    """Return an issue's plan; one that a person broke is shown as a single subtask that says so."""
    try:
        return issues.plan(issue_id)
    except (UsageError, OSError) as error:
        reason = getattr(error, "message", str(error))
        return Plan(
            (Subtask(n=1, text="the plan cannot be read", status=SubtaskStatus.FAILED, reason=reason),)
        )
