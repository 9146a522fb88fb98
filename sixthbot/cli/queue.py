"""`sixthbot queue`: look at tasks and steer them; a task is a file, and every verb is a rename."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli import steer
from sixthbot.cli.lookup import find_task
from sixthbot.cli.output import cut, next_lines, one_line, paint, table, width
from sixthbot.cli.progressing import left_text, progress_json, progress_text
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.times import ago
from sixthbot.cli.verbs import VerbGroup, json_option
from sixthbot.cli.waits import Waits
from sixthbot.core.tasks import STATE_NAMES, AfterFailed, Lane, Running, Waiting
from sixthbot.core.times import format_time
from sixthbot.store.afoot import is_dead
from sixthbot.store.clock import now
from sixthbot.store.progressfile import read_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sixthbot.core.tasks import Task

_SHOWN = 500
"""So many tasks a person is shown at most: the most urgent ones."""

_COLORS = {"running": "green", "parked": "yellow", "failed": "red"}


@click.group(
    cls=VerbGroup,
    default="list",
    examples=[
        ("sixthbot queue list", "every task that is not over"),
        ("sixthbot queue show t1a2b", "one task; a unique prefix is enough"),
        ("sixthbot queue retry t1a2b", "try a failed or parked task again"),
        ("sixthbot queue pause low", "claim nothing from a lane until `queue resume low`"),
        ("sixthbot queue defer t1a2b 14:00", "do not start it before two"),
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
@click.option("--state", type=click.Choice(STATE_NAMES), multiple=True, help="Only tasks in this state.")
@click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Only tasks of this lane.")
@click.option("--rule", default="", help="Only tasks of this rule.")
@json_option
@pass_session
def list_tasks(
    session: Session, *, everything: bool, state: tuple[str, ...], lane: str | None, rule: str, as_json: bool
) -> None:
    """List tasks, the most urgent first, and what each of them waits for."""
    store = session.store()
    states = state or (STATE_NAMES if everything or as_json else steer.OPEN_STATES)
    wanted = (
        task
        for task in store.queue.all(states)
        if lane in {None, task.lane.value} and rule in {"", task.rule}
    )
    if as_json:
        tasks, more = list(wanted), ""
    else:
        tasks = list(islice(wanted, _SHOWN))  # the rest of a long queue need not be read
        more = _how_many_more(wanted, len(tasks), store.queue.files.paths(states), counted=not (lane or rule))
    tasks.sort(key=lambda task: (STATE_NAMES.index(task.state.name), task.deadline))
    waits = Waits(session, now())
    if as_json:
        session.out.json({"schema": 1, "tasks": [_task_json(task, waits) for task in tasks]})
        return
    for paused in sorted(store.queue.paused()):
        session.out.say(f"lane {paused} is {paint('paused', 'yellow')} (sixthbot queue resume {paused})")
    session.out.say(_task_table(tasks, waits, session.out.columns) or "the queue is empty")
    if more:
        session.out.say(f"and {more} (sixthbot queue list --json has them all)")


def _how_many_more(rest: Iterator[Task], shown: int, paths: Iterable[str], *, counted: bool) -> str:
    """Say how many tasks are not shown; their number is known without reading them where `counted`."""
    if next(rest, None) is None:
        return ""
    return f"{sum(1 for _ in paths) - shown} more" if counted else "more"


def _task_table(tasks: Sequence[Task], waits: Waits, columns: int) -> str:
    """Return a line for each task; where they are too long for the terminal, what it is about and why go below it."""
    rows = [
        (
            task.id,
            paint(task.state.name, *_COLORS.get(task.state.name, "").split()),
            task.lane.value,
            one_line(task.rule),
            ago(task.created, now()),
        )
        for task in tasks
    ]
    told = [(_subject(task), one_line(waits.reason(task), 500)) for task in tasks]
    head = ("task", "state", "lane", "rule", "made")
    whole = table(
        [(*row[:-1], about, row[-1], reason) for row, (about, reason) in zip(rows, told, strict=True)],
        head=(*head[:-1], "about", head[-1], "reason"),
    )
    if not columns or all(width(line) <= columns for line in whole.splitlines()):
        return whole
    lines = table(rows, head=head, columns=columns, whole=(0,)).splitlines()
    below = (cut(f"  {': '.join(filter(None, words))}", columns) for words in told)
    return "\n".join([lines[0], *chain.from_iterable(zip(lines[1:], below, strict=True))])


def _subject(task: Task) -> str:
    fields = task.event.fields
    name = next((str(fields[key]) for key in ("title", "branch", "id", "task") if fields.get(key)), "")
    return one_line(task.issue or name or task.event.kind)


def _task_json(task: Task, waits: Waits) -> dict[str, Any]:
    return {
        "id": task.id,
        "state": task.state.name,
        "lane": task.lane.value,
        "rule": task.rule,
        "event": task.event.id,
        "attempts": task.attempts,
        "deadline": format_time(task.deadline),
        "reason": waits.reason(task),
        "not_before": None if task.not_before is None else format_time(task.not_before),
        "after": list(task.after),
    }


@command.command("show", examples=[("sixthbot queue show t1a2b", "everything the queue knows of one task")])
@click.argument("task_id", metavar="ID")
@json_option
@pass_session
def show(session: Session, task_id: str, *, as_json: bool) -> None:
    """Show one task."""
    store = session.store()
    task = find_task(store, task_id, past=True)
    row = read_progress(session.places(), task.id) if isinstance(task.state, Running) else None
    dead = isinstance(task.state, Running) and is_dead(session.places(), task.state.worker)
    shown = _task_json(task, Waits(session, now())) | _details(task)
    shown["followers"] = [other.id for other in store.queue.followers.of(task)]
    if as_json:
        progress = None if row is None else progress_json(row)
        session.out.json({"schema": 1, "task": shown | {"progress": progress, "dead": dead}})
        return
    rows = [
        (name.replace("_", " "), one_line(", ".join(value) if isinstance(value, list) else str(value), 300))
        for name, value in shown.items()
        if value
    ]
    session.out.say(table((paint(name, "bold"), value) for name, value in rows))
    if dead:
        session.out.say(f"\n{paint('now', 'bold')}  {left_text(row)}")
        session.out.say("\n".join(next_lines("sixthbot run", indent="     ")))
    elif row is not None:
        session.out.say(f"\n{paint('now', 'bold')}  {progress_text(row)}, begun {ago(row['since'], now())}")
        if row["line"]:
            session.out.say(f"     it says: {one_line(row['line'], 160)}")
    session.out.say(f"\nsixthbot why {task.id} tells its story")


def _details(task: Task) -> dict[str, Any]:
    return {
        "issue": task.issue,
        "key": task.key,
        "intensity": task.intensity,
        "min_budget": task.min_budget,
        "max_budget": task.max_budget,
        "after_failed": task.after_failed.value
        if task.after or task.after_failed is not AfterFailed.PARK
        else "",
        "created": format_time(task.created),
        "crashes": task.crashes,
        "hint": str(getattr(task.state, "hint", "")),
        "until": format_time(task.state.until) if isinstance(task.state, Waiting) else "",
        "worker": task.state.worker if task.state.name == "running" else "",
        "events": [f"{event.kind} {event.key}" for event in task.events],
    }


for _verb in (
    steer.retry, steer.cancel, steer.move, steer.pause, steer.resume, steer.defer, steer.after
):  # fmt: skip
    command.add_command(_verb)
