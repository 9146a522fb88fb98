"""One task as one JSON file: its name, its bytes, and the checks that a file must pass to be taken for a task."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from sixthbot.core.errors import SixthError
from sixthbot.core.events import event_from_json, event_to_json
from sixthbot.core.tasks import (
    AfterFailed,
    Blocked,
    Done,
    Failed,
    Lane,
    Parked,
    Ready,
    Running,
    State,
    Task,
    Waiting,
)
from sixthbot.core.times import format_time, parse_time, sortable
from sixthbot.store.counting import SUFFIX
from sixthbot.store.taskform import FILE_NAME, MOVED_BY_HAND, SCHEMA, TASK_ID, TASK_LIMIT, retry_hint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SIZE_LIMIT = TASK_LIMIT

_TASK_ID = re.compile(TASK_ID)
_FILE_NAME = re.compile(FILE_NAME)
_T = TypeVar("_T")
_to_json = json.JSONEncoder(separators=(",\n ", ": ")).encode
"""ASCII only: no text that an event carried can make the file unreadable. A line for each value, as `indent` would make
them, but that is written by slow code."""


class BadTaskFile(SixthError):
    """A file in the queue that cannot be taken for a task; the message says why, for the person who finds it."""


class NewerTaskFile(BadTaskFile):
    """A file whose schema is newer than this program's: no task for it, and none of its business."""


def is_task_id(text: str) -> bool:
    """Tell whether `text` has the form of a task id, and so is safe in a file name."""
    return _TASK_ID.fullmatch(text) is not None


def file_name(task: Task) -> str:
    """Return the name a task's file has in each folder: its deadline, so that names sort, and its id."""
    return f"{sortable(task.deadline)}-{task.id}{SUFFIX}"


def id_in_name(name: str) -> str | None:
    """Return the task id in a file name, or None when the name is not one of a task file."""
    match = _FILE_NAME.fullmatch(name)
    return match[1] if match else None


def encode(task: Task) -> bytes:
    """Return the task as the bytes of its file."""
    return _to_json(to_json(task)).encode("ascii") + b"\n"


def to_json(task: Task) -> dict[str, Any]:
    """Return the task as JSON values."""
    return {
        "schema": SCHEMA,
        "id": task.id,
        "rule": task.rule,
        "rule_hash": task.rule_hash,
        "events": [event_to_json(event) for event in task.events],
        "lane": task.lane.value,
        "created": format_time(task.created),
        "deadline": format_time(task.deadline),
        "attempts": task.attempts,
        "crashes": task.crashes,
        "key": task.key,
        "issue": task.issue,
        "intensity": task.intensity,
        "min_budget": task.min_budget,
        "max_budget": task.max_budget,
        **_waits_to_json(task),
        "state": _state_to_json(task.state),
    }


