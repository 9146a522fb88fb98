"""The changelog of a whole history: every release with its entries, read with one walk, and from the last one on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sixthbot.actions.templating import fill_text
from sixthbot.core.changelog import Entry, Style, entries_from, sections
from sixthbot.core.changelogfile import HEADER
from sixthbot.core.conventional import KNOWN_TYPES, parse_subject
from sixthbot.core.releases import HistoryCommit, Release, only, releases_of
from sixthbot.core.versions import Version, by_commit, parse_tag, release_tags
from sixthbot.git.history import contains, history, tags, touching

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

RELEASE_TEMPLATE = "changelog_release.md.j2"
_FORMAT = 1
"""Raised when the same history would be written down in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a changelog is to be of, and how: `tag` is the form of the tags, `paths` the only places that count."""

    style: Style
    tag: str
    paths: tuple[str, ...]
    template: str
    template_origin: str


class Memory(Protocol):
    """Keeps what was read, between two runs."""

    def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what was saved under a key."""

    def save(self, key: str, data: Mapping[str, Any]) -> None:
        """Save it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One release as text. `version` None is what is not released; `date` is YYYY-MM-DD, empty for that or an absurd time."""

    version: Version | None
    date: str
    text: str

    @property
    def name(self) -> str:
        """What its heading calls it."""
        return self.version.name if self.version else "Unreleased"


@dataclass(frozen=True, slots=True, kw_only=True)
class FullChangelog:
    """All of it: what is not released, with its entries, then the releases, newest first.

    `conventional` is the share, 0 to 1, of the commits not released whose subjects are in conventional form.
    """

    unreleased: Rendered
    entries: tuple[Entry, ...]
    releases: tuple[Rendered, ...]
    conventional: float

    @property
    def last(self) -> Version | None:
        """The newest release."""
        return self.releases[0].version if self.releases else None

    def page(self) -> str:
        """Return it as a file's text."""
        parts = [self.unreleased.text] if self.entries else []
        return "\n".join([HEADER, *(parts + [release.text for release in self.releases])])


def read_changelog(git: Git, tip: Oid, wanted: Wanted, memory: Memory | None = None) -> FullChangelog:
    """Return the changelog of the history of `tip`; with a memory only what is new since the last time is read."""
    tagged = tags(git)
    versions = by_commit(tagged, release_tags(tagged, template=wanted.tag, paths=wanted.paths))
    key = _key(wanted)
    known = None if memory is None else _usable(git, tip, versions, memory.load(key))
    if known is None:
        commits = history(git, tip=tip)
        chosen = touching(git, tip=tip, paths=wanted.paths) if wanted.paths else None
        older: tuple[Rendered, ...] = ()
    else:
        commits = [*known.new, *known.unreleased]
        chosen = known.touching
        if chosen is not None and known.new:
            chosen |= touching(git, tip=tip, not_in=[known.tip], paths=wanted.paths)
        older = known.released
    releases = releases_of(commits, versions)
    shown = releases if chosen is None else only(releases, chosen)
    rendered = [_rendered(release, wanted) for release in shown[1:]]
    changelog = _put_together(shown[0], (*rendered, *older), wanted)
    if memory is not None and (known is None or known.new):
        waiting = releases[0].commits[::-1]
        memory.save(key, _to_json(tip, versions, waiting, chosen, changelog.releases))
    return changelog


def _put_together(unreleased: Release, releases: tuple[Rendered, ...], wanted: Wanted) -> FullChangelog:
    entries = entries_from(unreleased.commits, style=wanted.style)
    return FullChangelog(
        unreleased=Rendered(version=None, date="", text=render("Unreleased", "", "", entries, wanted)),
        entries=entries,
        releases=releases,
        conventional=_conventional(unreleased.commits),
    )


def _conventional(commits: Sequence[HistoryCommit]) -> float:
    own = [commit for commit in commits if len(commit.parents) < 2]  # noqa: PLR2004 - a merge has two
    typed = sum(parse_subject(commit.subject).type in KNOWN_TYPES for commit in own)
    return typed / len(own) if own else 1.0


