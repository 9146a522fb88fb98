"""Issue files: bytes that anybody may have dropped, read into an `Issue` or rejected with a reason; nothing is run.

Limits come before parsers, and every parser is linear in the file, so a hostile file costs no more than a long one.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.checkboxes import (
    lines_asking_outside_boxes,
    lines_outside_code,
    lines_with_unclosed_do,
    read_do,
    read_subtasks,
    take_do_spans,
)
from sixthbot.core.doline import DO_LIMIT
from sixthbot.core.errors import ConfigError, InvalidName, Rejected
from sixthbot.core.frontmatter import FrontMatter, split_front_matter
from sixthbot.core.issues import Issue
from sixthbot.core.names import BranchName, clean_line, has_unsafe_characters, parse_issue_id
from sixthbot.core.tasks import Lane
from sixthbot.core.times import parse_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sixthbot.core.checkboxes import OpenText

__all__ = ["SIZE_LIMIT", "Rejected", "parse_issue"]

SIZE_LIMIT = 256 * 1024
"""Bytes that an issue file may have."""

_LIST_LIMIT = 100
_FIELD_LIMIT = 200
_PATH_LIMIT = 1000
_LINES_FOR_TITLE = 500
_LINE_FOR_TITLE = 4000
_WARNINGS_LIMIT = 20
_KEYS_LOOKED_AT = 30
_KEY_LENGTH = 24
_CLOSE_ENOUGH = 0.66  # `prio` is close to priority

_KNOWN = frozenset(
    {
        "id", "title", "priority", "labels", "base", "branch", "depends", "paths", "do", "agent", "intensity",
        "min_budget", "max_budget", "due", "not_before", "source",
    }
)  # fmt: skip
_BOM = "\ufeff"
_OTHER_BOMS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"\x00\x00\xfe\xff", "UTF-32"))
_LANES: Mapping[str, str] = MappingProxyType(
    {
        **{lane.value: lane.value for lane in Lane},
        "0": "critical",
        "1": "high",
        "2": "normal",
        "3": "low",
        "4": "low",
    }
)
_INTENSITIES = ("low", "medium", "high")
_FIRST_HEADING = re.compile(r" {0,3}#[ \t]+(\S.*)", re.DOTALL)
_SUFFIX = re.compile(r"(?i)\.md\Z")
_CLOSING_HASHES = re.compile(r"[ \t]#+[ \t]*\Z")
_LINE_MARKS = re.compile(r"(?:#{1,6}|>|[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\](?:[ \t]+|\Z))?", re.ASCII)


def parse_issue(data: bytes, file_name: str) -> Issue:
    """Return the issue in the bytes of the inbox file `file_name`.

    Raises Rejected with the reason, and the line where there is one: too big, not UTF-8 text, empty, an id, branch
    or base that is no usable name, a path that leaves the repository, more than 500 subtasks. Whatever else cannot
    be read is left out and said in the issue's `warnings`.
    """
    front = split_front_matter(_decode(data))
    reader = _Reader(front)
    open_text = lines_outside_code(front.body, first_line=front.body_line)
    reader.look_for_slips()
    subtasks = read_subtasks(open_text, reader.warn)
    title = _title(reader.text("title", limit=_LINE_FOR_TITLE), open_text, front, file_name)
    issue = Issue(
        id=reader.checked("id", parse_issue_id),
        title=title.text,
        body=front.body,
        subtasks=subtasks,
        priority=reader.choice("priority", _LANES),
        labels=reader.list("labels"),
        base=reader.checked("base", _branch),
        branch=reader.checked("branch", _branch),
        depends=reader.checked_list("depends", parse_issue_id),
        paths=reader.checked_list("paths", _path, limit=_PATH_LIMIT),
        do=_request(reader, title, boxes=bool(subtasks)),
        agent=reader.text("agent"),
        intensity=reader.choice("intensity", {name: name for name in _INTENSITIES}),
        min_budget=reader.text("min_budget"),
        max_budget=reader.text("max_budget"),
        due=reader.date("due"),
        not_before=reader.moment("not_before"),
        source=reader.text("source"),
        extra=MappingProxyType({key: value for key, value in front.values.items() if key not in _KNOWN}),
    )
    if open_text.unclosed_fence:
        reader.warn(
            f"line {open_text.unclosed_fence} opens a code fence that is never closed: boxes below are not read"
        )
    for number in lines_with_unclosed_do(open_text):
        reader.warn(
            f"line {number}: the back-tick before `do:` is not closed, so nothing is asked for; close it"
        )
    for number in lines_asking_outside_boxes(open_text):
        if subtasks:
            reader.warn(f"line {number}: a `do:` outside a checkbox is not run; put it into a box")
        elif number != title.line:
            reader.warn(f"line {number}: a `do:` outside the title is not run; put it there or into a box")
    return replace(issue, warnings=reader.told())


def _decode(data: bytes) -> str:
    """Return the text with newlines only; raise Rejected for what is no UTF-8 text."""
    if len(data) > SIZE_LIMIT:
        raise Rejected(f"it has {len(data)} bytes; an issue may have {SIZE_LIMIT}")
    for bom, name in _OTHER_BOMS:
        if data.startswith(bom):
            raise Rejected(f"it is {name} text; save it as UTF-8")
    nul = data.find(b"\0")
    if nul >= 0:
        raise Rejected(f"it is no text: a NUL byte at byte {nul}, line {_line_at(data, nul)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = _line_at(data, error.start)
        raise Rejected(f"it is not UTF-8: byte {error.start}, line {line}") from None
    text = text.removeprefix(_BOM)
    if all(char.isspace() or has_unsafe_characters(char) for char in text):
        raise Rejected("it is empty" if not text.strip() else "it has no visible text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line_at(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


@dataclass(frozen=True, slots=True)
class _Title:
    """The title without `do:` spans, what these say, and its line in the body's file; 0 where it has none there."""

    text: str
    asks: tuple[str, ...] = ()
    line: int = 0


