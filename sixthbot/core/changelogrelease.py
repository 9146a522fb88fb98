"""A release in a changelog file: what stood under Unreleased gets the version's heading; older sections stay as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.changelogfile import heading_lines, merge_into_section
from sixthbot.core.changelogpage import Heading, Page, read_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BOM = "\ufeff"
_COMPARISON = re.compile(
    r"(?P<head>\[unreleased\]:[ \t]*\S+/compare/)(?P<old>[^/\s]+?)\.\.\.HEAD[ \t]*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version to put into a changelog: `name` as in headings, its tag, its date, and the items to add, rendered."""

    name: str
    tag: str
    date: str
    rendered: str = ""


def not_in_file(text: str, releases: Sequence[Published]) -> list[Published]:
    """Return the releases, given newest first, that are newer than all that the file has a section for.

    A file without sections of releases gets none: it may keep them elsewhere.
    """
    titles = [heading.title for heading in read_page(text).headings if heading.release]
    newer: list[Published] = []
    for release in releases:
        if any(_names(title, release.name) for title in titles):
            return newer
        newer.append(release)
    return []


def publish(text: str, releases: Sequence[Published], *, later: Iterable[str] = (), rst: bool = False) -> str:
    """Return the text with sections for releases, given newest first, that have none yet.

    What stood under Unreleased becomes the section of the oldest of them; of it only the items in `later` (lines of
    markdown), which came after the newest one, stay above. The others get the items they are given.
    """
    bom = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    if not releases:
        return bom + text
    newline = "\r\n" if "\r\n" in text[: text.find("\n") + 1] else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    page = read_page("\n".join(lines))
    if page.unreleased is None:
        return bom + text
    like = next((heading for heading in page.headings if heading.release), page.unreleased)
    lines = _without(lines, page, set(later))
    heads: list[str] = []
    for release in releases:
        heads += ["", *heading_lines(like, _title(like, release))]
    end = page.unreleased.end
    lines[end:end] = heads
    result = "\n".join(_with_comparisons(lines, releases))
    for release in releases:
        if release.rendered:
            result = merge_into_section(result, _title(like, release), release.rendered, rst=rst)
    return bom + (result.replace("\n", newline) if newline != "\n" else result)


def _names(title: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.+-]*\w)", title) is not None


def _title(like: Heading, release: Published) -> str:
    """Write a version's heading as the file writes them: in brackets or not, with `v` or not, with a date or not."""
    name = f"v{release.name}" if re.match(r"\W*v\d", like.title) else release.name
    bracketed = f"[{name}]" if like.title.startswith("[") else name
    with_date = like.unreleased or re.search(r"\d{4}-\d{2}-\d{2}", like.title)
    if not (release.date and with_date):
        return bracketed
    return (
        f"{bracketed} ({release.date})"
        if re.search(r"\(\d{4}-", like.title)
        else f"{bracketed} - {release.date}"
    )


def _without(lines: list[str], page: Page, later: set[str]) -> list[str]:
    """Take items of one line that came later out of Unreleased; they are written there anew."""
    section = page.unreleased
    if section is None or not later:
        return lines
    after = [
        heading.start
        for heading in page.headings
        if heading.start >= section.end and heading.level <= section.level
    ]
    end = after[0] if after else len(lines)
    return [line for at, line in enumerate(lines) if not (section.end <= at < end and line.rstrip() in later)]


def _with_comparisons(lines: list[str], releases: Sequence[Published]) -> list[str]:
    """Keep the links at the file's end true where they compare versions, as Keep a Changelog has them."""
    for at, line in enumerate(lines):
        found = _COMPARISON.fullmatch(line)
        if found is None:
            continue
        start = re.sub(r"\[unreleased\]", "[{}]", found["head"], flags=re.IGNORECASE)
        olds = [*(release.tag for release in releases[1:]), found["old"]]
        links = [
            f"{start.replace('{}', release.name, 1)}{old}...{release.tag}"
            for release, old in zip(releases, olds, strict=True)
        ]
        return [*lines[:at], f"{found['head']}{releases[0].tag}...HEAD", *links, *lines[at + 1 :]]
    return lines
