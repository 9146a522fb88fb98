"""Tasks that left the queue: each is one record of the journal, from which it can be told and taken up again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sixthbot.core.events import EventKind
from sixthbot.core.tasks import Done
from sixthbot.store.records import about, naming
from sixthbot.store.taskfile import BadTaskFile, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sixthbot.core.tasks import Task
    from sixthbot.store.journal import Journal, Record

KIND = "task.retired"

_EMPTY = dict.fromkeys(("key", "issue", "intensity", "min_budget", "max_budget"), "") | {
    "attempts": 0,
    "crashes": 0,
}
"""What a record leaves out."""


def remember(journal: Journal, task: Task) -> None:
    """Write a finished task into the journal, to be done before its file goes. Twice is no harm."""
    result = task.state.result if isinstance(task.state, Done) else task.state.name
    journal.append(KIND, f"left the queue: {result}", data={"task": _shortened(task)}, **about(task))


def past_tasks(journal: Journal, wanted: Callable[[Record], bool]) -> Iterator[Task]:
    """Yield the tasks that left the queue and whose records are wanted, the newest first, once each."""
    seen: set[str] = set()
    for record in journal.read(
        newest_first=True, where=lambda record: record.kind == KIND, worth=naming([KIND])
    ):
        if record.task is None or record.task in seen or not wanted(record):
            continue
        seen.add(record.task)
        task = past_task(record)
        if task is not None:
            yield task


def past_task(record: Record) -> Task | None:
    """Return the task that a record of this kind keeps; None where a person edited it away."""
    raw = record.data.get("task") if record.data else None
    try:
        return from_json({**_EMPTY, **raw} if isinstance(raw, dict) else None)
    except BadTaskFile:
        return None


def _shortened(task: Task) -> dict[str, Any]:
    """Return a task as JSON values. Of events only what names them: the rest is in records of their own.

    An issue's own task keeps all, since a person may have its issue taken up again.
    """
    if task.event.kind != EventKind.ISSUE_ADDED:
        bare = dict.fromkeys(("branch", "tag", "issue", "task"), "")
        task = replace(
            task,
            events=tuple(
                replace(event, fields={name: event.fields[name] for name in bare if event.fields.get(name)})
                for event in task.events[:1]
            ),
        )
    return {name: value for name, value in to_json(task).items() if _EMPTY.get(name) != value}
