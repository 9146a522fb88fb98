"""What a changelog says: entries from commits, in the groups of Keep a Changelog.

The work is split in three. Here, `entries_from` decides which commits become which lines and `sections` orders them;
a template (`changelog.md.j2`, given `sections`, each with `group` and `entries`, each entry with `line`) renders them as
`### Group` headings over list items; `core.changelogfile.update` merges that text into the file's Unreleased section.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sixthbot.core.conventional import KNOWN_TYPES, Parsed, parse_revert, parse_subject, squashed_subjects
from sixthbot.core.messages import ISSUE_TRAILER, own_trailers
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GROUPS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The groups of Keep a Changelog, in its order."""

CHANGELOG_SCOPE = "changelog"
"""A commit `docs(changelog): ...` is the changelog itself and never an entry of it."""

DEFAULT_HIDDEN = ("build", "chore", "ci", "style", "test")
"""Types of commits that say nothing to those who use the software."""

_DESCRIPTION_LIMIT = 300
_GROUP_OF_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "feat": "Added", "fix": "Fixed", "security": "Security", "remove": "Removed", "deprecate": "Deprecated",
    }
)  # fmt: skip
_VERBS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Removed": ("remove", "removes", "removed", "removing", "drop", "drops", "dropped", "delete", "deletes", "deleted"),
        "Deprecated": ("deprecate", "deprecates", "deprecated"),
        "Added": ("add", "adds", "added", "adding", "introduce", "introduces", "introduced", "implement",
                  "implements", "implemented", "new", "support", "supports"),
        "Fixed": ("fix", "fixes", "fixed", "fixing", "bugfix", "hotfix", "correct", "corrects", "repair", "resolve",
                  "resolves", "resolved"),
        "Security": ("cve", "security"),
    }
)  # fmt: skip
_GROUP_OF_VERB: Mapping[str, str] = MappingProxyType(
    {verb: group for group, verbs in _VERBS.items() for verb in verbs}
)
_SURE_VERBS = frozenset((*_VERBS["Removed"], *_VERBS["Deprecated"]))
"""Verbs that count for more than the type in front of them."""
_INTERMEDIATE = ("fixup! ", "squash! ", "amend! ")
_NOISE = re.compile(
    r"(?:wip\b|merge (?:branch|pull request|remote|tag|commit)\b|bump (?:the )?version\b|version bump\b"
    r"|(?:prepare |cut |tag |start )?(?:for )?(?:the )?(?:release |version |release version )v?\d[\w.-]*\W*$"
    r"|v?\d+\.\d+[\w.-]*\W*$|(?:bump|increment) (?:to )?v?\d|back to (?:dev|development)\b"
    r"|(?:add |update |updated |edit |fix |missing |a |the |more )*(?:change ?log|changes|history|news)\b"
    r"|(?:add |fix |update |more |improve |some |a |the |failing |broken |missing |small )*(?:unit )?tests?(?:$|[ :])"
    r"|(?:fix |fixes |fixed |a |some |small |minor )*(?:typos?|nits?|lint|linting|formatting|whitespace)\b"
    r"|initial commit\W*$|\W*$)",
    re.IGNORECASE,
)
"""Subjects in no form that tell about the work and not about its result."""
_NOISY_WORDS = frozenset(
    (*re.findall(r"[a-z]+", re.sub(r"\\\w|\(\?:", " ", _NOISE.pattern)), "changelog", "nit", "test", "typo")
)
"""Every word that such a subject can begin with."""
_CODE_OR_TAG = re.compile(r"(`[^`]*`)|<(?=[A-Za-z/!?])|!(?=\[)")
_REFERENCE = re.compile(r"(`[^`]*`)|(?<![\w/&\[#])#(\d{1,9})\b")
_SKIPPED = re.compile(r"^Changelog:[ \t]*(?:none|skip|no)[ \t]*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Style:
    """What a changelog shows: `hide` are types of commits it leaves out unless they break something.

    `issue_url` is where an issue is found, with `{id}` for its number or id; empty for no links.
    """

    hide: frozenset[str] = frozenset(DEFAULT_HIDDEN)
    issue_url: str = ""


ALL_TYPES = Style(hide=frozenset())


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


class Entry(NamedTuple):
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


def entries_from(
    commits: Sequence[CommitText], *, issue: str = "", style: Style = ALL_TYPES
) -> tuple[Entry, ...]:
    """Return the entries that commits, oldest first, give.

    Left out are merges, the changelog's own commits, `fixup!` and the like, a commit together with its revert, types
    that the style hides, subjects that only tell about the work (`WIP`, `Release 1.2`), and what says
    `Changelog: none` in a line of its own. A revert of something older is an entry under Removed. A squashed commit
    gives an entry for each subject its body lists. The issue of an entry is the commit's trailer, else `issue`.
    Commits that say the same are one entry.
    """
    entries: dict[tuple[str, str, str], Entry] = {}
    for commit in _without_reverted([commit for commit in commits if len(commit.parents) < 2]):  # noqa: PLR2004
        for entry in _entries(commit, issue, style):
            before = entries.setdefault(entry[:3], entry)
            if before is not entry:
                entries[entry[:3]] = _joined(before, entry)
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
    return before._replace(
        breaking=before.breaking or after.breaking, commits=(*before.commits, *after.commits)
    )


def _without_reverted(commits: Sequence[CommitText]) -> Sequence[CommitText]:
    """Leave out every commit that a later one reverts, with its revert; reverting a revert brings it back."""
    reverts = [at for at, commit in enumerate(commits) if commit.body[:1] in {"R", "r", "\n"}]
    reverts = [at for at in reverts if commits[at].subject[:6].lower() == "revert"]
    if not reverts:
        return commits
    by_subject: dict[str, list[int]] = {}
    for at, commit in enumerate(commits):
        by_subject.setdefault(commit.subject.strip(), []).append(at)
    by_id = {commit.id: at for at, commit in enumerate(commits)}
    gone: set[int] = set()
    for at in reversed(reverts):
        reverted = parse_revert(commits[at].subject, commits[at].body)
        if at in gone or reverted is None:
            continue
        named = by_id.get(reverted.commit)
        if named is None and reverted.commit:
            named = next((by_id[one] for one in by_id if one.startswith(reverted.commit)), None)
        same = [] if reverted.commit else by_subject.get(reverted.subject, [])
        target = next(
            (
                one
                for one in (*([] if named is None else [named]), *reversed(same))
                if one < at and one not in gone
            ),
            None,
        )
        if target is not None:
            gone |= {target, at}
    return [commit for at, commit in enumerate(commits) if at not in gone]


def _entries(commit: CommitText, issue: str, style: Style) -> Sequence[Entry]:
    """Return the entries of one commit: its subject's, and those of the subjects that a squashed one lists.

    Most commits of a large history pass here to be left out: the cheap questions come first.
    """
    body = commit.body
    subject = _cleaned(commit.subject)
    parsed = parse_subject(subject, body)
    listed = squashed_subjects(body)
    if not listed and parsed.type in style.hide and not parsed.breaking:
        return ()
    if subject.startswith(_INTERMEDIATE) or ("Changelog:" in body and _SKIPPED.search(body)):
        return ()
    if "Sixth-" in body:
        issue = own_trailers(body).get(ISSUE_TRAILER, issue)
    own = _entry(commit, parsed, subject, issue=issue, style=style)
    if not listed:
        return () if own is None else (own,)
    inner = [_cleaned(line) for line in listed]
    found = [_entry(commit, parse_subject(line), line, issue=issue, style=style) for line in inner]
    return [entry for entry in (own if parsed.type in KNOWN_TYPES else None, *found) if entry is not None]


def _cleaned(text: str) -> str:
    """Do as `clean_line` does, at once for a line that needs nothing done, as nearly all do."""
    if len(text) <= _DESCRIPTION_LIMIT and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return clean_line(text, limit=_DESCRIPTION_LIMIT)


def _entry(commit: CommitText, parsed: Parsed, subject: str, *, issue: str, style: Style) -> Entry | None:
    if parsed.type == "docs" and parsed.scope == CHANGELOG_SCOPE:
        return None
    if not parsed.breaking and parsed.type in style.hide:
        return None
    if parsed.type not in KNOWN_TYPES and _is_noise(parsed, subject):
        return None
    reverted = parse_revert(subject, commit.body)
    described = parse_subject(reverted.subject) if reverted else parsed
    if reverted and not described.breaking and described.type in style.hide:
        return None
    text = _sentence(described.description, style)
    if not text:
        return None
    note = _sentence(_cleaned(parsed.note), style) if parsed.note else ""
    return Entry(
        "Removed" if reverted else _group(described),
        f"Revert: {text}" if reverted else (f"{text}. {note}" if note and note != text else text),
        _escaped(_scope(described)),
        parsed.breaking,
        _issue_link(issue, style),
        (commit.id,),
    )


def _is_noise(parsed: Parsed, subject: str) -> bool:
    """Tell whether a subject only tells about the work; most are cleared by their first word."""
    word = _first_word(parsed.description)
    if (word in _NOISY_WORDS or not word.isalpha()) and _NOISE.match(parsed.description):
        return True
    return parsed.type in _NOISY_WORDS and _NOISE.match(subject) is not None


def _first_word(description: str) -> str:
    return description.split(" ", 1)[0].rstrip(":,").lower()


def _scope(parsed: Parsed) -> str:
    """Return the scope; in `area: what`, as many projects write, the area is one."""
    return parsed.scope or (parsed.type if parsed.type not in KNOWN_TYPES else "")


def _group(parsed: Parsed) -> str:
    if parsed.type == "fix":
        return "Security" if parsed.scope == "security" else "Fixed"
    first = _first_word(parsed.description)
    by_verb = _GROUP_OF_VERB.get(first)
    if by_verb and (parsed.type not in KNOWN_TYPES or first in _SURE_VERBS):
        return by_verb
    return _GROUP_OF_TYPE.get(parsed.type, "Changed")


def _sentence(description: str, style: Style) -> str:
    """Return a clean line for a list: a capital first, no full stop, no markup that could swallow the file."""
    text = description
    if text.endswith(".") and not text.endswith(".."):
        text = text[:-1]
    text = _escaped(text)
    if style.issue_url and "#" in text:
        text = _REFERENCE.sub(lambda found: found[1] or _link(f"#{found[2]}", found[2], style), text)
    first = text.split(" ", 1)[0].rstrip(",")
    return text[:1].upper() + text[1:] if first.islower() and first.replace("'", "").isalpha() else text


def _issue_link(issue: str, style: Style) -> str:
    if not issue:
        return ""
    shown = clean_line(issue, limit=64)
    return _link(_escaped(shown), shown, style) if shown and style.issue_url else _escaped(shown)


def _link(text: str, name: str, style: Style) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only where there are links

    return f"[{text}]({style.issue_url.replace('{id}', quote(name, safe=''))})"


def _escaped(text: str) -> str:
    # an HTML comment opened in a subject would hide every entry below it, an image would be fetched by every reader
    if "<" not in text and "![" not in text:
        return text
    return _CODE_OR_TAG.sub(lambda found: found[1] or f"\\{found[0]}", text)
