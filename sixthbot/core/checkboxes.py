"""Checkboxes of a markdown text as subtasks, and the `do:` spans in them; linear in the text, code fences left out."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sixthbot.core.doline import BETWEEN, kept, parse_do, why_unread
from sixthbot.core.errors import Rejected
from sixthbot.core.issues import Asked, Subtask, SubtaskStatus
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable

SUBTASK_LIMIT = 500
_BOX_LIMIT = 10 * SUBTASK_LIMIT  # headings, which have boxes below them, included
_NO_TEXT = "(no text)"

# `[x](link)` is a link, so a box needs white space or the line's end behind it
_LIST_ITEM = re.compile(
    r"([ \t]*)(?:[-*+]|\d{1,9}[.)])(?:\Z|[ \t]+(?:\[([ xX])\](?:\Z|[ \t]+(.*)))?)", re.ASCII | re.DOTALL
)
_FENCE = re.compile(r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})(.*)", re.ASCII)
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_RUN_OF_TICKS = re.compile(r"`+")
_ASKS = re.compile(r"[ \t]*do:")


class TextLine(NamedTuple):
    """One line of a markdown text outside code fences and comments; `number` counts from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class OpenText:
    """The lines outside fences and comments, and the line of a fence that is never closed (0 for none)."""

    lines: tuple[TextLine, ...]
    unclosed_fence: int


def lines_outside_code(text: str, *, first_line: int = 1) -> OpenText:
    """Return the lines of `text` that are neither empty nor in a code fence nor in a comment of several lines.

    As in CommonMark a fence that is never closed lasts to the end; a comment that is never closed is none.
    """
    lines = text.split("\n")
    last_comment_end = max((at for at, line in enumerate(lines) if "-->" in line), default=-1)
    kept: list[TextLine] = []
    fence, opened, in_comment = "", 0, False
    for at, line in enumerate(lines):
        if not line:
            continue  # says nothing anywhere, and a hostile file may have a quarter of a million of them
        if in_comment:
            in_comment = "-->" not in line
        elif fence:
            fence = "" if _closes(line, fence) else fence
        elif (
            ("`" in line or "~" in line)
            and (match := _FENCE.fullmatch(line))
            and not (match[1][0] == "`" and "`" in match[2])
        ):
            fence, opened = match[1], first_line + at
        elif at < last_comment_end and line.lstrip().startswith("<!--") and "-->" not in line:
            in_comment = True
        else:
            kept.append(TextLine(first_line + at, line))
    return OpenText(tuple(kept), opened if fence else 0)


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(fence) and not bare.strip(fence[0])


@dataclass(slots=True)
class _Box:
    """One checkbox while the list is read; `has_boxes` makes it a heading and no subtask."""

    line: int
    indent: int
    ticked: bool
    rest: str
    has_boxes: bool = False


@dataclass(slots=True)
class _Level:
    indent: int
    box: _Box | None


def read_subtasks(open_text: OpenText, warn: Callable[[str], object] = str) -> tuple[Subtask, ...]:
    """Return the leaves among the checkboxes, numbered from 1; a ticked one is done by "issue".

    `warn` is told of each `do:` in a box that has boxes below it: that one is a heading and never run. Raises
    Rejected when there are more than 500 subtasks.
    """
    boxes = _read_boxes(open_text)
    leaves = [box for box in boxes if not box.has_boxes]
    if len(leaves) > SUBTASK_LIMIT:
        raise Rejected(f"it has {len(leaves)} subtasks; an issue may have {SUBTASK_LIMIT}")
    for box in boxes:
        if box.has_boxes and not box.ticked and take_do_spans(box.rest)[0]:
            warn(
                f"line {box.line}: its `do:` is not run, because the boxes below make the line a heading; "
                "put it into one of them"
            )
    return tuple(_subtask(n, box) for n, box in enumerate(leaves, 1))


def lines_asking_outside_boxes(open_text: OpenText) -> list[int]:
    """Return the numbers of the lines that are no checkbox and have a `do:` span."""
    return [
        line.number
        for line in open_text.lines
        if "do:" in line.text
        and not ((item := _LIST_ITEM.match(line.text)) and item[2])
        and take_do_spans(line.text)[0]
    ]


