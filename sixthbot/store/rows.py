"""The forms of files that people read and edit, checked as plain tables: `status` shows those, others build values.

Nothing here loads more than the form needs, because `status` reads these files at every prompt.
"""

from __future__ import annotations

import re

from sixthbot.core.errors import ConfigError
from sixthbot.core.text import clean_line, is_branch_name, is_oid
from sixthbot.store.counting import DRAFT_STATUSES
from sixthbot.store.tomlfile import OWN_LIMIT, parse_toml

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ISSUE_STATUSES = (
    "open", "waiting-for-person", "in-review", "approved", "rejected", "pushed", "cancelled", "ended",
)  # fmt: skip
"""The values of `core.issues.IssueStatus`."""

SUBTASK_STATUSES = ("open", "waiting", "failed", "done")
"""The values of `core.issues.SubtaskStatus`."""

RECORD_TEXTS = (
    "id", "title", "received", "file_name", "branch", "base", "base_commit", "stands_on", "came_into",
)  # fmt: skip
"""The fields of `core.issues.IssueRecord` that are plain texts."""

RECORD_LISTS = ("accepted_tips", "depends")
"""Those that are lists of texts."""

DRAFT_KEYS = ("branch", "base", "head", "tree", "issue", "title", "status")
"""What the front matter of a draft must have; all of them are texts."""

DRAFT_LIMIT = 4 << 20
"""No draft file is longer, in bytes."""

_FRONT = r"\+\+\+[ \t]*\r?\n(.*?)^\+\+\+[ \t]*(?:\r?\n|\Z)"


def record_row(table: Mapping[str, Any], issue_id: str) -> dict[str, Any]:
    """Return what `issue.toml` says of an issue: RECORD_TEXTS, RECORD_LISTS, `status`.

    Raises ConfigError naming file and key where that cannot be used.
    """
    where = f".sixth/issues/{issue_id}/issue.toml"
    row: dict[str, Any] = {name: table.get(name, "") for name in RECORD_TEXTS}
    wrong = [name for name, value in row.items() if not isinstance(value, str)]
    lists: dict[str, Any] = {name: table.get(name, []) for name in RECORD_LISTS}
    wrong += [name for name, value in lists.items() if not isinstance(value, list)]
    status = table.get("status")
    wrong += ["status"] if status not in ISSUE_STATUSES else []
    if wrong:
        raise ConfigError(f"{where}: {wrong[0]} cannot be used")
    if row["id"] != issue_id:
        raise ConfigError(f"{where}: its id is not that of its folder")
    return {**row, "status": status} | {name: tuple(map(str, value)) for name, value in lists.items()}


def plan_rows(data: bytes, name: str) -> list[dict[str, Any]]:
    """Return the subtasks of a plan as tables with every field of `core.issues.Subtask`.

    `asked` is None or a pair of name and arguments, `unread` a `do` that cannot be read. Raises ConfigError naming file and subtask.
    """
    raw = parse_toml(data, name, limit=OWN_LIMIT)
    tables = raw.get("subtask", [])
    if set(raw) - {"subtask"} or not isinstance(tables, list):
        raise ConfigError(f"{name}: not a plan: it has [[subtask]] tables and nothing else")
    rows = [_subtask_row(table, f"{name}: subtask {place}") for place, table in enumerate(tables, 1)]
    if len({row["n"] for row in rows}) != len(rows):
        raise ConfigError(f"{name}: a number stands before two subtasks", hint="each n counts once")
    return rows


def _subtask_row(table: Any, where: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: not a table")
    unknown = set(table) - {"n", "text", "status", "do", "by", "reason", "commits", "hooks"}
    if unknown:
        raise ConfigError(f"{where}: unknown key {min(unknown)!r}")
    n = table.get("n")
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ConfigError(f"{where}: n must be a number from 1")
    status = table.get("status", "open")
    if status not in SUBTASK_STATUSES:
        raise ConfigError(f"{where}: status must be one of {', '.join(SUBTASK_STATUSES)}")
    return {
        "n": n, "text": _text(table, "text", where), **_asked(_text(table, "do", where)),
        "status": status, "by": _text(table, "by", where), "reason": _text(table, "reason", where),
        "commits": _texts(table, "commits", where, "commit ids"), "hooks": _texts(table, "hooks", where, "hooks"),
    }  # fmt: skip


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {key} must be text")
    return value


def _texts(table: Mapping[str, Any], key: str, where: str, what: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f"{where}: {key} must be a list of {what}")
    return tuple(value)


def _asked(text: str) -> dict[str, Any]:
    """Return `asked` and `unread` of a subtask, the one None or the other empty."""
    if not text.strip():
        return {"asked": None, "unread": ""}
    from sixthbot.core.doline import DO_LIMIT, BadDo, parse_do  # noqa: PLC0415 - many subtasks ask for nothing

    try:
        # quoted for the plan it is longer than it was in the issue
        return {"asked": parse_do(text, limit=8 * DO_LIMIT), "unread": ""}
    except BadDo:
        return {"asked": None, "unread": text}


def split_draft(data: bytes, name: str) -> tuple[dict[str, Any], str]:
    """Return the front matter of a draft file and the text below it; ConfigError where it has no front matter."""
    try:
        whole = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: not UTF-8") from None
    found = re.match(_FRONT, whole, re.DOTALL | re.MULTILINE)
    if found is None:
        raise ConfigError(
            f"{clean_line(name)}: no front matter between two +++ lines",
            hint="sixthbot describes the branch anew",
        )
    front = parse_toml(found[1].encode(), name)
    # one empty line parts the two; it belongs to neither
    text = whole[found.end() :]
    return front, text[2:] if text.startswith("\r\n") else text.removeprefix("\n")


def draft_row(front: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return DRAFT_KEYS of a draft's front matter; raise ConfigError naming file and key where it is no draft's."""
    row: dict[str, str] = {}
    for key in DRAFT_KEYS:
        value = front.get(key)
        if not isinstance(value, str):
            raise ConfigError(f"{name}: {key} is missing or not text")
        row[key] = value
    if row["status"] not in DRAFT_STATUSES:
        raise ConfigError(f"{name}: status must be one of {', '.join(DRAFT_STATUSES)}")
    if not is_branch_name(row["branch"]):
        raise ConfigError(f"{name}: not a usable branch name: {clean_line(row['branch'], limit=80)!r}")
    for key in ("head", "tree"):
        if not is_oid(row[key]):
            raise ConfigError(f"{name}: not a full object id: {clean_line(row[key], limit=80)!r}")
    return row
