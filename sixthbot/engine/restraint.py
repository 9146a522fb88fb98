"""What keeps a rule that fires from acting after all: its cooldown and its limit. Both are remembered as cursors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import ConfigError
from sixthbot.core.limits import refusal, within
from sixthbot.core.times import format_duration, format_time, parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from sixthbot.core.rules import Rule
    from sixthbot.engine.services import Services

_COOLDOWNS = "cooldowns"
_LIMITS = "limits"


def cooling(services: Services, rule: Rule, key: str, now: datetime) -> str:
    """Return why the rule is cooling down for this key, or nothing."""
    if not rule.cooldown:
        return ""
    last = _time(_saved(services, _COOLDOWNS).get(_cooldown_key(rule, key)))
    if last is None or now >= last + rule.cooldown or last > now:  # the last: the clock was set back since
        return ""
    return f"cooling down for {format_duration(rule.cooldown)}, until {format_time(last + rule.cooldown)}"


def at_its_limit(services: Services, rule: Rule, now: datetime) -> str:
    """Return why the rule has made as many tasks as its limit lets it, or nothing."""
    return "" if rule.limit is None else refusal(_acted(services, rule), rule.limit, now)


def note_acted(services: Services, rule: Rule, key: str, now: datetime) -> None:
    """Remember that the rule made a task."""
    if rule.cooldown:
        since, own = format_time(now - rule.cooldown), f"{rule.name}\n"
        saved = _saved(services, _COOLDOWNS)
        seen = {name: last for name, last in saved.items() if not name.startswith(own) or str(last) > since}
        services.store.cursors.save(_COOLDOWNS, {**seen, _cooldown_key(rule, key): format_time(now)})
    if rule.limit is not None:
        times = [*within(_acted(services, rule), rule.limit, now), now][-rule.limit.count :]
        saved = _saved(services, _LIMITS)
        services.store.cursors.save(_LIMITS, {**saved, rule.name: [format_time(time) for time in times]})


def _acted(services: Services, rule: Rule) -> list[datetime]:
    saved = _saved(services, _LIMITS).get(rule.name)
    times = (_time(one) for one in (saved if isinstance(saved, list) else []))
    return [time for time in times if time is not None]


def _saved(services: Services, name: str) -> dict[str, Any]:
    return services.store.cursors.load(name) or {}


def _time(text: object) -> datetime | None:
    """Return a saved time; somebody may have edited the cursor."""
    try:
        return parse_time(text) if isinstance(text, str) else None
    except ConfigError:
        return None


def _cooldown_key(rule: Rule, key: str) -> str:
    return f"{rule.name}\n{key}"