def render(name: str, tag: str, date: str, entries: Sequence[Entry], wanted: Wanted) -> str:
    """Return one release as text, by the template."""
    if wanted.template_origin == "shipped":
        return _as_shipped(name, date, entries)
    values = {"name": name, "tag": tag, "date": date, "sections": sections(entries)}
    return fill_text(wanted.template, values, origin=wanted.template_origin).strip("\n") + "\n"


def _as_shipped(name: str, date: str, entries: Sequence[Entry]) -> str:
    """Write what the shipped template makes, without it: filling it costs more than reading the history.

    A test holds the two together.
    """
    parts = [f"## [{name}] - {date}" if date else f"## [{name}]"]
    for section in sections(entries):
        parts += [f"\n### {section.group}\n", *(entry.line for entry in section.entries)]
    return "\n".join(parts) + "\n"


def _rendered(release: Release, wanted: Wanted) -> Rendered:
    version = release.version
    name, tag = (version.name, version.tag) if version else ("Unreleased", "")
    date = _day(release.epoch)
    entries = entries_from(release.commits, style=wanted.style)
    return Rendered(version=version, date=date, text=render(name, tag, date, entries, wanted))


def _day(epoch: int) -> str:
    """Return a day as YYYY-MM-DD, nothing for one that no calendar has: git writes down whatever time it is told."""
    try:
        return datetime.fromtimestamp(epoch, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What an earlier run left: the tip it saw, what was not released then, and the releases as text."""

    tip: Oid
    new: Sequence[HistoryCommit]
    unreleased: Sequence[HistoryCommit]
    touching: frozenset[str] | None
    released: tuple[Rendered, ...]


def _usable(
    git: Git, tip: Oid, versions: Mapping[str, Version], saved: Mapping[str, Any] | None
) -> _Known | None:
    """Return what was saved if it still holds: its tip is below ours, and no tag came or went in what it had read."""
    if saved is None:
        return None
    try:
        known = _from_json(saved)
    except (KeyError, TypeError, ValueError):
        return None
    if known.tip != tip and not contains(git, tip=tip, ancestor=known.tip):
        return None
    new = history(git, tip=tip, not_in=[known.tip]) if known.tip != tip else []
    recent = {commit.id for commit in new}
    before = {commit: version for commit, version in versions.items() if commit not in recent}
    if _digest_of(before) != saved.get("tags"):
        return None
    return _Known(
        tip=known.tip, new=new, unreleased=known.unreleased, touching=known.touching, released=known.released
    )


def _key(wanted: Wanted) -> str:
    said = [
        _FORMAT,
        sorted(wanted.style.hide),
        wanted.style.issue_url,
        wanted.tag,
        wanted.paths,
        wanted.template,
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _digest_of(versions: Mapping[str, Version]) -> str:
    pairs = sorted((commit, version.tag) for commit, version in versions.items())
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def _to_json(
    tip: Oid,
    versions: Mapping[str, Version],
    waiting: Sequence[HistoryCommit],
    chosen: frozenset[str] | None,
    releases: Sequence[Rendered],
) -> dict[str, Any]:
    return {
        "schema": 1,
        "tip": tip,
        "tags": _digest_of(versions),
        "unreleased": [list(commit) for commit in waiting],
        "touching": None if chosen is None else [one.id for one in waiting if one.id in chosen],
        "released": [
            [release.version.tag, release.version.prefix, release.date, release.text]
            for release in releases
            if release.version is not None
        ],
    }


def _from_json(saved: Mapping[str, Any]) -> _Known:
    unreleased = [
        HistoryCommit(str(commit), tuple(map(str, parents)), int(epoch), str(body))
        for commit, parents, epoch, body in saved["unreleased"]
    ]
    chosen = saved["touching"]
    return _Known(
        tip=saved["tip"],
        new=[],
        unreleased=unreleased,
        touching=None if chosen is None else frozenset(map(str, chosen)),
        released=tuple(
            Rendered(version=_version(str(tag), str(prefix)), date=str(date), text=str(text))
            for tag, prefix, date, text in saved["released"]
        ),
    )


def _version(tag: str, prefix: str) -> Version:
    bare = parse_tag(tag.removeprefix(prefix))
    if bare is None:
        raise ValueError(f"{tag!r} is no version")
    return Version(tag=tag, prefix=prefix, numbers=bare.numbers, pre=bare.pre)
