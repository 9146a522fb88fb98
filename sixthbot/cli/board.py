"""What `sixthbot status` shows, from names and small files only; every import here is paid for at every prompt."""

from __future__ import annotations

import os
import sys

from sixthbot.cli.output import Output, next_lines, one_line, paint, plural, table, wants_color
from sixthbot.core.errors import HomeGone, NoRepository
from sixthbot.store.counting import LANES, OPEN_DRAFTS, OPEN_ISSUES
from sixthbot.store.rulesummary import load_note, told_by_note

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Any, TypeAlias

    from sixthbot.store.paths import Places

    Row: TypeAlias = Mapping[str, Any]


class Board:
    """What people's text needs beyond the figures, as tables: open issues with plans, open drafts, parked tasks.

    `afoot` are the tasks that wait for later, run or failed; `note` says what of the settings does not count;
    `schedule` is the rule that is due next, and when. `ready` tells whether any task is, `watched` whether somebody
    takes it without being told.
    """

    def __init__(
        self,
        issues: Sequence[Row] = (),
        drafts: Sequence[Row] = (),
        parked: Sequence[Row] = (),
        afoot: Sequence[Row] = (),
        note: str = "",
        schedule: tuple[str, str] | None = None,
        *,
        ready: bool = False,
        watched: bool = False,
    ) -> None:
        self.ready = ready
        self.watched = watched
        self.afoot = afoot
        self.schedule = schedule
        self.note = note
        self.issues = issues
        self.drafts = drafts
        self.parked = parked


def show_status(start: Path | str = ".", out: Output | None = None, *, as_json: bool) -> None:
    """Print the status of the repository around `start` (default: here); raise NoRepository where there is none."""
    from sixthbot.store.clock import now  # noqa: PLC0415 - after the cheap failures
    from sixthbot.store.home import require_initialised  # noqa: PLC0415
    from sixthbot.store.paths import locate  # noqa: PLC0415
    from sixthbot.store.status import draft_statuses, figures, issue_statuses  # noqa: PLC0415

    if out is None:
        out = Output(color_out=wants_color(None, stream=sys.stdout), color_err=False)
    places = locate(start)
    try:
        require_initialised(places)
    except HomeGone:
        from sixthbot.cli.comeback import bring_home_back  # noqa: PLC0415 - as below

        bring_home_back(places, out, from_stash_too=False)
    except NoRepository:
        from sixthbot.cli.foreign import refuse_foreign  # noqa: PLC0415 - only a failure pays for it

        refuse_foreign(places)
        raise
    note = _settings(places)  # first: it may renew the figures of the rules
    moment, issues, drafts = now(), issue_statuses(places), draft_statuses(places)
    status = figures(places, moment, issues=issues, drafts=drafts)
    if as_json:
        out.json(status)
    else:
        board = _read_board(places, status, issues, drafts, note)
        out.say("\n".join(story(status, board, moment)))


def _settings(places: Places) -> str:
    """Return what of the settings does not count; they are read, and the figures kept anew, only when something changed.

    What the kept figures cannot know, the variables in the environment, is checked wherever there are any.
    """
    note = load_note(places)
    if note is not None and not any(name.startswith(_VARIABLES) for name in os.environ):
        return note
    from sixthbot.engine.services import settings_now  # noqa: PLC0415 - slow, and seldom needed

    return settings_now(places, os.environ)


def _read_board(
    places: Places, status: Row, issues: Mapping[str, str], drafts: Mapping[str, str], note: str
) -> Board:
    """Read open issues, drafts that want somebody, and parked tasks: each only when the figures say there are some.

    What is over piles up and is not read again; a file that names no status may yet be open.
    """
    from sixthbot.store.status import next_schedule  # noqa: PLC0415 - as in `show_status`

    schedule = next_schedule(places)
    queue = status["queue"]
    parked, waiting = status["queue"]["parked"], any(status["drafts"][name] for name in OPEN_DRAFTS)
    moving = any(queue[name] for name in ("running", "waiting", "failed"))
    if not (status["issues"]["open"] or waiting or parked or moving):
        return Board(note=note, schedule=schedule)
    from sixthbot.store.afoot import tasks_afoot  # noqa: PLC0415 - as below
    from sixthbot.store.glance import open_drafts, open_issues, parked_tasks  # noqa: PLC0415 - often there is nothing

    afoot = tasks_afoot(places, queue) if moving else []
    _add_progress(places, [task for task in afoot if task["state"] == "running"])
    parked_now = parked_tasks(places) if parked else []
    told = (
        _told_drafts(places, open_drafts(places, _perhaps(OPEN_DRAFTS, drafts)), parked_now)
        if waiting
        else []
    )
    return Board(
        open_issues(places, _perhaps(OPEN_ISSUES, issues)) if status["issues"]["open"] else (),
        told,
        parked_now,
        afoot,
        note,
        schedule,
        ready=any(queue["ready"].values()),
        watched=status["watcher"]["running"],
    )


