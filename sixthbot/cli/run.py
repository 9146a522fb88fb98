"""`sixthbot run`: everything there is to do, now, in this process; then it exits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import one_line, paint, plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.signals import until_told
from sixthbot.cli.times import on_the_clock
from sixthbot.cli.verbs import verb
from sixthbot.cli.watching import tell_settings, told
from sixthbot.core.errors import ExitCode
from sixthbot.core.tasks import Lane
from sixthbot.store.afoot import failed_checks
from sixthbot.store.clock import now
from sixthbot.store.counting import count_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.bot import RunReport
    from sixthbot.core.tasks import Task
    from sixthbot.store.open import Store
    from sixthbot.store.paths import Places

_FEW = 20
"""More tasks that wait are not told one by one; `status` and `queue` have all."""


@verb(
    ("sixthbot run", "handle what happened, do every task, then exit"),
    ("sixthbot -q run", "without a line for each thing, as in a cron job"),
)
@click.option(
    "--autostarted", is_flag=True, hidden=True, help="Started by a hook: one at a time, in the background."
)
@pass_session
def command(session: Session, *, autostarted: bool) -> int:
    """Handle every event and every task now, whatever its lane may wait; exit code 1 when a task failed, 2 when settings are broken.

    It waits for retries that are due within a minute; events gather for at most 2 s. A running `watch` shares the queue with it.
    """
    from sixthbot.bot import Bot  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("running the bot")
    session.require_home()
    if autostarted:
        from sixthbot.cli.autostart import run_alone  # noqa: PLC0415 - lazy, see app

        return run_alone(session)
    tell_settings(session.out, session.services())  # before anything is done
    session.leave_saving()
    bot = Bot.open(session.start, env=os.environ)
    listening = until_told(on_hangup=bot.reload, on_ask=bot.say_stacks, exit_code=ExitCode.INTERRUPTED)
    with listening as stop, told(session.out, bot.services.last.store, stop=stop) as heard:
        report = bot.run(stop)
    for line in (*_summary(report, bot.services.last.places), *_left_lying(bot.services.last.store)):
        session.out.say(line)
    if stop.is_set():
        session.out.say(f"interrupted; {plural(heard.given_back, 'task')} went back to the queue")
        return ExitCode.INTERRUPTED
    if report.failed:
        return ExitCode.FAILED
    # what could be done without them was; whoever wrote them must hear that they are no settings
    return ExitCode.USAGE if bot.services.last.loaded.problems else ExitCode.OK


def _summary(report: RunReport, places: Places) -> Iterator[str]:
    counts = {
        "done": report.over, "failed": len(report.failed), "waiting for you": len(report.parked),
        "waiting for later": len(report.waiting),
    }  # fmt: skip
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    yield f"{plural(report.events, 'event')}; tasks: {said or 'none'}"
    for name, reason in report.rejected:
        yield f"{paint('rejected', 'red')} {one_line(name, 80)}: {one_line(reason, 200)}"
    for name in report.unsettled:
        yield f"{paint('left in the inbox', 'yellow')} {one_line(name, 80)}: somebody is still writing it"
    for task in report.failed:
        yield f"{paint('failed', 'red')} {task.id}: {_reason(task)}"
        yield f"  {paint('next', 'green')}: sixthbot why {task.id}"
    for task in report.waiting[:_FEW]:
        reason = on_the_clock(_reason(task), now())
        yield f"{paint('waits', 'yellow')} {task.issue or task.id}: {reason}"
    for task in report.parked[:_FEW]:
        checks = failed_checks(places, task.id)
        said = f"; failed checks: {one_line(', '.join(checks), 120)}" if checks else ""
        yield f"{paint('waits for you', 'yellow')} {task.issue or task.id}: {_reason(task)}{said}"
    if report.parked:
        yield f"{paint('next', 'green')}: sixthbot status says what waits for you"


def _left_lying(store: Store) -> Iterator[str]:
    """Tell of tasks that a run leaves alone: those that could be done, in lanes that somebody paused."""
    paused = store.queue.paused()
    every = len(paused) == len(Lane)
    for lane in (lane for lane in Lane if lane in paused):
        if count := count_tasks(f"{store.queue.root}/ready/{lane.value}"):
            resume = f"sixthbot queue resume{'' if every else f' {lane.value}'}"
            yield f"{paint('left lying', 'yellow')} {plural(count, 'task')}: lane {lane.value} is paused (go on: {resume})"


def _reason(task: Task) -> str:
    return one_line(str(getattr(task.state, "reason", "")), 200)
