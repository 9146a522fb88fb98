"""`sixthbot release`: a person lets the bot rewrite a branch that it froze because somebody else had written it."""

from __future__ import annotations

import click

from sixthbot.cli.output import plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.names import BranchName


@verb(
    ("sixthbot release sixth/tidy-the-notes", "the bot may rebase and add to it again, from where it is now")
)
@click.argument("branch")
@pass_session
def command(session: Session, branch: str) -> None:
    """Let the bot go on with a branch whose last commits are neither its own nor accepted by `done`."""
    from sixthbot.engine.answers import release_branch  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("releasing a branch")
    services = session.services()
    tasks = release_branch(services, BranchName.parse(branch).value)
    if tasks is None:
        session.out.say(f"nothing to release: the bot does not hold back from {branch}")
        return
    session.out.say(f"{branch} is released; {plural(len(tasks), 'task')} can go on")
    session.out.talk("a running watch goes on with it; otherwise: sixthbot run")
