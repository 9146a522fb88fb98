"""`sixthbot undo`: takes one operation back, which is an operation again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import click

from sixthbot.cli.output import next_lines, one_line
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.errors import UsageError

if TYPE_CHECKING:
    from sixthbot.engine.services import Services
    from sixthbot.store.operations import RefChange

_LATEST = 5


@verb(
    ("sixthbot undo", "name the last operations and their ids, change nothing"),
    ("sixthbot undo 20261126T0801 --dry-run", "what undoing one would do, by its id or how its id begins"),
    ("sixthbot undo 20261126T0801", "take it back"),
    ("sixthbot undo --last", "the last one, whoever made it; once more, and it is there again"),
)
@click.argument("operation", required=False)
@click.option("--last", is_flag=True, help="The last operation, whoever made it.")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@pass_session
def command(session: Session, operation: str | None, *, last: bool, dry_run: bool) -> None:
    """Put exactly the branches of one operation back to where they were before it.

    Several people and the bot move branches, so it has to be named: without an id and --last nothing is changed.

    Nothing else is rolled back. It is refused when one of them has moved since, is checked out, is being worked on or
    was pushed. An approval of such a branch counts no more, and the plan of its issue says what is on it now.
    """
    from sixthbot.engine.undoing import plan_undo, undo  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("undoing an operation")
    if operation is not None and (last or not operation.strip()):
        raise UsageError(
            "an id or --last, not both" if last else "the id is empty", hint="sixthbot operations"
        )
    services = session.services()
    if operation is None and not last:
        _name_some(session, services)
    plan = plan_undo(services, operation)
    what = f"{plan.operation.id} ({one_line(plan.operation.reason, 120)})"
    lines = [f"  {change_text(change)}" for change in plan.changes]
    if dry_run:
        session.out.say("\n".join([f"would undo {what}", *lines]))
        return
    done = undo(services, plan)
    session.out.say("\n".join([f"undone: {what}", *lines]))
    ways = [f"sixthbot undo {done.id} has it again"]
    ways += [f"sixthbot issue reopen {issue} works on its issue again" for issue in plan.issues]
    session.out.talk("\n".join(next_lines("; ".join(ways))))


def _name_some(session: Session, services: Services) -> NoReturn:
    """Show the last operations, and raise UsageError asking for one of them."""
    from sixthbot.cli.operations import operation_text  # noqa: PLC0415 - it is built on `change_text`
    from sixthbot.engine.undoing import undone_by  # noqa: PLC0415 - lazy, see app

    operations = services.store.operations.list()
    undone = undone_by(operations)
    for one in reversed(operations[-_LATEST:]):
        session.out.say(operation_text(one, undone))
    if not operations:
        raise UsageError("there is nothing to undo: no ref was moved yet", hint="sixthbot operations")
    raise UsageError(
        "it is not said which operation to take back; nothing was changed",
        hint="sixthbot undo ID, or sixthbot undo --last; all of them: sixthbot operations --all",
    )


def change_text(change: RefChange) -> str:
    """Return one move of a ref for people."""
    ref, old, new = change
    name = one_line(ref.removeprefix("refs/heads/"), 120)
    if old is None:
        return f"{name} is made at {(new or '')[:12]}"
    return f"{name} is deleted (it was at {old[:12]})" if new is None else f"{name}: {old[:12]} -> {new[:12]}"