def decode(data: bytes, name: str) -> Task:
    """Read a task file's bytes, its state as the content says; raise BadTaskFile saying what is wrong with it."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise BadTaskFile("it is not JSON") from None
    task = from_json(raw)
    if id_in_name(name) != task.id:
        raise BadTaskFile(f"its name does not carry its id, {task.id}")
    return task


def from_json(raw: object) -> Task:
    """Read back what `to_json` returned; raise BadTaskFile saying what is wrong with it."""
    if not isinstance(raw, dict):
        raise BadTaskFile("it is not a JSON object")
    schema = raw.get("schema")
    if schema != SCHEMA:
        if isinstance(schema, int) and schema > SCHEMA:
            raise NewerTaskFile(f"its schema is {schema}: a newer sixthbot wrote it")
        raise BadTaskFile(f"its schema is {schema!r}")
    try:
        return _task_from_json(raw)
    except SixthError as error:
        raise BadTaskFile(error.message) from None
    except (ValueError, OverflowError) as error:
        raise BadTaskFile(f"a value in it cannot be used: {error}") from None


def in_folder(task: Task, state: str, *, lane: str = "", worker: str = "") -> Task:
    """Return the task with the state of the folder its file lies in: where a person put it is where it is.

    `lane` is the folder below `ready`, `worker` the one below `running`. What only the content can know (until when,
    why) is kept where the content is of the same state and said plainly where it is not.
    """
    if state in {"ready", "running"} and (task.after or task.not_before):
        task = replace(task, after=(), not_before=None)  # whoever put it there does not want it to wait
    if state == "ready":
        if isinstance(task.state, Ready) and task.lane == lane:
            return task
        return replace(task if task.lane == lane else task.in_lane(Lane(lane)), state=Ready())
    if state == "running":
        return replace(task, state=Running(worker))
    if task.state.name == state:
        return task
    states: Mapping[str, State] = {
        "waiting": Waiting(task.deadline, MOVED_BY_HAND),
        "parked": Parked("input", MOVED_BY_HAND, retry_hint(task.id)),
        "failed": Failed(MOVED_BY_HAND),
        # what needed a person, or failed, is given a new content before it goes on and succeeds
        "done": Done("cancelled", MOVED_BY_HAND)
        if task.state.name in {"parked", "failed"}
        else Done("succeeded"),
    }
    return replace(task, state=states[state])


def _task_from_json(raw: Mapping[str, Any]) -> Task:
    events = tuple(event_from_json(event) for event in _typed(raw, "events", list) if isinstance(event, dict))
    if not events or len(events) != len(raw["events"]):
        raise BadTaskFile("it has no event, or something else among its events")
    identifier = _typed(raw, "id", str)
    if not is_task_id(identifier):
        raise BadTaskFile("its id is not one of a task")
    return Task(
        id=identifier,
        rule=_typed(raw, "rule", str),
        rule_hash=_typed(raw, "rule_hash", str),
        events=events,
        lane=Lane(_typed(raw, "lane", str)),
        created=_time(raw, "created"),
        deadline=_time(raw, "deadline"),
        attempts=_count(raw, "attempts"),
        crashes=_count(raw, "crashes"),
        key=_typed(raw, "key", str),
        issue=_typed(raw, "issue", str),
        intensity=_typed(raw, "intensity", str),
        min_budget=_typed(raw, "min_budget", str),
        max_budget=_typed(raw, "max_budget", str),
        not_before=_time(raw, "not_before") if "not_before" in raw else None,
        after=_after(raw),
        after_failed=AfterFailed(raw.get("after_failed", AfterFailed.PARK)),
        state=_state_from_json(_typed(raw, "state", dict)),
    )


def _waits_to_json(task: Task) -> dict[str, Any]:
    """Return what a task waits for besides its turn; files of tasks that wait for nothing do not mention it."""
    waits: dict[str, Any] = {}
    if task.not_before is not None:
        waits["not_before"] = format_time(task.not_before)
    if task.after:
        waits["after"] = list(task.after)
    if task.after_failed is not AfterFailed.PARK:
        waits["after_failed"] = task.after_failed.value
    return waits


def _after(raw: Mapping[str, Any]) -> tuple[str, ...]:
    ids = raw.get("after", [])
    if not isinstance(ids, list) or not all(isinstance(one, str) and is_task_id(one) for one in ids):
        raise BadTaskFile("'after' is not a list of task ids")
    return tuple(ids)


def _state_to_json(state: State) -> dict[str, Any]:  # noqa: PLR0911 - one line per state
    match state:
        case Ready():
            return {"name": "ready"}
        case Waiting(until, reason):
            return {"name": "waiting", "until": format_time(until), "reason": reason}
        case Blocked(reason):
            return {"name": "waiting", "until": "", "reason": reason}
        case Running(worker):
            return {"name": "running", "worker": worker}
        case Parked(kind, reason, hint):
            return {"name": "parked", "kind": kind, "reason": reason, "hint": hint}
        case Failed(reason):
            return {"name": "failed", "reason": reason}
        case Done(result, reason):
            return {"name": "done", "result": result, **({"reason": reason} if reason else {})}


def _state_from_json(raw: Mapping[str, Any]) -> State:  # noqa: PLR0911 - one line per state
    match raw.get("name"):
        case "ready":
            return Ready()
        case "waiting" if raw.get("until") == "":
            return Blocked(_typed(raw, "reason", str))
        case "waiting":
            return Waiting(_time(raw, "until"), _typed(raw, "reason", str))
        case "running":
            return Running(_typed(raw, "worker", str))
        case "parked":
            return Parked(_typed(raw, "kind", str), _typed(raw, "reason", str), _typed(raw, "hint", str))
        case "failed":
            return Failed(_typed(raw, "reason", str))
        case "done":
            reason = raw.get("reason", "")
            return Done(
                "cancelled" if raw.get("result") == "cancelled" else "succeeded",
                reason if isinstance(reason, str) else "",
            )
    raise BadTaskFile("its state is not one of a task")


def _typed(raw: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    value = raw.get(key)
    if not isinstance(value, kind):
        raise BadTaskFile(f"{key!r} is missing or not of its type")
    return value


def _count(raw: Mapping[str, Any], key: str) -> int:
    value = _typed(raw, key, int)
    if isinstance(value, bool) or not 0 <= value < 1_000_000:  # noqa: PLR2004 - beyond any count that is real
        raise BadTaskFile(f"{key!r} is not a count")
    return value


def _time(raw: Mapping[str, Any], key: str) -> datetime:
    moment = parse_time(_typed(raw, key, str))
    if not 1970 <= moment.year <= 9000:  # noqa: PLR2004 - what file names and sums of times can carry
        raise BadTaskFile(f"{key!r} is not a time of our era")
    return moment
