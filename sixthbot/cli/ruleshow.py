"""`sixthbot rules show NAME`: one rule in full, and its traces: the last few events, the last success and failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.output import one_line, paint
from sixthbot.cli.records import local_clock, short_hashes
from sixthbot.cli.rulecheck import place_of
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import UsageError
from sixthbot.core.times import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sixthbot.core.rules import Rule, StepSpec
    from sixthbot.engine.services import Services


@verb(
    ("sixthbot rules show 'work on an issue'", "what it says, and what it said of the last events"),
    ("sixthbot rules show 'work on an issue' --json", "for a program, each tested term included"),
    name="show",
)
@click.argument("name", metavar="RULE")
@json_option
@pass_session
def show(session: Session, name: str, *, as_json: bool) -> None:
    """Show one rule and its traces: the last few events it was asked about, its last success and its last failure."""
    services = session.looking()
    rule = _find(services, name)
    traces = services.store.traces.of(rule.name)
    if as_json:
        session.out.json({"schema": 1, "rule": rule_json(rule), "traces": traces})
        return
    for line in _lines(rule, traces, services.clock()):
        session.out.say(line)


def _find(services: Services, name: str) -> Rule:
    from sixthbot.store.suggest import did_you_mean  # noqa: PLC0415 - lazy, see app

    rules = (*services.rules.rules, *services.rules.switched_off)
    rule = next((rule for rule in rules if rule.name == name), None)
    if rule is None:
        hint = did_you_mean(name, [rule.name for rule in rules])
        raise UsageError(f"no rule is called {one_line(name, 80)!r}", hint=hint)
    return rule


def given_of(step: StepSpec) -> dict[str, Any]:
    """Return what a rule gives a step: its arguments, and its time where it has one."""
    return {**step.args, **({} if step.timeout is None else {"timeout": format_duration(step.timeout)})}


def rule_json(rule: Rule) -> dict[str, Any]:
    """Return a rule for programs."""
    return {
        "name": rule.name,
        "on": list(rule.on),
        "when": {name: list(patterns) for name, patterns in rule.when.items()},
        "if": rule.condition,
        "do": [{"use": step.use, **given_of(step)} for step in rule.do],
        "lane": rule.lane.value,
        "origin": rule.origin,
        "line": rule.line,
        "enabled": rule.enabled,
        "description": rule.description,
        "key": rule.key,
        "mode": rule.mode.value,
        "settle": format_duration(rule.settle),
        "cooldown": format_duration(rule.cooldown),
        "timeout": format_duration(rule.timeout) if rule.timeout else None,
        "retries": rule.retries,
        "limit": rule.limit.text if rule.limit else None,
        "generations": rule.generations,
        "react_to_self": rule.react_to_self,
    }


def _lines(rule: Rule, traces: Mapping[str, Any], now: datetime) -> Iterator[str]:
    off = "" if rule.enabled else paint("  switched off", "yellow")
    yield f"{paint(one_line(rule.name), 'cyan')}  {one_line(place_of(rule), 200)}{off}"
    if rule.description:
        yield f"  {one_line(rule.description, 300)}"
    yield f"  on    {one_line(', '.join(rule.on), 200)}"
    for name, patterns in rule.when.items():
        yield f"  when  {name} = {one_line(', '.join(patterns), 200)}"
    if rule.condition:
        yield f"  if    {one_line(rule.condition, 300)}"
    for step in rule.do:
        given = ", ".join(f"{name} = {value!r}" for name, value in given_of(step).items())
        yield f"  do    {one_line(step.use, 60)}{f'({one_line(given, 200)})' if given else ''}"
    yield f"  how   {one_line(', '.join(_how(rule)), 300)}"
    if not traces["last"]:
        yield "\nno event of its kinds came yet"
        return
    yield f"\n{paint('the last events it was asked about', 'bold')}"
    for trace in reversed(traces["last"]):
        yield from _trace(trace, now)
    for kind, word in (("succeeded", "last success"), ("failed", "last failure")):
        if kind in traces:
            yield f"\n{paint(word, 'bold')}"
            yield from _trace(traces[kind], now)


def _how(rule: Rule) -> Iterator[str]:
    yield f"lane {rule.lane.value}"
    yield f"mode {rule.mode.value}"
    if rule.key:
        yield f"key {rule.key}"
    for word, span in (("settle", rule.settle), ("cooldown", rule.cooldown), ("timeout", rule.timeout)):
        if span:
            yield f"{word} {format_duration(span)}"
    yield f"retries {rule.retries}"
    if rule.limit:
        yield f"limit {rule.limit.text}"
    if rule.react_to_self:
        yield f"reacts to the bot's own doing, {rule.generations} generations"


def _trace(trace: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Tell one trace; the file lies where anybody may edit it, so nothing in it is taken for granted."""

    def told(key: str, limit: int = 160) -> str:
        return one_line(str(trace.get(key) or ""), limit)

    when = told("time", 40) or told("ended", 40)
    fired = "fired" if trace.get("fired") else "not fired"
    word = paint(fired, "green" if fired == "fired" else "dim")
    about = short_hashes(f"{told('kind', 40)} {told('about')}".strip())
    yield f"  {local_clock(when, now) if when else ''}  {word}  {about}: {told('reason')}"
    if trace.get("task"):
        outcome = f": {told('outcome', 300)}" if trace.get("outcome") else ""
        yield f"      task {told('task', 20)}{outcome}"
    terms = trace.get("terms")
    for term in terms if isinstance(terms, list) else ():
        if isinstance(term, dict) and not term.get("held"):
            yield f"      fails: {one_line(str(term.get('text')), 120)} ({one_line(str(term.get('value')), 100)})"
