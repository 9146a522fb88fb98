"""What goes wrong again and again, for people and programs: one entry for each sort of error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.cli.output import next_lines, one_line, paint
from sixthbot.cli.times import ago
from sixthbot.core.mistakes import Happened, by_sort
from sixthbot.store.clock import now
from sixthbot.store.kinds import NO_FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sixthbot.cli.output import Output
    from sixthbot.core.mistakes import Sort
    from sixthbot.store.records import Record

_COLORS = {"error": "red", "warning": "yellow"}
_HINTS = {
    "task.failed": "sixthbot why {task}, mend the cause, then: sixthbot queue retry {task}",
    "task.recovered": "sixthbot doctor",
    "task.set-aside": "sixthbot doctor says what to do with it",
    "issue.rejected": "the reason stands beside the file in .sixth/inbox/rejected",
    "bot.trouble": "sixthbot doctor",
    "draft.push-failed": "sixthbot push again, once the remote can be reached",
}


def is_failure(record: Record) -> bool:
    """Tell whether a record of level warning or error is one of something that went wrong, not of what waits for a word."""
    return record.kind not in NO_FAILURES


def hint_of(record: Record) -> str:
    """Return what to do about what a record tells: what it says itself, or what goes with its kind; else nothing."""
    usual = _HINTS.get(record.kind, "")
    if "{" in usual:
        usual = usual.format(task=record.task) if record.task else ""
    return str((record.data or {}).get("hint", "")) or usual


def show_errors(out: Output, records: Iterable[Record], *, as_json: bool) -> None:
    """Print the sorts of errors among `records`, the latest first."""
    sorts = by_sort(_happened(record) for record in records)
    if as_json:
        out.json({"schema": 1, "errors": [_json(sort) for sort in sorts]})
        return
    if not sorts:
        out.say("nothing went wrong")
    for sort in sorts:
        out.say("\n".join(_lines(sort)))


def _happened(record: Record) -> Happened:
    return Happened(
        kind=record.kind,
        level=record.level,
        message=record.message,
        time=record.time,
        about=record.issue or record.task or "",
        hint=hint_of(record),
    )


def _lines(sort: Sort) -> list[str]:
    moment, example = now(), sort.example
    often = f"{sort.count} times, first {ago(sort.first, moment)}, last" if sort.count > 1 else "once,"
    head = f"{paint(sort.kind, _COLORS.get(sort.level, 'bold'))}  {often} {ago(sort.last, moment)}"
    about = f"{paint(one_line(example.about, 64), 'cyan')}  " if example.about else ""
    return [head, f"  {about}{one_line(example.message, 300)}", *next_lines(example.hint, indent="  ")]


def _json(sort: Sort) -> dict[str, object]:
    return {
        "kind": sort.kind, "level": sort.level, "count": sort.count, "first": sort.first, "last": sort.last,
        "example": sort.example.message, "about": sort.example.about, "hint": sort.example.hint,
    }  # fmt: skip
