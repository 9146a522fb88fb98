"""What `status` says, from names of files and a few small ones: it runs at every prompt, so it loads next to nothing."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sixthbot.store.counting import count_queue
from sixthbot.store.probe import held_by, is_free, pid_file
from sixthbot.store.rulesummary import load_summary
from sixthbot.store.tail import lines_backwards

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.paths import Places

_STATUS = re.compile(rb'^status = "([a-z-]{1,40})"', re.MULTILINE)
_HEAD = 64 << 10
_LOOK_BACK = 5000
"""Lines of each journal that are looked through for the last failure."""

_OPEN = frozenset({"open", "waiting-for-person", "in-review", "approved"})
_DRAFT_STATUSES = ("awaiting-review", "approved", "rejected", "pushed")


def read_status(places: Places, now: datetime) -> dict[str, Any]:
    """Return the object that `status --json` prints. `now` bounds times that a wrong clock left in the future."""
    return {
        "schema": 1,
        "watcher": _watcher(places, now),
        "queue": count_queue(places.queue),
        "drafts": _drafts(places),
        "issues": _issues(places),
        "rules": load_summary(places),
        "last_error": _last_error(places),
    }


def _watcher(places: Places, now: datetime) -> dict[str, Any]:
    if is_free(places.watch_lock):
        return {"running": False, "pid": None, "since": None}
    from sixthbot.core.times import format_time  # noqa: PLC0415 - only where somebody watches

    try:
        since = datetime.fromtimestamp(pid_file(places.watch_lock).stat().st_mtime, UTC)
    except OSError:
        return {"running": True, "pid": None, "since": None}
    return {"running": True, "pid": held_by(places.watch_lock), "since": format_time(min(since, now))}


def _drafts(places: Places) -> dict[str, int]:
    found = Counter(_status_in(path) for path in _files(places.drafts) if path.suffix == ".md")
    return {status: found[status] for status in _DRAFT_STATUSES}


def _issues(places: Places) -> dict[str, int]:
    found = Counter(_status_in(folder / "issue.toml") for folder in _files(places.issues))
    return {"open": sum(found[status] for status in _OPEN), "waiting_for_person": found["waiting-for-person"]}


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _status_in(path: Path) -> str:
    """Return the status that a draft or issue file names at the start of a line, empty when it names none."""
    try:
        with path.open("rb") as file:
            match = _STATUS.search(file.read(_HEAD))
    except OSError:
        return ""
    return match[1].decode() if match else ""


def _last_error(places: Places) -> dict[str, Any] | None:
    newest: dict[str, Any] | None = None
    for path in _files(places.journal):
        if path.suffix == ".jsonl" and (found := _last_failure(path)) is not None:
            newest = found if newest is None else max(newest, found, key=lambda error: str(error["time"]))
    return newest


def _last_failure(path: Path) -> dict[str, Any] | None:
    for _, line in zip(range(_LOOK_BACK), lines_backwards(path), strict=False):
        if b'"task.failed"' not in line:
            continue
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("kind") == "task.failed":
            return {key: record.get(key) for key in ("time", "task", "message")}
    return None
