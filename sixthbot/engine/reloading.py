"""Says what changed between two openings of the settings and rules. Compares; opens nothing itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sixthbot.engine.services import Services

_SHOWN = 60  # characters of a value
_AT_START = frozenset({"bot.workers", "bot.durability"})
"""Settings that count from the next start only."""


def changes(before: Services, after: Services) -> list[str]:
    """Return what is different, one short text each; nothing when all is as it was."""
    return [*_rule_changes(before, after), *_setting_changes(before, after), *_trust_changes(before, after)]


def _rule_changes(before: Services, after: Services) -> Iterator[str]:
    old = {rule.name: rule.digest for rule in before.rules.rules}
    new = {rule.name: rule.digest for rule in after.rules.rules}
    reasons = {rule.name: rule.reason for rule in after.rules.disabled}
    for name in sorted(new.keys() - old.keys()):
        yield f"rule {name} is new"
    for name in sorted(old.keys() - new.keys()):
        why = f": {reasons[name]}" if name in reasons else ""
        yield f"rule {name} is {'disabled' if why else 'gone'}{why}"
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield f"rule {name} changed"
    known = {rule.name for rule in before.rules.disabled} | old.keys()
    for name in sorted(reasons.keys() - known):
        yield f"rule {name} is disabled: {reasons[name]}"


def _setting_changes(before: Services, after: Services) -> Iterator[str]:
    old = dict(_flat("", before.loaded.config.model_dump(mode="json")))
    new = dict(_flat("", after.loaded.config.model_dump(mode="json")))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            late = " (counts from the next start)" if key in _AT_START or key.startswith("lanes.") else ""
            yield f"setting {key} is {_shown(key, new.get(key))} now, it was {_shown(key, old.get(key))}{late}"


def _trust_changes(before: Services, after: Services) -> Iterator[str]:
    if before.untrusted != after.untrusted:
        waiting = ", ".join(after.untrusted)
        yield f"waits for trust: {waiting}" if waiting else "nothing waits for trust any more"


def _flat(prefix: str, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "none"
    if ".env." in key:
        return "***"  # whatever it is for, it is not for the journal
    text = value if isinstance(value, str) and value else json.dumps(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
