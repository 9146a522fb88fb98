"""`sixthbot work`: one more worker process, for one lane, until it is told to stop."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import click

from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.signals import until_told
from sixthbot.cli.verbs import verb
from sixthbot.cli.watching import tell_settings, told
from sixthbot.core.errors import ExitCode, SixthError
from sixthbot.core.tasks import Lane

if TYPE_CHECKING:
    from sixthbot.engine.services import Services

_LOOK = 0.5
"""Seconds between two looks at what is due, and at what a worker that died left: that goes on within a second."""


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
    from sixthbot.engine.duties import Duty  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.live import LiveServices  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.pool import WorkerPool  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.recovery import RecoveryWatch  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.saving import keeper  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.runlog import logged  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("starting a worker")
    tell_settings(session.out, session.services())  # before anything starts
    session.leave_saving()
    bot = Bot(LiveServices(session.start, env=os.environ))
    live = bot.services
    with ExitStack() as stack:
        stop = stack.enter_context(until_told(on_hangup=bot.reload, on_ask=bot.say_stacks))
        stack.enter_context(logged(live().places, live().loaded.config.log))
        pool = WorkerPool(live, workers=1, lanes={Lane(lane)}, stop=stop)
        stack.enter_context(told(session.out, live().store))
        stack.enter_context(keeper(live(), stop))
        pool.start()
        session.out.talk(f"serving lane {lane} in {live().places.top}; Ctrl-C ends it")
        # where no `watch` is left, nobody else does these
        duties = (Duty("recovery", RecoveryWatch().look), Duty("waiting-tasks", _wake_due))
        while not stop.wait(_LOOK):
            with suppress(SixthError, OSError):  # the settings cannot be used: the pool tells
                services = live()
                for duty in duties:
                    duty.attempt(services, tick=time.monotonic())
            pool.wake()
        ended = pool.stop()
    return ExitCode.OK if ended else ExitCode.FAILED


def _wake_due(services: Services) -> None:
    from sixthbot.engine.admit import wake_due  # noqa: PLC0415 - lazy, see app

    wake_due(services)
