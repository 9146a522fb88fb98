"""When rules with a schedule are due next, and `sixthbot rules run`, which does not wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import one_line, paint
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.errors import Refused, UsageError
from sixthbot.core.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sixthbot.core.rules import Rule
    from sixthbot.engine.services import Services


def next_times(services: Services) -> Mapping[str, datetime]:
    """Return when each rule with a schedule begins next, in its own zone, by its name."""
    from sixthbot.store.schedules import schedule_of  # noqa: PLC0415 - lazy, see app

    nexts = {}
    for rule in services.rules.rules:
        if EventKind.SCHEDULE in rule.on:
            schedule = schedule_of(rule, repository=services.places.key)
            if (following := schedule.begins_after(services.clock())) is not None:
                nexts[rule.name] = following.astimezone(schedule.zone)
    return nexts


@verb(
    ("sixthbot rules run 'type check'", "put its task into the queue now"),
    ("sixthbot rules run 'type check' && sixthbot run", "and do it, where no `watch` runs"),
    name="run",
)
@click.argument("name", metavar="RULE")
@pass_session
def run_now(session: Session, name: str) -> None:
    """Let a rule with a schedule be due now. Its next time stays as it is."""
    from sixthbot.engine.admit import admit  # noqa: PLC0415 - lazy, see app
    from sixthbot.sources.clock import schedule_event  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.suggest import did_you_mean  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("running a rule")
    services = session.services()
    rule = _find(services, name)
    if rule is None:
        known = [rule.name for rule in services.rules.rules if EventKind.SCHEDULE in rule.on]
        hint = did_you_mean(name, known) if known else "sixthbot rules list"
        raise UsageError(f"no rule in force is called {one_line(name, 80)!r}", hint=hint)
    if EventKind.SCHEDULE not in rule.on:
        raise UsageError(
            f"the rule {one_line(name, 80)!r} goes by {', '.join(rule.on)}, not by the clock",
            hint="sixthbot rules replay EVENT says what it would do about an event",
        )
    now = services.clock()
    tasks = admit(services, [schedule_event(rule.name, now, missed=0, now=now)])
    if not tasks:
        raise Refused("its `when`, `if`, mode or cooldown wants no task now", hint="sixthbot log -n 1")
    session.out.say(f"{paint(tasks[0].id, 'cyan')} is in the queue, lane {tasks[0].lane.value}")


def _find(services: Services, name: str) -> Rule | None:
    return next((rule for rule in services.rules.rules if rule.name == name), None)
