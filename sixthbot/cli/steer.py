"""The verbs of `sixthbot queue` that change something: every one is a rename, or a word to the worker that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import click

from sixthbot.cli.lookup import find_task
from sixthbot.cli.output import one_line, plural
from sixthbot.cli.records import local_clock
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core import lifecycle
from sixthbot.core.errors import ConfigError, SixthError, UsageError, WorkFailed
from sixthbot.core.tasks import AfterFailed, Done, Lane, Parked, Running
from sixthbot.core.times import format_time, parse_moment
from sixthbot.engine import following, steering
from sixthbot.store.afoot import is_dead
from sixthbot.store.clock import now
from sixthbot.store.records import about

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sixthbot.core.tasks import Task
    from sixthbot.store.open import Store

    Do: TypeAlias = Callable[[Task], str]
    """Does something to a task and returns what to say."""

_LANES = [lane.value for lane in Lane]
_LANE = click.Choice(_LANES)
OPEN_STATES = steering.OPEN_STATES
_ASKED = "is running; its worker was asked "
_LEFT = "its worker is dead, so this holds once `sixthbot run` or `sixthbot watch` starts"
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
_ids = click.argument("task_ids", metavar="ID...", nargs=-1)


@verb(
    ("sixthbot queue retry t1a2b", "try it again, from a clean count"),
    ("sixthbot queue retry --failed", "all that failed"),
    name="retry",
)
@_ids
@click.option("--failed", is_flag=True, help="Every task that failed.")
@_dry_run
@pass_session
def retry(session: Session, task_ids: tuple[str, ...], *, failed: bool, dry_run: bool) -> None:
    """Try waiting, parked or failed tasks again, now, whatever they wait for.

    One that waits for your review makes its draft anew: it rebases, runs the checks and describes the branch again.
    """
    store = session.store()
    tasks = _named(store, task_ids, empty=failed)
    if failed:
        tasks += [task for task in store.queue.all(states=("failed",)) if task not in tasks]
    _each(
        session, tasks, lambda task: _retry(session, store, task), "would be tried again" if dry_run else ""
    )
    if failed and not tasks:
        session.out.say("no task failed")


def _retry(session: Session, store: Store, task: Task) -> str:
    own = steering.is_of_issue(store, task)
    if isinstance(task.state, Parked) and task.state.kind == "review" and own:
        from sixthbot.engine.reopening import redo_draft  # noqa: PLC0415 - lazy, see app

        redo_draft(session.services(), task.issue)
        return f"{task.id} makes its draft anew; a running watch takes it up, or sixthbot run"
    if isinstance(task.state, Done) and own:
        raise lifecycle.IllegalTransition(
            f"task {task.id} is done: it cannot be retried", hint=f"sixthbot issue reopen {task.issue}"
        )
    steering.told(store, task, lifecycle.Retried(), now(), kind="task.retried", message=f"{task.id} is ready")
    return f"{task.id} is ready again; a running watch takes it up, or sixthbot run"


@verb(
    ("sixthbot queue cancel t1a2b", "give a task up; its branch stays as it is"),
    ("sixthbot queue cancel t1a2b t3c4d --dry-run", "see first what would go"),
    name="cancel",
)
@_ids
@_dry_run
@pass_session
def cancel(session: Session, task_ids: tuple[str, ...], *, dry_run: bool) -> None:
    """Give tasks up. A running one is stopped within a second. An issue whose last task it is becomes cancelled."""
    store = session.store()
    tasks = _named(store, task_ids)
    _each(session, tasks, lambda task: _cancel(session, store, task), "would be cancelled" if dry_run else "")


def _cancel(session: Session, store: Store, task: Task) -> str:
    if not isinstance(task.state, Done) and steering.is_last_of_issue(store, task):
        from sixthbot.engine.reopening import cancel_issue  # noqa: PLC0415 - lazy, see app

        refuse_inside_task("cancelling an issue")
        dead = _is_left(store, task)
        cancel_issue(session.services(), task.issue)
        return (
            ("its worker was asked to stop: " if isinstance(task.state, Running) and not dead else "")
            + f"{task.id} is cancelled, and with it issue {task.issue}; "
            f"sixthbot issue reopen {task.issue} takes it up again{f'; {_LEFT}' if dead else ''}"
        )
    after = store.queue.cancel(task)
    if after is None:
        raise lifecycle.IllegalTransition(f"task {task.id} is done: it cannot be cancelled")
    if after.state.name == "running":
        store.journal.append("task.cancel.requested", f"asked to stop {task.id}", **about(task))
        return f"{task.id} {'is cancelled; ' + _LEFT if _is_left(store, after) else _ASKED + 'to stop'}"
    store.journal.append("task.cancelled", f"{task.id} is cancelled", **about(task))
    following.let_follow(store, after, now())
    return f"{task.id} is cancelled"


@verb(("sixthbot queue move t1a2b critical", "put it before everything else"), name="move")
@_ids
@click.argument("lane", type=_LANE)
@_dry_run
@pass_session
def move(session: Session, task_ids: tuple[str, ...], lane: str, *, dry_run: bool) -> None:
    """Put tasks into another lane; their deadlines move with it."""
    store = session.store()
    tasks = _named(store, task_ids)
    _each(
        session,
        tasks,
        lambda task: _move(store, task, Lane(lane)),
        f"would go to lane {lane}" if dry_run else "",
    )


def _move(store: Store, task: Task, lane: Lane) -> str:
    if task.state.name in {"running", "done"}:
        raise UsageError(f"task {task.id} is {task.state.name}: it has no lane to change any more")
    if not store.queue.settle(task, task.in_lane(lane)):
        raise steering.moved_on(task)
    store.journal.append("task.moved", f"{task.id} moved to lane {lane.value}", **about(task))
    return f"{task.id} is in lane {lane.value} now"


@verb(
    ("sixthbot queue pause", "claim nothing at all"),
    ("sixthbot queue pause low", "nothing from one lane"),
    ("sixthbot queue pause t1a2b", "one task; a running one keeps what it has done"),
    name="pause",
)
@click.argument("what", metavar="[LANE | ID...]", nargs=-1)
@_dry_run
@pass_session
def pause(session: Session, what: tuple[str, ...], *, dry_run: bool) -> None:
    """Claim no more tasks, of one lane or of all; what runs goes on. Or let single tasks wait until they are resumed.

    A running task is given back within a second, with the steps it has done; that counts as no attempt.
    """
    store = session.store()
    lane = _lane_of(what)
    if lane is None:
        tasks = _named(store, what, lanes=True)
        _each(session, tasks, lambda task: _pause(store, task), "would be paused" if dry_run else "")
    elif dry_run:
        session.out.say(f"{_lane_words(lane)} would be paused")
    else:
        store.queue.pause(Lane(lane) if lane else None)
        store.journal.append("queue.paused", f"{_lane_words(lane)} paused")
        session.out.say(
            f"{_lane_words(lane)} paused; sixthbot queue resume{f' {lane}' if lane else ''} goes on"
        )


def _pause(store: Store, task: Task) -> str:
    after = steering.pause(store, task, now())
    if isinstance(after.state, Running):
        return f"{task.id} {'is paused; ' + _LEFT if _is_left(store, after) else _ASKED + 'to give it back'}"
    return f"{task.id} is paused; sixthbot queue resume {task.id} lets it go on"


@verb(
    ("sixthbot queue resume", "go on with every lane"),
    ("sixthbot queue resume t1a2b", "go on with a paused task"),
    name="resume",
)
@click.argument("what", metavar="[LANE | ID...]", nargs=-1)
@_dry_run
@pass_session
def resume(session: Session, what: tuple[str, ...], *, dry_run: bool) -> None:
    """Go on with a paused lane, with all lanes, or with single tasks that were paused."""
    store = session.store()
    lane = _lane_of(what)
    if lane is None:
        tasks = _named(store, what, lanes=True)
        _each(session, tasks, lambda task: _resume(store, task), "would be resumed" if dry_run else "")
    elif dry_run:
        session.out.say(f"{_lane_words(lane)} would be resumed")
    else:
        store.queue.resume(Lane(lane) if lane else None)
        store.journal.append("queue.resumed", f"{_lane_words(lane)} resumed")
        session.out.say(f"{_lane_words(lane)} resumed")


def _resume(store: Store, task: Task) -> str:
    after = steering.resume(store, task, now())
    if isinstance(after.state, Running):
        if _is_left(store, after):
            return f"{task.id} goes on; {_LEFT}"
        return f"{task.id} is running, and goes on"
    return f"{task.id} is {after.state.name} again"


@verb(
    ("sixthbot queue defer t1a2b 14:00", "not before two, by your clock"),
    ("sixthbot queue defer t1a2b 2h", "not for two hours"),
    ("sixthbot queue defer t1a2b '2026-11-20 08:00'", "not before that day"),
    name="defer",
)
@_ids
@click.argument("when")
@_dry_run
@pass_session
def defer(session: Session, task_ids: tuple[str, ...], when: str, *, dry_run: bool) -> None:
    """Let tasks not start before a time. Their lane's wait counts from then on. A failed task is tried again then."""
    store, moment = session.store(), now()
    try:
        until = parse_moment(when, moment.astimezone())
    except ConfigError:
        if task_ids and not any(task_id.startswith(when) for task_id in store.queue.ids()):
            raise
        raise UsageError(
            "the time is missing: not before when?",
            hint=f"sixthbot queue defer {one_line(when, 40)} 14:00, or 2h",
        ) from None
    said = local_clock(format_time(until), moment)

    def do(task: Task) -> str:
        after = steering.defer(store, task, until, moment)
        return f"{task.id} is {after.state.name}" + (f", not before {said}" if until > moment else "")

    _each(session, _named(store, task_ids), do, f"would wait until {said}" if dry_run else "")


