"""`sixthbot rebase`: puts an issue's branch onto its base as it is now, checks it and describes it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import one_line, plural
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import verb
from sixthbot.core.errors import UsageError
from sixthbot.core.names import BranchName

if TYPE_CHECKING:
    from sixthbot.core.issues import IssueRecord
    from sixthbot.engine.services import Services


@verb(
    (
        "sixthbot rebase sixth/tidy-the-notes",
        "its base has moved on, a check is to run again, or its draft is lost",
    ),
    ("sixthbot rebase sixth/tidy-the-notes --dry-run", "say what would happen"),
)
@click.argument("branch")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@pass_session
def command(session: Session, branch: str, *, dry_run: bool) -> None:
    """Make a draft anew: rebase the branch onto its base, write the changelog, run the checks, describe it.

    Nothing is checked out. An approval is taken back. A title and text that you edited stay while the commit is the
    same; a text for an older commit is kept beside the issue.
    """
    from sixthbot.engine.reopening import redo_draft, require_redoable  # noqa: PLC0415 - lazy, see app

    services = session.services()
    record = _issue_of(services, branch)
    require_redoable(services, record)
    story = _story(services, record)
    if dry_run:
        session.out.say(f"would do: {story}")
        return
    redo_draft(services, record.id)
    session.out.say(f"to do: {story}")
    session.out.talk("a running watch goes on with it; otherwise: sixthbot run")


def _issue_of(services: Services, wanted: str) -> IssueRecord:
    """Return the issue that works on a branch, or the one of that id."""
    name = BranchName.parse(wanted)
    record = services.store.issues.find_by_branch(name)
    if record is not None:
        return record
    for one in services.store.issues.list():
        if one.id == wanted:
            return one
    raise UsageError(
        f"the branch {one_line(wanted, 80)!r} belongs to no issue", hint="sixthbot issue list --all"
    )


def _story(services: Services, record: IssueRecord) -> str:
    from sixthbot.git.commits import log  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.refs import tip  # noqa: PLC0415 - lazy, see app

    git = services.repo.git
    here, base = tip(git, BranchName.parse(record.branch)), tip(git, BranchName.parse(record.base))
    if here is None or base is None:
        gone = record.branch if here is None else record.base
        raise UsageError(
            f"the branch {gone} is gone",
            hint=f"make it again, or: sixthbot issue reopen {record.id}"
            if here is None
            else f"make it again, or: sixthbot issue cancel {record.id}",
        )
    behind = len(log(git, tip=base, not_in=[here]))
    onto = f"rebase onto {record.base} ({plural(behind, 'new commit')})" if behind else ""
    steps = [onto or f"nothing to rebase ({record.base} has not moved)", "changelog", "checks", "a new draft"]
    return f"{record.branch}: {', '.join(steps)}"
