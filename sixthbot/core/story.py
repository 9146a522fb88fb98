"""What the journal's records say of the state of a task: their fold. A file that a person moved is where it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.tasks import STATE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOLD_STATES: Mapping[str, str] = MappingProxyType(
    {
        "task.made": "ready",
        "task.taken-in": "ready",
        "task.claimed": "running",
        "task.given-back": "ready",
        "task.waiting": "waiting",
        "task.due": "ready",
        "task.deferred": "waiting",
        "task.put-after": "waiting",
        "task.released": "ready",
        "task.parked": "parked",
        "task.paused": "parked",
        "task.resumed": "ready",
        "task.retried": "ready",
        "task.cancelled": "done",
        "task.recovered": "ready",
        "task.failed": "failed",
        "task.succeeded": "done",
        "task.retired": "done",
    }
)
"""The state that a task is in after a record of a kind; where it is another one, the record's `data.state` says so."""

AT_REST = frozenset(
    {
        "task.made", "task.taken-in", "task.due", "task.deferred", "task.put-after", "task.released",
        "task.resumed", "task.retried",
    }
)  # fmt: skip
"""What cannot be of a task that a worker has in hand: where it is told of one, a fast worker told of the claim first."""

_RESULTS = {"task.cancelled": "cancelled", "task.succeeded": "succeeded"}


@dataclass(frozen=True, slots=True)
class Told:
    """How a task is by its records: the name of its state, how it ended if it is done, its counts, and who has it in hand."""

    state: str
    result: str = ""
    attempts: int = 0
    crashes: int = 0
    worker: str = field(default="", compare=False)


def fold(records: Iterable[tuple[str, Mapping[str, Any]]]) -> Told | None:
    """Return how a task is by all its records, given as kind and data, oldest first; None where none tells a state.

    Kinds that say nothing of a state, and values that nobody wrote, change nothing.
    """
    told: Told | None = None
    for kind, data in records:
        if kind in TOLD_STATES and not (told is not None and _is_late(told, kind, data)):
            told = _after(told or Told("ready"), kind, data)
    return told


def _is_late(told: Told, kind: str, data: Mapping[str, Any]) -> bool:
    """Tell whether a record is of before: a task is moved first, and told of then, and others are fast."""
    if kind == "task.made":
        return True
    if told.state != "running":
        return False
    if kind == "task.recovered":  # from a worker that is gone, and another one has it already
        return bool(told.worker) and data.get("worker", told.worker) != told.worker
    return kind in AT_REST


def _after(told: Told, kind: str, data: Mapping[str, Any]) -> Told:
    said = data.get("state")
    state = said if said in STATE_NAMES else TOLD_STATES[kind]
    result = _RESULTS.get(kind, told.result) if state == "done" else ""
    counts = {name: data[name] for name in ("attempts", "crashes") if isinstance(data.get(name), int)}
    if kind == "task.retried":
        counts = {"attempts": 0, "crashes": 0}
    worker = str(data.get("worker", "")) if kind == "task.claimed" else ""
    return replace(told, state=state, result=result, worker=worker, **counts)