def _told_drafts(places: Places, drafts: Sequence[Row], parked: Sequence[Row]) -> list[Row]:
    from sixthbot.cli.arounddraft import around_draft  # noqa: PLC0415 - as above
    from sixthbot.store.afoot import failed_checks  # noqa: PLC0415 - as above

    reviews = {task["issue"]: task["id"] for task in parked if task["kind"] == "review"}
    return [
        {
            **draft,
            **around_draft(places, draft),
            "failed": failed_checks(places, reviews[draft["issue"]]) if draft["issue"] in reviews else [],
        }
        for draft in drafts
    ]


def _add_progress(places: Places, running: Sequence[dict[str, Any]]) -> None:
    if running:
        from sixthbot.store.progressfile import read_progress  # noqa: PLC0415 - only where something runs

        for task in running:
            task["progress"] = read_progress(places, task["id"])


def _perhaps(statuses: tuple[str, ...], named: Mapping[str, str]) -> list[str]:
    return [name for name, status in named.items() if status in ("", *statuses)]


def story(status: Row, board: Board, now: datetime) -> Iterator[str]:
    """Yield the lines of the people's text."""
    rejected = status["rejected"]
    yield table(
        [
            (paint("watcher", "bold"), _watcher(status["watcher"], now)),
            (paint("queue", "bold"), _queue(status["queue"], status["set_aside"])),
            *_paused(status["paused"]),
            *_row("inbox", f"{plural(rejected, 'file')} rejected (sixthbot doctor)", told=bool(rejected)),
            (paint("rules", "bold"), f"{status['rules']['active']} active{_next(board.schedule)}"),
            *_row("settings", one_line(board.note, 400), told=bool(board.note)),
        ]
    )
    for rule in status["rules"]["disabled"]:
        if told_by_note(rule["reason"]):
            continue
        yield f"  {paint('disabled', 'yellow')} {one_line(rule['name'])}: {one_line(rule['reason'])}"
    for rule in status["rules"]["stopped"]:
        yield f"  {paint('stopped', 'yellow')} {one_line(rule['name'])}: {one_line(rule['reason'].removeprefix('stopped: '), 300)}"
    yield from _health(status["health"])
    told: set[str] = set()
    if board.issues:
        yield "\n" + paint("issues", "bold")
        for issue in board.issues:
            yield from _issue(issue, board, now)
            told.add(issue["id"])
    drafts = [draft for draft in board.drafts if draft["issue"] not in told]
    if drafts:
        yield "\n" + paint("drafts", "bold")
        for draft in drafts:
            yield f"  {paint(draft['branch'], 'cyan')}  {one_line(draft['title'], 80)}"
            yield from _draft(draft)
    yield from _conflicts(status["conflicts"])
    others = [task for task in board.parked if task["issue"] not in told]
    yield from _others_running(board, told, now)
    if others:
        yield "\n" + paint("waiting for you", "bold")
        for task in others:
            yield f"  {task['id']}  {one_line(task['rule'], 60)}"
            yield from _parked(task)
    failed = {task["id"] for task in board.afoot if task["state"] == "failed"}
    if status["last_error"] is not None and status["last_error"]["task"] in failed:
        yield from _last_error(status["last_error"], now)
    if not (board.issues or board.drafts or others):
        yield "\nnothing waits for you; sixthbot new 'TITLE' puts an issue into the inbox"


def _row(name: str, text: str, *, told: bool) -> list[tuple[str, str]]:
    return [(paint(name, "bold"), paint(text, "yellow"))] if told else []


def _conflicts(conflicts: Sequence[Row]) -> Iterator[str]:
    """Tell which branches would conflict with their base or each other."""
    if conflicts:
        yield "\n" + paint("conflicts ahead", "bold")
    for one in conflicts[: 2 * _FEW]:
        paths = ", ".join(one_line(path, 60) for path in one["paths"][:_FEW])
        more = len(one["paths"]) - _FEW + one["more"]
        rest = f" and {more} more" if more > 0 else ""
        yield f"  {paint(one_line(one['branch'], 80), 'cyan')} with {'its base ' if one['is_base'] else ''}{one_line(one['with'], 80)}: {paths}{rest}"
    if len(conflicts) > 2 * _FEW:
        yield f"  and {len(conflicts) - 2 * _FEW} more (sixthbot status --json has all)"


