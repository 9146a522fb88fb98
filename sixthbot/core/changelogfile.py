"""A changelog file as lines: new items go into its Unreleased section and nothing that stands there is changed.

Lines are only ever inserted, so published sections and hand edits stay as they are to the byte, and items that
are there already are not inserted again, so that a second run changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.changelog import GROUPS
from sixthbot.core.changelogpage import ITEM, LINK, Heading, Page, read_page, split_lines
from sixthbot.core.errors import WorkFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sixthbot.core.changelog import Entry

HEADER = """\
# Changelog

All notable changes to this project are documented in this file.

The format is based on [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).
"""
"""What a changelog begins with where there was none."""

_BOM = "\ufeff"
RST_HEADER = "Changelog\n=========\n"
"""What one in reStructuredText begins with."""

DEFAULT_NAME = "CHANGELOG.md"
"""The changelog of a repository that has none."""

_STEMS = ("CHANGELOG", "CHANGES", "HISTORY", "NEWS", "RELEASE_NOTES")
_ENDS = (".md", ".rst", ".txt", "")
_CHANGELOG_NAME = re.compile(
    r"(changelog|changes|history|news|release_notes)(\.md|\.rst|\.txt)?", re.IGNORECASE
)
# roles, links, literals and escapes of reStructuredText itself stay as they are
_MARKDOWN = re.compile(
    r":[A-Za-z][\w:.-]*:`[^`]+`|`[^`]+`__?|``.+?``|`(?P<code>[^`]+)`|\*\*[^*]+\*\*|\\(?P<escaped>[<!])|\\[*_|`\\]|\[(?P<label>[^\]\n]+)\]\((?P<url>[^)\s]+)\)"
    r"|(?P<odd>[*|`\\]|_(?!\w))"
)
_ANCHOR = re.compile(r"<a (?:name|id)=|\.\. _")
_RENDERED_HEADING = re.compile(r"(?:#{1,6})[ \t]+(\S.*)")


@dataclass(frozen=True, slots=True)
class _Block:
    """A group of rendered text: its name, empty for none, and its items, each with its further lines."""

    group: str
    items: tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class _Inserts:
    """Lines to insert, by the number of the line they come before."""

    at: dict[int, list[str]] = field(default_factory=dict)

    def add(self, before: int, lines: Iterable[str]) -> None:
        """Add lines at a place, after what was added there before; blank lines do not pile up."""
        there = self.at.setdefault(before, [])
        for line in lines:
            if line or not there or there[-1]:
                there.append(line)


def update(text: str | None, rendered: str, *, rst: bool = False) -> str:
    """Return the changelog `text` (None: there is no file) with the rendered items in its Unreleased section.

    The section is made where there is none: before the first release, else below the head of the file. Line ends
    stay as they are. `rst` says that the file is reStructuredText, which the markdown of the items then becomes. What is there already is not added again, and nothing is ever taken out.
    """
    blocks = _read_rendered(rendered)
    if not blocks:
        return text or ""
    if rst:
        blocks = [_in_rst(block) for block in blocks]
    bom = _BOM if text is not None and text.startswith(_BOM) else ""
    old = (text or "").removeprefix(_BOM)
    if not old.strip():
        old = RST_HEADER if rst else HEADER
    page = read_page(old)
    inserts = _Inserts()
    if page.unreleased is None:
        _make_section(page, blocks, inserts)
    else:
        _merge_into(page, page.unreleased, blocks, inserts)
    return bom + _with_inserts(old, inserts)


def find_changelog(names: Iterable[str]) -> str:
    """Return which of the files at the top of a tree is the changelog; `CHANGELOG.md` when none is."""
    ranked = {name: match for name in names if (match := _CHANGELOG_NAME.fullmatch(name))}

    def rank(name: str) -> tuple[int, int, str]:
        stem, end = ranked[name][1].upper(), (ranked[name][2] or "").lower()
        return _STEMS.index(stem), _ENDS.index(end), name

    return min(ranked, key=rank, default=DEFAULT_NAME)


def update_bytes(data: bytes | None, rendered: str, *, rst: bool = False) -> bytes:
    """Do as `update` does for a file's bytes; bytes that are no UTF-8 stay what they are.

    Raises WorkFailed for a file that is no text with one byte per ASCII sign, such as UTF-16.
    """
    if data is not None and (b"\0" in data or data.startswith((b"\xff\xfe", b"\xfe\xff"))):
        raise WorkFailed(
            "the changelog is not UTF-8 text", hint="save it as UTF-8, or name another with [changelog] file"
        )
    text = None if data is None else data.decode("utf-8", "surrogateescape")
    return update(text, rendered, rst=rst).encode("utf-8", "surrogateescape")


def _with_inserts(text: str, inserts: _Inserts) -> str:
    newline = "\r\n" if "\r\n" in text[: text.find("\n") + 1] else "\n"
    parts: list[str] = []
    for at, line in enumerate([*split_lines(text), ""]):
        added = inserts.at.get(at, [])
        if added and parts and not parts[-1].endswith("\n"):
            parts.append(newline)
        parts += [each + newline for each in added]
        parts.append(line)
    return "".join(parts)


def _read_rendered(rendered: str) -> list[_Block]:
    """Return the groups of rendered text in the order of Keep a Changelog, those it does not know last."""
    items: dict[str, list[list[str]]] = {}
    group, current = "", None
    for raw in rendered.splitlines():
        line = raw.rstrip()
        heading = _RENDERED_HEADING.fullmatch(line)
        if heading:
            group, current = _group_name(heading[1]), None
        elif not line:
            current = None
        elif current is None or ITEM.fullmatch(line):
            current = [line]
            items.setdefault(group, []).append(current)
        else:
            current.append(line)
    blocks = [_Block(name, tuple(tuple(item) for item in found)) for name, found in items.items()]
    return sorted(blocks, key=lambda block: _rank(block.group))


def _in_rst(block: _Block) -> _Block:
    """Return a block with the markdown of its items written as reStructuredText."""
    return _Block(block.group, tuple(tuple(map(_line_in_rst, item)) for item in block.items))


def _line_in_rst(line: str) -> str:
    match = ITEM.fullmatch(line)
    start = match.start(3) if match else 0
    return line[:start] + _MARKDOWN.sub(_piece_in_rst, line[start:])


def _piece_in_rst(found: re.Match[str]) -> str:
    if found["code"]:
        return f"``{found['code']}``"
    if found["escaped"]:
        return found["escaped"]
    if found["label"]:
        return f"`{found['label']} <{found['url']}>`__"
    return f"\\{found['odd']}" if found["odd"] else found[0]


def _group_name(title: str) -> str:
    # a template may begin with the section's own heading; the file has that already, or gets it
    return "" if title.lower().lstrip("[").startswith("unreleased") else title.strip()


def _rank(group: str) -> int:
    known = [name.lower() for name in ("", *GROUPS)]
    return known.index(group.lower()) if group.lower() in known else len(known)


def _make_section(page: Page, blocks: Sequence[_Block], inserts: _Inserts) -> None:
    at, like = _place_for_section(page)
    lines = [*_section_heading(like), ""]
    for block in blocks:
        lines += _group_lines(page, block, like)
    if at >= page.end and page.blank(at):
        lines.pop()  # nothing follows that a blank line would part it from
    if not page.blank(at - 1):
        lines.insert(0, "")
    inserts.add(at, lines)


def _place_for_section(page: Page) -> tuple[int, Heading | None]:
    """Return the line before which the section goes and the heading whose form it takes."""
    releases = [heading for heading in page.headings if heading.release]
    below_title = [heading for at, heading in enumerate(page.headings) if at or heading.level > 1]
    for like in (*releases[:1], *below_title[:1]):
        return _above_anchors(page, like.start), like
    if not page.headings:
        return 0, None
    after_title = page.headings[0].end
    first_item = next(
        (line.number for line in page.open_lines if line.number >= after_title and page.item(line.number)),
        None,
    )
    return (page.end if first_item is None else first_item), None


def _above_anchors(page: Page, at: int) -> int:
    """Return the line of the first of the link targets that stand over line `at`, or `at` itself."""
    above = at - 1
    while above >= 0 and (page.blank(above) or _ANCHOR.match(page.lines[above])):
        at = at if page.blank(above) else above
        above -= 1
    return at


def _section_heading(like: Heading | None) -> list[str]:
    if like is None:
        return ["## [Unreleased]"]
    title = "[Unreleased]" if like.title.startswith("[") or not like.release else "Unreleased"
    return heading_lines(like, title if like.form == "hash" else "Unreleased")


def heading_lines(like: Heading, title: str) -> list[str]:
    """Return the lines of a heading of the same form and level as another one."""
    if like.form == "hash":
        return [f"{like.mark} {title}"]
    rule = like.mark * len(title)
    return [*([rule] if like.overlined else []), title, rule]


def _group_lines(page: Page, block: _Block, like: Heading | None) -> list[str]:
    """Return a whole group: heading, blank line, items, blank line."""
    heading = [*_group_heading(page, block.group, like), ""] if block.group else []
    return [*heading, *_item_lines(page, block.items), ""]


def _group_heading(page: Page, group: str, like: Heading | None) -> list[str]:
    """Return a group's heading in the form that the file's groups have, else one level below its section."""
    section_mark = "##" if like is None else like.mark
    if like is not None and like.form == "underline" and page.group_rule not in {"", like.mark}:
        return [group, page.group_rule * max(len(group), 3)]
    if like is not None and like.form != "hash":
        mark = page.group_mark or "**"  # bold is a heading to people in markdown and reStructuredText alike
    elif page.group_mark == "**" or len(page.group_mark) > len(section_mark):
        mark = page.group_mark
    else:
        mark = section_mark + "#"
    return [f"**{group}**" if mark == "**" else f"{mark} {group}"]


def _item_lines(page: Page, items: Iterable[Sequence[str]]) -> list[str]:
    lines: list[str] = []
    for first, *rest in items:
        match = ITEM.fullmatch(first)
        if match and not match[1]:
            wider = " " * (len(page.bullet) - 2)
            lines += [f"{page.bullet}{match[3]}", *(wider + line for line in rest)]
        else:
            lines += [first, *rest]
    return lines


def merge_into_section(text: str, title: str, rendered: str, *, rst: bool = False) -> str:
    """Return the text with rendered items in the section under the heading `title`, which must be there."""
    blocks = _read_rendered(rendered)
    page = read_page(text)
    section = next(heading for heading in page.headings if heading.title == title)
    inserts = _Inserts()
    _merge_into(page, section, [_in_rst(block) for block in blocks] if rst else blocks, inserts)
    return _with_inserts(text, inserts)


def missing_in(text: str, entries: Iterable[Entry], *, rst: bool = False) -> list[Entry]:
    """Return the entries that the Unreleased section of a changelog's text does not have, in order."""
    page = read_page(text.removeprefix(_BOM))
    section = page.unreleased
    present = set() if section is None else page.texts(section.end, _section_end(page, section))
    return [
        entry
        for entry in entries
        if _text_of([_line_in_rst(entry.line) if rst else entry.line]) not in present
    ]


