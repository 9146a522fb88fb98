"""A plan as a TOML file that people may read and edit."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import ConfigError
from sixthbot.core.issues import Asked, Plan, Subtask, SubtaskStatus
from sixthbot.store.tomlfile import dump_toml, parse_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER = """\
# The plan of this issue: its subtasks, in order. sixthbot works through them from the top.
# `text`, `do` (a recipe's name, then key=value) and `status` (open, waiting, failed, done) are yours to edit;
# a number is never used again. `by`, `reason` and `commits` say who did it, why it waits, and where it is.

"""


def plan_to_bytes(plan: Plan) -> bytes:
    """Return the plan as the bytes of its file."""
    return _HEADER.encode() + dump_toml({"subtask": [_to_table(subtask) for subtask in plan.subtasks]})


def plan_from_bytes(data: bytes, name: str) -> Plan:
    """Read a plan; raise ConfigError naming file and subtask where it is none."""
    raw = parse_toml(data, name)
    tables = raw.get("subtask", [])
    if set(raw) - {"subtask"} or not isinstance(tables, list):
        raise ConfigError(f"{name}: not a plan: it has [[subtask]] tables and nothing else")
    subtasks = tuple(_from_table(table, f"{name}: subtask {place}") for place, table in enumerate(tables, 1))
    numbers = [subtask.n for subtask in subtasks]
    if len(set(numbers)) != len(numbers):
        raise ConfigError(f"{name}: a number stands before two subtasks", hint="each n counts once")
    return Plan(subtasks)


def _to_table(subtask: Subtask) -> dict[str, Any]:
    table: dict[str, Any] = {"n": subtask.n, "text": subtask.text, "status": subtask.status.value}
    if subtask.asked is not None:
        pairs = (f"{key}={value}" for key, value in subtask.asked.args.items())
        table["do"] = shlex.join((subtask.asked.name, *pairs))
    for key in ("by", "reason"):
        if value := getattr(subtask, key):
            table[key] = value
    if subtask.commits:
        table["commits"] = list(subtask.commits)
    return table


def _from_table(table: Any, where: str) -> Subtask:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: not a table")
    unknown = set(table) - {"n", "text", "status", "do", "by", "reason", "commits"}
    if unknown:
        raise ConfigError(f"{where}: unknown key {min(unknown)!r}")
    n = table.get("n")
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ConfigError(f"{where}: n must be a number from 1")
    status = table.get("status", "open")
    if status not in tuple(SubtaskStatus):
        raise ConfigError(f"{where}: status must be one of {', '.join(SubtaskStatus)}")
    commits = table.get("commits", [])
    if not isinstance(commits, list) or not all(isinstance(commit, str) for commit in commits):
        raise ConfigError(f"{where}: commits must be a list of commit ids")
    return Subtask(
        n=n, text=_text(table, "text", where), asked=_asked(_text(table, "do", where), where),
        status=SubtaskStatus(status), by=_text(table, "by", where), reason=_text(table, "reason", where),
        commits=tuple(commits),
    )  # fmt: skip


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {key} must be text")
    return value


def _asked(text: str, where: str) -> Asked | None:
    try:
        words = shlex.split(text)
    except ValueError:
        raise ConfigError(f"{where}: do has an open quote") from None
    if not words:
        return None
    pairs = [word.partition("=") for word in words[1:]]
    if not all(separator for _, separator, _ in pairs):
        raise ConfigError(f"{where}: do is a name, then key=value")
    return Asked(words[0], {key: value for key, _, value in pairs})
