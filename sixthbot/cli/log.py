"""`sixthbot log`: the journal for people, newest last, and for programs."""

from __future__ import annotations

import json
import re
import sys
import time
from fnmatch import fnmatchcase
from itertools import islice, takewhile
from typing import TYPE_CHECKING

import click

from sixthbot.cli.liveline import LiveLine
from sixthbot.cli.lookup import unique
from sixthbot.cli.mistakes import is_failure, show_errors
from sixthbot.cli.output import one_line
from sixthbot.cli.records import LEVELS, at_least, is_chatter, line_of, record_json
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import ConfigError, UsageError
from sixthbot.core.times import format_time, parse_duration, parse_time
from sixthbot.store.clock import now
from sixthbot.store.records import at_level, naming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sixthbot.cli.follow import Follower
    from sixthbot.store.open import Store
    from sixthbot.store.records import Record

_USUAL = 30
_WILD = re.compile(r"[*?\[]")
_LOOK_AGAIN = 0.25  # seconds between looks with -f: at once for a person, nothing for the machine


@verb(
    ("sixthbot log", "the last 30 things that happened"),
    ("sixthbot log -f", "go on showing what happens, until Ctrl-C"),
    ("sixthbot log --issue tidy-1a2b3c -n 0", "everything about one issue"),
    ("sixthbot log --since 2h --kind 'task.*'", "what became of tasks in the last two hours"),
    ("sixthbot log --errors", "what goes wrong again and again: how often, since when, what to do"),
    ("sixthbot log --level warning --json", "what went wrong, for a program"),
)
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=0),
    default=None,
    help="How many, 0 for all.  [default: 30; all with --since]",
)
@click.option("--issue", metavar="ID", default="", help="Only what belongs to this issue.")
@click.option("--task", metavar="ID", default="", help="Only what belongs to this task.")
@click.option(
    "--kind", "kinds", metavar="KIND", multiple=True,
    help="Only records of this kind, such as task.failed or 'ref.*'; may be given again.",
)  # fmt: skip
@click.option(
    "--since", metavar="WHEN", default="",
    help="Only what happened since: 30m, 2h, 3d ago, or a time such as 2026-11-20T19:30:00Z.",
)  # fmt: skip
@click.option("--errors", is_flag=True, help="What failed, one line for each sort; not what waits for you.")
@click.option(
    "--level", type=click.Choice(LEVELS), help="The least level shown.  [default: info; with -v everything]"
)
@click.option("-v", "--verbose", is_flag=True, help="Everything, the beginning and end of each step as well.")
@json_option
@pass_session
def command(
    session: Session,
    *,
    follow: bool,
    count: int | None,
    issue: str,
    task: str,
    kinds: tuple[str, ...],
    since: str,
    errors: bool,
    level: str | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Show the journal: what happened, oldest first. With -f, JSON is one object a line."""
    from sixthbot.cli.follow import Follower  # noqa: PLC0415 - lazy, see app

    store = session.store()
    issue, task = _issue_named(store, issue), _task_named(store, task)
    begin = format_time(_moment(since)) if since else ""
    closely = as_json or verbose or session.out.verbosity > 0 or bool(kinds)
    wanted = _filter(issue=issue, task=task, kinds=kinds, level=level, closely=closely)
    least = level if not errors or level == "error" else "warning"  # nothing of a lower level failed
    worth = _worth(issue=issue, task=task, kinds=kinds, level=least)
    back = takewhile(lambda record: record.time >= begin, store.journal.read(newest_first=True, worth=worth))
    if errors:
        serious = _filter(issue=issue, task=task, kinds=kinds, level=least, closely=True)
        show_errors(
            session.out,
            filter(is_failure, filter(serious, back)),
            as_json=as_json,
        )
        return
    follower = Follower(store.journal)
    found = filter(wanted, back)
    most = count if count is not None else 0 if since else _USUAL
    shown = list(islice(found, most) if most else found)
    shown.reverse()
    if as_json and not follow:
        session.out.json({"schema": 1, "records": [record_json(record) for record in shown]})
        return

    def show(record: Record) -> None:
        session.out.say(json.dumps(record_json(record)) if as_json else line_of(record, now()))

    for record in shown:
        show(record)
    if follow:
        _follow(session, follower, wanted, show, live=not as_json)


def _follow(
    session: Session,
    follower: Follower,
    wanted: Callable[[Record], bool],
    show: Callable[[Record], None],
    *,
    live: bool,
) -> None:
    """Show what is added until Ctrl-C; on a terminal the last line says how far the running tasks are."""
    line = LiveLine(sys.stdout, session.places(), color=session.out.color_out)
    try:
        while True:
            for record in filter(wanted, follower.fresh()):
                line.clear()
                show(record)
            if live:
                line.draw()
            time.sleep(_LOOK_AGAIN)
    except KeyboardInterrupt:
        return  # the way to leave it
    finally:
        line.clear()


def _moment(text: str) -> datetime:
    """Return the moment a person means: a span before now, or a time."""
    try:
        return now() - parse_duration(text)
    except ConfigError:
        pass
    try:
        return parse_time(text)
    except ConfigError:
        raise UsageError(
            f"--since: not a span or time: {one_line(text, 60)!r}",
            hint="write it like 30m, 2h, 3d or 2026-11-20T19:30:00Z",
        ) from None


def _issue_named(store: Store, wanted: str) -> str:
    """Return the id of the one issue that is meant, which has files or is in the journal; empty for an empty text."""
    known = [record.id for record in store.issues.list()] if wanted else []
    return _named(store, wanted, known, what="issue", hint="sixthbot issue list --all")


def _task_named(store: Store, wanted: str) -> str:
    """Do the same for a task, which may have left the queue."""
    known = store.queue.ids() if wanted else ()
    return _named(store, wanted, known, what="task", hint="sixthbot queue list")


def _named(store: Store, wanted: str, known: Iterable[str], *, what: str, hint: str) -> str:
    """Raise UsageError where no name begins so, or several do. The journal is read only where `known` has it not."""
    names = {name for name in known if name.startswith(wanted)} if wanted else set()
    if not wanted or wanted in names:
        return wanted
    named = (
        getattr(record, what) or ""
        for record in store.journal.read(newest_first=True, worth=naming([wanted]))
    )
    names |= {name for name in named if name.startswith(wanted)}
    return unique(wanted, names, what=what, hint=hint)


def _worth(
    *, issue: str, task: str, kinds: Sequence[str], level: str | None
) -> Callable[[bytes], bool] | None:
    """Return what leaves out most of what is not shown before it is parsed; None where all may be."""
    if task or issue:
        return naming([task or issue])
    fixed = [_WILD.split(kind)[0] for kind in kinds]
    if fixed and all(fixed):
        return naming(fixed)
    place = LEVELS.index(level) if level else 0
    return at_level(LEVELS[place:], LEVELS[:place]) if place else None


def _filter(
    *, issue: str, task: str, kinds: Sequence[str], level: str | None, closely: bool
) -> Callable[[Record], bool]:
    """Return what is shown. Who does not look closely is spared the beginning and end of each step."""
    least = level or ("debug" if closely else "info")

    def wanted(record: Record) -> bool:
        return (
            at_least(record, least)
            and (closely or not is_chatter(record))
            and (not issue or record.issue == issue)
            and (not task or record.task == task)
            and (not kinds or any(fnmatchcase(record.kind, kind) for kind in kinds))
        )

    return wanted
