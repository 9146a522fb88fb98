"""`sixthbot doctor`: looks for what keeps the bot from working well, and mends what it safely can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import one_line, paint, plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import ExitCode

if TYPE_CHECKING:
    from sixthbot.cli.findings import Finding

_WORDS = {
    "ok": ("ok", "green"),
    "note": ("note", "cyan"),
    "warn": ("warn", "yellow"),
    "bad": ("bad", "red"),
    "fixed": ("done", "green"),
}


@verb(
    ("sixthbot doctor", "look; exit code 1 when something is wrong"),
    ("sixthbot doctor --dry-run", "only what --fix would mend; change nothing"),
    ("sixthbot doctor --fix", "mend what can be mended without asking"),
)
@click.option("--fix", is_flag=True, help="Mend what can be mended safely.")
@click.option("--dry-run", is_flag=True, help="Show only what --fix would mend; change nothing.")
@json_option
@pass_session
def command(session: Session, *, fix: bool, dry_run: bool, as_json: bool) -> int:
    """Look for what keeps the bot from working well."""
    from sixthbot.cli.checkup import examine  # noqa: PLC0415 - lazy, see app

    if fix:
        refuse_inside_task("mending the bot's files")
    findings = [_mended(one) if fix and not dry_run else one for one in examine(session)]
    if dry_run:
        findings = [one for one in findings if one.mend is not None or one.error is not None]
    bad = [finding for finding in findings if finding.level == "bad"]
    if as_json:
        listed = [
            {
                "level": finding.level,
                "what": finding.what,
                "message": finding.message,
                "hint": finding.hint,
                "fixable": finding.mend is not None,
                "fixed": finding.level == "fixed",
            }
            for finding in findings
        ]
        session.out.json({"schema": 1, "findings": listed})
    else:
        for finding in findings:
            _tell(session, finding)
        fixed = sum(finding.level == "fixed" for finding in findings)
        mended = f", {fixed} mended" if fixed else ""
        session.out.say(f"\n{plural(len(findings), 'check')}, {plural(len(bad), 'problem')}{mended}")
    for finding in bad:
        if finding.error is not None:
            raise finding.error
    return ExitCode.FAILED if bad else ExitCode.OK


def _mended(finding: Finding) -> Finding:
    if finding.mend is None:
        return finding
    return finding._replace(level="fixed", message=finding.mend(), hint="", mend=None)


def _tell(session: Session, finding: Finding) -> None:
    word, color = _WORDS[finding.level]
    session.out.say(f"{paint(f'{word:<4}', color)}  {finding.what:<13}  {one_line(finding.message, 2000)}")
    if finding.hint:
        session.out.say(f"      {'':<13}  {paint('next', 'green')}: {one_line(finding.hint, 300)}")
