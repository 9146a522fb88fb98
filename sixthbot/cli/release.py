"""`sixthbot release`: a person lets the bot rewrite a branch again that it left alone, or puts it on another base."""

from __future__ import annotations

import click

from sixthbot.cli.output import plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.names import BranchName


@verb(
    ("sixthbot release sixth/tidy-the-notes", "the bot may rebase and add to it again, from where it is now"),
    (
        "sixthbot release sixth/tidy-the-notes --onto main",
        "it stands on main from now on, without the commits of the branch it stood on",
    ),
)
@click.argument("branch")
@click.option("--onto", metavar="BASE", help="Another branch to stand on from now on.")
@pass_session
def command(session: Session, branch: str, onto: str | None) -> None:
    """Let the bot go on with a branch whose last commits are neither its own nor accepted by `done`.

    With --onto, have it rebased onto another base, too: for a branch that stands on one that was given up.
    """
    from sixthbot.engine.answers import release_branch  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.stacks import put_onto  # noqa: PLC0415

    refuse_inside_task("releasing a branch")
    services = session.services()
    name = BranchName.parse(branch).value
    base = BranchName.parse(onto).value if onto is not None else ""
    tasks = put_onto(services, name, base) if base else release_branch(services, name)
    if tasks is None:
        session.out.say(f"nothing to release: the bot does not hold back from {branch}")
        return
    session.out.say(
        f"{branch} is to stand on {base}"
        if base
        else f"{branch} is released; {plural(len(tasks), 'task')} can go on"
    )
    session.out.talk("a running watch goes on with it; otherwise: sixthbot run")
