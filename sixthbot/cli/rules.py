"""`sixthbot rules`: which rules there are, whether they can be used, and what they would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.output import one_line, paint, plural, table
from sixthbot.cli.records import short_hashes
from sixthbot.cli.schedule import next_times, run_now
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import VerbGroup, json_option
from sixthbot.core.errors import ConfigError, ExitCode
from sixthbot.core.times import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sixthbot.core.rules import Rule, Verdict
    from sixthbot.engine.services import Services


@click.group(
    cls=VerbGroup,
    default="list",
    examples=[
        ("sixthbot rules list", "every rule: what it listens to and what it does"),
        ("sixthbot rules list --actions", "every action a rule may use, with its arguments"),
        ("sixthbot rules check", "look for mistakes in rule files"),
        ("sixthbot rules test", "run the [[test]] tables beside the rules"),
        ("sixthbot rules replay 3fa9", "which rules would fire for an event of the past"),
        ("sixthbot rules run 'type check'", "do now what a schedule says for later"),
    ],
)
def command() -> None:
    """List, check, test, replay or run rules. They live in .sixth/rules/*.toml and ship with the program."""


command.add_command(run_now)


@command.command(
    "list",
    examples=[
        ("sixthbot rules list", "every rule"),
        ("sixthbot rules list --actions", "every action, with arguments and defaults"),
        ("sixthbot rules list --json", "for a program"),
    ],
)
@click.option("--actions", is_flag=True, help="The actions rules may use instead.")
@json_option
@pass_session
def list_rules(session: Session, *, actions: bool, as_json: bool) -> None:
    """List rules, or the actions they may use."""
    if actions:
        _list_actions(session, as_json=as_json)
        return
    services = session.services()
    rules, nexts = services.rules, next_times(services)
    if as_json:
        session.out.json(
            {
                "schema": 1,
                "rules": [_rule_json(rule, nexts) for rule in rules.rules],
                "disabled": [{"name": rule.name, "reason": rule.reason} for rule in rules.disabled],
                "untrusted": list(rules.untrusted),
            }
        )
        return
    rows = [
        (
            paint(one_line(rule.name), "cyan"),
            _listens_to(rule, nexts),
            " > ".join(step.use for step in rule.do),
            rule.lane.value,
            one_line(rule.origin),
        )
        for rule in rules.rules
    ]
    session.out.say(
        table(rows, head=("rule", "on", "does", "lane", "from"), columns=session.out.columns)
        or "there are no rules"
    )
    for disabled in rules.disabled:
        session.out.say(
            f"{paint('disabled', 'yellow')} {one_line(disabled.name)}: {one_line(disabled.reason, 300)}"
        )
    for rule in rules.switched_off:
        session.out.say(
            paint(f"off       {one_line(rule.name)} ({one_line(rule.origin)}; enabled = false)", "dim")
        )
    _say_untrusted(session, rules.untrusted)


def _say_untrusted(session: Session, files: tuple[str, ...]) -> None:
    for name in files:
        what = "its rules do" if name.startswith(".sixth/rules/") else "it does"
        session.out.say(
            f"{paint('untrusted', 'yellow')} {one_line(name)}: {what} not count (sixthbot trust --show)"
        )


def _listens_to(rule: Rule, nexts: Mapping[str, datetime]) -> str:
    on = ", ".join(rule.on)
    return f"{on} (next {nexts[rule.name]:%Y-%m-%d %H:%M %Z})" if rule.name in nexts else on


def _rule_json(rule: Rule, nexts: Mapping[str, datetime]) -> dict[str, Any]:
    return {
        **({"next": format_time(nexts[rule.name])} if rule.name in nexts else {}),
        "name": rule.name,
        "on": list(rule.on),
        "when": {name: list(patterns) for name, patterns in rule.when.items()},
        "if": rule.condition,
        "do": [{"use": step.use, **step.args} for step in rule.do],
        "lane": rule.lane.value,
        "origin": rule.origin,
    }


def _list_actions(session: Session, *, as_json: bool) -> None:
    from sixthbot.actions import registry  # noqa: PLC0415 - lazy, see app

    infos = registry.describe()
    if as_json:
        session.out.json(
            {
                "schema": 1,
                "actions": [
                    {
                        "name": info.name,
                        "summary": info.summary,
                        "in_rules": info.in_rules,
                        "askable": info.askable,
                        "needs_trust": info.needs_trust,
                        "arguments": [
                            {
                                "name": arg.name,
                                "type": arg.kind,
                                "default": arg.default,
                                "required": arg.required,
                            }
                            for arg in info.arguments
                        ],
                    }
                    for info in infos
                ],
            }
        )
        return
    for info in infos:
        if not (info.in_rules or info.askable):
            continue
        where = "" if info.in_rules else paint("  (issues may ask for it: `do: ...`)", "dim")
        session.out.say(f"{paint(info.name, 'cyan')}  {one_line(info.summary, 120)}{where}")
        rows = [
            (
                arg.name,
                arg.kind,
                "required" if arg.required else f"default {arg.default}",
                one_line(arg.meaning, 80),
            )
            for arg in info.arguments
        ]
        if rows:
            session.out.say(table(rows, indent="    "))


@command.command("check", examples=[("sixthbot rules check", "exit code 1 when a rule cannot be used")])
@pass_session
def check(session: Session) -> int:
    """Look for mistakes in rule files; a rule that has one is disabled, the others run."""
    services = session.services()
    rules = services.rules
    for disabled in rules.disabled:
        session.out.say(
            f"{paint('disabled', 'yellow')} {one_line(disabled.name)}: {one_line(disabled.reason, 500)}"
        )
    _say_untrusted(session, services.untrusted)
    session.out.say(f"{plural(len(rules.rules), 'rule')} can be used, {len(rules.disabled)} cannot")
    return ExitCode.FAILED if rules.disabled else ExitCode.OK


@command.command("test", examples=[("sixthbot rules test", "exit code 1 when a test fails")])
@pass_session
def test(session: Session) -> int:
    """Run the [[test]] tables that stand beside the rules."""
    services = session.services()
    failures = list(_failures(services))
    for failure in failures:
        session.out.say(f"{paint('failed', 'red')} {failure}")
    session.out.say(f"{plural(len(services.rules.tests), 'test')}, {len(failures)} failed")
    return ExitCode.FAILED if failures else ExitCode.OK


def _failures(services: Services) -> Iterator[str]:
    from sixthbot.core.events import make_event  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.matching import match  # noqa: PLC0415 - lazy, see app

    rules = services.rules
    for number, case in enumerate(rules.tests, 1):
        given = {
            name: tuple(value) if isinstance(value, list) else value for name, value in case.given.items()
        }
        kind = str(given.pop("on", ""))
        where = f"test {number} ({one_line(case.origin, 60)}, {one_line(kind, 40)})"
        try:
            event = make_event(kind, given, time=services.clock(), key=f"test {number}")
        except ConfigError as error:
            yield f"{where}: {one_line(error.message, 200)}"
            continue
        judged = [rule for rule in rules.rules if rule.origin == case.origin or rule.name in case.expect]
        fired = {rule.name for rule in judged if kind in rule.on and match(rule, event).fired}
        if fired != set(case.expect):
            yield f"{where}: expected {_names(case.expect)}, fired {_names(fired)}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(one_line(name, 60) for name in names)) or "nothing"


@command.command(
    "replay", examples=[("sixthbot rules replay 3fa9c1", "the id stands in `sixthbot why`; nothing is done")]
)
@click.argument("event_id", metavar="EVENT")
@pass_session
def replay(session: Session, event_id: str) -> None:
    """Say which rules would fire for an event of the past, as the rules are now. Nothing is done."""
    from sixthbot.cli.lookup import unique  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.events import event_from_json  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.matching import match  # noqa: PLC0415 - lazy, see app

    services = session.services()
    events = {
        record.event: record
        for record in services.store.journal.read()
        if record.kind == "event" and record.event
    }
    record = events[unique(event_id, events, what="event", hint="sixthbot log, or sixthbot why ID")]
    told = (record.data or {}).get("event")
    event = event_from_json(told if isinstance(told, dict) else {})
    session.out.say(
        f"{paint('event', 'bold')} {event.id}  {event.kind}  {short_hashes(one_line(event.key, 200))}"
    )
    verdicts = [match(rule, event) for rule in services.rules.rules if event.kind in rule.on]
    for verdict in sorted(verdicts, key=lambda verdict: not verdict.fired):
        session.out.say(_verdict_line(verdict))
    if not verdicts:
        session.out.say("  no rule is about events of this kind")


def _verdict_line(verdict: Verdict) -> str:
    word = paint("fires", "green") if verdict.fired else paint("does not fire", "dim")
    return f"  {word}  {one_line(verdict.rule, 60)}: {one_line(verdict.reason, 160)}"
