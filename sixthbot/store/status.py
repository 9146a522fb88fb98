"""What `status` says, from names of files and a few small ones: it runs at every prompt, so it loads next to nothing."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from datetime import UTC, datetime

from sixthbot.core.errors import Refused
from sixthbot.store.counting import (
    DRAFT_STATUSES,
    OPEN_ISSUES,
    count_queue,
    folder_names,
    kept_with_reason,
    paused_lanes,
    task_names,
)
from sixthbot.store.probe import PID_SUFFIX, held_by, is_free
from sixthbot.store.reading import open_plain, read_small
from sixthbot.store.rulesummary import load_summary

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sixthbot.store.paths import Places

_STATUS = rb'^status = "([a-z-]{1,40})"'
_HEAD = 64 << 10
_LOOK_BACK = 2 << 20
"""Bytes at the end of each journal that are looked through for the last failure: some five thousand lines."""

_FAILED = b'"task.failed"'
_LINE = 1 << 20
"""No line that tells of a failure is longer, in bytes."""


def figures(
    places: Places, now: datetime, *, issues: Mapping[str, str], drafts: Mapping[str, str]
) -> dict[str, Any]:
    """Return the object that `status --json` prints, with the statuses of all issues and drafts by name.

    `now` bounds times that a wrong clock left in the future.
    """
    issue_counts, draft_counts = Counter(issues.values()), Counter(drafts.values())
    return {
        "schema": 1,
        "watcher": _watcher(places, now),
        "queue": count_queue(f"{places.home}/queue"),
        "drafts": {status: draft_counts[status] for status in DRAFT_STATUSES},
        "issues": {
            "open": sum(issue_counts[status] for status in OPEN_ISSUES),
            "waiting_for_person": issue_counts["waiting-for-person"],
        },
        "rules": load_summary(places),
        "last_error": _last_error(places),
        "running": _running(places),
        "health": _health(places),
        "conflicts": _conflicts(places),
        "paused": paused_lanes(f"{places.home}/queue"),
        "set_aside": len(kept_with_reason(f"{places.home}/queue/failed")),
        "rejected": len(kept_with_reason(f"{places.home}/inbox/rejected")),
    }


def _conflicts(places: Places) -> list[dict[str, Any]]:
    """Return the merges between open branches and their bases that would conflict, as the bot last foresaw them."""
    try:
        saved = json.loads(read_small(f"{places.home}/local/cursors/forecast.json", _LINE))["conflicts"]
        return [
            {
                "branch": str(one["branch"]), "with": str(one["with"]), "is_base": one["is_base"] is True,
                "paths": [str(path) for path in one["paths"]], "more": int(one["more"]),
            }
            for one in saved
        ]  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, RecursionError, Refused):
        return []  # none was looked for yet, or the file is torn: it is written anew when a branch moves


def _health(places: Places) -> dict[str, dict[str, Any]]:
    """Return how each job of the step `health` went last, by its name; `ok` is None where it was skipped."""
    folder = f"{places.home}/artifacts/health"
    found = {}
    for name in sorted(_names(folder)):
        if not name.endswith(".json"):
            continue
        try:
            with open_plain(f"{folder}/{name}") as file:
                data = json.loads(file.read(_LINE))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(data, dict) and all(isinstance(data.get(key), str) for key in ("time", "summary")):
            ok = data.get("ok") if isinstance(data.get("ok"), bool) else None
            found[name.removesuffix(".json")] = {"ok": ok, "time": data["time"], "summary": data["summary"]}
    return found


def _running(places: Places) -> list[dict[str, Any]]:
    """Return how far each running task is, as far as that is known."""
    told = _names(f"{places.home}/local/progress")
    if not told:
        return []
    from sixthbot.store.progressfile import FIELDS, percent, read_progress  # noqa: PLC0415 - only where something runs

    folder = f"{places.home}/queue/running"
    # a file of a bot that died says nothing about a task that does not run any more
    running = [name for worker in folder_names(folder) for name in task_names(f"{folder}/{worker}")]
    names = [
        name.removesuffix(".json") for name in told if any(each.endswith(f"-{name}") for each in running)
    ]
    rows = [row for name in sorted(names) if (row := read_progress(places, name)) is not None]
    return [
        {"task": row["task"], **{name: row[name] for name in FIELDS}, "percent": percent(row)} for row in rows
    ]


def _watcher(places: Places, now: datetime) -> dict[str, Any]:
    lock = f"{places.home}/local/locks/watch.lock"
    if is_free(lock):
        return {"running": False, "pid": None, "since": None}
    from sixthbot.core.times import format_time  # noqa: PLC0415 - only where somebody watches

    try:
        since = datetime.fromtimestamp(os.stat(lock + PID_SUFFIX).st_mtime, UTC)
    except (OSError, ValueError, OverflowError):  # gone, or of a time that no calendar has
        return {"running": True, "pid": None, "since": None}
    return {"running": True, "pid": held_by(lock), "since": format_time(min(since, now))}


def next_schedule(places: Places) -> tuple[str, str] | None:
    """Return the rule whose schedule is due next and when, as the clock's cursor has it; None where none is."""
    try:
        saved = json.loads(read_small(f"{places.home}/local/cursors/clock.json", _HEAD))
    except (OSError, ValueError, RecursionError, Refused):
        return None
    entries = saved.items() if isinstance(saved, dict) else ()
    nexts = [(rule, entry.get("next")) for rule, entry in entries if isinstance(entry, dict)]
    known = [(rule, moment) for rule, moment in nexts if isinstance(moment, str)]
    return min(known, key=lambda one: one[1], default=None)


