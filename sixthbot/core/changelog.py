"""What a changelog says: entries from commits, in the groups of Keep a Changelog.

The work is split in three. Here, `entries_from` decides which commits become which lines and `sections` orders them;
a template (`changelog.md.j2`, given `sections`, each with `group` and `entries`, each entry with `line`) renders them as
`### Group` headings over list items; `core.changelogfile.update` merges that text into the file's Unreleased section.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from sixthbot.core.conventional import KNOWN_TYPES, Parsed, parse_revert, parse_subject
from sixthbot.core.messages import ISSUE_TRAILER, own_trailers
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GROUPS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The groups of Keep a Changelog, in its order."""

CHANGELOG_SCOPE = "changelog"
"""A commit `docs(changelog): ...` is the changelog itself and never an entry of it."""

_DESCRIPTION_LIMIT = 300
_GROUP_OF_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "feat": "Added", "fix": "Fixed", "security": "Security", "remove": "Removed", "deprecate": "Deprecated",
    }
)  # fmt: skip
_GROUP_OF_VERB: Mapping[str, str] = MappingProxyType(
    {
        "remove": "Removed", "removes": "Removed", "removed": "Removed", "drop": "Removed", "drops": "Removed",
        "deprecate": "Deprecated", "deprecates": "Deprecated", "deprecated": "Deprecated",
    }
)  # fmt: skip
_INTERMEDIATE = re.compile(r"(?:fixup|squash|amend)! ")
_CODE_OR_TAG = re.compile(r"(`[^`]*`)|<(?=[A-Za-z/!?])")


class CommitText(Protocol):
    """What is read of a commit; `body` is its whole message, `parents` its parents' ids."""

    @property
    def id(self) -> str:
        """The full commit id."""

    @property
    def subject(self) -> str:
        """The first line of its message."""

    @property
    def body(self) -> str:
        """The whole message, trailers included."""

    @property
    def parents(self) -> Sequence[str]:
        """The ids of its parents, two or more of a merge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a changelog. `issue` is empty where no issue is known; `commits` are those that made it."""

    group: str
    description: str
    scope: str = ""
    breaking: bool = False
    issue: str = ""
    commits: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The entry as a list item of markdown: `- **scope:** Description (issue)`."""
        breaking = "**Breaking:** " if self.breaking else ""
        scope = f"**{self.scope}:** " if self.scope else ""
        issue = f" ({self.issue})" if self.issue else ""
        return f"- {breaking}{scope}{self.description}{issue}"


@dataclass(frozen=True, slots=True)
class Section:
    """One group with its entries, never empty."""

    group: str
    entries: tuple[Entry, ...]


def entries_from(commits: Iterable[CommitText], *, issue: str = "") -> tuple[Entry, ...]:
    """Return the entries that commits, oldest first, give.

    Left out are merges, the changelog's own commits, `fixup!` and the like, and a commit together with its revert.
    A revert of something older is an entry under Removed. The issue of an entry is the commit's trailer, else `issue`.
    Commits that say the same are one entry.
    """
    entries: dict[tuple[str, str, str], Entry] = {}
    for commit in _without_reverted([commit for commit in commits if len(commit.parents) < 2]):  # noqa: PLR2004
        entry = _entry(commit, issue)
        if entry is None:
            continue
        same = (entry.group, entry.scope, entry.description)
        before = entries.get(same)
        entries[same] = entry if before is None else _joined(before, entry)
    return tuple(entries.values())


def sections(entries: Iterable[Entry]) -> tuple[Section, ...]:
    """Return the entries by group, groups in their order, breaking changes first in each."""
    by_group: dict[str, list[Entry]] = {}
    for entry in entries:
        by_group.setdefault(entry.group, []).append(entry)
    return tuple(
        Section(group, tuple(sorted(by_group[group], key=lambda entry: not entry.breaking)))
        for group in GROUPS
        if group in by_group
    )


def _joined(before: Entry, after: Entry) -> Entry:
    return replace(
        before, breaking=before.breaking or after.breaking, commits=(*before.commits, *after.commits)
    )


def _without_reverted(commits: Sequence[CommitText]) -> list[CommitText]:
    """Leave out every commit that a later one reverts, with its revert; reverting a revert brings it back."""
    gone: set[str] = set()
    for at in range(len(commits) - 1, -1, -1):
        commit = commits[at]
        reverted = parse_revert(commit.subject, commit.body)
        if commit.id in gone or reverted is None:
            continue
        target = _find_reverted(commits[:at], reverted.commit, reverted.subject, gone)
        if target is not None:
            gone |= {target.id, commit.id}
    return [commit for commit in commits if commit.id not in gone]


def _find_reverted(
    earlier: Sequence[CommitText], commit_id: str, subject: str, gone: set[str]
) -> CommitText | None:
    """Return the last commit before a revert that it takes back: by id where it names one, else by subject."""
    for commit in reversed(earlier):
        named = commit.id.startswith(commit_id) if commit_id else commit.subject.strip() == subject
        if named and commit.id not in gone:
            return commit
    return None


def _entry(commit: CommitText, issue: str) -> Entry | None:
    subject = clean_line(commit.subject, limit=_DESCRIPTION_LIMIT)
    parsed = parse_subject(subject, commit.body)
    if _INTERMEDIATE.match(subject) or (parsed.type == "docs" and parsed.scope == CHANGELOG_SCOPE):
        return None
    reverted = parse_revert(subject, commit.body)
    described = parse_subject(reverted.subject) if reverted else parsed
    text = _sentence(described.description)
    if not text:
        return None
    return Entry(
        group="Removed" if reverted else _group(described),
        description=f"Revert: {text}" if reverted else text,
        scope=_escaped(_scope(described)),
        breaking=parsed.breaking,
        issue=_escaped(clean_line(own_trailers(commit.body).get(ISSUE_TRAILER, issue), limit=64)),
        commits=(commit.id,),
    )


def _scope(parsed: Parsed) -> str:
    """Return the scope; in `area: what`, as many projects write, the area is one."""
    return parsed.scope or (parsed.type if parsed.type not in KNOWN_TYPES else "")


def _group(parsed: Parsed) -> str:
    if parsed.type == "fix":
        return "Security" if parsed.scope == "security" else "Fixed"
    first = parsed.description.split(" ", 1)[0].lower()
    return _GROUP_OF_VERB.get(first) or _GROUP_OF_TYPE.get(parsed.type, "Changed")


def _sentence(description: str) -> str:
    """Return the description for a list: a capital first, no full stop, no markup that could swallow the file."""
    text = _escaped(clean_line(description, limit=_DESCRIPTION_LIMIT).rstrip("."))
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first == first.lower() and first.isalpha() else text


def _escaped(text: str) -> str:
    # an HTML comment opened in a subject would hide every entry below it
    return _CODE_OR_TAG.sub(lambda found: found[1] or "\\<", text)
