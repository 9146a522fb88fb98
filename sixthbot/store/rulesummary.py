"""How many rules are in force, kept for `status`, which must not load what checking a rule takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sixthbot.core.rules import DisabledRule
    from sixthbot.store.paths import Places

_RULE = re.compile(rb"^\[\[rule\]\]", re.MULTILINE)
_OFF = re.compile(rb"^enabled = false", re.MULTILINE)
_UNCHECKED = {"name": "rule files", "reason": "changed since they were checked: sixthbot rules check"}


def save_summary(
    places: Places, *, active: int, disabled: Iterable[DisabledRule], untrusted: Iterable[str] = ()
) -> None:
    """Keep the figures of a rule set; to be called by whoever has loaded and checked one."""
    from sixthbot.store.atomic import make_dirs, point, write_file  # noqa: PLC0415 - `status` only reads

    entries = [{"name": rule.name, "reason": rule.reason} for rule in disabled]
    entries += [{"name": path, "reason": "not trusted: sixthbot trust --show"} for path in untrusted]
    trust = str(places.data_dir / "trust.json")
    data = {"active": active, "disabled": entries, "trust": trust, "seen": _seen(places, trust)}
    if _load(places) != data:
        make_dirs(places.cache)
        text = json.dumps(data, indent=1).encode("ascii")
        write_file(_path(places), text, point=point("rules.summary"), durability="process")


def load_summary(places: Places) -> dict[str, Any]:
    """Return `active` and `disabled` as `status --json` shows them.

    When a rule file, the settings or the trust in them changed since the figures were kept, a note among the
    disabled ones says so.
    """
    known = _load(places)
    active, disabled, trust = (known.get(key) for key in ("active", "disabled", "trust"))
    if not (isinstance(active, int) and isinstance(disabled, list) and isinstance(trust, str)):
        return _counted(places)
    changed = known.get("seen") != _seen(places, trust)
    return {"active": active, "disabled": [*disabled, *([_UNCHECKED] if changed else [])]}


def _counted(places: Places) -> dict[str, Any]:
    """Count the shipped rules by their lines: what is in force before anybody loaded any."""
    from sixthbot.store.shipped import read_shipped_rule_files  # noqa: PLC0415 - only on the very first look

    files = [data for _, data in read_shipped_rule_files()]
    active = sum(len(_RULE.findall(data)) - len(_OFF.findall(data)) for data in files)
    own = any(places.rules_dir.rglob("*.toml"))
    return {"active": active, "disabled": [_UNCHECKED] if own else []}


def _path(places: Places) -> Path:
    return places.cache / "rules.json"


def _load(places: Places) -> dict[str, Any]:
    try:
        data = json.loads(_path(places).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _seen(places: Places, trust: str) -> list[list[str | int]]:
    """Return what changes when a rule file, the settings or the trust in them do."""
    files = [places.config_file, places.local_config_file, Path(trust)]
    if places.rules_dir.is_dir():
        files += sorted(places.rules_dir.rglob("*.toml"))
    seen: list[list[str | int]] = []
    for file in files:
        try:
            info = file.lstat()
        except OSError:
            continue
        seen.append([str(file), info.st_mtime_ns, info.st_size])
    return seen
