"""The step `review`: the task waits here until a person has pushed or rejected the draft."""

from __future__ import annotations

from sixthbot.actions.base import Action, Context, NoArgs
from sixthbot.core.drafts import DraftStatus
from sixthbot.core.errors import NeedsPerson
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName
from sixthbot.core.tasks import Outcome

_OVER = {
    IssueStatus.PUSHED: "pushed",
    IssueStatus.REJECTED: "rejected",
    IssueStatus.ENDED: "ended",
    IssueStatus.CANCELLED: "cancelled",
}
_DRAFT_OVER = {DraftStatus.PUSHED: "pushed", DraftStatus.REJECTED: "rejected"}


def run(ctx: Context, args: NoArgs) -> Outcome:  # noqa: ARG001 - every action takes its arguments
    """Return once the draft is pushed or rejected, or there is none; output `result`.

    Raise NeedsPerson("review") until then.
    """
    record = ctx.issue()
    if record.status in _OVER:
        return Outcome({"result": _OVER[record.status]})
    name = BranchName.parse(record.branch)
    if not ctx.store.drafts.path(name).is_file():
        return Outcome({"result": "no draft"})
    status = ctx.store.drafts.read(name).status
    if status in _DRAFT_OVER:
        return Outcome({"result": _DRAFT_OVER[status]})
    raise NeedsPerson(
        f"the draft of {name} waits for a person",
        kind="review",
        hint=f"sixthbot review {name}, then sixthbot approve and sixthbot push it",
    )


ACTION = Action(
    name="review",
    summary="waits until a person has pushed or rejected the draft",
    Args=NoArgs,
    run=run,
)
