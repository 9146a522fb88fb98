"""The clock as a source: tells which schedules are due, by comparing the time with a cursor. Decides nothing itself.

The cursor holds for each rule how far its schedule was followed, and the next time, for `status`. A rule that is new, or
whose times were changed, begins with the moment it is first seen.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import ConfigError
from sixthbot.core.events import EventKind, make_event
from sixthbot.core.schedule import Overlap, Progress, decide
from sixthbot.core.times import format_time, parse_time
from sixthbot.store.locks import try_hold
from sixthbot.store.schedules import schedule_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sixthbot.core.events import Event
    from sixthbot.core.rules import Rule
    from sixthbot.core.schedule import Schedule, Turn
    from sixthbot.store.open import Store
    from sixthbot.store.rulefiles import RuleSet

CURSOR = "clock"
_OTHER_IS_AT_IT = 0.05
_UNFINISHED = ("ready", "running", "waiting", "parked")
_JUMP = 1.0


class Clock:
    """Follows the schedules of one repository's rules. `let_in` takes the events, and may see the same ones again."""

    def __init__(self, let_in: Callable[[Store, Sequence[Event]], None]) -> None:
        self._let_in = let_in
        self._rules = ""
        self._looked: datetime | None = None
        self._next: datetime | None = None

    def look(self, store: Store, rules: RuleSet, now: datetime) -> float | None:
        """Let in an event for every schedule that is due; return seconds until the next is, None when there is none."""
        if self._looked is None or rules.digest != self._rules or self._came(now):
            held = try_hold(store.places.locks / "clock.lock")
            if held is None:
                return _OTHER_IS_AT_IT
            try:
                self._next = self._follow(store, rules, now)
            finally:
                held.release()
            self._rules, self._looked = rules.digest, now
        return None if self._next is None else max((self._next - now).total_seconds(), 0.0)

    def _came(self, now: datetime) -> bool:
        """Whether something is due, or the clock went back behind the last look."""
        assert self._looked is not None  # noqa: S101 - asked before
        return now < self._looked or (self._next is not None and now >= self._next)

    def _follow(self, store: Store, rules: RuleSet, now: datetime) -> datetime | None:
        saved = store.cursors.load(CURSOR) or {}
        # rules that wait for trust come back: what was due meanwhile is caught up with then
        kept = dict(saved) if rules.untrusted else {}
        nexts: list[datetime] = []
        events: list[Event] = []
        turns: list[tuple[Rule, Turn]] = []
        for rule in rules.rules:
            if EventKind.SCHEDULE not in rule.on:
                continue
            followed = _Followed(rule, schedule_of(rule, repository=store.places.key))
            turn = followed.turn(store, saved.get(rule.name), now)
            turns.append((rule, turn))
            events += [schedule_event(rule.name, due.due, missed=due.missed, now=now) for due in turn.events]
            following = followed.schedule.begins_after(
                max(turn.progress.through + followed.schedule.delay, now)
            )
            nexts += [] if following is None else [following]
            kept[rule.name] = followed.entry(turn.progress, following)
        self._let_in(
            store, events
        )  # first what follows, then the cursor: after a crash in between it is seen again
        if kept != saved:
            store.cursors.save(CURSOR, kept)
        for rule, turn in turns:
            _tell(store, rule, turn)
        return min(nexts, default=None)


@dataclass(frozen=True, slots=True)
class _Followed:
    """A rule with its schedule read."""

    rule: Rule
    schedule: Schedule

    @property
    def times(self) -> str:
        """What a change of makes it a new schedule."""
        return f"{self.schedule.expression} {self.schedule.zone}"

    def turn(self, store: Store, saved: object, now: datetime) -> Turn:
        progress = self._progress(saved, now)
        turn = decide(self.schedule, progress, now, unfinished=0)
        if (
            turn.events and self.schedule.overlap is not Overlap.ALLOW
        ):  # reads the queue, so only where it counts
            # a task of these very times is there when the last process died before it could move the cursor
            own = {schedule_key(self.rule.name, due.due) for due in turn.events}
            tasks = store.queue.all(states=_UNFINISHED)
            unfinished = sum(task.rule == self.rule.name and task.event.key not in own for task in tasks)
            turn = decide(self.schedule, progress, now, unfinished=unfinished)
        return turn

    def _progress(self, saved: object, now: datetime) -> Progress:
        if isinstance(saved, dict) and saved.get("times") == self.times:
            through, missed = saved.get("through"), saved.get("missed")
            if isinstance(through, str) and isinstance(missed, int) and missed >= 0:
                try:
                    return Progress(parse_time(through), missed)
                except ConfigError:
                    pass  # somebody wrote into it; then it begins now
        return Progress(now - self.schedule.delay)

    def entry(self, progress: Progress, following: datetime | None) -> dict[str, Any]:
        return {
            "times": self.times,
            "through": format_time(progress.through),
            "missed": progress.missed,
            "next": None if following is None else format_time(following),
        }


def schedule_event(rule: str, due: datetime, *, missed: int, now: datetime) -> Event:
    """Return the event that a rule is due; the same rule and time are the same event."""
    fields = {"rule": rule, "due": format_time(due), "missed": missed}
    return make_event(EventKind.SCHEDULE, fields, time=now, key=schedule_key(rule, due))


def schedule_key(rule: str, due: datetime) -> str:
    """Return the natural key of the event that a rule is due."""
    return f"{rule} {format_time(due)}"


def _tell(store: Store, rule: Rule, turn: Turn) -> None:
    """Leave a word in the journal about times that lead to no task."""
    if turn.corrected:
        message = f"the clock went back by hours; {rule.name!r} goes by the new time"
        store.journal.append("schedule.corrected", message, level="warning", rule=rule.name)
    if turn.passed:
        times = "one time was" if turn.passed == 1 else f"{turn.passed} times were"
        store.journal.append(
            "schedule.missed",
            f"{times} passed over, the last of those before or at {format_time(turn.progress.through)}: {turn.reason}",
            rule=rule.name,
            data={"missed": turn.passed},
        )


class Jumps:
    """Notices that the time of day moved by more than time passed: the machine slept, or the clock was set."""

    def __init__(
        self, *, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._steady = wall, steady
        self._gap = wall() - steady()

    def noticed(self) -> bool:
        """Tell whether it did since the last question."""
        gap = self._wall() - self._steady()
        jumped = abs(gap - self._gap) > _JUMP
        self._gap = gap
        return jumped
