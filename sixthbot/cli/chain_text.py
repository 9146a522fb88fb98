"""Tells a chain to a person: events with verdicts, tasks with what they did, and what is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.cli.issue import plan_lines
from sixthbot.cli.output import next_lines, one_line, paint, plural
from sixthbot.cli.records import CHATTER, local_clock, message_of, short_hashes
from sixthbot.core.errors import ConfigError
from sixthbot.core.events import about_of, event_from_json
from sixthbot.core.tasks import Blocked
from sixthbot.core.times import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sixthbot.cli.chain import Chain
    from sixthbot.core.tasks import Task
    from sixthbot.store.records import Record

_EVENT_LIMIT = 10  # a branch may have thousands of events: the newest are told, the others counted


def chain_lines(chain: Chain, now: datetime, *, everything: bool) -> Iterator[str]:
    """Yield the lines of the story; `everything` shows each term of each rule and each step's beginning too."""
    yield f"{paint(chain.kind, 'bold')} {paint(short_hashes(one_line(chain.id, 120)), 'cyan')}"
    if chain.issue is not None:
        yield f"  issue {chain.issue.id}, {chain.issue.status.value}: {one_line(chain.issue.title, 100)}"
        if chain.issue.branch:
            yield f"  branch {chain.issue.branch} from {chain.issue.base}"
    for record in chain.commits:
        yield f"  {local_clock(record.time, now)}  {message_of(record)}"
    if len(chain.events) > _EVENT_LIMIT:
        yield f"\n({plural(len(chain.events) - _EVENT_LIMIT, 'earlier event')}: sixthbot log -n 0)"
    for record in chain.events[-_EVENT_LIMIT:]:
        yield ""
        yield from _event(record, now, everything=everything)
    for task in chain.tasks[-_EVENT_LIMIT:]:
        yield ""
        yield from _task(chain, task, now, everything=everything)
    for task_id, told in chain.gone.items():
        yield f"\n{paint('task', 'bold')} {task_id}  its file is gone; by the journal it was {told.result or told.state}"
        yield from _records(chain, task_id, now, everything=everything)
    for task_id, path in chain.unread.items():
        yield f"\n{paint('task', 'bold')} {task_id}  its file cannot be read: .sixth/queue/{one_line(path, 120)}"
        yield from _records(chain, task_id, now, everything=everything)
        yield f"{paint('next', 'green')}: sixthbot doctor says why, and what to do with it"
    if chain.plan is not None and chain.kind in {"issue", "branch"}:
        yield "\n" + paint("plan", "bold")
        yield from (f"  {line}" for line in plan_lines(chain.plan))
    if chain.draft is not None:
        draft = chain.draft
        yield f"\n{paint('draft', 'bold')} {draft.branch} at {draft.head[:9]}, {draft.status.value}"
    yield from _ending(chain, now)


def _event(record: Record, now: datetime, *, everything: bool) -> Iterator[str]:
    data: Mapping[str, Any] = record.data or {}
    told = data.get("event")
    event = told if isinstance(told, dict) else {}
    yield (
        f"{paint('event', 'bold')} {record.event}  {one_line(str(event.get('kind', '')), 40)}  {short_hashes(one_line(_about(event), 140))}"
        f"  {paint(local_clock(record.time, now), 'dim')}"
    )
    verdicts = _verdicts(data)
    for verdict in sorted(verdicts, key=lambda verdict: not verdict["fired"]):
        word = paint("fired", "green") if verdict["fired"] else paint("not fired", "dim")
        yield f"  {word}  {one_line(str(verdict['rule']), 60)}: {one_line(str(verdict['reason']), 160)}"
        for term in verdict.get("terms", ()) if everything else ():
            value = f" (it is {one_line(str(term['value']), 80)})" if term["value"] else ""
            yield f"      {'holds' if term['held'] else 'fails'}: {one_line(str(term['text']), 120)}{value}"
    if not verdicts:
        yield "  no rule is about events of this kind"
    yield from _passed_over(data.get("passed_over"))


def _about(event: Mapping[str, Any]) -> str:
    """Return what an event is about; of one that somebody edited, what it has for a key."""
    try:
        return about_of(event_from_json(event))
    except ConfigError:
        return str(event.get("key", ""))


def _passed_over(told: object) -> Iterator[str]:
    """Tell which rules could not be asked when the event came; somebody may have edited the journal."""
    if not isinstance(told, dict):
        return
    files, disabled = (told.get(key) for key in ("untrusted", "disabled"))
    word = paint("not asked", "dim")
    for name in files if isinstance(files, list) else ():
        yield f"  {word}  {one_line(str(name), 100)}: not trusted"
    for rule in disabled if isinstance(disabled, list) else ():
        if isinstance(rule, dict):
            yield f"  {word}  {one_line(str(rule.get('name')), 60)}: {one_line(str(rule.get('reason')), 200)}"


def _verdicts(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the verdicts in a record that are whole; somebody may have edited the journal."""
    found = data.get("verdicts")
    whole = (
        one
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict) and isinstance(one.get("terms", []), list)
    )
    return [
        one
        for one in whole
        if {"rule", "reason", "fired"} <= one.keys() and all(map(_is_term, one.get("terms", [])))
    ]


def _is_term(term: object) -> bool:
    return isinstance(term, dict) and {"text", "held", "value"} <= term.keys()


def _task(chain: Chain, task: Task, now: datetime, *, everything: bool) -> Iterator[str]:
    failed = f", {plural(task.attempts, 'failed attempt')}" if task.attempts else ""
    yield (
        f"{paint('task', 'bold')} {task.id}  {one_line(task.rule, 60)}  "
        f"{task.state.name}, lane {task.lane.value}{failed}"
    )
    yield from _records(chain, task.id, now, everything=everything)


def _records(chain: Chain, task_id: str, now: datetime, *, everything: bool) -> Iterator[str]:
    for record in chain.records[task_id]:
        if everything or record.kind not in CHATTER:
            yield f"  {paint(local_clock(record.time, now), 'dim')}  {message_of(record)}"


def _ending(chain: Chain, now: datetime) -> Iterator[str]:
    """Say what each unfinished task waits for, and what to type."""
    for task in chain.tasks:
        state = task.state
        if state.name == "parked":
            yield f"\n{paint('waits for you', 'yellow')}: {one_line(state.reason, 300)}"
            yield from next_lines(state.hint)
        elif state.name == "failed":
            yield f"\n{paint('failed', 'red')}: {one_line(state.reason, 300)}"
            yield f"{paint('next', 'green')}: sixthbot queue retry {task.id}, once the cause is mended"
        elif isinstance(state, Blocked):
            yield f"\n{task.id} {one_line(state.reason, 300)}, which it comes after"
        elif state.name == "waiting":
            until = f"\nwaits until {local_clock(format_time(state.until), now)}"
            said = state.reason.startswith("not before ")  # the same once more, by another clock
            yield until if said else f"{until}: {one_line(state.reason, 300)}"
        elif state.name in {"ready", "running"}:
            yield f"\n{task.id} is {state.name}; sixthbot status says whether anybody works on it"
