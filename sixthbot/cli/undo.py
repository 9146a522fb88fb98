"""`sixthbot undo`: takes one operation back, which is an operation again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import one_line
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb

if TYPE_CHECKING:
    from sixthbot.store.operations import RefChange


@verb(
    ("sixthbot undo --dry-run", "say what the last operation was, and what undoing it would do"),
    ("sixthbot undo", "take it back; once more, and it is there again"),
    ("sixthbot undo 20261126T0801", "another one, by its id or how its id begins (sixthbot operations)"),
)
@click.argument("operation", required=False)
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@pass_session
def command(session: Session, operation: str | None, *, dry_run: bool) -> None:
    """Put exactly the branches of one operation (default: the last one) back to where they were before it.

    Nothing else is rolled back. It is refused when one of them has moved since, is checked out, is being worked on or
    was pushed. An approval of such a branch counts no more, and the plan of its issue says what is on it now.
    """
    from sixthbot.engine.undoing import plan_undo, undo  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("undoing an operation")
    services = session.services()
    plan = plan_undo(services, operation)
    what = f"{plan.operation.id} ({one_line(plan.operation.reason, 120)})"
    lines = [f"  {change_text(change)}" for change in plan.changes]
    if dry_run:
        session.out.say("\n".join([f"would undo {what}", *lines]))
        return
    done = undo(services, plan)
    session.out.say("\n".join([f"undone: {what}", *lines]))
    session.out.talk(f"to have it again: sixthbot undo {done.id}")
    for issue in plan.issues:
        session.out.talk(f"its issue waits as it is; to work on it again: sixthbot issue reopen {issue}")


def change_text(change: RefChange) -> str:
    """Return one move of a ref for people."""
    ref, old, new = change
    name = one_line(ref.removeprefix("refs/heads/"), 120)
    if old is None:
        return f"{name} is made at {(new or '')[:12]}"
    return f"{name} is deleted (it was at {old[:12]})" if new is None else f"{name}: {old[:12]} -> {new[:12]}"
