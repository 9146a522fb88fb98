"""The shape of a changelog file, in markdown or reStructuredText: its headings, groups and list items by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sixthbot.core.checkboxes import TextLine, lines_outside_code

if TYPE_CHECKING:
    from collections.abc import Sequence

ITEM = re.compile(r"([ \t]*)([-*+])[ \t]+(\S.*)")
"""A list item: indent, bullet, text."""

LINK = re.compile(r" {0,3}\[[^\]]{1,200}\]:[ \t]*\S")
"""A link definition of markdown."""

_GROUP_NAMES = frozenset(
    {
        "added", "changed", "deprecated", "removed", "fixed", "security",
        "features", "new features", "bug fixes", "bugfixes", "fixes", "breaking changes", "enhancements",
        "improvements", "deprecations", "removals", "deprecations and removals", "documentation", "dependencies",
    }
)  # fmt: skip
_NEXT = frozenset(
    {"dev", "development", "in development", "next", "next release", "upcoming", "main", "master"}
)
_UNRELEASED = re.compile(r"\[?unreleased\b", re.IGNORECASE)
_RELEASE = re.compile(r"(?:^|[\s\[(vV])\d+\.\d+|^\[?v?\d+\]?(?:\s|$)|\d{4}-\d{2}-\d{2}", re.ASCII)
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_BOLD = re.compile(r"\*\*([A-Za-z][A-Za-z ]{0,40}):?\*\*:?")
_UNDERLINE = re.compile(r"([=~^\"'`:.*+#_-])\1{2,}")
_MARKDOWN_UNDERLINES = "=-"
_TITLE_LIMIT = 300
_GAP_LIMIT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading on the lines from `start` up to, not including, `end`.

    `mark` is its hashes, the sign it is underlined with, or `**`; `level` counts from 1, the outermost.
    `overlined` says that the row of signs stands above it too.
    """

    start: int
    end: int
    level: int
    title: str
    mark: str
    form: Literal["hash", "underline", "bold"]
    overlined: bool = False

    @property
    def unreleased(self) -> bool:
        """Whether it is over what is not released yet."""
        return _UNRELEASED.match(self.title) is not None

    @property
    def release(self) -> bool:
        """Whether it names a version or a date."""
        return not self.unreleased and _RELEASE.search(self.title) is not None


@dataclass(frozen=True, slots=True)
class Page:
    """A changelog's lines without their ends, numbered from 0, and what they are.

    `open_lines` are those outside code fences and comments. `groups` are headings of groups, also those written in
    bold; `group_mark` is the mark of the first of these (empty: none yet), `group_rule` the sign that the first
    underlined one is underlined with, `bullet` the sign of list items with the gap behind it. `unreleased` is the
    heading over what is not released yet, which may name the version to come.
    """

    lines: tuple[str, ...]
    open_lines: tuple[TextLine, ...]
    headings: tuple[Heading, ...]
    groups: tuple[Heading, ...]
    unreleased: Heading | None
    group_mark: str
    group_rule: str
    bullet: str

    @property
    def end(self) -> int:
        """The line behind the last one with text, link definitions at the file's end not counted."""
        end = len(self.lines)
        while end > 0 and (self.blank(end - 1) or LINK.match(self.lines[end - 1])):
            end -= 1
        return end

    def blank(self, at: int) -> bool:
        """Tell whether line `at` is blank or beyond the file's ends."""
        return not 0 <= at < len(self.lines) or not self.lines[at].strip()

    def item(self, at: int) -> bool:
        """Tell whether a list item begins on line `at`."""
        return ITEM.fullmatch(self.lines[at]) is not None

    def in_list(self, at: int, first: int) -> bool:
        """Tell whether line `at` belongs to a list item that begins on it or above, from `first` on."""
        while at >= first and not self.blank(at):
            if self.item(at):
                return True
            at -= 1
        return False

    def texts(self, start: int, end: int) -> set[str]:
        """Return the list items and paragraphs between two lines, each with its further lines as one line of text."""
        over = {at for group in self.groups for at in range(group.start, group.end) if start <= at < end}
        texts: list[list[str]] = []
        current: list[str] | None = None
        for at in range(start, end):
            match = ITEM.fullmatch(self.lines[at])
            if at in over or self.blank(at):
                current = None
            elif match or current is None:
                current = [match[3] if match else self.lines[at]]
                texts.append(current)
            else:
                current.append(self.lines[at])
        return {" ".join(" ".join(parts).split()) for parts in texts}


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their ends; only newlines end one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def read_page(text: str) -> Page:
    """Return the shape of a changelog's text."""
    lines = tuple(line.rstrip("\r\n") for line in split_lines(text))
    open_lines = _open_lines(lines)
    headings = _headings(lines, open_lines)
    bold = [
        Heading(start=line.number, end=line.number + 1, level=9, title=match[1], mark="**", form="bold")
        for line in open_lines
        if (match := _BOLD.fullmatch(line.text.strip()))
    ]
    groups = sorted([*headings, *bold], key=lambda heading: heading.start)
    named = [heading for heading in groups if heading.title.rstrip(":").lower() in _GROUP_NAMES]
    first_item = next((match for line in open_lines if (match := ITEM.fullmatch(line.text))), None)
    return Page(
        lines=lines,
        open_lines=open_lines,
        headings=headings,
        groups=tuple(groups),
        unreleased=_unreleased(headings, lines),
        group_mark=next((heading.mark for heading in named if heading.form != "underline"), ""),
        group_rule=next((heading.mark for heading in named if _plainly_underlined(heading)), ""),
        bullet=_bullet(first_item),
    )


