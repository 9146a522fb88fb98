"""Counts the tasks of a queue by the names in its folders; opens no file and loads next to nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX = ".json"
LANES = ("critical", "high", "normal", "low")
"""The names of the members of `core.tasks.Lane`, in their order."""


def task_names(folder: Path) -> Iterator[str]:
    """Name the task files in a folder, in no order; folders, links and special files are nobody's tasks.

    A folder that is missing has none.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(SUFFIX) and name[0] != "." and entry.is_file(follow_symlinks=False):
                    yield name
    except (FileNotFoundError, NotADirectoryError):
        return


def folder_names(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; links are not followed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def state_folders(root: Path, state: str) -> list[Path]:
    """Return the folders in which tasks of a state lie."""
    if state == "ready":
        return [root / "ready" / lane for lane in LANES]
    if state == "running":
        return [root / "running" / worker for worker in folder_names(root / "running")]
    return [root / state]


def count_queue(root: Path) -> dict[str, dict[str, int] | int]:
    """Return how many tasks there are: `ready` for each lane, `waiting`, `running`, `parked`, `failed`."""
    ready = {lane: count_tasks(root / "ready" / lane) for lane in LANES}
    others = {
        state: sum(map(count_tasks, state_folders(root, state)))
        for state in ("waiting", "running", "parked", "failed")
    }
    return {"ready": ready, **others}


def count_tasks(folder: Path) -> int:
    """Return how many task files a folder has."""
    return sum(1 for _ in task_names(folder))
