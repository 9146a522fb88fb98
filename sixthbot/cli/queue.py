"""`sixthbot queue`: look at tasks and steer them; a task is a file, and every verb is a rename."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.lookup import find_task
from sixthbot.cli.output import one_line, paint, table
from sixthbot.cli.progressing import progress_json, progress_text
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.times import ago
from sixthbot.cli.verbs import VerbGroup, json_option
from sixthbot.core import lifecycle
from sixthbot.core.errors import UsageError, WorkFailed
from sixthbot.core.events import EventKind
from sixthbot.core.tasks import STATE_NAMES, Done, Lane, Parked, Running, Waiting
from sixthbot.core.times import format_time
from sixthbot.store.clock import now
from sixthbot.store.progressfile import read_progress
from sixthbot.store.records import about

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sixthbot.core.lifecycle import Fact
    from sixthbot.core.tasks import Task
    from sixthbot.store.open import Store

_LANE = click.Choice([lane.value for lane in Lane])
_OPEN_STATES = tuple(name for name in STATE_NAMES if name != "done")
_COLORS = {"running": "green", "parked": "yellow", "failed": "red"}


@click.group(
    cls=VerbGroup,
    default="list",
    examples=[
        ("sixthbot queue list", "every task that is not over"),
        ("sixthbot queue show t1a2b", "one task; a unique prefix is enough"),
        ("sixthbot queue retry t1a2b", "try a failed or parked task again"),
        ("sixthbot queue pause low", "claim nothing from a lane until `queue resume low`"),
    ],
)
def command() -> None:
    """Look at the queue and steer it."""


@command.command(
    "list",
    examples=[
        ("sixthbot queue list", "tasks that are not over"),
        ("sixthbot queue list --all --json", "all of them, for a program"),
    ],
)
@click.option("--all", "everything", is_flag=True, help="Tasks that are over as well.")
@json_option
@pass_session
def list_tasks(session: Session, *, everything: bool, as_json: bool) -> None:
    """List tasks, the most urgent first."""
    store = session.store()
    states = STATE_NAMES if everything or as_json else _OPEN_STATES
    tasks = sorted(
        store.queue.all(states=states), key=lambda task: (states.index(task.state.name), task.deadline)
    )
    if as_json:
        session.out.json({"schema": 1, "tasks": [_task_json(task) for task in tasks]})
        return
    for lane in sorted(store.queue.paused()):
        session.out.say(f"lane {lane} is {paint('paused', 'yellow')} (sixthbot queue resume {lane})")
    session.out.say(_task_table(tasks, now(), session.out.columns) or "the queue is empty")


def _task_table(tasks: Iterable[Task], moment: datetime, columns: int) -> str:
    rows = [
        (
            task.id,
            paint(task.state.name, _COLORS[task.state.name])
            if task.state.name in _COLORS
            else task.state.name,
            task.lane.value,
            one_line(task.rule),
            one_line(_subject(task)),
            ago(task.created, moment),
            one_line(reason_of(task), 500),
        )
        for task in tasks
    ]
    return table(rows, head=("task", "state", "lane", "rule", "about", "made", "reason"), columns=columns)


def _subject(task: Task) -> str:
    fields = task.event.fields
    name = next((str(fields[key]) for key in ("title", "branch", "id", "task") if fields.get(key)), "")
    return task.issue or name or task.event.kind


def reason_of(task: Task) -> str:
    """Return why a task waits, is parked or failed; empty for the others."""
    return str(getattr(task.state, "reason", ""))


def _task_json(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "state": task.state.name,
        "lane": task.lane.value,
        "rule": task.rule,
        "event": task.event.id,
        "attempts": task.attempts,
        "deadline": format_time(task.deadline),
        "reason": reason_of(task),
    }


@command.command("show", examples=[("sixthbot queue show t1a2b", "everything the queue knows of one task")])
@click.argument("task_id", metavar="ID")
@json_option
@pass_session
def show(session: Session, task_id: str, *, as_json: bool) -> None:
    """Show one task."""
    task = find_task(session.store(), task_id)
    row = read_progress(session.places(), task.id) if isinstance(task.state, Running) else None
    if as_json:
        progress = None if row is None else progress_json(row)
        told = _task_json(task) | _details(task) | {"progress": progress}
        session.out.json({"schema": 1, "task": told})
        return
    rows = [(name, one_line(str(value), 300)) for name, value in (_task_json(task) | _details(task)).items()]
    session.out.say(table((paint(name, "bold"), value) for name, value in rows if value))
    if row is not None:
        session.out.say(f"\n{paint('now', 'bold')}  {progress_text(row)}, begun {ago(row['since'], now())}")
        if row["line"]:
            session.out.say(f"     it says: {one_line(row['line'], 160)}")
    session.out.say(f"\nsixthbot why {task.id} tells its story")


def _details(task: Task) -> dict[str, Any]:
    return {
        "issue": task.issue,
        "key": task.key,
        "created": format_time(task.created),
        "crashes": task.crashes,
        "hint": str(getattr(task.state, "hint", "")),
        "until": format_time(task.state.until) if isinstance(task.state, Waiting) else "",
        "worker": task.state.worker if task.state.name == "running" else "",
        "events": [f"{event.kind} {event.key}" for event in task.events],
    }


@command.command("retry", examples=[("sixthbot queue retry t1a2b", "try it again, from a clean count")])
@click.argument("task_id", metavar="ID")
@pass_session
def retry(session: Session, task_id: str) -> None:
    """Try a waiting, parked or failed task again.

    One that waits for your review makes its draft anew: it rebases, runs the checks and describes the branch again.
    """
    store = session.store()
    task = find_task(store, task_id)
    own = _is_of_issue(store, task)
    if isinstance(task.state, Parked) and task.state.kind == "review" and own:
        from sixthbot.engine.reopening import redo_draft  # noqa: PLC0415 - lazy, see app

        redo_draft(session.services(), task.issue)
        session.out.say(f"{task.id} makes its draft anew; a running watch takes it up, or sixthbot run")
        return
    if isinstance(task.state, Done) and own:
        raise lifecycle.IllegalTransition(
            f"task {task.id} is done: it cannot be retried",
            hint=f"sixthbot issue reopen {task.issue}",
        )
    _settle(store, task, lifecycle.Retried(), kind="task.retried")
    session.out.say(f"{task.id} is ready again; a running watch takes it up, or sixthbot run")


@command.command(
    "cancel", examples=[("sixthbot queue cancel t1a2b", "give a task up; its branch stays as it is")]
)
@click.argument("task_id", metavar="ID")
@pass_session
def cancel(session: Session, task_id: str) -> None:
    """Give a task up. A running one is stopped within a second. An issue whose last task it is becomes cancelled."""
    store = session.store()
    task = find_task(store, task_id)
    if _is_last_of_issue(store, task):
        from sixthbot.engine.reopening import cancel_issue  # noqa: PLC0415 - lazy, see app

        refuse_inside_task("cancelling an issue")
        cancel_issue(session.services(), task.issue)
        session.out.say(
            ("its worker was asked to stop: " if isinstance(task.state, Running) else "")
            + f"{task.id} is cancelled, and with it issue {task.issue}; "
            f"sixthbot issue reopen {task.issue} takes it up again"
        )
        return
    after = store.queue.cancel(task)
    if after is None:
        raise lifecycle.IllegalTransition(f"task {task.id} is done: it cannot be cancelled")
    if after.state.name == "running":
        store.journal.append("task.cancel.requested", f"asked to stop {task.id}", **about(task))
        session.out.say(f"{task.id} is running; its worker was asked to stop")
        return
    store.journal.append("task.cancelled", f"{task.id} is cancelled", **about(task))
    session.out.say(f"{task.id} is cancelled")


@command.command("move", examples=[("sixthbot queue move t1a2b critical", "put it before everything else")])
@click.argument("task_id", metavar="ID")
@click.argument("lane", type=_LANE)
@pass_session
def move(session: Session, task_id: str, lane: str) -> None:
    """Put a task into another lane; its deadline moves with it."""
    store = session.store()
    task = find_task(store, task_id)
    if task.state.name in {"running", "done"}:
        raise UsageError(f"task {task.id} is {task.state.name}: it has no lane to change any more")
    chosen = Lane(lane)
    _move(store, task, task.in_lane(chosen))
    store.journal.append("task.moved", f"{task.id} moved to lane {lane}", **about(task))
    session.out.say(f"{task.id} is in lane {lane} now")


@command.command(
    "pause",
    examples=[
        ("sixthbot queue pause", "claim nothing at all"),
        ("sixthbot queue pause low", "nothing from one lane"),
    ],
)
@click.argument("lane", type=_LANE, required=False)
@pass_session
def pause(session: Session, lane: str | None) -> None:
    """Claim no more tasks, of one lane or of all; what runs goes on."""
    store = session.store()
    store.queue.pause(None if lane is None else Lane(lane))
    store.journal.append("queue.paused", f"{_lane_words(lane)} paused")
    session.out.say(f"{_lane_words(lane)} paused; sixthbot queue resume{f' {lane}' if lane else ''} goes on")


@command.command("resume", examples=[("sixthbot queue resume", "go on with every lane")])
@click.argument("lane", type=_LANE, required=False)
@pass_session
def resume(session: Session, lane: str | None) -> None:
    """Go on with a paused lane, or with all."""
    store = session.store()
    store.queue.resume(None if lane is None else Lane(lane))
    store.journal.append("queue.resumed", f"{_lane_words(lane)} resumed")
    session.out.say(f"{_lane_words(lane)} resumed")


def _is_of_issue(store: Store, task: Task) -> bool:
    """Tell whether a rule made the task of an issue itself, and the issue is there."""
    if task.event.kind != EventKind.ISSUE_ADDED or not task.issue:
        return False
    try:
        store.issues.record(task.issue)
    except UsageError:
        return False
    return True


def _is_last_of_issue(store: Store, task: Task) -> bool:
    """Tell whether an issue has nobody left to work on it once the task is given up."""
    if isinstance(task.state, Done) or not _is_of_issue(store, task):
        return False
    return not any(
        other.issue == task.issue and other.id != task.id and other.event.kind == EventKind.ISSUE_ADDED
        for other in store.queue.all(states=_OPEN_STATES)
    )


def _lane_words(lane: str | None) -> str:
    return f"lane {lane}" if lane else "every lane"


def _settle(store: Store, task: Task, fact: Fact, *, kind: str) -> None:
    after = lifecycle.step(task, fact, now())
    _move(store, task, after)
    store.journal.append(kind, f"{task.id} is {after.state.name}", **about(task))


def _move(store: Store, before: Task, after: Task) -> None:
    if not store.queue.settle(before, after):
        raise WorkFailed(
            f"{before.id} moved on at this moment", hint=f"sixthbot queue show {before.id}, then again"
        )