def _plainly_underlined(heading: Heading) -> bool:
    return heading.form == "underline" and not heading.overlined


def _bullet(item: re.Match[str] | None) -> str:
    """Return the sign of a list item and the gap behind it."""
    if item is None:
        return "- "
    gap = item.string[item.end(2) : item.start(3)]
    return item[2] + (gap if len(gap) <= _GAP_LIMIT and "\t" not in gap else " ")


def _unreleased(headings: Sequence[Heading], lines: Sequence[str]) -> Heading | None:
    """Return the heading over what is not released: one that says so, or the first with `Unreleased` right below."""
    for heading in headings:
        if heading.unreleased:
            return heading
    for heading in headings:
        if heading.title.strip("[]").lower() in _NEXT:
            return heading
        if heading.release:
            below = next((line for line in lines[heading.end :] if line.strip()), "")
            return heading if _UNRELEASED.match(below.strip(" *_(")) else None
    return None


def _open_lines(lines: Sequence[str]) -> tuple[TextLine, ...]:
    """Return the lines outside fences and comments, numbered from 0; a fence that is never closed is none here.

    What is inserted at the end of such a file has to be found again.
    """
    outside = lines_outside_code("\n".join(lines))
    found = [TextLine(line.number - 1, line.text) for line in outside.lines]
    if outside.unclosed_fence:
        first = outside.unclosed_fence - 1
        found = [line for line in found if line.number < first]
        found += [TextLine(at, lines[at]) for at in range(first, len(lines))]
    return tuple(found)


def _headings(lines: Sequence[str], open_lines: Sequence[TextLine]) -> tuple[Heading, ...]:
    found: list[Heading] = []
    for line in open_lines:
        atx = _ATX.fullmatch(line.text[:_TITLE_LIMIT])
        if atx:
            found.append(
                Heading(
                    start=line.number,
                    end=line.number + 1,
                    level=len(atx[1]),
                    title=atx[2].strip(),
                    mark=atx[1],
                    form="hash",
                )
            )
        elif (underlined := _underlined(lines, line.number)) is not None:
            found.append(underlined)
    in_markdown = any(heading.form == "hash" for heading in found)
    return tuple(found) if in_markdown else _levels_by_appearance(found)


def _underlined(lines: Sequence[str], at: int) -> Heading | None:
    """Return the heading whose title stands on line `at` with a row of one sign below it, perhaps above it too."""
    if at + 1 >= len(lines):
        return None
    title, rule = lines[at].strip(), lines[at + 1].rstrip()
    match = _UNDERLINE.fullmatch(rule)
    if not title or match is None or _UNDERLINE.fullmatch(title) or ITEM.fullmatch(lines[at]):
        return None
    sign = match[1]
    if sign not in _MARKDOWN_UNDERLINES and len(rule) < len(title):
        return None
    overlined = at > 0 and lines[at - 1].rstrip() == rule
    if not overlined and (lines[at][0].isspace() or (at > 0 and lines[at - 1].strip())):
        return None  # the last line of a paragraph above a rule
    return Heading(
        start=at - 1 if overlined else at,
        end=at + 2,
        level=1 if sign == "=" else 2,
        title=title,
        mark=sign,
        form="underline",
        overlined=overlined,
    )


def _levels_by_appearance(found: Sequence[Heading]) -> tuple[Heading, ...]:
    """Give levels as reStructuredText does: each new way to underline lies one level below those seen before."""
    order: dict[tuple[str, bool], int] = {}
    return tuple(
        replace(heading, level=order.setdefault((heading.mark, heading.overlined), len(order) + 1))
        for heading in found
    )
