"""`sixthbot push`: sends exactly the approved commit to the remote; refuses whatever is not approved or has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.approve import allow_secrets
from sixthbot.cli.lookup import find_draft
from sixthbot.cli.output import one_line, paint
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.drafts import DraftStatus, with_status
from sixthbot.core.errors import ExitCode, Refused, SixthError, UsageError
from sixthbot.core.issues import IssueStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.core.drafts import ApprovedDraft, Draft
    from sixthbot.engine.services import Services


@verb(
    ("sixthbot push sixth/tidy-the-notes", "push one approved draft"),
    ("sixthbot push", "push every approved draft"),
    ("sixthbot push --dry-run", "say what would be pushed where"),
    ("sixthbot push sixth/tidy-the-notes --allow sha256:...", "what was found is no secret"),
)
@click.argument("branches", metavar="[BRANCH...]", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Push nothing.")
@click.option("--allow", metavar="DIGEST", multiple=True, help="Say of something found that it is no secret.")
@pass_session
def command(session: Session, branches: tuple[str, ...], *, dry_run: bool, allow: tuple[str, ...]) -> int:
    """Push approved drafts. Exit code 4 when one is not approved, was changed or moved since, or has a secret.

    Where the remote refuses, does not answer or cannot be reached, the approval stands: push again.
    """
    refuse_inside_task("pushing")
    services = session.services()
    drafts = _chosen(services, branches)
    if allow and len(drafts) != 1:
        raise UsageError("--allow is for one branch", hint="name the branch that the finding is on")
    if allow:
        allow_secrets(services, drafts[0], allow)
    if not drafts:
        session.out.say("no draft is approved; sixthbot draft list shows what waits")
        return ExitCode.OK
    worst = ExitCode.OK
    for draft in drafts:
        try:
            _push(session, services, draft, dry_run=dry_run)
        except SixthError as error:
            if len(drafts) == 1:
                raise
            # the others are not held up by one that cannot go
            session.out.say(f"{paint('not pushed', 'red')} {draft.branch}: {one_line(error.message, 500)}")
            worst = max(worst, error.exit_code)
    return worst


def _chosen(services: Services, branches: Sequence[str]) -> list[Draft]:
    """Return the drafts that were named, each once, or every approved one when none was."""
    if branches:
        named = {
            draft.branch.value: draft for draft in (find_draft(services.store, name) for name in branches)
        }
        return list(named.values())
    return [draft for draft in services.store.drafts.list() if draft.status is DraftStatus.APPROVED]


def _push(session: Session, services: Services, draft: Draft, *, dry_run: bool) -> None:
    from sixthbot.actions.push import send  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.answers import on_push  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.forwarding import forwarding  # noqa: PLC0415 - lazy, see app

    draft = _unless_told(services, draft)
    if draft.status is DraftStatus.PUSHED:
        _confirm_pushed(services, draft)
        session.out.say(f"{draft.branch} was pushed already at {draft.head[:9]}; nothing to do")
        return
    ready = _approved(services, draft)
    where = _where(ready)
    if dry_run:
        session.out.say(f"would push {draft.head[:9]} to {where}")
        return
    report = send(
        services.repo.git, services.store, ready, config=services.loaded.config, forward=forwarding(services)
    )
    on_push(services, services.store.drafts.read(draft.branch))
    word = "pushed" if report.sent else "it is already there:"
    session.out.say(f"{word} {draft.head[:9]} to {where}")
    for line in report.words:
        session.out.talk(f"  {one_line(line, 300)}")


def _where(ready: ApprovedDraft) -> str:
    from sixthbot.core.pushways import Way, destination  # noqa: PLC0415 - lazy, see app

    draft, target = ready.draft, ready.target
    match target.way:
        case Way.LETTER:
            return "letters in a folder"
        case Way.COMMAND:
            return f"{one_line(target.remote)}, branch {draft.branch}, by {one_line(target.command[0], 60)}"
        case Way.AGIT | Way.GERRIT:
            return f"{one_line(target.remote)}, {destination(draft, target.way)}"
        case _:
            return f"{one_line(target.remote)}, branch {draft.branch}"


def _confirm_pushed(services: Services, draft: Draft) -> None:
    """Raise Refused unless a draft that was pushed is what its branch and the remote have now.

    What went out for review, as letters or by a command has no branch there that could be asked for.
    """
    from sixthbot.cli.assess import choose_target  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.pushways import OWN_PUSH, REVIEW_REFS  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.refs import tip  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.remotes import remote_tip  # noqa: PLC0415 - lazy, see app

    name, here = draft.branch, tip(services.repo.git, draft.branch)
    if here is not None and here != draft.head:
        raise Refused(
            f"{name} was pushed at {draft.head[:9]} and has moved since, to {here[:9]}",
            hint=f"for a new draft: sixthbot done {draft.issue or 'ISSUE'}, then sixthbot run",
        )
    target = choose_target(services, draft)
    if target.way in REVIEW_REFS or target.way not in OWN_PUSH:
        return
    there = remote_tip(services.repo.git, target, name)
    if there != draft.head:
        raise Refused(
            f"{name} was pushed at {draft.head[:9]}, and {one_line(target.remote)} has "
            + (f"another commit there now: {there[:9]}" if there else "no such branch any more"),
            hint=f"git fetch {one_line(target.remote)}, and look at it",
        )


def _unless_told(services: Services, draft: Draft) -> Draft:
    """Return a draft that was pushed by a process that died before it could say so as approved still: it is said now."""
    if draft.status is not DraftStatus.PUSHED or not draft.issue:
        return draft
    told = services.store.issues.record(draft.issue).status is not IssueStatus.APPROVED
    return draft if told else with_status(draft, DraftStatus.APPROVED)


def _approved(services: Services, draft: Draft) -> ApprovedDraft:
    """Return the draft as approved, or raise Refused after putting a file right that shows an approval it has not."""
    from sixthbot.cli.assess import (  # noqa: PLC0415 - lazy, see app
        approved_draft,
        choose_target,
        refuse_unchecked,
        stand,
    )

    standing = stand(services, draft)
    if standing.refusal is not None:
        raise standing.refusal
    ready = approved_draft(services, draft, choose_target(services, draft), tip=standing.tip)
    # the pushed tree is the tested one: checks may have been configured, or run again, since the approval
    refuse_unchecked(standing, despite_checks=ready.approval.despite_checks)
    return ready
