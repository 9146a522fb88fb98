"""Commit subjects in conventional form, `type(scope)!: description`; any other subject is a description."""

from __future__ import annotations

import re
from dataclasses import dataclass

KNOWN_TYPES = frozenset(
    {
        "feat", "fix", "docs", "style", "refactor", "perf", "test", "build", "ci", "chore", "revert",
        "security", "deps", "remove", "deprecate",
    }
)  # fmt: skip
"""Types that people use; others are read as well, since many projects write `area: what`."""

_SUBJECT = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,29})(?:\(([^()\n]{1,60})\))?(!)?:[ \t]+(\S.*)", re.DOTALL)
_BREAKING = re.compile(r"^BREAKING[ -]CHANGE:[ \t]*(.*)$", re.MULTILINE)
_REVERTS_COMMIT = re.compile(r"\bThis reverts commit ([0-9a-f]{7,64})\b")
_REVERT_SUBJECT = re.compile(r"[Rr]evert:? \"(.*)\"\.?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A subject's parts. `type` is lower case and empty for an unconventional subject.

    `note` is what a `BREAKING CHANGE:` line of the body says, empty without one.
    """

    type: str
    scope: str
    breaking: bool
    description: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reverted:
    """What a revert takes back: a commit id, perhaps shortened, a subject, or both; the other is empty."""

    commit: str
    subject: str


def parse_subject(subject: str, body: str = "") -> Parsed:
    """Return the parts of a commit's subject; the body is only looked at for `BREAKING CHANGE:`."""
    line = subject.strip()
    footer = _BREAKING.search(body)
    note = footer[1].strip() if footer else ""
    match = _SUBJECT.fullmatch(line)
    if match is None:
        return Parsed(type="", scope="", breaking=footer is not None, description=line, note=note)
    return Parsed(
        type=match[1].lower(),
        scope=(match[2] or "").strip(),
        breaking=match[3] is not None or footer is not None,
        description=match[4].strip(),
        note=note,
    )


def parse_revert(subject: str, body: str = "") -> Reverted | None:
    """Return what a commit reverts, or None when it is no revert: git's own form, or the type `revert`."""
    line = subject.strip()
    quoted = _REVERT_SUBJECT.fullmatch(line)
    parsed = parse_subject(line)
    if quoted is None and parsed.type != "revert":
        return None
    named = _REVERTS_COMMIT.search(body)
    old_subject = quoted[1] if quoted else parsed.description
    return Reverted(commit=named[1] if named else "", subject=old_subject)
