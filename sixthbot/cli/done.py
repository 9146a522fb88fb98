"""`sixthbot done`: a person says that their part of an issue is finished."""

from __future__ import annotations

import click

from sixthbot.cli.output import one_line, plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb


@verb(
    ("sixthbot done tidy", "every subtask of that issue that waits for you is finished"),
    ("sixthbot done tidy 3", "subtask 3 is"),
    (
        "sixthbot done tidy",
        "again, after more commits of yours on its branch: they are accepted, a new draft follows",
    ),
)
@click.argument("issue_id", metavar="ID")
@click.argument("subtask", type=click.IntRange(min=1), required=False)
@pass_session
def command(session: Session, issue_id: str, subtask: int | None) -> None:
    """Say that your subtask is finished and your commits are on the issue's branch.

    The commits you put there are kept with you as their author; the bot may rebase them from now on.
    """
    from sixthbot.engine.answers import answer_commits, answer_move, answer_subtask  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("finishing a person's subtask")
    services = session.services()
    wanted = services.store.issues.resolve(issue_id)
    finished = answer_subtask(services, wanted, subtask)
    added = answer_commits(services, wanted) if not finished else []
    if added:
        session.out.say(
            f"{plural(len(added), 'commit')} of yours on its branch accepted; a new draft follows"
        )
    elif not finished and answer_move(services, wanted):
        session.out.say("its branch is not where its draft describes it; a new draft follows")
    elif not finished:
        session.out.say("it was done already; nothing changed")
        return
    for number in finished:
        done = services.store.issues.plan(wanted).get(number)
        session.out.say(f"subtask {number} is done: {one_line(done.text, 100)}")
        if number == subtask and not done.commits:
            session.out.talk("no new commit was found for it; you are taken at your word")
    session.out.talk("a running watch goes on from here; otherwise: sixthbot run")
