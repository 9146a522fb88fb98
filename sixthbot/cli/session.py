"""What one command line carries: where it was started, how to print, and the services, opened when first asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from sixthbot.cli.foreign import refuse_foreign
from sixthbot.core.errors import NoRepository, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.cli.output import Output
    from sixthbot.engine.services import Services
    from sixthbot.store.open import Store
    from sixthbot.store.paths import Places


@dataclass
class Session:
    """Handed to every command. `start` is the folder to act in, `color` the flag as given."""

    start: Path
    out: Output
    color: str | None = None

    def places(self) -> Places:
        """Return where the repository and its `.sixth` are; raise NoRepository when not initialised."""
        from sixthbot.store.paths import locate, require_initialised  # noqa: PLC0415 - lazy, see app

        places = locate(self.start)
        try:
            require_initialised(places)
        except NoRepository:
            refuse_foreign(places)
            raise
        return places

    def store(self) -> Store:
        """Open the files alone: enough for reading and steering, and independent of a broken configuration."""
        from sixthbot.store.clock import now  # noqa: PLC0415 - lazy, see app
        from sixthbot.store.open import open_store  # noqa: PLC0415 - lazy, see app

        return open_store(self.places(), clock=now)

    def services(self) -> Services:
        """Open everything: repository, store, configuration, rules. Expensive; `status` does without."""
        from sixthbot.engine.services import open_services  # noqa: PLC0415 - lazy, see app

        services = open_services(self.start, env=os.environ)
        setting = services.loaded.config.display.color
        if self.color is None and setting != "auto" and not _color_is_in_environment():
            self.out.color_out = self.out.color_err = setting == "always"
        return services

    def looking(self) -> Services:
        """Open everything to look at only: nothing is written, and rule files count whether they are trusted or not."""
        from sixthbot.engine.services import open_services  # noqa: PLC0415 - lazy, see app

        return open_services(self.start, env=os.environ, only_look=True)


def _color_is_in_environment() -> bool:
    return bool(os.environ.get("NO_COLOR") or os.environ.get("FORCE_COLOR"))


pass_session = click.make_pass_decorator(Session)


def refuse_inside_task(what: str) -> None:
    """Raise Refused when a task's own command tries to do what only a person may."""
    if os.environ.get("SIXTH_TASK_ID"):
        raise Refused(
            f"{what} is for a person; a task's command may not do it",
            hint="run it from a terminal of your own (SIXTH_TASK_ID is set here)",
        )