def _title(given: str, open_text: OpenText, front: FrontMatter, file_name: str) -> _Title:
    """Return the title: the front matter's, the first heading, the first line with text, or the file's name."""
    if given and (found := _as_title(given, 0)):
        return found
    for line in open_text.lines:
        match = _FIRST_HEADING.fullmatch(line.text)
        if match and (found := _as_title(_CLOSING_HASHES.sub("", match[1]), line.number)):
            return found
    outside_code = {line.number for line in open_text.lines}
    lines = front.body.split("\n", _LINES_FOR_TITLE)[:_LINES_FOR_TITLE]
    firsts = (
        _as_title(_bare(line), number if number in outside_code else 0)
        for number, line in enumerate(lines, front.body_line)
    )
    texts = [first for first in firsts if first]
    # a rule or a fence is no title while there is a line that says something
    speaking = (first for first in texts if any(char.isalnum() for char in first.text))
    return (
        next(speaking, None)
        or _as_title(_SUFFIX.sub("", file_name), 0)
        or next(iter(texts), _Title("untitled"))
    )


def _as_title(line: str, number: int) -> _Title | None:
    """Return a line as the title, None when it says nothing."""
    spans, text = take_do_spans(line)
    title = clean_line(text)
    if not title and spans:
        asked, _ = read_do(spans[0])
        title = f"do {asked.name}" if asked else ""
    return _Title(title, tuple(spans), number) if title else None


def _bare(line: str) -> str:
    """Return a line without list marks and box."""
    return _LINE_MARKS.sub("", line.strip()[:_LINE_FOR_TITLE], count=1)


def _request(reader: _Reader, title: _Title, *, boxes: bool) -> str:
    """Return what an issue without boxes asks for: the front matter's `do`, else the span in its title."""
    given = reader.raw("do")[: DO_LIMIT + 1].strip()
    if boxes:
        if given:
            reader.warn("`do` in the front matter is for issues without checkboxes and was not used")
        return given
    asks = title.asks if title.line or reader.raw("title") else ()
    where = f"line {title.line}: " if title.line else ""
    if not asks or given:
        if asks and asks[0] != given:
            reader.warn(f"{where}the `do:` in the title was not used, because the front matter has one")
        return given
    if len(asks) > 1:
        reader.warn(f"{where}the title has more than one `do:`, so none is used")
        return ""
    return asks[0][: DO_LIMIT + 1]


def _branch(text: str) -> str:
    return BranchName.parse(text).value


def _path(text: str) -> str:
    if text.startswith(("/", "~", ":")) or "\\" in text or ".." in text.split("/"):
        raise InvalidName(f"not a path inside the repository: {clean_line(text, limit=80)!r}")
    return text


