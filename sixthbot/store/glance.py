"""What `status` shows of open issues, open drafts and parked tasks: plain tables, read without building values.

A file that somebody broke never stops the others: a plan that cannot be read says so, the rest is left out.
"""

from __future__ import annotations

import json
import re

from sixthbot.core.errors import Refused, UsageError
from sixthbot.core.text import branch_file_stem, is_issue_id
from sixthbot.store.counting import LANES, OPEN_DRAFTS, OPEN_ISSUES, folder_names, task_names
from sixthbot.store.reading import read_small
from sixthbot.store.rows import DRAFT_LIMIT, draft_row, plan_rows, record_row, split_draft
from sixthbot.store.taskform import (
    FILE_NAME,
    MOVED_BY_HAND,
    SCHEMA,
    STATE_TEXTS,
    TASK_LIMIT,
    TASK_TYPES,
    retry_hint,
)
from sixthbot.store.tomlfile import OWN_LIMIT, parse_toml

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from sixthbot.store.paths import Places


def open_issues(places: Places, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return those of the named issues that are open, oldest first: the fields of their records, and `plan`."""
    folder = f"{places.home}/issues"
    real = frozenset(folder_names(folder))
    found = (_record(folder, name) for name in names if name in real)
    rows = [row for row in found if row is not None and row["status"] in OPEN_ISSUES]
    for row in rows:
        row["plan"] = _plan(folder, row["id"])
    return sorted(rows, key=lambda row: (row["received"], row["id"]))


def _record(folder: str, issue_id: str) -> dict[str, Any] | None:
    path = f"{folder}/{issue_id}/issue.toml"
    try:
        if not is_issue_id(issue_id):
            return None
        return record_row(parse_toml(read_small(path, OWN_LIMIT), path, limit=OWN_LIMIT), issue_id)
    except (UsageError, Refused, OSError):
        return None


def _plan(folder: str, issue_id: str) -> list[dict[str, Any]]:
    name = f".sixth/issues/{issue_id}/plan.toml"
    try:
        return plan_rows(read_small(f"{folder}/{issue_id}/plan.toml", OWN_LIMIT), name)
    except FileNotFoundError:
        reason = f"no such issue, or its plan.toml is gone: {issue_id!r}"
    except (UsageError, Refused) as error:
        reason = error.message
    except OSError as error:
        reason = str(error)
    return [{"n": 1, "text": "the plan cannot be read", "status": "failed", "reason": reason}]


def open_drafts(places: Places, names: Iterable[str]) -> list[dict[str, str]]:
    """Return what those of the named draft files say that wait for review or push: their front matter, and `text`."""
    found = (_draft(f"{places.home}/drafts", name) for name in sorted(names))
    return [row for row in found if row is not None and row["status"] in OPEN_DRAFTS]


def _draft(folder: str, name: str) -> dict[str, str] | None:
    try:
        front, text = split_draft(read_small(f"{folder}/{name}", DRAFT_LIMIT), name)
        row = draft_row(front, name) | {"text": text}
    except (UsageError, Refused, OSError):
        return None
    return row if branch_file_stem(row["branch"]) == name.removesuffix(".md") else None


def parked_tasks(places: Places) -> list[dict[str, Any]]:
    """Return the parked tasks, the earliest deadline first: `id`, `rule`, `issue`, `kind`, `reason`, `hint`."""
    folder = f"{places.home}/queue/parked"
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(task_names(folder)):
        for raw in task_rows(f"{folder}/{name}", name):
            found.setdefault(raw["id"], _parked(raw))
    return list(found.values())


def task_rows(path: str, name: str) -> Iterator[dict[str, Any]]:
    """Yield the task in a file; nothing for what is none, as far as that shows without reading its events and times."""
    try:
        raw = json.loads(read_small(path, TASK_LIMIT))
    except (OSError, ValueError, RecursionError, Refused):
        return
    if not _sound(raw):
        return
    match = re.fullmatch(FILE_NAME, name)
    if match is None or match[1] != raw["id"]:
        return
    yield raw


def _parked(raw: dict[str, Any]) -> dict[str, Any]:
    shown = {key: raw[key] for key in ("id", "rule", "issue")}
    state = raw["state"]
    if state["name"] == "parked":
        return {**shown, **{key: state[key] for key in STATE_TEXTS["parked"]}}
    # where a person put it is where it is
    return {**shown, "kind": "input", "reason": MOVED_BY_HAND, "hint": retry_hint(raw["id"])}


def _sound(raw: Any) -> bool:
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        return False
    if not all(isinstance(raw.get(key), kind) for key, kind in TASK_TYPES.items()):
        return False
    events, state = raw["events"], raw["state"]
    if not events or not all(isinstance(event, dict) for event in events) or raw["lane"] not in LANES:
        return False
    texts = STATE_TEXTS.get(str(state.get("name")))
    return texts is not None and all(isinstance(state.get(key), str) for key in texts)