def _health(jobs: Row) -> Iterator[str]:
    """Tell which jobs of the default branch found something; the others are in `status --json`."""
    for name, job in jobs.items():
        if job["ok"] is False:
            page = one_line(f".sixth/artifacts/health/{name}.md", 100)
            yield f"  {paint(one_line(name, 20), 'red')} failed: {one_line(job['summary'], 160)} ({page})"


def _next(schedule: tuple[str, str] | None) -> str:
    if schedule is None:
        return ""
    rule, moment = schedule
    # as it was written, RFC 3339: reading it would cost more than all the rest of this line
    return f"; next by the clock: {one_line(rule, 60)}, {one_line(moment[:16].replace('T', ' '))} UTC"


def _watcher(watcher: Row, now: datetime) -> str:
    if not watcher["running"]:
        return paint("not running", "yellow") + " (start it: sixthbot watch; or once: sixthbot run)"
    from sixthbot.cli.times import ago  # noqa: PLC0415 - datetimes are read only where there are any

    since = f", started {ago(watcher['since'], now)}" if watcher["since"] else ""
    return paint("running", "green") + f", pid {watcher['pid']}{since}"


def _paused(lanes: Sequence[str]) -> Iterator[tuple[str, str]]:
    if lanes:
        every = len(lanes) == len(LANES)
        words = "every lane" if every else f"lane{'s' if len(lanes) > 1 else ''} {', '.join(lanes)}"
        resume = f"sixthbot queue resume{'' if every or len(lanes) > 1 else f' {lanes[0]}'}"
        told = paint(words, "yellow", "bold")
        yield paint("paused", "yellow", "bold"), f"{told}: nothing of it is begun (go on: {resume})"


def _queue(queue: Row, aside: int) -> str:
    ready = {lane: count for lane, count in queue["ready"].items() if count}
    parts = [f"{queue[name]} {name}" for name in ("running", "waiting", "parked", "failed") if queue[name]]
    if ready:
        lanes = ", ".join(f"{lane} {count}" for lane, count in ready.items())
        parts.insert(0, f"{sum(ready.values())} ready ({lanes})")
    if aside:
        parts.append(f"{aside} {paint('set aside', 'yellow')} (sixthbot doctor)")
    return ", ".join(parts) or "empty"


def _issue(issue: Row, board: Board, now: datetime) -> Iterator[str]:
    plan = issue["plan"]
    parked, afoot = (
        [task for task in tasks if task["issue"] == issue["id"]] for tasks in (board.parked, board.afoot)
    )
    settled = sum(subtask["status"] == "done" for subtask in plan)
    yield f"  {paint(issue['id'], 'cyan')}  {one_line(issue['title'], 80)}"
    where = f"on {issue['branch']}, " if issue["branch"] else "no branch yet, "
    yield f"    {where}{settled} of {plural(len(plan), 'subtask')} done"
    for subtask in plan:
        if subtask["status"] in _STUCK:
            reason = f" ({one_line(subtask['reason'], 100)})" if subtask["reason"] else ""
            yield f"    {_STUCK[subtask['status']]}: {subtask['n']}. {one_line(subtask['text'], 80)}{reason}"
    waiting = any(subtask["status"] == "waiting" for subtask in plan)
    for task in parked:
        yield from _parked(task, with_reason=not waiting)
    broken = any(subtask["status"] == "failed" for subtask in plan)
    for task in afoot:
        yield from _afoot(task, now, with_reason=not (broken and task["state"] == "failed"))
    if broken:
        other = any(task["hint"] for task in (*parked, *afoot))
        yield f"    {paint('or' if other else 'next', 'green')}: sixthbot plan {issue['id']} --edit"
    for draft in board.drafts:
        if draft["issue"] == issue["id"]:
            yield from (
                _draft_again(draft, board, parked, afoot) if issue["status"] in _TAKEN_UP else _draft(draft)
            )


def _draft_again(draft: Row, board: Board, parked: Sequence[Row], afoot: Sequence[Row]) -> Iterator[str]:
    """Tell of a draft whose issue is worked on again: another one follows, so this is not the one to look at."""
    held = [task for task in parked if task["kind"] != "review"]
    held += [task for task in afoot if task["state"] == "failed"]
    if not (held or afoot or board.ready):
        yield from _draft(draft)  # nothing goes on with it
        return
    yield f"    draft {paint('made anew', 'cyan')}{' after that' if held else ''}: {one_line(draft['title'], 80)}"
    if not (held or afoot or board.watched):
        yield from next_lines("sixthbot run", indent="    ")


