"""Git's hooks as a source: turns the notes they left into events for rules that ask for them. Asks no repository.

What a hook says is never taken for what happened to refs: commits and branches come from comparing refs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.events import HOOK_PREFIX, make_event
from sixthbot.core.names import clean_line
from sixthbot.store.locks import try_hold
from sixthbot.store.notes import clear_notes, list_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sixthbot.core.events import Event
    from sixthbot.store.notes import Note
    from sixthbot.store.open import Store
    from sixthbot.store.rulefiles import RuleSet

HOOKS = {
    "on-commit": "post-commit",
    "on-checkout": "post-checkout",
    "on-merge": "post-merge",
    "on-rewrite": "post-rewrite",
}
"""What hooks call on the command line, and git's name of the hook: rules say `on = "hook.post-commit"`."""

_AGAIN = 0.05
_ARGUMENT = 1000


class Hooks:
    """The notes of one repository. `let_in` takes the events, and may see the same ones again."""

    def __init__(self, let_in: Callable[[Store, Sequence[Event]], None]) -> None:
        self._let_in = let_in

    def look(self, store: Store, rules: RuleSet, now: datetime) -> float | None:
        """Let in what notes say, and remove them; return seconds until the next look, None for no wish."""
        notes, more = list_notes(store.places)
        if not notes:
            return _AGAIN if more else None
        held = try_hold(store.places.locks / "notes.lock")
        if held is None:
            return _AGAIN
        try:
            notes, more = list_notes(store.places)  # another process may have taken them meanwhile
            asked = {kind for rule in rules.rules for kind in rule.on if kind.startswith(HOOK_PREFIX)}
            told = [
                event for note in notes if (event := _event(note, now)) is not None and event.kind in asked
            ]
            if told:
                self._let_in(
                    store, told
                )  # first what follows, then the notes: after a crash they are seen again
            clear_notes(store.places, notes)
        finally:
            held.release()
        return _AGAIN if more else None


def _event(note: Note, now: datetime) -> Event | None:
    hook = HOOKS.get(note.verb)
    if hook is None:
        return None
    args = tuple(clean_line(line, limit=_ARGUMENT) for line in note.lines[1:])
    # process numbers come again, so the name of a note alone does not tell it from an earlier one
    return make_event(HOOK_PREFIX + hook, {"args": args}, time=now, key=f"{note.name} {note.written}")
