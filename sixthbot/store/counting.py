"""What can be counted by name: lanes, statuses, and the tasks in a queue's folders; loads next to nothing."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX = ".json"
REASON = ".reason.txt"
"""What the name of a file's reason ends with, beside a file that could not be used."""
LANES = ("critical", "high", "normal", "low")
"""The names of the members of `core.tasks.Lane`, in their order."""

ALL_LANES = "all"
"""Names the file that pauses every lane."""

DRAFT_STATUSES = ("awaiting-review", "approved", "rejected", "pushed")
"""The values of `core.drafts.DraftStatus`."""

OPEN_DRAFTS = ("awaiting-review", "approved")
OPEN_ISSUES = ("open", "waiting-for-person", "in-review", "approved")
"""The statuses of what still wants somebody."""


def task_names(folder: Path | str) -> Iterator[str]:
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


def folder_names(folder: Path | str) -> list[str]:
    """Return the names of the folders in a folder, sorted; links are not followed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def state_folders(root: Path | str, state: str) -> list[str]:
    """Return the folders in which tasks of a state lie."""
    if state == "ready":
        return [f"{root}/ready/{lane}" for lane in LANES]
    if state == "running":
        return [f"{root}/running/{worker}" for worker in folder_names(f"{root}/running")]
    return [f"{root}/{state}"]


def count_queue(root: Path | str) -> dict[str, dict[str, int] | int]:
    """Return how many tasks there are: `ready` for each lane, `waiting`, `running`, `parked`, `failed`.

    Files that were set aside in `failed/` are no tasks.
    """
    ready = {lane: count_tasks(f"{root}/ready/{lane}") for lane in LANES}
    running = sum(count_tasks(f"{root}/running/{worker}") for worker in folder_names(f"{root}/running"))
    waiting, parked = (count_tasks(f"{root}/{state}") for state in ("waiting", "parked"))
    lying = list(task_names(f"{root}/failed"))
    aside = frozenset(kept_with_reason(f"{root}/failed") if lying else ())
    failed = sum(name not in aside for name in lying)
    return {"ready": ready, "waiting": waiting, "running": running, "parked": parked, "failed": failed}


def kept_with_reason(folder: Path | str) -> list[str]:
    """Return the names of the files in a folder that could not be used: those with their reason beside them."""
    try:
        names = set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    noted = (name.removesuffix(REASON) for name in names if name.endswith(REASON))
    return sorted(names.intersection(noted))


def paused_lanes(root: Path | str) -> list[str]:
    """Return the lanes that people paused, in their order."""
    try:
        names = set(os.listdir(f"{root}/paused"))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [lane for lane in LANES if lane in names or ALL_LANES in names]


def count_tasks(folder: Path | str) -> int:
    """Return how many task files a folder has."""
    return sum(1 for _ in task_names(folder))
