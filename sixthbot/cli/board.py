"""What `sixthbot status` shows, from names and small files only; every import here is paid for at every prompt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixthbot.cli.output import Output, next_lines, one_line, paint, plural, table, wants_color

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sixthbot.core.drafts import Draft
    from sixthbot.core.issues import IssueRecord, Plan
    from sixthbot.core.tasks import Task
    from sixthbot.store.paths import Places


class Board:
    """What people's text needs beyond the figures: open issues with their plans, open drafts, parked tasks."""

    def __init__(
        self,
        issues: Sequence[tuple[IssueRecord, Plan]],
        drafts: Sequence[Draft],
        parked: Sequence[Task],
    ) -> None:
        self.issues = issues
        self.drafts = drafts
        self.parked = parked


def show_status(start: Path | None = None, out: Output | None = None, *, as_json: bool) -> None:
    """Print the status of the repository around `start` (default: here); raise NoRepository where there is none."""
    from sixthbot.store.clock import now  # noqa: PLC0415 - after the cheap failures
    from sixthbot.store.paths import locate, require_initialised  # noqa: PLC0415
    from sixthbot.store.status import read_status  # noqa: PLC0415

    if out is None:
        out = Output(color_out=wants_color(None, stream=sys.stdout), color_err=False)
    places = locate(Path() if start is None else start)
    require_initialised(places)
    moment = now()
    status = read_status(places, moment)
    if as_json:
        out.json(status)
    else:
        out.say("\n".join(story(status, read_board(places, status), moment)))


def read_board(places: Places, status: Mapping[str, Any]) -> Board:
    """Read open issues, drafts that want somebody, and parked tasks: each only when the figures say there are some."""
    return Board(
        _open_issues(places) if status["issues"]["open"] else (),
        _open_drafts(places) if any(status["drafts"].get(name) for name in _OPEN_DRAFTS) else (),
        _parked_tasks(places) if status["queue"]["parked"] else (),
    )


_OPEN_ISSUES = frozenset({"open", "waiting-for-person", "in-review", "approved"})
_OPEN_DRAFTS = frozenset({"awaiting-review", "approved"})


def _open_issues(places: Places) -> Sequence[tuple[IssueRecord, Plan]]:
    from sixthbot.cli.lookup import plan_of  # noqa: PLC0415 - most of the time there is nothing to read
    from sixthbot.store.issues import Issues  # noqa: PLC0415

    issues = Issues(places.issues, places.rejected, "process")
    return [(record, plan_of(issues, record.id)) for record in issues.list() if record.status in _OPEN_ISSUES]


def _open_drafts(places: Places) -> Sequence[Draft]:
    from sixthbot.store.drafts import Drafts  # noqa: PLC0415 - most of the time there is nothing to read

    return [draft for draft in Drafts(places.drafts, "process").list() if draft.status in _OPEN_DRAFTS]


def _parked_tasks(places: Places) -> Sequence[Task]:
    from sixthbot.store.queue import Queue  # noqa: PLC0415 - most of the time there is nothing to read

    return list(Queue(places.queue, "process").all(states=("parked",)))


def story(status: Mapping[str, Any], board: Board, now: datetime) -> Iterator[str]:
    """Yield the lines of the people's text."""
    yield table(
        [
            (paint("watcher", "bold"), _watcher(status["watcher"], now)),
            (paint("queue", "bold"), _queue(status["queue"])),
            (paint("rules", "bold"), plural(status["rules"]["active"], "rule")),
        ]
    )
    for rule in status["rules"]["disabled"]:
        yield f"  {paint('disabled', 'yellow')} {one_line(rule['name'])}: {one_line(rule['reason'])}"
    told: set[str] = set()
    if board.issues:
        yield "\n" + paint("issues", "bold")
        for record, plan in board.issues:
            yield from _issue(record, plan, [task for task in board.parked if task.issue == record.id])
            told.add(record.id)
    if board.drafts:
        yield "\n" + paint("drafts", "bold")
        for draft in board.drafts:
            yield from _draft(draft)
    others = [task for task in board.parked if task.issue not in told]
    if others:
        yield "\n" + paint("waiting for you", "bold")
        for task in others:
            yield f"  {task.id}  {one_line(task.rule, 60)}"
            yield from _parked(task)
    if status["last_error"] is not None:
        yield from _last_error(status["last_error"], now)
    if not (board.issues or board.drafts or others):
        yield "\nnothing waits for you; sixthbot new 'TITLE' puts an issue into the inbox"


def _watcher(watcher: Mapping[str, Any], now: datetime) -> str:
    if not watcher["running"]:
        return paint("not running", "yellow") + " (start it: sixthbot watch; or once: sixthbot run)"
    from sixthbot.cli.times import ago  # noqa: PLC0415 - datetimes are read only where there are any

    since = f", started {ago(watcher['since'], now)}" if watcher["since"] else ""
    return paint("running", "green") + f", pid {watcher['pid']}{since}"


def _queue(queue: Mapping[str, Any]) -> str:
    ready = {lane: count for lane, count in queue["ready"].items() if count}
    parts = [f"{queue[name]} {name}" for name in ("running", "waiting", "parked", "failed") if queue[name]]
    if ready:
        lanes = ", ".join(f"{lane} {count}" for lane, count in ready.items())
        parts.insert(0, f"{sum(ready.values())} ready ({lanes})")
    return ", ".join(parts) or "empty"


def _issue(record: IssueRecord, plan: Plan, parked: Sequence[Task]) -> Iterator[str]:
    settled = sum(subtask.settled for subtask in plan.subtasks)
    yield f"  {paint(record.id, 'cyan')}  {one_line(record.title, 80)}"
    where = f"on {record.branch}, " if record.branch else "no branch yet, "
    yield f"    {where}{settled} of {plural(len(plan.subtasks), 'subtask')} done"
    for subtask in plan.subtasks:
        if subtask.status in _STUCK:
            reason = f" ({one_line(subtask.reason, 100)})" if subtask.reason else ""
            yield f"    {_STUCK[subtask.status]}: {subtask.n}. {one_line(subtask.text, 80)}{reason}"
    for task in parked:
        yield from _parked(task, with_reason=not plan.waiting())


_STUCK = {"waiting": paint("waits for you", "yellow"), "failed": paint("failed", "red")}


def _parked(task: Task, *, with_reason: bool = True) -> Iterator[str]:
    """Tell why a task is parked and what to type; one that waits for review is told with its draft."""
    if task.state.name != "parked" or task.state.kind == "review":
        return
    if with_reason:
        yield f"    {paint('waits for you', 'yellow')}: {one_line(task.state.reason, 160)}"
    yield from next_lines(task.state.hint, indent="    ")


def _draft(draft: Draft) -> Iterator[str]:
    name = draft.branch.value
    following = "review" if draft.status == "awaiting-review" else "push"
    yield f"  {paint(name, 'cyan')}  {draft.status.value}  {one_line(draft.title, 80)}"
    yield f"    {paint('next', 'green')}: sixthbot {following} {name}"


def _last_error(error: Mapping[str, Any], now: datetime) -> Iterator[str]:
    from sixthbot.cli.times import ago  # noqa: PLC0415 - as above

    yield f"\n{paint('last error', 'bold')}  {ago(error['time'], now)}: {paint(one_line(error['message']), 'red')}"
    if error["task"]:
        yield f"  {paint('next', 'green')}: sixthbot why {error['task']}"