def _afoot(task: Row, now: datetime, *, with_reason: bool) -> Iterator[str]:
    """Tell what a task that nobody is asked about does, or why it does nothing, and what to type."""
    if task["state"] == "running":
        yield from _running(task, now)
        return
    word, color = ("failed", "red") if task["state"] == "failed" else ("waits", "yellow")
    if with_reason:
        if (reason := task["reason"]).startswith("not before "):
            from sixthbot.cli.times import on_the_clock  # noqa: PLC0415 - as in `_running`

            reason = on_the_clock(reason, now)
        yield f"    {paint(word, color)}: {one_line(reason, 160)}"
    yield from next_lines(task["hint"], indent="    ")


def _others_running(board: Board, told: set[str], now: datetime) -> Iterator[str]:
    running = [task for task in board.afoot if task["state"] == "running" and task["issue"] not in told]
    if running:
        yield "\n" + paint("running", "bold")
    for task in running:
        yield f"  {task['id']}  {one_line(task['rule'], 60)}"
        yield from _running(task, now)


def _running(task: Row, now: datetime) -> Iterator[str]:
    row = task["progress"]
    if task["dead"]:
        from sixthbot.cli.progressing import left_text  # noqa: PLC0415 - only where something ran

        yield f"    {left_text(row)}"
        yield from next_lines("sixthbot run", indent="    ")
        return
    if row is None:
        yield f"    {paint('running', 'green')}"
        return
    from sixthbot.cli.progressing import progress_text  # noqa: PLC0415 - only where something runs
    from sixthbot.cli.times import ago  # noqa: PLC0415 - datetimes are read only where there are any

    yield f"    {paint('running', 'green')}: {progress_text(row)}, begun {ago(row['since'], now)}"
    if row["line"]:
        yield f"      {paint('it says', 'dim')}: {one_line(row['line'], 120)}"


_FEW = 5
_VARIABLES = "SIXTHBOT_"
_TAKEN_UP = ("open", "waiting-for-person")
_STUCK = {"waiting": paint("waits for you", "yellow"), "failed": paint("failed", "red")}


def _parked(task: Row, *, with_reason: bool = True) -> Iterator[str]:
    """Tell why a task is parked and what to type; one that waits for review is told with its draft."""
    if task["kind"] == "review":
        return
    if with_reason:
        yield f"    {paint('waits for you', 'yellow')}: {one_line(task['reason'], 160)}"
    yield from next_lines(task["hint"], indent="    ")


def _draft(draft: Row) -> Iterator[str]:
    """Tell of a draft, below its issue or alone: what is wrong with it, and what to type."""
    name, status = draft["branch"], draft["status"]
    void = draft["void"] or (status == "approved" and draft["tip"] != draft["head"])
    shown = paint("approval void", "yellow") if void else paint(status, "cyan")
    yield f"    draft {shown}: {one_line(draft['title'], 80)}"
    for check in draft["failed"]:
        yield f"    {paint('check failed', 'red')}: {one_line(check, 120)}"
    if not draft["here"]:
        yield f"    {paint('missing', 'yellow')} commit {draft['head'][:9]}, which this draft describes: it is not in this clone"
        anew = f"; or make it anew of what is here: sixthbot rebase {name}" if draft["tip"] else ""
        yield from next_lines(f"sixthbot sync{anew}", indent="    ")
        return
    if draft["tip"] and draft["tip"] != draft["head"]:
        yield f"    {paint('moved', 'yellow')} since this draft, from {draft['head'][:9]} to {draft['tip'][:9]}"
        yield from next_lines(f"sixthbot done {draft['issue']}", indent="    ")
        return
    if draft["void"]:
        yield f"    {paint('void', 'yellow')}: {draft['void']}"
    following = "review" if void or status == "awaiting-review" else "push"
    yield f"    {paint('next', 'green')}: sixthbot {following} {name}"


def _last_error(error: Row, now: datetime) -> Iterator[str]:
    from sixthbot.cli.times import ago  # noqa: PLC0415 - as above

    yield f"\n{paint('last error', 'bold')}  {ago(error['time'], now)}: {paint(one_line(error['message']), 'red')}"
    if error["task"]:
        yield f"  {paint('next', 'green')}: sixthbot why {error['task']}"
