"""What `status` shows of tasks that wait for later, run or failed, and of drafts: from small files, without values."""

from __future__ import annotations

import json
import os

from sixthbot.core.errors import Refused
from sixthbot.store.counting import folder_names, task_names
from sixthbot.store.glance import task_rows
from sixthbot.store.probe import is_free
from sixthbot.store.reading import read_small
from sixthbot.store.taskform import MOVED_BY_HAND, TASK_LIMIT, retry_hint

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from typing import Any

    from sixthbot.store.paths import Places

_MOST = 50
"""More tasks of a state are not told one by one."""

_REFS_LIMIT = 64 << 20
_CHECKED_OUT = " is checked out in "


def tasks_afoot(places: Places, queue: Any) -> list[dict[str, Any]]:
    """Return tasks that wait, run or failed: `id`, `rule`, `issue`, `state`, `reason`, `hint`; `queue` has counts.

    `dead` tells that the worker of a running one is gone: whoever runs next takes it up.
    """
    rows: list[dict[str, Any]] = []
    for state in ("running", "waiting", "failed"):
        folder = f"{places.home}/queue/{state}"
        folders = [f"{folder}/{name}" for name in folder_names(folder)] if state == "running" else [folder]
        for each in folders if queue[state] else ():
            # the folder says whose it is: a claim is a rename, and leaves the content as it was
            dead = state == "running" and is_dead(places, each.rpartition("/")[2])
            for name in sorted(task_names(each))[:_MOST]:
                rows += [{**_row(row, state), "dead": dead} for row in task_rows(f"{each}/{name}", name)]
    return rows


def is_dead(places: Places, worker: str) -> bool:
    """Tell whether a worker is gone: whoever runs next takes its tasks up; a program of its may hold its lease and outlive it."""
    pid = worker.partition("-")[0]
    if is_free(f"{places.home}/local/workers/{worker}.lock"):
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (ValueError, PermissionError, OverflowError):
        return False
    return False


def _row(raw: Any, state: str) -> dict[str, Any]:
    row = {key: raw[key] for key in ("id", "rule", "issue")}
    own = raw["state"]["name"] == state
    reason = raw["state"].get("reason", "") if own else MOVED_BY_HAND
    hint = ""
    if state == "failed":
        hint = "mend the cause, then: " + retry_hint(raw["id"])
    elif _CHECKED_OUT in reason:
        hint = f"leave the branch in {reason.partition(_CHECKED_OUT)[2]}: switch to another one there"
    return {**row, "state": state, "reason": reason, "hint": hint}


def failed_checks(places: Places, task_id: str) -> list[str]:
    """Return the commands of the checks that failed for a task's draft, as its checkpoint has them."""
    try:
        data = json.loads(read_small(f"{places.home}/checkpoints/{task_id}.json", TASK_LIMIT))
        steps = list(data["steps"].values())
        results = [each for step in steps if step["use"] == "check" for each in step["outputs"]["results"]]
        return [str(each["command"]) for each in results if each["ok"] is not True]
    except (OSError, ValueError, RecursionError, Refused, KeyError, TypeError, AttributeError):
        return []


def tip_of(places: Places, branch: str) -> str:
    """Return the commit that a branch is at, read as git writes it; empty when it has none."""
    try:
        return read_small(f"{places.git_home}/refs/heads/{branch}", 256).decode("ascii", "replace").strip()
    except (OSError, Refused):
        pass  # git may have packed it
    try:
        packed = read_small(f"{places.git_home}/packed-refs", _REFS_LIMIT)
    except (OSError, Refused):
        return ""
    wanted = f" refs/heads/{branch}".encode()
    return next((line[: -len(wanted)].decode() for line in packed.splitlines() if line.endswith(wanted)), "")