@verb(
    ("sixthbot queue after t1a2b t3c4d", "do the first once the second is over"),
    ("sixthbot queue after t1a2b t3c4d --on-failure run", "whatever becomes of that one"),
    ("sixthbot queue after t1a2b --none", "wait for no other any more"),
    name="after",
)
@click.argument("task_id", metavar="ID")
@click.argument("others", metavar="OTHER...", nargs=-1)
@click.option(
    "--on-failure",
    type=click.Choice([policy.value for policy in AfterFailed]),
    help="If one of them fails or is cancelled: park it for you (the default), skip it, or run it all the same.",
)
@click.option("--none", "free", is_flag=True, help="Take back what it comes after.")
@_dry_run
@pass_session
def after(
    session: Session,
    task_id: str,
    others: tuple[str, ...],
    *,
    on_failure: str | None,
    free: bool,
    dry_run: bool,
) -> None:
    """Let a task wait until others are over, besides those that it comes after already."""
    if free is bool(others):
        raise UsageError("name the tasks to wait for, or --none", hint="sixthbot queue after ID OTHER")
    store = session.store()
    task, waited = find_task(store, task_id), [find_task(store, other) for other in others]
    policy = task.after_failed if on_failure is None else AfterFailed(on_failure)

    def do(task: Task) -> str:
        if free:
            return f"{task.id} is {steering.put_free(store, task, now()).state.name}, and waits for no other"
        now_is = steering.put_after(store, task, waited, policy, now())
        if not now_is.after:
            return f"{task.id} is {now_is.state.name}: what it would wait for is over"
        first = "; it is parked: it needs you first" if isinstance(now_is.state, Parked) else ""
        return f"{task.id} comes after {', '.join(now_is.after)}{first}"

    said = f"would come after {', '.join(one.id for one in waited) or 'no other'}"
    _each(session, [task], do, said if dry_run else "")


