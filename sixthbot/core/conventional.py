"""Commit subjects in conventional form, `type(scope)!: description`; any other subject is a description."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

KNOWN_TYPES = frozenset(
    {
        "feat", "fix", "docs", "style", "refactor", "perf", "test", "build", "ci", "chore", "revert",
        "security", "deps", "remove", "deprecate",
    }
)  # fmt: skip
"""Types that people use; others are read as well, since many projects write `area: what`."""

_SUBJECT = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,29})(?:\(([^()\n]{1,60})\))?(!)?:[ \t]+(\S.*)", re.DOTALL)
_BREAKING = re.compile(
    r"^BREAKING[ -]CHANGE(?::[ \t]*| #)(.*(?:\n(?!\s*$|[A-Za-z-]+(?:: | #)).*)*)", re.MULTILINE
)
_LISTED = rf"(?P<line>(?:{'|'.join(sorted(KNOWN_TYPES))})(?:\([^()\n]{{1,60}}\))?!?:[ \t]+\S.*)"
# the fixed text in front lets the search hop over what cannot match, which is nearly all of a history
_PARAGRAPH = re.compile(r"\n\n" + _LISTED)
_ITEM = re.compile(r"\n[*+-][ \t]+" + _LISTED)
_REVERTS_COMMIT = re.compile(r"\bThis reverts commit ([0-9a-f]{7,64})\b")
_REVERT_SUBJECT = re.compile(r"[Rr]evert:? \"(.*)\"\.?(?: \(#\d+\))?", re.DOTALL)


class Parsed(NamedTuple):
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
    footer = _BREAKING.search(body) if "BREAKING" in body else None
    note = " ".join(footer[1].split()) if footer else ""
    match = _SUBJECT.fullmatch(line)
    if match is None:
        return Parsed("", "", footer is not None, line, note)
    kind, scope, bang, description = match.groups()
    return Parsed(
        kind.lower(),
        scope.strip() if scope else "",
        bang is not None or footer is not None,
        description.strip(),
        note,
    )


def squashed_subjects(body: str) -> list[str]:
    """Return the subjects in conventional form that a message's body lists, as forges write them when they squash.

    A list item counts, and so does a line that begins a paragraph; only with a type that is known.
    """
    listed = _PARAGRAPH.search(body, 1) is not None
    # spelt out: this is asked of every commit of a history, and a loop costs more than the three searches
    bulleted = "\n* " in body or "\n- " in body or "\n+ " in body
    if not (listed or bulleted):
        return []
    found = [(match.start("line"), match["line"]) for match in _PARAGRAPH.finditer(body, 1)]
    found += [(match.start("line"), match["line"]) for match in _ITEM.finditer(body, 1)]
    return [line for _, line in sorted(found)]


def parse_revert(subject: str, body: str = "") -> Reverted | None:
    """Return what a commit reverts, or None when it is no revert: git's own form, or the type `revert`."""
    line = subject.strip()
    if line[:6].lower() != "revert":
        return None
    quoted = _REVERT_SUBJECT.fullmatch(line)
    parsed = parse_subject(line)
    if quoted is None and parsed.type != "revert":
        return None
    named = _REVERTS_COMMIT.search(body)
    old_subject = quoted[1] if quoted else parsed.description
    return Reverted(commit=named[1] if named else "", subject=old_subject)
