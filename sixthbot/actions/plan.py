"""The step `plan`: the issue's checkboxes become its plan; each open subtask says who will do it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.actions.asked import doer_of
from sixthbot.actions.base import Action, Context, NoArgs
from sixthbot.core.issues import SubtaskStatus
from sixthbot.core.tasks import Outcome
from sixthbot.core.text import counted

if TYPE_CHECKING:
    from sixthbot.core.issues import Plan


def run(ctx: Context, args: NoArgs) -> Outcome:  # noqa: ARG001 - every action takes its arguments
    """Complete the plan that came with the issue; what is settled or was edited by a person stays.

    Outputs `subtasks`, `open` and `for_people`, the numbers of those that no recipe or repair can do.
    """
    record = ctx.issue()
    plan = ctx.store.issues.change_plan(record.id, lambda now: _with_doers(ctx, now))
    still_open = [subtask for subtask in plan.subtasks if not subtask.settled]
    ctx.tell(f"the plan has {counted(len(plan.subtasks), 'subtask')}, {len(still_open)} to do")
    return Outcome(
        {
            "subtasks": len(plan.subtasks),
            "open": [subtask.n for subtask in still_open],
            "for_people": [subtask.n for subtask in still_open if subtask.by == "person"],
        }
    )


def _with_doers(ctx: Context, plan: Plan) -> Plan:
    for subtask in plan.subtasks:
        if subtask.status is SubtaskStatus.OPEN:
            plan = plan.with_subtask(replace(subtask, by=doer_of(ctx.config, subtask.asked).by))
    return plan


ACTION = Action(
    name="plan",
    summary="writes the issue's plan: its checkboxes, or the whole issue as one subtask",
    Args=NoArgs,
    run=run,
    needs_trust=True,
)
