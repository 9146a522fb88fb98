"""A plan as a TOML file that people may read and edit."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from sixthbot.core.issues import Asked, Plan, Subtask, SubtaskStatus
from sixthbot.store.rows import plan_rows
from sixthbot.store.tomlfile import dump_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER = """\
# The plan of this issue: its subtasks, in order. sixthbot works through them from the top.
# `text`, `do` (a recipe's name, then key=value) and `status` (open, waiting, failed, done) are yours to edit;
# a number is never used again. `by`, `reason` and `commits` say who did it, why it waits, and where it is,
# `hooks` which git hooks its commit went through.

"""


def plan_to_bytes(plan: Plan) -> bytes:
    """Return the plan as the bytes of its file."""
    # one form at all times, whatever a writer of TOML finds short enough for one line
    tables = (b"[[subtask]]\n" + dump_toml(_to_table(subtask)) for subtask in plan.subtasks)
    return _HEADER.encode() + b"\n".join(tables)


def plan_from_bytes(data: bytes, name: str) -> Plan:
    """Read a plan; raise ConfigError naming file and subtask where it is none."""
    return Plan(tuple(_from_row(row) for row in plan_rows(data, name)))


def _to_table(subtask: Subtask) -> dict[str, Any]:
    table: dict[str, Any] = {"n": subtask.n, "text": subtask.text, "status": subtask.status.value}
    if subtask.asked is not None:
        pairs = (f"{key}={value}" for key, value in subtask.asked.args.items())
        table["do"] = shlex.join((subtask.asked.name, *pairs))
    elif subtask.unread:
        table["do"] = subtask.unread
    for key in ("by", "reason"):
        if value := getattr(subtask, key):
            table[key] = value
    for key in ("commits", "hooks"):
        if values := getattr(subtask, key):
            table[key] = list(values)
    return table


def _from_row(row: Mapping[str, Any]) -> Subtask:
    asked = None if row["asked"] is None else Asked(*row["asked"])
    return Subtask(**{**row, "asked": asked, "status": SubtaskStatus(row["status"])})