def _is_left(store: Store, task: Task) -> bool:
    """Tell whether a task lies as running with nobody who works on it any more: no one hears what is asked of it."""
    return isinstance(task.state, Running) and is_dead(store.places, task.state.worker)


def _named(store: Store, task_ids: Sequence[str], *, empty: bool = False, lanes: bool = False) -> list[Task]:
    """Return the tasks that are meant, each once; nothing is done to any while one of them is not there.

    `lanes` tells that a lane could have been named as well.
    """
    what, hint = "task", "sixthbot queue list"
    if lanes:
        what, hint = "lane or task", f"the lanes are {', '.join(_LANES)}; the tasks: {hint}"
    if not task_ids and not empty:
        raise UsageError("name the task", hint="sixthbot queue list")
    tasks = (find_task(store, task_id, what=what, hint=hint) for task_id in task_ids)
    found = {task.id: task for task in tasks}
    return list(found.values())


def _each(session: Session, tasks: Sequence[Task], do: Do, dry: str) -> None:
    """Do something to each task, or only say so; one that refuses does not keep the others from it."""
    failed: list[SixthError] = []
    for task in tasks:
        if dry:
            session.out.say(f"{task.id} ({one_line(task.rule, 60)}, {task.state.name}) {dry}")
            continue
        try:
            session.out.say(do(task))
        except SixthError as error:
            if len(tasks) == 1:
                raise
            session.out.talk(f"{task.id}: {error.message}" + (f" ({error.hint})" if error.hint else ""))
            failed.append(error)
    if failed:
        raise WorkFailed(f"{plural(len(failed), 'task')} of {len(tasks)} stayed as they were")


def _lane_of(what: Sequence[str]) -> str | None:
    """Return the lane that was named, empty for all of them, None where tasks were named."""
    if not what:
        return ""
    lanes = [name for name in what if name in _LANES]
    if lanes and len(what) > 1:
        raise UsageError("one lane at a time, or tasks alone", hint="sixthbot queue pause low")
    return lanes[0] if lanes else None


def _lane_words(lane: str) -> str:
    return f"lane {lane}" if lane else "every lane"
