"""`sixthbot reject`: a person turns a draft down and says why; the branch stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.lookup import find_draft
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.drafts import DraftStatus
from sixthbot.core.errors import Refused, UsageError
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from sixthbot.core.drafts import Draft
    from sixthbot.engine.services import Services

_GIVEN_UP = frozenset({IssueStatus.REJECTED, IssueStatus.CANCELLED, IssueStatus.ENDED})


@verb(("sixthbot reject sixth/tidy-the-notes -m 'the list must stay unsorted'", "and say why"))
@click.argument("branch")
@click.option("-m", "--message", "why", metavar="WHY", required=True, help="Why, for the journal.")
@pass_session
def command(session: Session, branch: str, why: str) -> None:
    """Turn a draft down. Its branch stays; `issue reopen` takes the issue up again."""
    from sixthbot.cli.assess import refuse_over  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.answers import on_reject, show_status  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("rejecting a draft")
    reason = clean_line(why, limit=500)
    if not reason:
        raise UsageError("the reason is empty", hint="-m 'why you turn it down'")
    services = session.services()
    draft = find_draft(services.store, branch)
    if draft.status is DraftStatus.PUSHED:
        raise Refused(f"{draft.branch} was pushed already")
    if draft.status is DraftStatus.REJECTED and _was_told(services, draft):
        refuse_over(services.store, draft)
    services.store.approvals.void(draft.branch)
    draft = show_status(services, draft, DraftStatus.REJECTED)
    on_reject(services, draft, reason)
    session.out.say(f"{draft.branch} is rejected: {reason}")
    if draft.issue:
        session.out.talk(f"its branch stays; sixthbot issue reopen {draft.issue} takes the issue up again")


def _was_told(services: Services, draft: Draft) -> bool:
    """Tell whether the issue knows of the rejection: a process that died before it could say so is followed up."""
    return not draft.issue or services.store.issues.record(draft.issue).status in _GIVEN_UP
