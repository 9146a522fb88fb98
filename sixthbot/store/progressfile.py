"""How far a running task is: one small file for each, written anew as it goes on, of no use once the task rests.

It is no state: nothing is decided by it, and a crash leaves at most a file that `tidy_up` takes away.
"""

from __future__ import annotations

import json
import os

from sixthbot.core.errors import Refused
from sixthbot.store.reading import read_small

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from sixthbot.store.paths import Places

_LIMIT = 64 << 10
_TEXTS = ("task", "action", "since", "updated", "item", "line")
_NUMBERS = ("step", "steps", "done", "total")


FIELDS = ("action", "step", "steps", "since", "done", "total", "eta", "item", "line", "updated")
"""What is told of a task to programs, besides `percent`."""


def percent(row: Mapping[str, Any]) -> int | None:
    """Return how much is done, None where a step does not count."""
    return min(100, 100 * int(row["done"]) // int(row["total"])) if row["total"] else None


def read_progress(places: Places, task_id: str) -> dict[str, Any] | None:
    """Return how far a task is, None when nothing says so.

    `step` counts from 1 to `steps`, `action` is the step's; `done` of `total` items, both 0 where a step does not
    count; `item` is the one at hand, `line` the last that was printed; `eta` is in seconds or None.
    """
    try:
        raw = json.loads(read_small(f"{places.home}/local/progress/{task_id}.json", _LIMIT))
    except (OSError, ValueError, RecursionError, Refused):
        return None
    if not isinstance(raw, dict) or raw.get("task") != task_id:
        return None
    sound = all(isinstance(raw.get(key), str) for key in _TEXTS) and all(
        isinstance(raw.get(key), int) and raw[key] >= 0 for key in _NUMBERS
    )
    eta = raw.get("eta")
    return raw if sound and (eta is None or isinstance(eta, int | float)) else None


def write_progress(places: Places, row: Mapping[str, Any]) -> None:
    """Write how far a task is; OSError when the disk does not take it."""
    from sixthbot.store.atomic import make_dirs, point, write_file  # noqa: PLC0415 - readers do without

    make_dirs(places.progress)
    path = places.progress / f"{row['task']}.json"
    data = json.dumps(row, ensure_ascii=True).encode("ascii")
    write_file(path, data, point=point("progress.save"), durability="process")


def clear_progress(places: Places, task_id: str) -> None:
    """Take the file away: the task rests."""
    from sixthbot.store.atomic import point, remove  # noqa: PLC0415 - readers do without

    remove(places.progress / f"{task_id}.json", point=point("progress.clear"))


def sweep_progress(places: Places, running: Collection[str]) -> int:
    """Take away the files of tasks that do not run; return how many."""
    try:
        names = os.listdir(f"{places.home}/local/progress")  # noqa: PTH208 - pathlib is slow to load
    except OSError:
        return 0
    left = [name for name in names if name.endswith(".json") and name.removesuffix(".json") not in running]
    for name in left:
        clear_progress(places, name.removesuffix(".json"))
    return len(left)
