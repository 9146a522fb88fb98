"""A `run` that a hook started in the background: one at a time, and not over while hooks go on leaving notes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.cli.signals import until_told
from sixthbot.core.errors import ExitCode
from sixthbot.store.locks import is_free, try_hold
from sixthbot.store.notes import list_notes

if TYPE_CHECKING:
    from sixthbot.cli.session import Session
    from sixthbot.store.paths import Places


def run_alone(session: Session) -> int:
    """Do what `run` does unless another one of this kind is at it; go on while notes come that it did not see.

    A hook that finds the lock taken starts nothing, so whoever holds it looks for notes once more after it is free.
    """
    from sixthbot.bot import Bot  # noqa: PLC0415 - lazy, see app

    places = session.places()
    seen: set[str] = set()
    failed = False
    with until_told() as stop:
        while not stop.is_set() and is_free(places.watch_lock):
            held = try_hold(places.locks / "autostart.lock")
            if held is None:
                break
            try:
                seen |= _notes(places)
                failed = bool(Bot.open(session.start, env=os.environ).run(stop).failed)
            finally:
                held.release()
            if not _notes(places) - seen:
                break
    return ExitCode.FAILED if failed else ExitCode.OK


def _notes(places: Places) -> set[str]:
    return {note.name for note in list_notes(places)[0]}
