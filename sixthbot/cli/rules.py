"""`sixthbot rules`: which rules there are, whether they can be used, and what they would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.output import one_line, paint, table
from sixthbot.cli.rulecheck import check
from sixthbot.cli.ruleshow import rule_json, show
from sixthbot.cli.ruletest import replay, test
from sixthbot.cli.schedule import next_times, run_now
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import VerbGroup, json_option
from sixthbot.core.times import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sixthbot.core.rules import Rule


@click.group(
    cls=VerbGroup,
    default="list",
    examples=[
        ("sixthbot rules list", "every rule: what it listens to and what it does"),
        ("sixthbot rules list --actions", "every action a rule may use, with its arguments"),
        ("sixthbot rules show 'work on an issue'", "one rule in full, and what it said of the last events"),
        ("sixthbot rules check", "look for mistakes in rule files"),
        ("sixthbot rules test", "run the [[test]] tables; or say what rules would do about a file or commit"),
        ("sixthbot rules replay 3fa9", "which rules would fire for an event of the past"),
        ("sixthbot rules run 'type check'", "do now what a schedule says for later"),
    ],
)
def command() -> None:
    """List, show, check, test, replay or run rules. They live in .sixth/rules/*.toml and ship with the program."""


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
                "switched_off": [_rule_json(rule, {}) for rule in rules.switched_off],
                "replaced": list(rules.replaced),
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
            one_line(rule.origin) + (" (instead of the shipped one)" if rule.name in rules.replaced else ""),
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
    _say_untrusted(session, rules.untrusted, services.store.trust.missing(services.places))


def _say_untrusted(session: Session, files: tuple[str, ...], missing: tuple[str, ...]) -> None:
    for name in files:
        what = "its rules do" if name.startswith(".sixth/rules/") else "it does"
        session.out.say(
            f"{paint('untrusted', 'yellow')} {one_line(name)}: {'missing, it was trusted: ' if name in missing else ''}{what} not count (sixthbot trust --show)"
        )


def _listens_to(rule: Rule, nexts: Mapping[str, datetime]) -> str:
    on = ", ".join(rule.on)
    return f"{on} (next {nexts[rule.name]:%Y-%m-%d %H:%M %Z})" if rule.name in nexts else on


def _rule_json(rule: Rule, nexts: Mapping[str, datetime]) -> dict[str, Any]:
    return {**({"next": format_time(nexts[rule.name])} if rule.name in nexts else {}), **rule_json(rule)}


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


for verb in (show, check, test, replay, run_now):
    command.add_command(verb)
