"""`sixthbot approve`: a person's word for one exact draft, recorded outside the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.lookup import find_draft
from sixthbot.cli.output import one_line
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.drafts import DraftStatus, approve
from sixthbot.core.errors import Refused, UsageError
from sixthbot.core.secrets import is_secret_digest
from sixthbot.core.times import format_time
from sixthbot.store.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.cli.assess import Standing
    from sixthbot.core.drafts import Draft, PushTarget
    from sixthbot.engine.services import Services


@verb(
    ("sixthbot approve sixth/tidy-the-notes", "approve the draft as it is now"),
    ("sixthbot approve sixth/tidy-the-notes --despite-checks", "although a check failed"),
    ("sixthbot approve sixth/tidy-the-notes --allow sha256:...", "what was found is no secret"),
)
@click.argument("branch")
@click.option("--despite-checks", is_flag=True, help="Approve although a check failed.")
@click.option(
    "--allow", "allow", metavar="DIGEST", multiple=True, help="Say of something found that it is no secret."
)
@pass_session
def command(session: Session, branch: str, *, despite_checks: bool, allow: tuple[str, ...]) -> None:
    """Approve a draft as it is now.

    An approval is for this commit and tree, this title and text, the base's name, and the remote with its URL. A
    change of any of them voids it; a base that merely moved on does not (`review` says so, `rebase` follows it).
    A draft that would publish what looks like a secret is refused, here and once more by `push`.
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
    _refuse_secrets(services, standing.draft, target, allow)
    draft = show_status(services, standing.draft, DraftStatus.APPROVED)
    approval = approve(
        draft,
        target,
        when=format_time(services.clock()),
        despite_checks=despite_checks
        and (standing.unchecked or bool(standing.failed_checks) or bool(standing.asked)),
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
    from sixthbot.cli.assess import refuse_unchecked, refuse_unfinished  # noqa: PLC0415 - lazy, see app

    draft, name = standing.draft, standing.draft.branch
    if draft.status is DraftStatus.PUSHED:
        raise Refused(f"{name} was pushed already")
    if standing.tip is None:
        raise Refused(f"the branch {name} is gone", hint="bring it back, or: sixthbot reject")
    if standing.moved:
        refuse_unfinished(standing)
        raise Refused(
            f"{name} has moved since its draft was written ({draft.head[:9]} to {standing.tip[:9]})",
            hint=f"to accept those commits and get a new draft: sixthbot done {draft.issue or 'ISSUE'}, then sixthbot run",
        )
    refuse_unchecked(standing, despite_checks=despite_checks)


def _refuse_secrets(services: Services, draft: Draft, target: PushTarget, allow: Sequence[str]) -> None:
    """Refuse what looks like a secret; what the person allows is recorded, outside the repository."""
    from sixthbot.actions.push import scan_draft  # noqa: PLC0415 - lazy, see app
    from sixthbot.actions.secrets import refuse_secrets  # noqa: PLC0415 - lazy, see app

    allow_secrets(services, draft, allow)
    found = scan_draft(services.repo.git, services.store, draft, target, config=services.loaded.config)
    refuse_secrets(draft.branch, found)


def allow_secrets(services: Services, draft: Draft, digests: Sequence[str]) -> None:
    """Record what a person says is no secret; raise UsageError for what is no digest."""
    wrong = next((one for one in digests if not is_secret_digest(one)), None)
    if wrong is not None:
        raise UsageError(
            f"--allow {one_line(wrong, 80)!r} is not the digest of a finding",
            hint="copy it from the refusal: sha256: and 64 hexadecimal digits",
        )
    if digests:
        when = format_time(services.clock())
        services.store.approvals.allow_secrets(digests, branch=draft.branch, when=when)
        services.store.journal.append(
            "secret.allowed",
            f"a person said of {len(digests)} findings on {draft.branch} that they are no secrets",
            issue=draft.issue or None,
            commit=draft.head,
            data={"digests": list(digests)},
        )
