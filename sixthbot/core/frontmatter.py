"""Front matter of issue files: `---` with a plain subset of YAML, or `+++` with TOML; nothing is typed by guess.

What cannot be read is no reason to lose an issue: the reader then says why and hands the whole text back as body.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.tomlvalues import has_huge_number, without_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SIZE_LIMIT = 16 * 1024
"""Bytes between the fences; more is not read as front matter."""

_DEPTH_LIMIT = 16
_KEY_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]+(.*))?")
_ITEM_LINE = re.compile(r"[ \t]*-(?:[ \t]+(.*))?")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What stands before the body.

    `values` are strings and tuples of strings (TOML may give others), keys in lower case with `_` for `-`.
    `lines` tells each key's line in the file, from 1. `body` is the rest, beginning on line `body_line`.
    `warnings` say why nothing, or not all, could be read; empty when all is well.
    """

    values: Mapping[str, Any]
    lines: Mapping[str, int]
    body: str
    body_line: int = 1
    warnings: tuple[str, ...] = ()


class _Unreadable(Exception):
    """The front matter is not in a form that is read here; the message is for the person who wrote it."""


def split_front_matter(text: str) -> FrontMatter:
    """Take the front matter off `text`, whose lines end in newlines only. Never raises."""
    first = text.split("\n", 1)[0]
    fence = first.rstrip(" \t")
    if fence not in {"---", "+++"}:
        return _no_front_matter(text)
    try:
        block, body_at = _block(text, fence, len(first) + 1)
        read = _read_toml(block) if fence == "+++" else _read_plain(block.split("\n"))
    except _Unreadable as reason:
        return _no_front_matter(text, f"the front matter was not read: {reason}; the whole file is the text")
    body_line = text.count("\n", 0, body_at) + 1
    return FrontMatter(
        values=MappingProxyType(read.values),
        lines=MappingProxyType(read.lines),
        body=text[body_at:],
        body_line=body_line,
        warnings=tuple(read.warnings),
    )


@dataclass(frozen=True, slots=True)
class _Read:
    values: dict[str, Any]
    lines: dict[str, int]
    warnings: list[str]


def _no_front_matter(text: str, *warnings: str) -> FrontMatter:
    return FrontMatter(values=MappingProxyType({}), lines=MappingProxyType({}), body=text, warnings=warnings)


def _block(text: str, fence: str, start: int) -> tuple[str, int]:
    """Return the text between the fences and where the body begins."""
    at = start
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if text[at:end].rstrip(" \t") == fence:
            block = text[start : max(at - 1, start)]
            if len(block.encode("utf-8")) > SIZE_LIMIT:
                raise _Unreadable(f"it has more than {SIZE_LIMIT} bytes")
            return block, min(end + 1, len(text))
        at = end + 1
    raise _Unreadable(f"line 1 opens it, but there is no closing {fence}")


def normal_key(key: str) -> str:
    """Return a key as it is looked up: lower case, `_` for `-`."""
    return key.lower().replace("-", "_")


def _read_plain(lines: Sequence[str]) -> _Read:
    """Read `key: value` lines, lists as `[a, b]` or as `- ` lines below their key."""
    read = _Read({}, {}, [])
    rest = _numbered(lines)
    entry = next(rest, None)
    while entry is not None:
        number, line = entry
        match = _KEY_LINE.fullmatch(line.rstrip())
        if match is None:
            raise _Unreadable(f"line {number} is not `key: value`")
        key, raw = normal_key(match[1]), (match[2] or "").strip()
        items: list[str] = []
        entry = next(rest, None)
        while not raw and entry is not None and (item := _ITEM_LINE.fullmatch(entry[1].rstrip())):
            items.append(_scalar((item[1] or "").strip(), entry[0]))
            entry = next(rest, None)
        if key in read.values:
            read.warnings.append(f"line {number}: {key} is given twice, the first one counts")
            continue
        read.values[key] = tuple(items) if items else _value(raw, number)
        read.lines[key] = number
    return read


