"""Checkpoints: what finished steps of a task left, so that it goes on at the first step that is not finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.store.atomic import Durability, point, remove
from sixthbot.store.itemsfile import DoneItems, clear_items
from sixthbot.store.jsonfile import keep_aside, load_json, save_json
from sixthbot.store.taskfile import is_task_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SAVE = point("checkpoint.save")
_CLEAR = point("checkpoint.clear")
_ITEMS = ".items"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A finished step: the action it called, its outputs (JSON values), and when it finished, as RFC 3339."""

    use: str
    outputs: Mapping[str, Any]
    finished: str


class Checkpoints:
    """One file for each task. They are hints: what was done is a fact in git, and looked up there."""

    def __init__(self, folder: Path, durability: Durability) -> None:
        self._folder = folder
        self._durability: Durability = durability

    def load(self, task_id: str) -> dict[int, StepRecord]:
        """Return the finished steps by their index; of a damaged file, none, and the file is kept aside."""
        data = load_json(self._path(task_id))
        if data is None:
            return {}
        try:
            return {int(index): _record(raw) for index, raw in data["steps"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            keep_aside(self._path(task_id))
            return {}

    def save(self, task_id: str, index: int, record: StepRecord) -> None:
        """Record that step `index` (from 0) is finished; of its items nothing more is kept."""
        self._write(task_id, {**self.load(task_id), index: record})
        self._clear_items(task_id)

    def drop_from(self, task_id: str, use: str) -> None:
        """Forget the first step that called the action `use`, and all after it, so that they are done again."""
        steps = self.load(task_id)
        first = min((index for index, record in steps.items() if record.use == use), default=None)
        if first is not None:
            self._write(task_id, {index: record for index, record in steps.items() if index < first})
            self._clear_items(task_id)

    def clear(self, task_id: str) -> None:
        """Forget all steps of a task, and the items of the one it is at."""
        remove(self._path(task_id), point=_CLEAR)
        self._clear_items(task_id)

    def items(self, task_id: str, index: int, *, basis: str) -> DoneItems:
        """Return what keeps the items of step `index` that are done, as long as `basis` is the same."""
        path = self._path(task_id).with_name(f"{task_id}.{index}{_ITEMS}")
        return DoneItems(path, basis=basis, durability=self._durability)

    def _clear_items(self, task_id: str) -> None:
        for path in self._folder.glob(f"{task_id}.*{_ITEMS}"):
            clear_items(path)

    def _path(self, task_id: str) -> Path:
        if not is_task_id(task_id):
            raise ValueError(f"not a task id: {task_id!r}")
        return self._folder / f"{task_id}.json"

    def _write(self, task_id: str, steps: Mapping[int, StepRecord]) -> None:
        data = {
            str(index): {"use": record.use, "outputs": dict(record.outputs), "finished": record.finished}
            for index, record in sorted(steps.items())
        }
        save_json(self._path(task_id), {"schema": 1, "steps": data}, point=_SAVE, durability=self._durability)


def _record(raw: Mapping[str, Any]) -> StepRecord:
    use, outputs, finished = raw["use"], raw["outputs"], raw["finished"]
    if not (isinstance(use, str) and isinstance(outputs, dict) and isinstance(finished, str)):
        raise TypeError("not a step record")
    return StepRecord(use, outputs, finished)
