"""`sixthbot approve`: a person's word for one exact draft, recorded outside the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.lookup import find_draft
from sixthbot.cli.output import one_line
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.drafts import Approval, DraftStatus, draft_digest
from sixthbot.core.errors import Refused
from sixthbot.core.times import format_time
from sixthbot.store.redact import redact_text

if TYPE_CHECKING:
    from sixthbot.cli.assess import Standing


@verb(
    ("sixthbot approve sixth/tidy-the-notes", "approve the draft as it is now"),
    ("sixthbot approve sixth/tidy-the-notes --despite-checks", "although a check failed"),
)
@click.argument("branch")
@click.option("--despite-checks", is_flag=True, help="Approve although a check failed.")
@pass_session
def command(session: Session, branch: str, *, despite_checks: bool) -> None:
    """Approve a draft as it is now.

    An approval is for this commit and tree, this title and text, the base's name, and the remote with its URL. A
    change of any of them voids it; a base that merely moved on does not (`review` says so, `rebase` follows it).
    """
    from sixthbot.cli.assess import choose_target, refuse_over, stand  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.answers import on_approve, show_status  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("approving a draft")
    services = session.services()
    found = find_draft(services.store, branch)
    refuse_over(services.store, found)
    standing = stand(services, found)
    _refuse_what_cannot_be(standing, despite_checks=despite_checks)
    target = choose_target(services, standing.draft)
    draft = show_status(services, standing.draft, DraftStatus.APPROVED)
    approval = Approval(
        digest=draft_digest(draft, target),
        approved=format_time(services.clock()),
        despite_checks=despite_checks and (standing.unchecked or bool(standing.failed_checks)),
    )
    services.store.approvals.record(draft.branch, approval)
    services.store.journal.append(
        "draft.approved", f"{draft.branch} was approved", issue=draft.issue or None, commit=draft.head
    )
    on_approve(services, draft)
    session.out.say(
        f"{draft.branch} at {draft.head[:9]} is approved for {one_line(target.remote)} ({one_line(redact_text(target.url))})"
    )
    session.out.talk(f"next: sixthbot push {draft.branch}")


def _refuse_what_cannot_be(standing: Standing, *, despite_checks: bool) -> None:
    draft, name = standing.draft, standing.draft.branch
    if draft.status is DraftStatus.PUSHED:
        raise Refused(f"{name} was pushed already")
    if standing.tip is None:
        raise Refused(f"the branch {name} is gone", hint="bring it back, or: sixthbot reject")
    if standing.moved:
        raise Refused(
            f"{name} has moved since its draft was written ({draft.head[:9]} to {standing.tip[:9]})",
            hint=f"to accept those commits and get a new draft: sixthbot done {draft.issue or 'ISSUE'}, then sixthbot run",
        )
    if standing.failed_checks and not despite_checks:
        raise Refused(
            f"a check failed on {name}: {one_line(', '.join(standing.failed_checks), 200)}",
            hint=f"sixthbot review {name} shows it; to check again: sixthbot rebase {name}; "
            "to approve all the same: --despite-checks",
        )
    if standing.unchecked and not despite_checks:
        raise Refused(
            f"no result of the configured checks is on record for the tree of {name}",
            hint=f"to run them: sixthbot rebase {name}, then sixthbot run; "
            "to approve all the same: --despite-checks",
        )