def _numbered(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers in the file, without blank ones and comments; the fence is line 1."""
    for number, line in enumerate(lines, 2):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _value(raw: str, number: int) -> str | tuple[str, ...]:
    if raw[:1] in {"|", ">"} and len(raw) <= 2:  # noqa: PLR2004 - `|`, `>-` and the like
        raise _Unreadable(f"line {number} begins a block of text, which is not read here")
    if raw.startswith("["):
        return _inline_list(raw, number)
    return _scalar(raw, number)


def _scalar(raw: str, number: int) -> str:
    """Return one value with its quotes off; a comment is only looked for behind a closing quote."""
    if raw[:1] not in {'"', "'"}:
        return raw
    value, end = _quoted(raw, 0, number)
    tail = raw[end:].strip()
    if tail and not tail.startswith("#"):
        raise _Unreadable(f"line {number} goes on after its closing quote")
    return value


def _quoted(raw: str, start: int, number: int) -> tuple[str, int]:
    """Return the text of the quoted value that begins at `start`, and where it ends."""
    quote, at, parts = raw[start], start + 1, list[str]()
    while at < len(raw):
        char = raw[at]
        if char == quote and quote == "'" and raw[at + 1 : at + 2] == "'":
            parts.append("'")
            at += 2
        elif char == quote:
            return "".join(parts), at + 1
        elif char == "\\" and quote == '"' and at + 1 < len(raw):
            parts.append({"n": " ", "t": " "}.get(raw[at + 1], raw[at + 1]))
            at += 2
        else:
            parts.append(char)
            at += 1
    raise _Unreadable(f"line {number} has an opening quote without a closing one")


def _inline_list(raw: str, number: int) -> tuple[str, ...]:
    items: list[str] = []
    at = 1
    while at < len(raw):
        char = raw[at]
        if char in " \t,":
            at += 1
        elif char == "]":
            if raw[at + 1 :].strip()[:1] not in {"", "#"}:
                raise _Unreadable(f"line {number} goes on after its list")
            return tuple(items)
        elif char in "[{":
            raise _Unreadable(f"line {number} has a list in a list")
        elif char in "\"'":
            value, at = _quoted(raw, at, number)
            items.append(value)
        else:
            end = min((found for mark in ",]" if (found := raw.find(mark, at)) >= 0), default=len(raw))
            items.append(raw[at:end].strip())
            at = end
    raise _Unreadable(f"line {number} begins a list that does not end")


def _read_toml(block: str) -> _Read:
    """Read TOML, after a look that it is not built to make the parser slow or deep."""
    bare = without_texts(block)
    if _too_deep(bare):
        raise _Unreadable(f"its TOML is nested more than {_DEPTH_LIMIT} deep")
    try:
        data = tomllib.loads(block + "\n")
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise _Unreadable(_toml_problem(str(error))) from None
    if has_huge_number(data):
        raise _Unreadable("not TOML: a number in it has more than 64 bits")
    lines: dict[str, int] = {}
    for number, line in enumerate(block.split("\n"), 2):
        key = normal_key(line.split("=", 1)[0].strip().strip("\"'[] ").split(".", 1)[0])
        lines.setdefault(key, number)
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for key, value in data.items():
        if normal_key(key) in values:
            warnings.append(f"{normal_key(key)} is given twice, the first one counts")
        else:
            values[normal_key(key)] = value
    return _Read(values, {key: lines[key] for key in values if key in lines}, warnings)


def _toml_problem(error: str) -> str:
    """Return what the parser says with the line in the file, where the fence is line 1."""
    reason, _, place = error.partition(" (at line ")
    line = place.split(",", 1)[0]
    where = f"line {int(line) + 1} is " if line.isascii() and line.isdigit() else ""
    return f"{where}not TOML: {reason}"


def _too_deep(bare: str) -> bool:
    """Tell whether dotted keys or brackets go deeper than the limit; tomllib is quadratic and recursive in them."""
    depth = 0
    for piece in re.split(r"[=\n,{}\[\]]", bare):
        if piece.count(".") > _DEPTH_LIMIT:
            return True
    for mark in re.findall(r"[\[\]{}]", bare):
        depth += 1 if mark in "[{" else -1
        if depth > _DEPTH_LIMIT:
            return True
    return False
