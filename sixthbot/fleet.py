"""Several bots in one process: shares the workers among them, and keeps one that fails from harming the others."""

from __future__ import annotations

import threading
import time
import traceback
from typing import TYPE_CHECKING

from sixthbot.bot import Bot
from sixthbot.core.errors import SixthError
from sixthbot.core.names import clean_line
from sixthbot.engine.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two attempts at a repository that fails; doubled each time."""
_STEADY = 60.0
"""Seconds after which a repository that served counts as well again."""
_LEAVE = 4.8
"""Seconds in which all have to be gone."""


class Fleet:
    """The bots of several repositories. `watch` serves them all until told to stop.

    `told` is called with a repository's folder and a line for people, whenever one begins, fails or comes back.
    `limit` is how many tasks may be worked on at a time in all, None for the largest `bot.workers` among them.
    """

    def __init__(
        self,
        starts: Sequence[Path],
        *,
        env: Mapping[str, str],
        told: Callable[[Path, str], None],
        began: Callable[[Bot], None] = lambda _: None,
        limit: int | None = None,
    ) -> None:
        self._keepers = [_Keeper(self, start) for start in starts]
        self.env = env
        self.told = told
        self.began = began
        self._limit = limit
        self._turns: Turns | None = None
        self._guard = threading.Lock()
        self.stop = threading.Event()

    def watch(self, stop: threading.Event) -> bool:
        """Serve until `stop` is set; tell whether all were gone within 5 s after that.

        A repository that cannot be served is told of and tried again, after a second at first, then less and less
        often, at least every minute. Raise what the first one raised where none could be opened at the start.
        """
        self.stop = stop
        opened = [keeper.open() for keeper in self._keepers]
        if not any(opened):
            raise self._keepers[0].trouble
        workers = [bot.services.last.loaded.config.bot.workers for bot in opened if bot is not None]
        self._turns = Turns(self._limit or max(workers))
        for keeper in self._keepers:
            keeper.start()
        stop.wait()
        until = time.monotonic() + _LEAVE
        for keeper in self._keepers:
            keeper.join(max(until - time.monotonic(), 0.0))
        return not any(keeper.is_alive() for keeper in self._keepers)

    @property
    def turns(self) -> Turns | None:
        """What the workers of all repositories share, once they work."""
        return self._turns


class _Keeper(threading.Thread):
    """Keeps one repository served: opens its bot, lets it watch, and begins anew after a failure."""

    def __init__(self, fleet: Fleet, start: Path) -> None:
        super().__init__(name=f"bot of {start}", daemon=True)
        self._fleet = fleet
        self._start = start
        self._bot: Bot | None = None
        self._said = ""
        self.trouble: Exception = SixthError(f"{start} was not tried yet")

    def open(self) -> Bot | None:
        """Open the bot, or keep in `trouble` why that cannot be, and tell it."""
        try:
            self._bot = Bot.open(self._start, env=self._fleet.env)
        except Exception as error:  # noqa: BLE001 - like a worker's boundary: the other repositories go on
            self._failed(error)
        return self._bot

    def run(self) -> None:
        """Serve the repository until the fleet is to stop."""
        stop, pause = self._fleet.stop, _FIRST_PAUSE
        while not stop.is_set():
            began = time.monotonic()
            self._serve()
            if time.monotonic() - began > _STEADY:
                pause = _FIRST_PAUSE
            self._bot = None
            stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _serve(self) -> None:
        bot = self._bot or self.open()
        if bot is None:
            return
        try:
            bot.watch(self._fleet.stop, turns=self._fleet.turns, began=lambda: self._began(bot))
        except Exception as error:  # noqa: BLE001 - like a worker's boundary: the other repositories go on
            self._failed(error)

    def _began(self, bot: Bot) -> None:
        if self._said:
            self._said = ""
            self._fleet.told(self._start, "it is served again")
        self._fleet.began(bot)

    def _failed(self, error: Exception) -> None:
        self.trouble = error
        if isinstance(error, SixthError | OSError):
            why = str(error)
        else:
            place = traceback.extract_tb(error.__traceback__)[-1]
            why = f"unexpected {type(error).__name__}: {error} (at {place.name}, line {place.lineno})"
        why = clean_line(why, limit=500)
        if why != self._said:  # the same trouble again and again is told once
            self._said = why
            hint = getattr(error, "hint", "")
            self._fleet.told(
                self._start, f"{why}; it is tried again by itself" + (f"; hint: {hint}" if hint else "")
            )