def _merge_into(page: Page, section: Heading, blocks: Sequence[_Block], inserts: _Inserts) -> None:
    start, end = section.end, _section_end(page, section)
    present = page.texts(start, end)
    groups = [heading for heading in page.groups if start <= heading.start < end]
    for block in blocks:
        items = tuple(item for item in block.items if _text_of(item) not in present)
        if items:
            _add_to_section(page, _Block(block.group, items), groups, (start, end), inserts)


def _text_of(item: Sequence[str]) -> str:
    match = ITEM.fullmatch(item[0])
    return " ".join(" ".join([match[3] if match else item[0], *item[1:]]).split())


def _section_end(page: Page, section: Heading) -> int:
    """Return the line behind the section's last line with text; link definitions at a file's end are not its."""
    after = (heading for heading in page.headings if heading.start >= section.end)
    end = next((heading.start for heading in after if heading.level <= section.level), len(page.lines))
    while end > section.end and (
        page.blank(end - 1) or LINK.match(page.lines[end - 1]) or _ANCHOR.match(page.lines[end - 1])
    ):
        end -= 1
    return end


def _add_to_section(
    page: Page, block: _Block, groups: Sequence[Heading], span: tuple[int, int], inserts: _Inserts
) -> None:
    start, end = span
    at = next(
        (at for at, group in enumerate(groups) if group.title.rstrip(":").lower() == block.group.lower()),
        None,
    )
    if at is not None or not block.group:
        first = start if at is None else groups[at].end
        behind = 0 if at is None else at + 1
        last = groups[behind].start if behind < len(groups) else end
        _append(page, block, (first, max(first, last)), inserts)
        return
    later = next((group for group in groups if _rank(group.title.rstrip(":")) > _rank(block.group)), None)
    lines = _group_lines(page, block, page.unreleased)
    if later is None:
        lines = ["", *lines[:-1]]
        inserts.add(end, lines if page.blank(end) else [*lines, ""])
    else:
        inserts.add(later.start, lines if page.blank(later.start - 1) else ["", *lines])


def _append(page: Page, block: _Block, span: tuple[int, int], inserts: _Inserts) -> None:
    """Put items behind the last line with text of a span, which begins right below a heading."""
    first, end = span
    while end > first and page.blank(end - 1):
        end -= 1
    lines = _item_lines(page, block.items)
    if not page.in_list(end - 1, first):
        lines.insert(0, "")
    inserts.add(end, lines if page.blank(end) else [*lines, ""])
