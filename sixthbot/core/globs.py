"""Globs as git has them: `*` and `?` stay within one path segment, `**` crosses them; no pattern is slow on any text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class _Set:
    """A bracket expression: some characters and spans of them, or everything else."""

    members: frozenset[str]
    spans: tuple[tuple[str, str], ...]
    negated: bool

    def holds(self, char: str) -> bool:
        inside = char in self.members or any(low <= char <= high for low, high in self.spans)
        return inside is not self.negated


class _Any:
    """`?`, any one character."""


class _Star:
    """`*`, any run of characters."""


_ANY, _STAR = _Any(), _Star()
_Token: TypeAlias = str | _Set | _Any | _Star


def path_matches(path: str, pattern: str) -> bool:
    """Tell whether a path or a ref name is matched by a pattern, in whole.

    `**` as a segment stands for any number of segments; `dir/` at the end means everything below. As in
    .gitignore a pattern without `/` is looked for at every depth, and a `/` in front ties it to the top.
    """
    return _segments_match(path.split("/"), _path_pattern(pattern))


def name_matches(name: str, pattern: str) -> bool:
    """Tell whether a branch or tag name is matched in whole; `*` stays within a segment, `**` crosses them."""
    return _segments_match(name.split("/"), _name_pattern(pattern))


def text_matches(text: str, pattern: str) -> bool:
    """Tell whether a text that is no path is matched in whole; here `*` matches any characters."""
    return _matcher(pattern)(text)


_Matcher: TypeAlias = "Callable[[str], bool]"
_Segments: TypeAlias = "tuple[_Matcher | None, ...]"
"""One matcher for each segment of a pattern, None for `**`."""


@lru_cache(maxsize=1024)
def _path_pattern(pattern: str) -> _Segments:
    anchored = pattern.startswith("/")
    wanted = pattern.lstrip("/")
    if wanted.endswith("/"):
        wanted += "**"
    if "/" not in wanted and not anchored:
        wanted = "**/" + wanted
    return _name_pattern(wanted)


@lru_cache(maxsize=1024)
def _name_pattern(pattern: str) -> _Segments:
    segments = [None if segment == "**" else _matcher(segment) for segment in pattern.split("/")]
    # `a/**` is what lies below a, not a itself
    return (*segments, _matcher("*")) if segments[-1] is None else tuple(segments)


@lru_cache(maxsize=1024)
def _matcher(pattern: str) -> _Matcher:
    """Return what matches one text, with what the interpreter itself does fast where there are no signs but stars."""
    tokens = _tokens(pattern)
    if all(isinstance(token, str) for token in tokens):
        return "".join(token for token in tokens if isinstance(token, str)).__eq__
    if all(isinstance(token, str) or token is _STAR for token in tokens):
        pieces = [""]
        for token in tokens:
            if isinstance(token, str):
                pieces[-1] += token
            else:
                pieces.append("")
        return partial(_pieces_match, pieces[0], tuple(pieces[1:-1]), pieces[-1])
    return partial(_text_matches, tokens)


def _pieces_match(first: str, between: tuple[str, ...], last: str, text: str) -> bool:
    """Tell whether a text is these pieces with anything between them: each is taken where it comes first."""
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in between:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _segments_match(texts: Sequence[str], patterns: _Segments) -> bool:
    stars = patterns.count(None)
    if stars == 0:
        return len(texts) == len(patterns) and _each_matches(texts, patterns)
    if stars == 1:  # as nearly all patterns are: what stands before and after it, with anything between
        star = patterns.index(None)
        before, after = patterns[:star], patterns[star + 1 :]
        room = len(texts) - len(before) - len(after)
        return (
            room >= 0 and _each_matches(texts, before) and _each_matches(texts[len(before) + room :], after)
        )
    return _wild(
        len(texts),
        len(patterns),
        is_star=lambda at: patterns[at] is None,
        matches=lambda text, pattern: _at(patterns, pattern)(texts[text]),
    )


def _each_matches(texts: Sequence[str], patterns: _Segments) -> bool:
    """Match texts with as many patterns, none of them `**`; further texts are left alone."""
    for text, matches in zip(texts, patterns, strict=False):
        if matches is None or not matches(text):
            return False
    return True


def _at(patterns: _Segments, index: int) -> _Matcher:
    matches = patterns[index]
    assert matches is not None  # noqa: S101 - stars are never asked
    return matches


def _text_matches(tokens: Sequence[_Token], text: str) -> bool:
    return _wild(
        len(text),
        len(tokens),
        is_star=lambda at: tokens[at] is _STAR,
        matches=lambda at, pattern: _char_matches(text[at], tokens[pattern]),
    )


def _wild(
    length: int, wanted: int, *, is_star: Callable[[int], bool], matches: Callable[[int, int], bool]
) -> bool:
    """Match `length` items with `wanted` tokens, some of which are stars that take any number of items.

    Only the last star is ever gone back to, so the cost is at most length x wanted.
    """
    at = pattern = 0
    star = star_at = -1
    while at < length:
        if pattern < wanted and is_star(pattern):
            star, star_at = pattern, at
            pattern += 1
        elif pattern < wanted and matches(at, pattern):
            at += 1
            pattern += 1
        elif star >= 0:
            star_at += 1
            at, pattern = star_at, star + 1
        else:
            return False
    return all(is_star(rest) for rest in range(pattern, wanted))


def _char_matches(char: str, token: _Token) -> bool:
    if isinstance(token, str):
        return char == token
    return token.holds(char) if isinstance(token, _Set) else True


@lru_cache(maxsize=512)
def _tokens(pattern: str) -> tuple[_Token, ...]:
    tokens: list[_Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            if not tokens or tokens[-1] is not _STAR:
                tokens.append(_STAR)
        elif char == "?":
            tokens.append(_ANY)
        elif char == "\\" and at < len(pattern):
            tokens.append(pattern[at])
            at += 1
        elif char == "[" and (end := _bracket_end(pattern, at)) > 0:
            tokens.append(_set(pattern[at:end]))
            at = end + 1
        else:
            tokens.append(char)
    return tuple(tokens)


def _bracket_end(pattern: str, start: int) -> int:
    """Return where the bracket expression that begins before `start` ends, or -1: then `[` is an ordinary sign."""
    at = start
    if pattern[at : at + 1] in {"!", "^"}:
        at += 1
    return pattern.find("]", at + 1)


def _set(inside: str) -> _Set:
    negated = inside[0] in {"!", "^"}
    chars = inside[1:] if negated else inside
    members: set[str] = set()
    spans: list[tuple[str, str]] = []
    at = 0
    while at < len(chars):
        if chars[at + 1 : at + 2] == "-" and at + 2 < len(chars):
            spans.append((chars[at], chars[at + 2]))
            at += 3
        else:
            members.add(chars[at])
            at += 1
    return _Set(frozenset(members), tuple(spans), negated)
