"""How many rules are in force, kept for `status`, which must not load what checking a rule takes."""

from __future__ import annotations

import json
import os
import re

from sixthbot.core.errors import Refused
from sixthbot.store.reading import read_small

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from sixthbot.core.rules import DisabledRule
    from sixthbot.store.paths import Places

_RULE = rb"^\[\[rule\]\]"
_OFF = rb"^enabled = false"
_NAME = "rules.json"
_RULES = ".sixth/rules/"
_LIMIT = 16 << 20
_UNTRUSTED = "not trusted: sixthbot trust --show"
_CHANGED = "changed since they were read last: sixthbot run reads them"
_UNCHECKED = {"name": "rule files", "reason": _CHANGED}
_FEW = 3


def steps_wait_for(untrusted: Sequence[str]) -> tuple[str, ...]:
    """Return what of the untrusted paths holds back the steps of trusted rules: all but files of rules.

    Those are not followed, nor are the shipped ones that they replaced; no other rule does anything else without them.
    """
    return tuple(path for path in untrusted if not path.startswith(_RULES))


def settings_note(places: Places, untrusted: Sequence[str], problems: Sequence[str]) -> str:
    """Return what of the settings does not count, in one line with what to do; empty when all of them do.

    `untrusted` are paths below the repository's top, `problems` mistakes in them.
    """
    if problems:
        return f"broken: {problems[0]}; recipes and checks wait until that is mended, then: sixthbot trust"
    if not untrusted:
        return ""
    named = [
        path if "/" not in path or os.path.lexists(f"{places.home}/../{path}") else f"{path} (missing)"
        for path in untrusted[:_FEW]
    ]
    more = f" and {len(untrusted) - _FEW} more" if len(untrusted) > _FEW else ""
    waiting = (
        "recipes and checks"
        if steps_wait_for(untrusted)
        else "the rules in it"
        if len(untrusted) == 1
        else "their rules"
    )
    return f"not trusted: {', '.join(named)}{more}; {waiting} wait for: sixthbot trust"


def save_summary(
    places: Places,
    *,
    active: int,
    disabled: Iterable[DisabledRule],
    untrusted: Iterable[str] = (),
    settings: str = "",
    autostart: bool = False,
) -> None:
    """Keep the figures of a rule set, and a `settings_note`; to be called by whoever has loaded and checked them."""
    from sixthbot.store.atomic import make_dirs, point, write_file  # noqa: PLC0415 - `status` only reads

    entries = [{"name": rule.name, "reason": rule.reason} for rule in disabled]
    entries += [{"name": path, "reason": _UNTRUSTED} for path in untrusted]
    trust = str(places.data_dir / "trust.json")
    # `autostart` is for the hook verbs, which look for these very bytes: see __main__
    data = {"active": active, "disabled": entries, "settings": settings, "autostart": autostart}
    data |= {"trust": trust, "seen": _seen(places, trust)}
    if _load(places) != data:
        make_dirs(places.cache)
        text = json.dumps(data, indent=1).encode("ascii")
        write_file(places.cache / _NAME, text, point=point("rules.summary"), durability="process")


def load_summary(places: Places) -> dict[str, Any]:
    """Return `active`, `disabled` and `stopped` as `status --json` shows them.

    When a rule file, the settings or the trust in them changed since the figures were kept, a note among the
    disabled ones says so.
    """
    known = _load(places)
    active, disabled, trust = (known.get(key) for key in ("active", "disabled", "trust"))
    if not (isinstance(active, int) and isinstance(disabled, list) and isinstance(trust, str)):
        return _counted(places)
    if not all(_is_entry(entry) for entry in disabled):
        return _counted(places)
    changed = known.get("seen") != _seen(places, trust)
    entries = [*disabled, *([_UNCHECKED] if changed else [])]
    return {"active": active, "disabled": entries, "stopped": _stopped(places)}


def _stopped(places: Places) -> list[dict[str, str]]:
    """Return the rules that their limits stopped, and that did not act again since."""
    found = _read(f"{places.home}/local/traces/stopped.json")
    return [
        {"name": name, "time": why["time"], "reason": why["reason"]}
        for name, why in sorted(found.items())
        if isinstance(why, dict) and all(isinstance(why.get(key), str) for key in ("time", "reason"))
    ]


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("name", "reason"))


def load_note(places: Places) -> str | None:
    """Return what of the settings does not count, as `settings_note` does, for people's `status`.

    None where that is not known: nobody has read them, or something changed since. Whoever wants to know reads them.
    """
    known = _load(places)
    note, trust = known.get("settings"), known.get("trust")
    if not isinstance(trust, str) or known.get("seen") != _seen(places, trust):
        return None
    return note if isinstance(note, str) else None


def told_by_note(reason: str) -> bool:
    """Tell whether an entry among the disabled rules says no more than the note on the settings, which is always there first."""
    return reason in {_UNTRUSTED, _CHANGED}


def _counted(places: Places) -> dict[str, Any]:
    """Count the shipped rules by their lines: what is in force before anybody loaded any."""
    from sixthbot.store.shipped import read_shipped_rule_files  # noqa: PLC0415 - only on the very first look

    files = [data for _, data in read_shipped_rule_files()]
    active = sum(_count(_RULE, data) - _count(_OFF, data) for data in files)
    own = any(_rule_files(places))
    return {"active": active, "disabled": [_UNCHECKED] if own else [], "stopped": _stopped(places)}


def _count(pattern: bytes, data: bytes) -> int:
    return len(re.findall(pattern, data, re.MULTILINE))


def _load(places: Places) -> dict[str, Any]:
    return _read(f"{places.home}/local/cache/{_NAME}")


def _read(path: str) -> dict[str, Any]:
    try:
        data = json.loads(read_small(path, _LIMIT))
    except (OSError, ValueError, RecursionError, Refused):
        return {}
    return data if isinstance(data, dict) else {}


def _seen(places: Places, trust: str) -> list[list[str | int]]:
    """Return what changes when a rule file, the settings or the trust in them do."""
    home = places.home
    seen: list[list[str | int]] = []
    for file in (f"{home}/config.toml", f"{home}/local/config.toml", trust, *sorted(_rule_files(places))):
        try:
            info = os.lstat(file)
        except OSError:
            continue
        seen.append([file, info.st_mtime_ns, info.st_size])
    return seen


def _rule_files(places: Places) -> Iterator[str]:
    for folder, folders, names in os.walk(f"{places.home}/rules"):
        yield from (f"{folder}/{name}" for name in (*folders, *names) if name.endswith(".toml"))
