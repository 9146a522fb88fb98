"""`sixthbot status`: what the bot does and what waits for the person, read from names and small files only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sixthbot.cli.output import one_line, paint, plural, table
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.times import ago
from sixthbot.cli.verbs import json_option, verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sixthbot.core.drafts import Draft
    from sixthbot.core.issues import IssueRecord, Plan
    from sixthbot.core.tasks import Task
    from sixthbot.store.open import Store


class Board(NamedTuple):
    """What people's text needs beyond the figures: open issues with their plans, open drafts, parked tasks."""

    issues: Sequence[tuple[IssueRecord, Plan]]
    drafts: Sequence[Draft]
    parked: Sequence[Task]


@verb(
    ("sixthbot status", "what the bot does, and what waits for you"),
    ("sixthbot status --json", "the same as figures, for a prompt or a program"),
)
@json_option
@pass_session
def command(session: Session, *, as_json: bool) -> None:
    """Show watcher, queue, issues, drafts and the last error, each with what to type next."""
    # what `status` imports it pays for at every prompt: neither pydantic nor GitPython
    from sixthbot.store.clock import now  # noqa: PLC0415
    from sixthbot.store.status import read_status  # noqa: PLC0415

    places = session.places()
    moment = now()
    status = read_status(places, moment)
    if as_json:
        session.out.json(status)
        return
    session.out.say("\n".join(story(status, read_board(session.store()), moment)))


def read_board(store: Store) -> Board:
    """Read open issues, drafts that want somebody, and parked tasks."""
    issues = [
        (record, store.issues.plan(record.id))
        for record in store.issues.list()
        if record.status in _OPEN_ISSUES
    ]
    drafts = [draft for draft in store.drafts.list() if draft.status in _OPEN_DRAFTS]
    return Board(issues, drafts, list(store.queue.all(states=("parked",))))


_OPEN_ISSUES = frozenset({"open", "waiting-for-person", "in-review", "approved"})
_OPEN_DRAFTS = frozenset({"awaiting-review", "approved"})


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
        if subtask.status in {"waiting", "failed"}:
            reason = f" ({one_line(subtask.reason, 100)})" if subtask.reason else ""
            yield f"    {paint(subtask.status, 'yellow')} {subtask.n}. {one_line(subtask.text, 80)}{reason}"
    for task in parked:
        if task.state.name == "parked" and task.state.kind != "review":
            yield from _parked(task)


def _parked(task: Task) -> Iterator[str]:
    if task.state.name == "parked":
        yield f"    {paint('waits for you', 'yellow')}: {one_line(task.state.reason, 160)}"
        if task.state.hint:
            yield f"    {paint('next', 'green')}: {one_line(task.state.hint, 240)}"


def _draft(draft: Draft) -> Iterator[str]:
    name = draft.branch.value
    following = "review" if draft.status == "awaiting-review" else "push"
    yield f"  {paint(name, 'cyan')}  {draft.status.value}  {one_line(draft.title, 80)}"
    yield f"    {paint('next', 'green')}: sixthbot {following} {name}"


def _last_error(error: Mapping[str, Any], now: datetime) -> Iterator[str]:
    yield f"\n{paint('last error', 'bold')}  {ago(error['time'], now)}: {paint(one_line(error['message']), 'red')}"
    if error["task"]:
        yield f"  {paint('next', 'green')}: sixthbot why {error['task']}"
