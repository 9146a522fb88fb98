"""Globs as git has them: `*` and `?` stay within one path segment, `**` crosses them; no pattern is slow on any text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
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
    anchored = pattern.startswith("/")
    wanted = pattern.lstrip("/")
    if wanted.endswith("/"):
        wanted += "**"
    if "/" not in wanted and not anchored:
        wanted = "**/" + wanted
    return _segments_match(path.split("/"), wanted.split("/"))


def name_matches(name: str, pattern: str) -> bool:
    """Tell whether a branch or tag name is matched in whole; `*` stays within a segment, `**` crosses them."""
    return _segments_match(name.split("/"), pattern.split("/"))


def text_matches(text: str, pattern: str) -> bool:
    """Tell whether a text that is no path is matched in whole; here `*` matches any characters."""
    return _text_matches(text, _tokens(pattern))


def _segments_match(texts: Sequence[str], patterns: Sequence[str]) -> bool:
    # `a/**` is what lies below a, not a itself
    if patterns[-1] == "**":
        patterns = [*patterns, "*"]
    return _wild(
        len(texts),
        len(patterns),
        is_star=lambda at: patterns[at] == "**",
        matches=lambda text, pattern: _text_matches(texts[text], _tokens(patterns[pattern])),
    )


def _text_matches(text: str, tokens: Sequence[_Token]) -> bool:
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
