"""`sixthbot work`: one more worker process, for one lane, until it is told to stop."""

from __future__ import annotations

import os

import click

from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.signals import until_told
from sixthbot.cli.verbs import verb
from sixthbot.cli.watching import tell_settings, told
from sixthbot.core.errors import ExitCode
from sixthbot.core.tasks import Lane


@verb(
    ("sixthbot work --lane critical", "a worker that does nothing but the most urgent tasks"),
    ("nice sixthbot work --lane low", "one that may take its time"),
)
@click.option(
    "--lane", type=click.Choice([lane.value for lane in Lane]), required=True, help="The lane to serve."
)
@pass_session
def command(session: Session, lane: str) -> int:
    """Serve one lane of the queue until SIGINT or SIGTERM. What it has in hand then goes back to the queue.

    SIGHUP reads settings and rules anew. It does what is there or due, and takes up what a worker that died left;
    events are handled by `watch` or `run`, beside it or later.
    """
    from sixthbot.bot import Bot  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("starting a worker")
    session.require_home()
    tell_settings(session.out, session.services())  # before anything starts
    session.leave_saving()
    bot = Bot.open(session.start, env=os.environ)
    services = bot.services.last

    def began() -> None:
        session.out.talk(f"serving lane {lane} in {services.places.top}; Ctrl-C ends it")

    listening = until_told(on_hangup=bot.reload, on_ask=bot.say_stacks)
    with listening as stop, told(session.out, services.store):
        ended = bot.work(Lane(lane), stop, began=began)
    return ExitCode.OK if ended else ExitCode.FAILED
