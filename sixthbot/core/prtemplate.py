"""Puts a draft's text into a repository's own PR template: its headings and boxes stay, nothing is ticked without a record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLACES = (
    ".github/pull_request_template.md", ".github/PULL_REQUEST_TEMPLATE.md",
    "pull_request_template.md", "PULL_REQUEST_TEMPLATE.md",
    "docs/pull_request_template.md", "docs/PULL_REQUEST_TEMPLATE.md",
    ".gitlab/merge_request_templates/Default.md", ".gitlab/merge_request_templates/default.md",
    ".gitea/pull_request_template.md", ".forgejo/pull_request_template.md",
)  # fmt: skip
"""Where forges look for one, in their order."""

FOLDERS = (".github/PULL_REQUEST_TEMPLATE/", ".gitlab/merge_request_templates/")
"""Where several lie; the only one of a folder counts, and of several the one called default."""

_SIZE_LIMIT = 64_000
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_BOX = re.compile(r"^(\s*[-*+]\s+\[)[ xX](\]\s+)(.*)$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)

# which of our sections answers a heading of theirs: the first word that fits, the first heading that has it
_FITTING: Mapping[str, re.Pattern[str]] = {
    "": re.compile(
        r"\b(?:description|summary|overview|what|why|motivation|purpose|proposed changes?|changes?)\b",
        re.IGNORECASE,
    ),
    "Asked for": re.compile(
        r"\b(?:issues?|tickets?|related|references?|context|fixes|closes)\b", re.IGNORECASE
    ),
    "Checks": re.compile(r"\b(?:test(?:s|ed|ing)?|verif(?:y|ied|ication)|qa|validation)\b", re.IGNORECASE),
    "Risk": re.compile(r"\b(?:risks?|impact)\b", re.IGNORECASE),
    "Public interface": re.compile(r"\b(?:breaking|api|compatibility)\b", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands below it, up to the next. `level` is 0 and `title` empty for what comes before any."""

    level: int
    title: str
    body: str


def split(text: str) -> list[Section]:
    """Return a markdown text's sections; what looks like a heading inside a fenced block is none."""
    sections: list[Section] = []
    level, title, lines, fence = 0, "", [], ""
    for line in text.replace("\r\n", "\n").split("\n"):
        fence = fence_after(fence, line)
        found = None if fence else _HEADING.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        sections.append(Section(level, title, "\n".join(lines).strip("\n")))
        level, title, lines = len(found[1]), found[2], []
    sections.append(Section(level, title, "\n".join(lines).strip("\n")))
    return sections if sections[0].body or len(sections) == 1 else sections[1:]


def fence_after(fence: str, line: str) -> str:
    """Return the fence that is open after a line, empty for none; `fence` is the one that was open before it."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if fence:
        ends = found[1][0] == fence[0] and len(found[1]) >= len(fence) and not found[2].strip()
        return "" if ends else fence
    return "" if found[1][0] == "`" and "`" in found[2] else found[1]


def choose(paths: Sequence[str]) -> str:
    """Return the template among a tree's paths that counts, empty for none."""
    known = set(paths)
    for place in PLACES:
        if place in known:
            return place
    for folder in FOLDERS:
        inside = sorted(path for path in known if path.startswith(folder) and path.endswith(".md"))
        if len(inside) == 1:
            return inside[0]
        named = [path for path in inside if path.rsplit("/", 1)[-1].lower() == "default.md"]
        if named:
            return named[0]
    return ""


def merge(template: str, draft: str, ticked: Sequence[tuple[re.Pattern[str], str]]) -> str:
    """Return the draft in the shape of a template.

    The template's words stay but its comments, which speak to whoever fills it in. Sections of the draft go below the
    heading that asks for them, all others after the template. Every box of the template is open, unless one of
    `ticked` fits its text: a pattern, and the record that answers it, which is written behind.
    """
    warning, draft = _warning(draft)
    ours = split(draft)
    theirs = [_answered(section, ticked) for section in split(_neutral(template))]
    taken: dict[int, list[Section]] = {}
    for section in ours:
        at = _place_for(section.title, theirs, set(taken))
        if at is not None:
            taken[at] = [section]
    parts = [warning]
    first = next((one for one in ours if not one.title), None)
    used = [one for group in taken.values() for one in group]
    if first is not None and first not in used:
        parts.append(first.body)
        used.append(first)
    for at, section in enumerate(theirs):
        if section.title:
            parts.append(f"{'#' * section.level} {section.title}")
        parts += [part.body for part in taken.get(at, ())]
        parts.append(section.body)
    parts += [_whole(one) for one in ours if one not in used]
    return "\n\n".join(part for part in parts if part.strip()).rstrip("\n") + "\n"


def _warning(draft: str) -> tuple[str, str]:
    """Part a quotation that a draft begins with from the rest: what failed is said first, whatever the template."""
    if not draft.startswith("> "):
        return "", draft
    warning, _, rest = draft.partition("\n\n")
    return warning, rest


def _neutral(template: str) -> str:
    """Return a template whose comments are gone and whose last fenced block ends, so that it swallows nothing."""
    text = _COMMENT.sub("", template[:_SIZE_LIMIT].replace("\r\n", "\n").removeprefix("\ufeff"))
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if not (fence or line.strip() or (kept and kept[-1].strip())):
            continue  # of several empty lines, such as a comment leaves behind, one is enough
        fence = fence_after(fence, line)
        kept.append(line)
    text = "\n".join(kept).rstrip("\n")
    return f"{text}\n{fence}" if fence else text


def _answered(section: Section, ticked: Sequence[tuple[re.Pattern[str], str]]) -> Section:
    lines, fence = [], ""
    for line in section.body.split("\n"):
        fence = fence_after(fence, line)
        box = None if fence else _BOX.match(line)
        if box is None:
            lines.append(line)
            continue
        record = next((said for pattern, said in ticked if pattern.search(box[3])), "")
        mark, behind = ("x", f" ({record})") if record else (" ", "")
        lines.append(f"{box[1]}{mark}{box[2]}{box[3].rstrip()}{behind}")
    return Section(section.level, section.title, "\n".join(lines))


def _place_for(title: str, theirs: Sequence[Section], taken: set[int]) -> int | None:
    pattern = _FITTING.get(title)
    if pattern is None:
        return None
    return next(
        (at for at, one in enumerate(theirs) if one.title and at not in taken and pattern.search(one.title)),
        None,
    )


def _whole(section: Section) -> str:
    return f"{'#' * section.level} {section.title}\n\n{section.body}" if section.title else section.body
