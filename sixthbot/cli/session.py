"""What one command line carries: where it was started, how to print, and the services, opened when first asked for."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from sixthbot.cli.foreign import refuse_foreign
from sixthbot.core.errors import HomeGone, NoRepository, Refused, SixthError

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.cli.output import Output
    from sixthbot.engine.services import Services
    from sixthbot.store.open import Store
    from sixthbot.store.paths import Places
    from sixthbot.store.state.changes import Changes

_TRIES = 3
"""How often `.sixth` is brought back where somebody takes it away as it is opened."""


@dataclass
class Session:
    """Handed to every command. `start` is the folder to act in, `color` the flag as given."""

    start: Path
    out: Output
    color: str | None = None
    _changes: Changes | None = field(default=None, init=False)
    _opened: Services | None = field(default=None, init=False)
    _for_bot: bool = field(default=False, init=False)

    def places(self) -> Places:
        """Return where the repository and its `.sixth` are; raise NoRepository when not initialised."""
        from sixthbot.store.home import require_initialised  # noqa: PLC0415 - lazy, see app
        from sixthbot.store.paths import locate  # noqa: PLC0415 - lazy, see app

        places = locate(self.start)
        try:
            require_initialised(places)
        except HomeGone:
            self.bring_home_back(places, from_stash_too=self._for_bot)
        except NoRepository:
            refuse_foreign(places)
            raise
        self._remember_changes(places)
        return places

    def _remember_changes(self, places: Places) -> None:
        if self._changes is None:
            from sixthbot.store.state.changes import Changes  # noqa: PLC0415 - lazy, see app

            self._changes = Changes(places)
            self._changes.__enter__()

    def require_home(self, start: Path | None = None) -> None:
        """Make sure that `.sixth` is there for a bot that is about to run, also where a stash holds it."""
        from sixthbot.store.home import refuse_links  # noqa: PLC0415 - lazy, see app
        from sixthbot.store.paths import locate  # noqa: PLC0415 - lazy, see app
        from sixthbot.store.state.home import standing  # noqa: PLC0415 - lazy, see app

        places = locate(self.start if start is None else start)
        self._for_bot = True
        found = standing(places)
        if found in {"gone", "foreign"} or (found == "whole" and not places.local.is_dir()):
            refuse_links(places)
            self.bring_home_back(places, from_stash_too=True)

    def bring_home_back(self, places: Places, *, from_stash_too: bool = False) -> None:
        """Make a `.sixth` that was taken away anew from the state ref, and say so; see `comeback`."""
        from sixthbot.cli.comeback import bring_home_back  # noqa: PLC0415 - lazy, see app

        bring_home_back(places, self.out, from_stash_too=from_stash_too)

    def leave_saving(self) -> None:
        """Leave it to the bot that this command runs to save the state."""
        if self._changes is not None:
            self._changes.__exit__(None, None, None)
            self._changes.take()

    def close(self) -> None:
        """Save what this command changed to the state ref; where that fails, the next bot does it."""
        if self._changes is None:
            return
        self._changes.__exit__(None, None, None)
        paths, more = self._changes.take()
        if not (paths or more):
            return
        from sixthbot.engine.saving import save_changes  # noqa: PLC0415 - lazy, see app

        try:
            save_changes(self.places(), None if more else paths, opened=self._opened)
        except (SixthError, OSError) as error:
            self.out.talk(f"the state is not saved yet: {error}; the bot does that when it runs")

    def store(self) -> Store:
        """Open the files alone: enough for reading and steering, and independent of a broken configuration."""
        from sixthbot.store.clock import now  # noqa: PLC0415 - lazy, see app
        from sixthbot.store.open import open_store  # noqa: PLC0415 - lazy, see app

        return open_store(self.places(), clock=now)

    def services(self) -> Services:
        """Open everything: repository, store, configuration, rules. Expensive; `status` does without."""
        services = self._open()
        setting = services.loaded.config.display.color
        if self.color is None and setting != "auto" and not _color_is_in_environment():
            self.out.color_out = self.out.color_err = setting == "always"
        self._opened = services
        self._remember_changes(services.places)
        return services

    def _open(self) -> Services:
        from sixthbot.engine.services import open_services  # noqa: PLC0415 - lazy, see app

        for _ in range(_TRIES):
            with suppress(HomeGone):
                return open_services(self.start, env=os.environ)
            self.places()
        return open_services(self.start, env=os.environ)

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
