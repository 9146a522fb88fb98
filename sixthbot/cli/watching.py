"""Prints what the bot does while it does it: one calm line for each notable thing in the journal."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sixthbot.cli.follow import Follower
from sixthbot.cli.liveline import LiveLine
from sixthbot.cli.mistakes import hint_of
from sixthbot.cli.output import next_lines, one_line, paint
from sixthbot.cli.records import CHATTER, at_least, line_of
from sixthbot.core.rules import SWITCHED_OFF
from sixthbot.store.clock import now
from sixthbot.store.config import variables_note, workers_note
from sixthbot.store.news import ring, rung, wait_for_news
from sixthbot.store.rulesummary import settings_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.cli.output import Output
    from sixthbot.engine.services import Services
    from sixthbot.store.open import Store
    from sixthbot.store.records import Record

_SAID_ALREADY = frozenset({"bot.started", "bot.stopped"})
_LOOK_AGAIN = 0.2  # seconds: at once for a person
_QUIET_AFTER = 50  # ... and after so many looks at nothing new, only while there is a line to draw or once the bell rings
_DRAWN_LOOK, _QUIET_LOOK = 1.0, 60.0


def tell_rules(out: Output, services: Services) -> None:
    """Say in one line which rules cannot be used: they do nothing, and no task of theirs will tell.

    One that the settings switch off is as somebody wants it.
    """
    broken = [rule for rule in services.rules.disabled if rule.reason != SWITCHED_OFF]
    if broken:
        first = broken[0]
        why = first.reason if first.reason.startswith(first.name) else f"{first.name}: {first.reason}"
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        out.talk(
            f"{paint('rules', 'yellow')} cannot be used: {one_line(why, 500)}{more}; sixthbot rules check"
        )


def tell_settings(out: Output, services: Services) -> None:
    """Say, each in one line, which settings and rules do not count, and what that means."""
    note = settings_note(services.places, services.untrusted, services.loaded.problems)
    if note:
        out.talk(f"{paint('settings', 'yellow')} {one_line(note, 400)}")
    tell_rules(out, services)
    if lost := variables_note(services.env):
        out.talk(f"{paint('settings', 'yellow')} {one_line(lost, 400)}")
    if share := workers_note(services.loaded.config):
        out.talk(share)


class Heard:
    """What is said once more as the bot ends: how many tasks it gave back since `stop` was set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.given_back = 0

    def hear(self, record: Record) -> None:
        """Count a record that has just been read."""
        # whatever is given back for the stop is written, and so read, after that was set
        if record.kind == "task.given-back" and self._stop.is_set():
            self.given_back += 1


@contextmanager
def told(
    out: Output, store: Store, *, prefix: str = "", stop: threading.Event | None = None
) -> Iterator[Heard]:
    """Print the journal's notable records to stderr during a block, each after `prefix`; the last ones before it ends.

    What it gives is complete after the block; it counts from when `stop` is set. On a terminal the last line says how far the running tasks are, unless several repositories would want it.
    """
    follower = Follower(store.journal)
    live = LiveLine(sys.stderr, store.places, color=out.color_err)
    ended, heard = threading.Event(), Heard(stop or threading.Event())

    def tell() -> None:
        quiet = 0
        while not ended.is_set():
            seen = rung()
            quiet = 0 if _print(out, follower, live, prefix, heard) else quiet + 1
            drawn = out.verbosity >= 0 and not prefix and live.draw()
            if quiet < _QUIET_AFTER:
                ended.wait(_LOOK_AGAIN)
            else:
                wait_for_news(seen, _DRAWN_LOOK if drawn else _QUIET_LOOK)

    thread = threading.Thread(target=tell, name="journal-lines", daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        ended.set()
        ring()
        thread.join()
        live.clear()
        _print(out, follower, live, prefix, heard)


def _print(out: Output, follower: Follower, live: LiveLine, prefix: str, heard: Heard) -> bool:
    """Print what is new and notable; tell whether there was anything new."""
    anything = False
    for record in follower.fresh():
        anything = True
        heard.hear(record)
        if out.verbosity > 0 or notable(record):
            live.clear()
            out.talk(prefix + line_of(record, now()))
            hint = hint_of(record) if at_least(record, "warning") else ""
            for line in next_lines(hint, indent=" " * 10):
                out.talk(line)
    return anything


def notable(record: Record) -> bool:
    """Tell whether somebody who lets the bot work wants to read a record."""
    if record.kind in _SAID_ALREADY:
        return False
    if record.kind == "event":
        return at_least(record, "info") and bool((record.data or {}).get("tasks"))
    return at_least(record, "info") and record.kind not in CHATTER