@dataclass(slots=True)
class _Reader:
    """Reads the known keys of one front matter and gathers what was wrong with them."""

    front: FrontMatter
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def told(self) -> tuple[str, ...]:
        """Return all that was wrong, one line each."""
        every = [*self.front.warnings, *self.warnings]
        if len(every) > _WARNINGS_LIMIT:
            every[_WARNINGS_LIMIT:] = [f"and {len(every) - _WARNINGS_LIMIT} more"]
        return tuple(clean_line(warning, limit=300) for warning in every)

    def look_for_slips(self) -> None:
        """Warn of unknown keys that look like known ones; others are somebody else's and kept."""
        unknown = [key for key in self.front.values if key not in _KNOWN and len(key) <= _KEY_LENGTH]
        for key in unknown[:_KEYS_LOOKED_AT]:
            near = difflib.get_close_matches(key, sorted(_KNOWN - set(self.front.values)), 1, _CLOSE_ENOUGH)
            if near:
                self.warn(f"{self._where(key)}unknown key {key!r}; did you mean {near[0]}?")

    def raw(self, key: str) -> str:
        return _as_text(self.front.values.get(key, ""))

    def text(self, key: str, *, limit: int = _FIELD_LIMIT) -> str:
        return clean_line(self.raw(key), limit=limit)

    def list(self, key: str, *, limit: int = _FIELD_LIMIT) -> tuple[str, ...]:
        """Return a list, or the parts of a text between commas."""
        value = self.front.values.get(key, ())
        parts = _as_parts(value)
        if len(parts) > _LIST_LIMIT:
            self.warn(f"{self._where(key)}{key}: only the first {_LIST_LIMIT} of {len(parts)} count")
        cleaned = (clean_line(part, limit=limit) for part in parts[:_LIST_LIMIT])
        return tuple(dict.fromkeys(part for part in cleaned if part))

    def word(self, key: str) -> str:
        """Return a value that has no white space in it, without a comment behind it."""
        return re.split(r"[ \t]#", self.raw(key), maxsplit=1)[0].strip()

    def checked(self, key: str, check: Callable[[str], str]) -> str:
        value = self.word(key)
        return self._check(key, value, check) if value else ""

    def checked_list(
        self, key: str, check: Callable[[str], str], *, limit: int = _FIELD_LIMIT
    ) -> tuple[str, ...]:
        return tuple(self._check(key, part, check) for part in self.list(key, limit=limit))

    def choice(self, key: str, values: Mapping[str, str]) -> str:
        value = clean_line(self.word(key), limit=60).lower()
        if value and value not in values:
            self.warn(f"{self._where(key)}{key} {value!r} is none of {', '.join(values)}, and was ignored")
        return values.get(value, "")

    def date(self, key: str) -> str:
        value = clean_line(self.word(key), limit=60)
        try:
            return date.fromisoformat(value[:10]).isoformat() if value else ""
        except ValueError:
            self.warn(f"{self._where(key)}{key} {value!r} is not a date like 2026-11-20, and was ignored")
            return ""

    def moment(self, key: str) -> str:
        """Return when it may start, as it is written: what it is counted from is known when a task is made."""
        value = clean_line(self.word(key), limit=60)
        try:
            if value:
                parse_moment(value, datetime(2026, 1, 1, tzinfo=UTC))
        except ConfigError as error:
            self.warn(f"{self._where(key)}{key} {value!r} was ignored: {error.hint}")
            return ""
        return value

    def _check(self, key: str, value: str, check: Callable[[str], str]) -> str:
        try:
            return check(value)
        except InvalidName as error:
            raise Rejected(f"{self._where(key)}{key}: {error.message}", hint=error.hint) from None

    def _where(self, key: str) -> str:
        line = self.front.lines.get(key)
        return f"line {line}: " if line else ""


def _as_parts(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split(",")
    return [_as_text(part) for part in value] if isinstance(value, list | tuple) else [_as_text(value)]


def _as_text(value: Any) -> str:
    """Return a value of the front matter as text; TOML gives numbers, dates and tables too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(_as_text(part) for part in value)
    if isinstance(value, dict):
        return " ".join(_as_text(part) for part in value.values())
    return str(value)
