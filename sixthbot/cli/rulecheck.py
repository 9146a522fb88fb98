"""`sixthbot rules check`: everything that is wrong with rule files, all at once, trusted or not. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.cli.output import one_line, paint, plural
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.core.rules import Rule
    from sixthbot.engine.services import Services
    from sixthbot.store.rulefiles import RuleSet

_COLORS = {"error": "red", "unreachable": "yellow", "overlap": "yellow", "untrusted": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """One thing to say. `kind` is a key of `_COLORS`; `place` is a file and a line, as far as they are known."""

    kind: str
    rule: str
    place: str
    message: str


@verb(
    ("sixthbot rules check", "exit code 1 when something is wrong, 0 when all is well"),
    ("sixthbot rules check --json", "for an editor or a CI job"),
    name="check",
)
@json_option
@pass_session
def check(session: Session, *, as_json: bool) -> int:
    """Look for mistakes in rule files, trusted or not: what cannot be read, never fires, or is done twice.

    A rule that cannot be read is disabled; the others run. That a file waits for trust is said and is no mistake.
    """
    services = session.looking()
    rules = services.rules
    findings = [*_findings(rules), *_waiting_for_trust(services)]
    wrong = [finding for finding in findings if finding.kind != "untrusted"]
    if as_json:
        told = [
            {"kind": one.kind, "rule": one.rule, "place": one.place, "message": one.message}
            for one in findings
        ]
        session.out.json({"schema": 1, "usable": len(rules.rules), "findings": told})
        return ExitCode.FAILED if wrong else ExitCode.OK
    for finding in findings:
        place = f"{one_line(finding.place, 200)}: " if finding.place else ""
        name = f"{one_line(finding.rule, 60)}: " if finding.rule else ""
        kind = paint(finding.kind, _COLORS[finding.kind])
        session.out.say(f"{place}{kind}: {name}{one_line(finding.message, 600)}")
    cannot = sum(finding.kind == "error" for finding in findings)
    others = len(wrong) - cannot
    more = f", {plural(others, 'warning')}" if others else ""
    session.out.say(f"{plural(len(rules.rules), 'rule')} can be used, {cannot} cannot{more}")
    return ExitCode.FAILED if wrong else ExitCode.OK


def _findings(rules: RuleSet) -> Iterator[_Finding]:
    from sixthbot.core.reach import overlaps, unreachable  # noqa: PLC0415 - lazy, see app

    for disabled in rules.disabled:
        place, reason = _split_place(disabled.reason)
        yield _Finding(kind="error", rule=disabled.name, place=place, message=reason)
    for rule in rules.rules:
        for reason in unreachable(rule):
            yield _Finding(kind="unreachable", rule=rule.name, place=place_of(rule), message=reason)
    for pair in overlaps(rules.rules):
        second = pair.second
        yield _Finding(kind="overlap", rule=second.name, place=place_of(second), message=pair.how)


def _waiting_for_trust(services: Services) -> Iterator[_Finding]:
    """Yield the files that wait for trust: those of rules, then the others, for settings decide what rules may do."""
    missing = services.store.trust.missing(services.places)
    of_rules = services.rules.untrusted
    for path in (*of_rules, *(path for path in services.untrusted if path not in of_rules)):
        lost = "its rules do not" if path in of_rules else "it does not"
        state = "missing: it was trusted" if path in missing else "not trusted as it is now"
        yield _Finding(
            kind="untrusted", rule="", place=path, message=f"{state}, so {lost} count: sixthbot trust --show"
        )


def place_of(rule: Rule) -> str:
    """Return a rule's file and line."""
    return f"{rule.origin}:{rule.line}" if rule.line else rule.origin


def _split_place(reason: str) -> tuple[str, str]:
    """Return the place that a reason begins with, if it does, and the rest."""
    place, colon, rest = reason.partition(": ")
    return (place, rest) if colon and ".toml" in place and " " not in place else ("", reason)
