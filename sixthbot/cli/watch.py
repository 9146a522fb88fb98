"""`sixthbot watch`: the bot in the foreground, for one repository or several, until it is told to stop."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import one_line, paint, plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.signals import until_told
from sixthbot.cli.verbs import verb
from sixthbot.cli.watching import tell_settings, told
from sixthbot.core.errors import ExitCode, Locked, SixthError
from sixthbot.store.locks import held_by
from sixthbot.store.paths import locate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sixthbot.bot import Bot
    from sixthbot.cli.output import Output
    from sixthbot.cli.watching import Heard
    from sixthbot.engine.turns import Turns
    from sixthbot.fleet import Fleet

_LOOK_AGAIN = 0.02  # seconds
_SLICE = 0.2


@verb(
    ("sixthbot watch", "let the bot work here until Ctrl-C"),
    ("sixthbot watch ~/src/one ~/src/two", "for several repositories"),
    ("sixthbot -q watch &", "without a line for each thing it does"),
)
@click.argument("folders", metavar="[DIR...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--tasks",
    "limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="At most so many tasks at a time in all repositories together; default the largest bot.workers.",
)
@pass_session
def command(session: Session, folders: tuple[Path, ...], limit: int | None) -> int:
    """Run the bot in the foreground until SIGINT or SIGTERM.

    It leaves within 5 s; work in hand goes back to the queue with its checkpoint. SIGHUP reads settings and rules
    anew, SIGUSR1 writes down what it is at. One `watch` per repository. Of several repositories one that fails is
    told of, stops no other, and is served again once that is possible.
    """
    refuse_inside_task("starting the bot")
    starts = _different([session.start / folder for folder in folders] or [session.start])
    for start in starts:
        with suppress(SixthError):  # whoever opens it says what is wrong
            session.require_home(start)
    bots: dict[Path, Bot] = {}
    listening = until_told(
        on_hangup=lambda: _each(bots, lambda bot: bot.reload()),
        on_ask=lambda text: _each(bots, lambda bot: bot.say_stacks(text)),
    )
    try:
        with listening as stop:
            if len(starts) > 1:
                _watch_several(session, starts, stop, bots, limit=limit)
            else:
                _watch_one(session, starts[0], stop, bots, limit=limit)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED  # the second word: nothing that went wrong, and nothing to say
    return ExitCode.OK


def _different(starts: Sequence[Path]) -> list[Path]:
    """Leave out folders of a repository that is named already."""
    found: dict[object, Path] = {}
    for start in starts:
        try:
            found.setdefault(locate(start).top, start)
        except SixthError:
            found[start] = start  # whoever opens it says what is wrong
    return list(found.values())


def _watch_one(
    session: Session, start: Path, stop: threading.Event, bots: dict[Path, Bot], *, limit: int | None
) -> None:
    from sixthbot.bot import Bot  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.turns import Turns  # noqa: PLC0415 - lazy, see app

    bot = bots[start] = Bot.open(start, env=os.environ)
    with told(session.out, bot.services.last.store, stop=stop) as heard:
        server = _Server(bot, stop, None if limit is None else Turns(limit))
        server.start()
        if server.is_up():
            tell_settings(session.out, bot.services.last)
            session.out.talk(f"watching {bot.services.last.places.top}; Ctrl-C ends it")
        _wait_for(server, stop)
    if server.failure is not None:
        raise server.failure
    session.out.talk(_stopped(heard.given_back))


def _stopped(given_back: int) -> str:
    return "stopped" + (f"; {plural(given_back, 'task')} went back to the queue" if given_back else "")


def _watch_several(
    session: Session,
    starts: Sequence[Path],
    stop: threading.Event,
    bots: dict[Path, Bot],
    *,
    limit: int | None,
) -> None:
    from sixthbot.fleet import Fleet  # noqa: PLC0415 - lazy, see app

    voices = _Voices(session.out, bots, stop)
    fleet = Fleet(starts, env=os.environ, told=voices.trouble, began=voices.began, limit=limit)
    server = _FleetServer(fleet, stop)
    try:
        server.start()
        _wait_for(server, stop)
    finally:
        voices.close()
    if server.failure is not None:
        raise server.failure
    session.out.talk(_stopped(voices.given_back))


def _wait_for(server: threading.Thread, stop: threading.Event) -> None:
    """Sleep until a server that ends sets `stop`, or a first word does; a second Ctrl-C is heard between short pieces."""
    stop.wait()
    while server.is_alive():
        server.join(_SLICE)


class _Voices:
    """Prints what several bots do, each line with the name of its repository."""

    def __init__(self, out: Output, bots: dict[Path, Bot], stop: threading.Event) -> None:
        self._out = out
        self._bots = bots
        self._stop = stop
        self._heard: list[Heard] = []
        self._guard = threading.Lock()
        self._told: dict[Path, ExitStack] = {}

    def began(self, bot: Bot) -> None:
        """Follow the journal of a bot that begins to watch."""
        services = bot.services.last
        top = services.places.top
        self._bots[top] = bot
        with self._guard:
            if top in self._told:
                self._told[top].close()
            stack = self._told[top] = ExitStack()
            heard = told(self._out, services.store, prefix=f"{_name(top)}: ", stop=self._stop)
            self._heard.append(stack.enter_context(heard))
        tell_settings(self._out, services)
        self._out.talk(f"watching {top}; Ctrl-C ends it")

    def trouble(self, start: Path, line: str) -> None:
        """Say what is wrong with a repository, or that it is not any more."""
        self._out.talk(f"{_name(start)}: {one_line(line, 700)}")

    @property
    def given_back(self) -> int:
        """How many tasks all of them gave back as they ended; complete once this is closed."""
        return sum(heard.given_back for heard in self._heard)

    def close(self) -> None:
        """Print what is left to print."""
        with self._guard:
            for stack in self._told.values():
                stack.close()


def _name(folder: Path) -> str:
    return paint(one_line(folder.resolve().name, 60), "bold")


class _FleetServer(threading.Thread):
    """Several bots in a thread of their own, so that a second Ctrl-C ends at once."""

    def __init__(self, fleet: Fleet, stop: threading.Event) -> None:
        super().__init__(name="fleet", daemon=True)
        self.fleet = fleet
        self.failure: BaseException | None = None
        self._told_to_stop = stop

    def run(self) -> None:
        """Serve until told to stop; keep what went wrong for the main thread to raise."""
        try:
            self.fleet.watch(self._told_to_stop)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self.failure = error
        finally:
            self._told_to_stop.set()


def _each(bots: dict[Path, Bot], do: Callable[[Bot], object]) -> None:
    for bot in list(bots.values()):
        do(bot)


class _Server(threading.Thread):
    """One bot in a thread of its own."""

    def __init__(self, bot: Bot, stop: threading.Event, turns: Turns | None) -> None:
        super().__init__(name="bot", daemon=True)
        self.bot = bot
        self._turns = turns
        self.failure: BaseException | None = None
        self._told_to_stop = stop

    def is_up(self) -> bool:
        """Wait until the bot has its lock and return true, or false when it could not begin."""
        lock = self.bot.services.last.places.watch_lock
        while self.is_alive() and held_by(lock) != os.getpid():
            self.join(_LOOK_AGAIN)
        return self.is_alive()

    def run(self) -> None:
        """Serve until told to stop; keep what went wrong for the main thread to raise."""
        try:
            self.bot.watch(self._told_to_stop, turns=self._turns)
        except Locked as error:
            hint = "sixthbot status shows what that one does; sixthbot run and work share its queue"
            self.failure = Locked(error.message, hint=error.hint or hint)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self.failure = error
        finally:
            self._told_to_stop.set()
