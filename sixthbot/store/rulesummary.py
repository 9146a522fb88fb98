"""How many rules are in force, kept for `status`, which must not load what checking a rule takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.core.names import short_hash
from sixthbot.store.atomic import make_dirs, point
from sixthbot.store.jsonfile import load_json, save_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sixthbot.core.rules import DisabledRule
    from sixthbot.store.paths import Places

_SAVE = point("rules.summary")


def save_summary(
    places: Places, *, active: int, disabled: Iterable[DisabledRule], untrusted: Iterable[str] = ()
) -> None:
    """Keep the figures of a rule set; to be called by whoever has loaded and checked one."""
    entries = [{"name": rule.name, "reason": rule.reason} for rule in disabled]
    entries += [{"name": path, "reason": "not trusted: sixthbot trust --show"} for path in untrusted]
    data = {"stamp": _stamp(places), "active": active, "disabled": entries}
    if load_json(_path(places)) != data:
        make_dirs(places.cache)
        save_json(_path(places), data, point=_SAVE, durability="process")


def load_summary(places: Places) -> dict[str, Any]:
    """Return `active` and `disabled` as `status --json` shows them.

    Of figures that are older than a rule file or the settings, what still can be told is told: all rules are there,
    and a note among the disabled ones says that they were not checked since.
    """
    known = load_json(_path(places)) or {}
    active, disabled = known.get("active"), known.get("disabled")
    if not isinstance(active, int) or not isinstance(disabled, list):
        return _counted(places)
    if known.get("stamp") != _stamp(places):
        return {"active": active, "disabled": [*disabled, _UNCHECKED]}
    return {"active": active, "disabled": disabled}


_UNCHECKED = {"name": "rule files", "reason": "changed since they were checked: sixthbot rules check"}


def _counted(places: Places) -> dict[str, Any]:
    """Count the shipped rules by their tables: what is in force before anybody loaded any."""
    import tomllib  # noqa: PLC0415 - only on the very first look

    from sixthbot.store.resources import read_shipped_rule_files  # noqa: PLC0415

    tables = (
        table for _, data in read_shipped_rule_files() for table in tomllib.loads(data.decode())["rule"]
    )
    active = sum(bool(table.get("enabled", True)) for table in tables)
    own = any(places.rules_dir.rglob("*.toml"))
    return {"active": active, "disabled": [_UNCHECKED] if own else []}


def _path(places: Places) -> Path:
    return places.cache / "rules.json"


def _stamp(places: Places) -> str:
    """Return what changes when a rule file, the settings or the trust in them do."""
    files = [places.config_file, places.local_config_file, places.data_dir / "trust.json"]
    if places.rules_dir.is_dir():
        files += sorted(places.rules_dir.rglob("*.toml"))
    parts = []
    for file in files:
        try:
            info = file.lstat()
        except OSError:
            continue
        parts += [str(file), str(info.st_mtime_ns), str(info.st_size)]
    return short_hash(*parts, digits=16)