def draft_statuses(places: Places) -> dict[str, str]:
    """Return what each draft file names as its status, by the file's name; empty where it names none."""
    folder = f"{places.home}/drafts"
    return {name: _status_in(f"{folder}/{name}") for name in _names(folder) if name.endswith(".md")}


def issue_statuses(places: Places) -> dict[str, str]:
    """Return what each issue's record names as its status, by the name of its folder; empty where it names none."""
    folder = f"{places.home}/issues"
    return {name: _status_in(f"{folder}/{name}/issue.toml") for name in _names(folder)}


def _names(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _status_in(path: str) -> str:
    """Return the status that a draft or issue file names at the start of a line, empty when it names none."""
    try:
        with open_plain(path) as file:
            match = re.search(_STATUS, file.read(_HEAD) or b"", re.MULTILINE)
    except OSError:
        return ""
    return match[1].decode() if match else ""


def _last_error(places: Places) -> dict[str, Any] | None:
    folder = f"{places.home}/journal"
    actors: dict[str, list[tuple[bool, str]]] = {}
    for name in _names(folder):
        if name.endswith(".jsonl"):
            actors.setdefault(name.partition(".")[0], []).append((name.count(".") > 1, name))
    failures = [_newest_failure(folder, sorted(names)) for names in actors.values()]
    known = [failure for failure in failures if failure is not None]
    return max(known, key=lambda error: str(error["time"]), default=None)


def _newest_failure(folder: str, names: list[tuple[bool, str]]) -> dict[str, Any] | None:
    """Look at the file that grows, the last, and, where that has just begun, at the one that was closed last."""
    for _, name in reversed(names[-2:]):
        path = f"{folder}/{name}"
        found = _last_failure(path)
        if found is not None:
            return found
        try:
            if os.stat(path).st_size >= _LOOK_BACK:
                break
        except OSError:
            continue
    return None


def _last_failure(path: str) -> dict[str, Any] | None:
    try:
        with open_plain(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOOK_BACK))
            data = file.read()
    except OSError:
        return None
    begin = len(data)
    while (found := data.rfind(_FAILED, 0, begin)) >= 0:
        begin = data.rfind(b"\n", 0, found) + 1
        line, _, _ = data[begin : begin + _LINE].partition(b"\n")
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and record.get("kind") == "task.failed":
            told = {key: record.get(key) for key in ("time", "task", "message")}
            if all(isinstance(value, str) for value in told.values()):
                return told
    return None
