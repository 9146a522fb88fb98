"""Operations: each change of refs, recorded before it is made, so that it can be finished, reverted and undone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from sixthbot.core.errors import SixthError, UsageError
from sixthbot.core.names import parse_oid, short_hash
from sixthbot.core.text import is_ref_name
from sixthbot.core.times import parse_time, sortable
from sixthbot.store.atomic import Durability, point, remove
from sixthbot.store.jsonfile import is_newer, keep_aside, load_json, save_json
from sixthbot.store.reading import read_small
from sixthbot.store.unchanged import Unchanged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

_SAVE = point("operation.save")
_REMOVE = point("operation.remove")
_BEGUN = point("operation.begun")
_BEGUN_OVER = point("operation.begun.over")
BACKUP = "refs/sixth/backup/"
"""Below it, each operation keeps what it takes refs away from, so that git does not throw it away."""
_SCHEMA = 1
_LIMIT = 1 << 20
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")

OperationState: TypeAlias = Literal["begun", "done", "reverted"]
RefChange: TypeAlias = tuple[str, str | None, str | None]
"""A full ref name, its commit before (None: there was none) and after (None: it was deleted)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One recorded change of refs. `time` is RFC 3339; `task` is empty for a command of a person.

    `undoes` is the id of the operation that this one takes back, empty for any other. With `in_review` a reviewer had
    the branch rewritten, so that its plan follows and its draft is made anew.
    """

    id: str
    time: str
    task: str
    reason: str
    refs: tuple[RefChange, ...]
    state: OperationState = "begun"
    undoes: str = ""
    in_review: bool = False

    def backups(self) -> tuple[RefChange, ...]:
        """Return the refs that keep what this operation takes refs away from, as they are made with its moves."""
        kept = ((ref, old) for ref, old, _ in self.refs if old is not None)
        return tuple((f"{BACKUP}{self.id}/{ref.removeprefix('refs/')}", None, old) for ref, old in kept)


def operation_id(now: datetime, refs: Sequence[RefChange]) -> str:
    """Return an id for a new operation: ids sort as their times do."""
    return f"{sortable(now)}-{short_hash(repr(tuple(refs)), now.isoformat())}"


class Operations:
    """One file for each operation; one that is begun has a second record in `beside` until it is over.

    That folder is where no cleaning reaches: who takes all others away must not take the only word on whose a lock is.
    """

    def __init__(self, folder: Path, durability: Durability, beside: Path | None = None) -> None:
        self._folder = folder
        self._beside = beside
        self._durability: Durability = durability
        self._tips: dict[str, set[str]] = {}
        self._read: set[str] = set()
        self._seen: Unchanged[Operation | None] = Unchanged()

    def begin(self, operation: Operation) -> None:
        """Record an operation that is about to be made; returns once that would survive a crash."""
        begun = replace(operation, state="begun")
        self._write(begun)
        if self._beside is not None:
            save_json(
                self._beside / self._path(begun.id).name, _to_json(begun), point=_BEGUN, durability="process"
            )

    def recall(self, operation: Operation) -> None:
        """Record one that was made, and whose record is gone."""
        self._write(replace(operation, state="done"))

    def finish(self, operation_id: str) -> None:
        """Record that it was made."""
        self._let_go_beside(operation_id)
        self._write(replace(self.get(operation_id), state="done"))

    def revert(self, operation_id: str) -> None:
        """Record that it was not made after all."""
        self._let_go_beside(operation_id)
        self._write(replace(self.get(operation_id), state="reverted"))

    def begin_again(self) -> Sequence[Operation]:
        """Record again what was begun and is neither over nor recorded any more; return that."""
        found = []
        for path in sorted(self._beside.glob("*.json")) if self._beside is not None else ():
            try:
                operation = _from_json(json.loads(read_small(path, _LIMIT)))
            except OSError:
                continue  # over by now, or not to be read in this moment: nothing says that it is worth nothing
            except (KeyError, TypeError, ValueError, RecursionError, SixthError):
                operation = None  # torn by a power cut: it is not synced
            if operation is None or f"{operation.id}.json" != path.name:
                remove(path, point=_BEGUN_OVER)
            elif self._load(operation.id) is None:
                self._write(operation)
                found.append(operation)
        return found

    def _let_go_beside(self, operation_id: str) -> None:
        """Take the second record away, before the operation is over: a kill in between leaves none of one that is."""
        if self._beside is not None:
            remove(self._beside / self._path(operation_id).name, point=_BEGUN_OVER)

    def get(self, operation_id: str) -> Operation:
        """Return one operation; UsageError when there is none of that id."""
        operation = self._load(operation_id) if _ID.fullmatch(operation_id) else None
        if operation is None:
            raise UsageError(f"no such operation: {operation_id[:80]!r}", hint="sixthbot operations")
        return operation

    def list(self) -> list[Operation]:
        """Return all operations, oldest first; what is damaged or none is left out, and kept aside.

        One of a newer sixthbot stays where it is, for that one.
        """
        loaded = (
            self._seen.get(self._path(operation_id), partial(self._load, operation_id))
            for operation_id in self._ids()
        )
        return [operation for operation in loaded if operation is not None]

    def forget(self, operation_id: str) -> None:
        """Remove the record of an operation; nothing can be told of it any more."""
        remove(self._path(operation_id), point=_REMOVE)

    def tips_written(self, ref: str) -> set[str]:
        """Return every commit that any operation, begun ones included, moved `ref` to."""
        # what an operation moves is never changed once it is written, so each file is read once
        for operation_id in self._ids():
            if operation_id not in self._read and (operation := self._load(operation_id)) is not None:
                self._read.add(operation_id)
                for name, _, new in operation.refs:
                    if new is not None:
                        self._tips.setdefault(name, set()).add(new)
        return set(self._tips.get(ref, ()))

    def _ids(self) -> Sequence[str]:
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(
            name.removesuffix(".json") for name in names if name.endswith(".json") and name[0] != "."
        )

    def _load(self, operation_id: str) -> Operation | None:
        path = self._path(operation_id)
        data = load_json(path)
        if data is None or is_newer(data, _SCHEMA):
            return None
        try:
            operation = _from_json(data)
        except (KeyError, TypeError, ValueError, SixthError):
            operation = None
        if operation is not None and operation.id == operation_id:
            return operation
        keep_aside(path)
        return None

    def _path(self, operation_id: str) -> Path:
        return self._folder / f"{operation_id}.json"

    def _write(self, operation: Operation) -> None:
        if not _ID.fullmatch(operation.id):
            raise ValueError(f"not an operation's id: {operation.id!r}")
        save_json(self._path(operation.id), _to_json(operation), point=_SAVE, durability=self._durability)


def _to_json(operation: Operation) -> dict[str, Any]:
    return {
        "schema": _SCHEMA, "id": operation.id, "time": operation.time, "task": operation.task,
        "reason": operation.reason, "refs": [list(change) for change in operation.refs], "state": operation.state,
        "undoes": operation.undoes, "in_review": operation.in_review,
    }  # fmt: skip


def _from_json(data: dict[str, Any]) -> Operation:
    """Read an operation back, whose file may have come with the state of another clone: its refs become paths."""
    state, name, time = data["state"], str(data["id"]), str(data["time"])
    if state not in get_args(OperationState) or not _ID.fullmatch(name):
        raise ValueError("not an operation")
    parse_time(time)
    refs = tuple((_ref(ref), _oid(old), _oid(new)) for ref, old, new in data["refs"])
    return Operation(
        id=name, time=time, task=str(data["task"]), reason=str(data["reason"]),
        refs=refs, state=state, undoes=str(data.get("undoes", "")), in_review=data.get("in_review") is True,
    )  # fmt: skip


def _ref(value: Any) -> str:
    if not isinstance(value, str) or not is_ref_name(value):
        raise ValueError("not a ref")
    return value


def _oid(value: Any) -> str | None:
    return None if value is None else str(parse_oid(str(value)))


def refs_in(operations: Sequence[Operation]) -> frozenset[str]:
    """Return every ref that some operation moved."""
    return frozenset(ref for operation in operations for ref, _, _ in operation.refs)
