"""`sixthbot issue`: the issues the bot has taken in, and how far each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.lookup import plan_of
from sixthbot.cli.output import clean_text, next_lines, one_line, paint, plural, table
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import VerbGroup, json_option
from sixthbot.core.errors import SixthError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.core.issues import Issue, IssueRecord, Plan, Subtask
    from sixthbot.store.open import Store

_OVER = frozenset({"cancelled", "ended"})
_COLORS = {"waiting-for-person": "yellow", "in-review": "yellow", "approved": "green", "rejected": "red"}
_GIVEN = (
    "labels", "priority", "base", "depends", "paths", "due", "source", "do", "agent", "intensity", "min_budget",
    "max_budget",
)  # fmt: skip
_MARKS = {"open": "[ ]", "waiting": "[?]", "failed": "[!]", "done": "[x]"}


@click.group(
    cls=VerbGroup,
    default="list",
    examples=[
        ("sixthbot issue list", "issues that are not over"),
        ("sixthbot issue show tidy", "one issue; a unique prefix is enough"),
        ("sixthbot issue cancel tidy", "stop working on it; its branch stays"),
    ],
)
def command() -> None:
    """List, show, cancel or reopen issues."""


@command.command(
    "list",
    examples=[
        ("sixthbot issue list", "issues that are not over"),
        ("sixthbot issue list --all", "cancelled and ended ones as well"),
        ("sixthbot issue list --json", "all of them, for a program"),
    ],
)
@click.option("--all", "everything", is_flag=True, help="Cancelled and ended ones as well.")
@json_option
@pass_session
def list_issues(session: Session, *, everything: bool, as_json: bool) -> None:
    """List issues with their branch and how far they are."""
    store = session.store()
    records = store.issues.list()
    if as_json:
        issues = [issue_json(record, plan_of(store.issues, record.id)) for record in records]
        session.out.json({"schema": 1, "issues": issues})
        return
    shown = [record for record in records if everything or record.status not in _OVER]
    rows = [_row(record, plan_of(store.issues, record.id)) for record in shown]
    head = ("issue", "status", "done", "branch", "title")
    session.out.say(
        table(rows, head=head, columns=session.out.columns, whole=(0, 1, 2))
        or "no open issues; sixthbot new 'TITLE' makes one"
    )
    if len(records) > len(shown):
        session.out.talk(
            f"{plural(len(records) - len(shown), 'issue')} that ended: sixthbot issue list --all"
        )


def issue_json(record: IssueRecord, plan: Plan) -> dict[str, Any]:
    """Return an issue as the contract's JSON has it."""
    return {
        "id": record.id,
        "title": record.title,
        "branch": record.branch,
        "status": record.status.value,
        "subtasks": [
            {"n": subtask.n, "text": subtask.text, "status": subtask.status.value, "by": subtask.by}
            for subtask in plan.subtasks
        ],
    }


def _row(record: IssueRecord, plan: Plan) -> tuple[str, ...]:
    settled = sum(subtask.settled for subtask in plan.subtasks)
    status = record.status.value
    return (
        paint(record.id, "cyan"),
        paint(status, _COLORS[status]) if status in _COLORS else status,
        f"{settled}/{len(plan.subtasks)}",
        record.branch or "-",
        one_line(record.title),
    )


@command.command("show", examples=[("sixthbot issue show tidy", "its state, its plan and its text")])
@click.argument("issue_id", metavar="ID")
@json_option
@pass_session
def show(session: Session, issue_id: str, *, as_json: bool) -> None:
    """Show an issue: where it stands, its plan, what it waits for, its text."""
    store = session.store()
    record = store.issues.record(store.issues.resolve(issue_id))
    plan = plan_of(store.issues, record.id)
    data = store.issues.issue_text(record.id)
    issue, text = _read(data, record), data.decode("utf-8", "replace")
    if as_json:
        more = {"base": record.base, "received": record.received, "file": record.file_name, "text": text}
        read = {"understood": _understood(issue), "warnings": list(issue.warnings) if issue else []}
        session.out.json({"schema": 1, "issue": issue_json(record, plan) | more | read})
        return
    session.out.say("\n".join(_told(store, record, plan, issue)))
    session.out.say("\n" + clean_text(text.replace("\r\n", "\n")).rstrip("\n"))


