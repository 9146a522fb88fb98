"""Which files below `.sixth` travel, under which keys, and where each key's file lies. Reads names only."""

from __future__ import annotations

import json
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from sixthbot.core.stateops import is_key
from sixthbot.core.text import is_issue_id
from sixthbot.store.counting import LANES
from sixthbot.store.journal import PACKED
from sixthbot.store.taskform import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOPS = (
    "queue",
    "checkpoints",
    "drafts",
    "artifacts",
    "operations",
    "issues",
    "inbox",
    "journal",
    "rules",
    "templates",
)
"""The folders of `.sixth` that travel; of the files beside them only the configuration does.

What is written later stands first: whoever looks at all of them while the bot works finds no task without its issue.
"""

SETTINGS = ("config.toml", "rules/", "templates/")
"""What people edit to tell the bot how to work; it travels only where git does not carry it."""

_TASK_FILE = re.compile(FILE_NAME)
_TASK_FOLDERS = (*(f"ready/{lane}" for lane in LANES), "waiting", "parked", "failed", "done")
_DRAFT_ISSUE = re.compile(rb'^issue = "([^"\\]{1,64})"', re.MULTILINE)


class Spot(NamedTuple):
    """A key of the state, and for a task the folder that it lies in."""

    key: str
    place: str = ""


def spot_of(path: str) -> Spot | None:
    """Return the key of a path below `.sixth`; None for what does not travel."""
    parts = path.split("/")
    if any(part.startswith(".") for part in parts):
        return None
    if parts[0] == "journal" and path.endswith(PACKED):
        return None  # its lines travelled before they were compressed
    if parts[0] == "queue":
        return _queue_spot(parts)
    if parts[0] not in TOPS and path != "config.toml":
        return None
    return Spot(path) if is_key(path) else None


def _queue_spot(parts: list[str]) -> Spot | None:
    if not _TASK_FILE.fullmatch(parts[-1]):
        return None
    key = f"queue/{parts[-1]}"
    match parts[1:-1]:
        case ["ready", lane]:
            return Spot(key, f"ready/{lane}") if lane in LANES else None
        case ["running", _]:
            return Spot(key, "running")
        case [("waiting" | "parked" | "failed" | "done") as state]:
            return Spot(key, state)
    return None


def task_of(key: str) -> str:
    """Return the id of the task whose key this is, or an empty text."""
    match = _TASK_FILE.fullmatch(key.partition("/")[2]) if key.startswith("queue/") else None
    return match[1] if match else ""


def is_setting(key: str) -> bool:
    """Tell whether a key is of configuration, rules or templates."""
    return key.startswith(SETTINGS)


def group_of(key: str, data: bytes) -> str:
    """Return the issue that a content belongs to, as far as key and content say it; else an empty text."""
    top, _, rest = key.partition("/")
    found = ""
    if top == "issues":
        found = rest.partition("/")[0]
    elif top == "queue":
        try:
            task = json.loads(data)
        except (ValueError, RecursionError):
            return ""
        found = str(task.get("issue", "")) if isinstance(task, dict) else ""
    elif top == "drafts":
        match = _DRAFT_ISSUE.search(data[:4096])
        found = match[1].decode("utf-8", "replace") if match else ""
    return found if is_issue_id(found) else ""


def beside_of(key: str, actor: str) -> str:
    """Return where below `.sixth` settings of another clone are put that do not replace those here; it does not travel."""
    top, slash, rest = key.partition("/")
    return f"{top}.from-{actor}{slash}{rest}"


def files_below(home: str, tops: Sequence[str] = TOPS) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every regular file that may travel, as its path below `home`; links are not followed."""
    config = state_of(f"{home}/config.toml") if tops is TOPS else None
    if config is not None:
        yield "config.toml", config
    for top in tops:
        yield from _walk(home, top, depth=10)


def _walk(home: str, folder: str, *, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    inner = []
    try:
        with os.scandir(f"{home}/{folder}") as entries:
            for entry in entries:
                if entry.name[0] == ".":
                    continue
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    inner.append(path)
                elif entry.is_file(follow_symlinks=False):
                    try:
                        yield path, entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    if depth:
        for path in inner:
            yield from _walk(home, path, depth=depth - 1)


def found_elsewhere(home: str, key: str) -> tuple[str, os.stat_result] | None:
    """Return where in the queue the file of a task lies, None for what is no task and what is in no folder.

    Looks twice: a task that is moved while folders are looked at may be missed once.
    """
    if not task_of(key):
        return None
    name = key.partition("/")[2]
    for _ in range(2):
        for folder in (*_TASK_FOLDERS, *_running(home)):
            path = f"queue/{folder}/{name}"
            status = state_of(f"{home}/{path}")
            if status is not None:
                return path, status
    return None


def _running(home: str) -> list[str]:
    try:
        with os.scandir(f"{home}/queue/running") as entries:
            return [f"running/{entry.name}" for entry in entries]
    except OSError:
        return []


def state_of(path: str) -> os.stat_result | None:
    """Return what the system says of a regular file, None for anything else and for what is gone; links are not followed."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def path_of(spot: Spot) -> str:
    """Return where below `.sixth` the file of a key lies; empty for a task that some worker has."""
    if not spot.key.startswith("queue/"):
        return spot.key
    return "" if spot.place == "running" else f"queue/{spot.place}/{spot.key.partition('/')[2]}"
