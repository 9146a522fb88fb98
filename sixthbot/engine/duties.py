"""Something the bot does again and again, whose failure is told, paused for longer each time, and stops nothing else."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

from sixthbot.core.errors import SixthError
from sixthbot.core.names import clean_line
from sixthbot.store.logs import write_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from sixthbot.engine.services import Services

_LONGEST_PAUSE = 60.0
_log = logging.getLogger("sixthbot.bot")


class Duty:
    """One duty under a name for the journal. Doing it returns seconds until it wants its next turn, or None."""

    def __init__(self, name: str, do: Callable[[Services], float | None]) -> None:
        self.name = name
        self._do = do
        self._failures = 0
        self._not_before = 0.0
        self._told = ""

    def attempt(self, services: Services, *, tick: float) -> float | None:
        """Do it unless it pauses after a failure; return seconds until its next turn, None for no wish.

        `tick` is a monotonic time in seconds. Never raises for what goes wrong in the duty.
        """
        if tick < self._not_before:
            return self._not_before - tick
        try:
            wish = self._do(services)
        except (SixthError, OSError) as error:
            return self._failed(services, tick, clean_line(str(error), limit=500))
        except Exception as error:  # noqa: BLE001 - like the worker's boundary: a mistake in one source must not end the bot
            report = "".join(traceback.format_exception(error))
            reason = clean_line(f"unexpected {type(error).__name__}: {error}", limit=500)
            return self._failed(services, tick, reason, report=report)
        self._failures, self._told = 0, ""
        return wish

    @property
    def failing(self) -> bool:
        """Whether its last attempt failed."""
        return self._failures > 0

    def _failed(self, services: Services, tick: float, reason: str, *, report: str = "") -> float:
        self._failures += 1
        pause = min(2.0 ** (self._failures - 1), _LONGEST_PAUSE)
        self._not_before = tick + pause
        if reason != self._told:  # the same trouble again and again is told once
            self._told = reason
            self._tell(services, reason, report)
        return pause

    def _tell(self, services: Services, reason: str, report: str) -> None:
        message = f"{self.name}: {reason}; it is tried again by itself"
        try:
            if report:
                stamp = services.clock().strftime("%Y%m%dT%H%M%S%f")
                path = write_report(services.places, f"bug-{stamp}-{self.name}.txt", report)
                message += f" (report: {path.relative_to(services.places.top)})"
            services.store.journal.append("bot.trouble", message, level="error", data={"duty": self.name})
        except OSError as error:
            _log.error("%s; and the journal cannot be written: %s", message, error)