def _read(data: bytes, record: IssueRecord) -> Issue | None:
    """Return the issue as its file is understood; None when somebody made it one that is not."""
    from sixthbot.core.issuefile import parse_issue  # noqa: PLC0415 - lazy, see app

    try:
        return parse_issue(data, record.file_name)
    except SixthError:
        return None


def _understood(issue: Issue | None) -> dict[str, Any]:
    """Return what the front matter gave and was understood, by key; lists stay lists."""
    values = {name: getattr(issue, name) for name in _GIVEN} if issue else {}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value
    }


def _told(store: Store, record: IssueRecord, plan: Plan, issue: Issue | None) -> Iterator[str]:
    yield paint(one_line(record.title), "bold")
    rows = [
        ("issue", record.id),
        ("status", record.status.value),
        ("branch", f"{record.branch} from {record.base}" if record.branch else "none yet"),
        ("received", f"{record.received} as {one_line(record.file_name, 80)}"),
    ]
    for name, value in _understood(issue).items():
        rows.append((name, one_line(", ".join(value) if isinstance(value, list) else value, 200)))
    yield table(rows)
    for warning in issue.warnings if issue else ():
        yield f"{paint('warning', 'yellow')}   {one_line(warning, 300)}"
    yield ""
    yield from plan_lines(plan)
    for task in store.queue.all(states=("parked", "failed")):
        if task.issue == record.id and task.state.name in {"parked", "failed"}:
            yield f"\n{paint(task.state.name, 'yellow')}: {one_line(task.state.reason, 300)}"
            yield from next_lines(getattr(task.state, "hint", "") or f"sixthbot why {task.id}")


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield a plan's subtasks, one line each, a second one where one waits or failed."""
    for subtask in plan.subtasks:
        yield f"{_MARKS[subtask.status]} {subtask.n}. {one_line(subtask.text, 120)}{_by(subtask)}"
        if subtask.reason and not subtask.settled:
            yield f"      {paint(subtask.status, 'yellow')}: {one_line(subtask.reason, 200)}"


def _by(subtask: Subtask) -> str:
    commits = ", ".join(commit[:9] for commit in subtask.commits)
    nothing = "nothing changed" if subtask.settled and subtask.reason == "nothing changed" else ""
    parts = [part for part in (f"by {subtask.by}" if subtask.by else "", commits, nothing) if part]
    return paint(f"  ({'; '.join(parts)})", "dim") if parts else ""


@command.command(
    "cancel", examples=[("sixthbot issue cancel tidy", "its tasks stop; its branch and text stay")]
)
@click.argument("issue_id", metavar="ID")
@pass_session
def cancel(session: Session, issue_id: str) -> None:
    """Stop working on an issue. What was done stays on its branch; `issue reopen` goes on."""
    from sixthbot.engine.reopening import cancel_issue  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("cancelling an issue")
    services = session.services()
    wanted = services.store.issues.resolve(issue_id)
    cancel_issue(services, wanted)
    session.out.say(f"{wanted} is cancelled; sixthbot issue reopen {wanted} takes it up again")


@command.command(
    "reopen", examples=[("sixthbot issue reopen tidy", "go on where it was cancelled or rejected")]
)
@click.argument("issue_id", metavar="ID")
@pass_session
def reopen(session: Session, issue_id: str) -> None:
    """Take up a cancelled, rejected or ended issue again."""
    from sixthbot.engine.reopening import reopen_issue  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("reopening an issue")
    services = session.services()
    wanted = services.store.issues.resolve(issue_id)
    reopen_issue(services, wanted)
    session.out.say(f"{wanted} is open again; a running watch goes on with it, or sixthbot run")