def lines_with_unclosed_do(open_text: OpenText) -> list[int]:
    """Return the numbers of the lines in which a back-tick before a `do:` is never closed."""
    return [line.number for line in open_text.lines if has_unclosed_do(line.text)]


def has_unclosed_do(text: str) -> bool:
    """Tell whether a line, or a subtask's text, has a back-tick before a `do:` that is never closed."""
    return "do:" in text and bool(_scan(text)[2])


def _read_boxes(open_text: OpenText) -> list[_Box]:
    boxes: list[_Box] = []
    levels: list[_Level] = []
    after_blank, last = True, 0
    for line in open_text.lines:
        # lines that are left out part paragraphs: empty ones, and fences
        after_blank, last = after_blank or line.number > last + 1, line.number
        item = _LIST_ITEM.match(line.text)
        if item is None:
            blank = not line.text.strip()
            if not blank and (_HEADING.match(line.text) or (after_blank and not line.text[0].isspace())):
                levels.clear()  # what follows belongs to another list, however far it is indented
            after_blank = blank
            continue
        after_blank = False
        indent = len(item[1].expandtabs(4))
        # one space more is still the same level, as in CommonMark
        while levels and indent < levels[-1].indent + 2:
            levels.pop()
        box = _Box(line.number, indent, item[2] != " ", item[3] or "") if item[2] else None
        if box is not None:
            boxes.append(box)
            if len(boxes) > _BOX_LIMIT:
                raise Rejected(
                    f"it has more than {_BOX_LIMIT} checkboxes; an issue may have {SUBTASK_LIMIT} subtasks"
                )
            _mark_headings(levels)
        levels.append(_Level(indent, box))
    return boxes


def _mark_headings(levels: list[_Level]) -> None:
    for level in reversed(levels):
        if level.box is not None:
            if level.box.has_boxes:
                return  # so are all above it
            level.box.has_boxes = True


def _subtask(n: int, box: _Box) -> Subtask:
    spans, text = take_do_spans(box.rest)
    asks = BETWEEN.join(spans)
    asked, problem = read_do(asks) if spans else (None, "")
    fallback = f"do {asked.name}" if asked else _NO_TEXT
    subtask = Subtask(n=n, text=clean_line(text) or fallback, asked=asked)
    if box.ticked:
        return replace(subtask, status=SubtaskStatus.DONE, by="issue")
    if problem:
        return replace(subtask, status=SubtaskStatus.WAITING, by="person", reason=problem, unread=kept(asks))
    return subtask


def without_do_spans(line: str) -> str:
    """Return a line of markdown without its `do:` spans."""
    return take_do_spans(line)[1]


def take_do_spans(line: str) -> tuple[list[str], str]:
    """Return what the `do:` code spans of a line say, and the line without them."""
    spans, kept, _ = _scan(line)
    return spans, kept


def _scan(line: str) -> tuple[list[str], str, bool]:
    """Return also whether a back-tick before a `do:` has no closing one, so that it is plain text."""
    runs = [(match.start(), match.end()) for match in _RUN_OF_TICKS.finditer(line)]
    later: dict[int, deque[int]] = {}  # by length of a run of backticks, where such runs stand
    for at, (start, end) in enumerate(runs):
        later.setdefault(end - start, deque()).append(at)
    spans: list[str] = []
    kept: list[str] = []
    copied, at, unclosed = 0, 0, False
    while at < len(runs):
        start, inner = runs[at]
        closing = later[inner - start]
        while closing and closing[0] <= at:
            closing.popleft()
        if not closing:  # a run without another of its length is plain text
            unclosed = unclosed or _ASKS.match(line, inner) is not None
            at += 1
            continue
        end, behind = runs[closing[0]]
        content = line[inner:end].strip()
        if content.startswith("do:"):
            spans.append(content.removeprefix("do:").strip())
            kept.append(line[copied:start])
            copied = behind
        at = closing[0] + 1
    kept.append(line[copied:])
    return spans, "".join(kept), unclosed


def read_do(text: str) -> tuple[Asked | None, str]:
    """Read `NAME key=value ...` with shell-like quoting; return what is asked, or None and the reason why not."""
    problem = why_unread(text)
    if problem:
        return None, problem
    name, args = parse_do(text)
    return Asked(name, MappingProxyType(args)), ""
