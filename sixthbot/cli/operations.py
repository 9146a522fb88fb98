"""`sixthbot operations`: what the bot and its people did to branches, newest first, and whether it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import next_lines, one_line, paint, table
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.undo import change_text
from sixthbot.cli.verbs import json_option, verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.store.operations import Operation

_LATEST = 20
_STATES = {"begun": ("not over", "yellow"), "done": ("done", "green"), "reverted": ("never made", "dim")}


@verb(
    ("sixthbot operations", f"the last {_LATEST}, newest first"),
    ("sixthbot operations --branch sixth/tidy", "those of one branch"),
    ("sixthbot operations --all --json", "all there are, for a program"),
)
@click.option("--branch", metavar="NAME", help="Only those that move this branch.")
@click.option("--task", metavar="ID", help="Only those of this task.")
@click.option("--all", "everything", is_flag=True, help=f"All, not only the last {_LATEST}.")
@json_option
@pass_session
def command(
    session: Session, branch: str | None, task: str | None, *, everything: bool, as_json: bool
) -> None:
    """List the changes of branches, each with what it moved; `undo` takes one back."""
    from sixthbot.engine.undoing import undone_by  # noqa: PLC0415 - lazy, see app

    operations = session.store().operations.list()
    undone = undone_by(operations)
    chosen = [one for one in reversed(operations) if _is_wanted(one, branch, task)]
    left_out = 0 if everything else max(0, len(chosen) - _LATEST)
    chosen = chosen if everything else chosen[:_LATEST]
    if as_json:
        rows = [_row(one, undone) for one in chosen]
        session.out.json({"schema": 1, "operations": rows, "left_out": left_out})
        return
    if not chosen:
        session.out.say("no operations" + (" of that kind" if branch or task else " yet"))
        return
    for one in chosen:
        session.out.say(operation_text(one, undone))
    if left_out:
        session.out.talk(f"{left_out} older: sixthbot operations --all")
    session.out.talk("\n".join(next_lines("sixthbot undo ID --dry-run", indent="")))


def _is_wanted(operation: Operation, branch: str | None, task: str | None) -> bool:
    refs = {ref for ref, _, _ in operation.refs}
    return (branch is None or not refs.isdisjoint({branch, f"refs/heads/{branch}"})) and (
        task is None or operation.task == task
    )


def _row(operation: Operation, undone: Mapping[str, str]) -> dict[str, object]:
    return {
        "id": operation.id,
        "time": operation.time,
        "task": operation.task or None,
        "reason": operation.reason,
        "state": "undone" if operation.id in undone else operation.state,
        "refs": [{"ref": ref, "old": old, "new": new} for ref, old, new in operation.refs],
        "undoes": operation.undoes or None,
        "undone_by": undone.get(operation.id),
    }


def operation_text(operation: Operation, undone: Mapping[str, str]) -> str:
    """Return an operation for people: its id, how it ended, what it was for and what it moved."""
    word, color = ("undone", "dim") if operation.id in undone else _STATES[operation.state]
    by = f"task {operation.task}" if operation.task else "no task"
    head = table([(paint(operation.id, "cyan"), paint(word, color), one_line(operation.reason, 120), by)])
    return "\n".join([head, *(f"  {change_text(change)}" for change in operation.refs)])
