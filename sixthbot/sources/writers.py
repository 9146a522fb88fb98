"""Which tasks may have written into the person's work tree since some moment; asks the journal and the queue, changes nothing.

Git knows who made a commit, nobody knows who wrote a file. Commands are kept from writing there, though, so that only
tasks count whose commands ran without that fence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.times import format_time

if TYPE_CHECKING:
    from datetime import datetime

    from sixthbot.store.open import Store


def generation_of_writers(store: Store, since: datetime, *, fenced: bool) -> int | None:
    """Return the highest generation of the tasks that may have written into the work tree since then; None for no such task.

    Those are tasks whose commands ended since then and could write there, and, where commands run without a fence
    (not `fenced`), those that run now.
    """
    ids = set()
    earliest = format_time(since)
    for record in store.journal.read(newest_first=True):
        if record.time < earliest:
            break
        if record.kind == "process.ended" and record.task and not (record.data or {}).get("confined", fenced):
            ids.add(record.task)
    if not fenced:
        ids |= {task.id for task in store.queue.all(states=("running",))}
    found = [task.generation for task_id in ids if (task := store.queue.find(task_id)) is not None]
    return max(found, default=None)
