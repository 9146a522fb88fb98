"""`sixthbot plan`: an issue's subtasks, to read or to edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.issue import issue_json, plan_lines
from sixthbot.cli.lookup import plan_of
from sixthbot.cli.output import one_line, paint, plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import ConfigError, WorkFailed

if TYPE_CHECKING:
    from sixthbot.core.issues import Plan
    from sixthbot.store.open import Store


@verb(
    ("sixthbot plan tidy", "the subtasks of an issue and how far each is"),
    ("sixthbot plan tidy --edit", "change their text, status or recipe in your editor"),
)
@click.argument("issue_id", metavar="ID")
@click.option("--edit", "wants_edit", is_flag=True, help="Open the plan in your editor.")
@json_option
@pass_session
def command(session: Session, issue_id: str, *, wants_edit: bool, as_json: bool) -> None:
    """Show or edit the plan of an issue."""
    store = session.store()
    record = store.issues.record(store.issues.resolve(issue_id))
    if wants_edit:
        refuse_inside_task("editing a plan")
        if _edit(session, store, record.id):
            _go_on(session, record.id)
    plan = plan_of(store.issues, record.id)
    if as_json:
        session.out.json({"schema": 1, "issue": issue_json(record, plan)})
        return
    session.out.say(f"{paint(one_line(record.title), 'bold')}  {record.id}\n")
    session.out.say("\n".join(plan_lines(plan)))


def _go_on(session: Session, issue_id: str) -> None:
    """Let the issue's task look at the plan again, and say what follows."""
    from sixthbot.engine.replan import go_on_with_plan  # noqa: PLC0415 - lazy, see app

    tasks = go_on_with_plan(session.services(), issue_id)
    if tasks:
        session.out.talk(
            f"saved; {plural(len(tasks), 'task')} can go on: a running watch does, or sixthbot run"
        )
    else:
        session.out.talk("saved; it counts from the next time that the issue is worked on")


def _edit(session: Session, store: Store, issue_id: str) -> bool:
    """Let the person edit a copy; tell whether the plan is another now.

    What cannot be used is told and kept, and the plan stays as it was.
    """
    from sixthbot.cli.programs import drop_copy, edit_copy  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.replan import follow_edit  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.repository import open_repository  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.planfile import plan_from_bytes  # noqa: PLC0415 - lazy, see app

    config = session.services().loaded.config  # before the person has typed anything that could get lost
    repo = open_repository(store.places.top, store.places.git_dir)
    before = store.issues.plan_path(issue_id).read_bytes()
    copy = edit_copy(repo.git, before, name="plan.toml")
    after = copy.read_bytes()
    if after == before:
        session.out.talk("nothing was changed")
    else:
        try:
            plan = _checked(plan_from_bytes(after, str(copy)), store, issue_id)
        except ConfigError as error:
            raise ConfigError(
                error.message, hint=f"your text is kept in {copy}; the plan is as before"
            ) from None
        old = plan_from_bytes(before, "the plan")

        def change(now: Plan) -> Plan:
            if now != old:
                raise WorkFailed(
                    "the bot changed the plan meanwhile", hint=f"your text is kept in {copy}; edit it again"
                )
            return follow_edit(config, old, plan)

        store.issues.change_plan(issue_id, change)
        store.journal.append("plan.edited", "a person edited the plan", issue=issue_id)
    drop_copy(copy)
    return after != before


def _checked(plan: Plan, store: Store, issue_id: str) -> Plan:
    """Refuse a plan in which a `do` is new and cannot be read, or a number is gone: commits and trailers refer to it."""
    from sixthbot.actions.asked import why_for_a_person  # noqa: PLC0415 - lazy, see app

    numbers = {subtask.n for subtask in plan.subtasks}
    before = {subtask.n: subtask for subtask in store.issues.plan(issue_id).subtasks}
    lost = [n for n in before if n not in numbers]
    for subtask in plan.subtasks:
        old = before.get(subtask.n)
        if subtask.unread and not subtask.settled and (old is None or old.unread != subtask.unread):
            raise ConfigError(f"subtask {subtask.n}: {why_for_a_person(subtask.unread)}")
    if lost:
        raise ConfigError(
            f'subtask {lost[0]} is gone: a number is never reused, so a subtask stays (status = "done" skips it)'
        )
    return plan
