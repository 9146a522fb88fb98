"""`sixthbot watch`: the bot in the foreground, for one repository or several, until it is told to stop."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.signals import until_told
from sixthbot.cli.verbs import verb
from sixthbot.cli.watching import tell_settings, told
from sixthbot.store.locks import held_by

if TYPE_CHECKING:
    from sixthbot.bot import Bot

_LOOK_AGAIN = 0.02  # seconds


@verb(
    ("sixthbot watch", "let the bot work here until Ctrl-C"),
    ("sixthbot watch ~/src/one ~/src/two", "for several repositories"),
    ("sixthbot -q watch &", "without a line for each thing it does"),
)
@click.argument("folders", metavar="[DIR...]", nargs=-1, type=click.Path(path_type=Path))
@pass_session
def command(session: Session, folders: tuple[Path, ...]) -> None:
    """Run the bot in the foreground until SIGINT or SIGTERM.

    It leaves within 5 s; work in hand goes back to the queue with its checkpoint. One `watch` per repository.
    """
    from sixthbot.bot import Bot  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("starting the bot")
    starts = [session.start / folder for folder in folders] or [session.start]
    with ExitStack() as stack:
        stop = stack.enter_context(until_told())
        bots = [Bot.open(start, env=os.environ) for start in starts]
        for bot in bots:
            stack.enter_context(told(session.out, bot.services().store))
        servers = [_Server(bot, stop) for bot in bots]
        for server in servers:
            server.start()
        for server in servers:
            if server.is_up():
                tell_settings(session.out, server.bot.services())
                session.out.talk(f"watching {server.bot.services().places.top}; Ctrl-C ends it")
        for server in servers:
            server.join()
        if all(server.failure is None for server in servers):
            session.out.talk("stopped")
    for server in servers:
        if server.failure is not None:
            raise server.failure


class _Server(threading.Thread):
    """One bot in a thread of its own. When it fails, all are told to stop."""

    def __init__(self, bot: Bot, stop: threading.Event) -> None:
        super().__init__(name="bot", daemon=True)
        self.bot = bot
        self.failure: BaseException | None = None
        self._told_to_stop = stop

    def is_up(self) -> bool:
        """Wait until the bot has its lock and return true, or false when it could not begin."""
        lock = self.bot.services().places.watch_lock
        while self.is_alive() and held_by(lock) != os.getpid():
            self.join(_LOOK_AGAIN)
        return self.is_alive()

    def run(self) -> None:
        """Serve until told to stop; keep what went wrong for the main thread to raise."""
        try:
            self.bot.watch(self._told_to_stop)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self.failure = error
        finally:
            self._told_to_stop.set()
