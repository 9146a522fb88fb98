"""How a `do:` is written, in an issue and in a plan: a name, then key=value with shell-like quoting; nothing is run."""

from __future__ import annotations

import re
import shlex

from sixthbot.core.text import clean_line, has_unsafe_characters

DO_LIMIT = 1000
"""Characters that a `do:` may have."""
BETWEEN = " `do: "
"""What is written between several spans of one subtask; no single one reads so."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ARGUMENT = re.compile(r"([a-z][a-z0-9_-]*)=(.*)", re.DOTALL)


class BadDo(Exception):
    """What a `do:` asks for cannot be read; the message is the reason for a person."""


def parse_do(text: str, *, limit: int = DO_LIMIT) -> tuple[str, dict[str, str]]:
    """Return the name and the arguments that `NAME key=value ...` gives; raise BadDo with the reason where it is none."""
    if BETWEEN in text:
        raise BadDo("it has more than one `do:` span")
    if len(text) > limit:
        raise BadDo(f"its `do:` has more than {limit} characters")
    if has_unsafe_characters(text):
        raise BadDo("its `do:` has control or invisible characters")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadDo(f"its `do:` cannot be read: {str(error).lower()}") from None
    if not words:
        raise BadDo("its `do:` names nothing")
    if not _NAME.fullmatch(words[0]):
        raise BadDo(f"its `do:` asks for {clean_line(words[0], limit=60)!r}, which is not a name")
    args: dict[str, str] = {}
    for word in words[1:]:
        match = _ARGUMENT.fullmatch(word)
        if match is None:
            raise BadDo(f"its `do:` has {clean_line(word, limit=60)!r}, which is not key=value")
        # a command sees them in its environment, where `-` and `_` are the same
        if match[1].replace("-", "_") in {key.replace("-", "_") for key in args}:
            raise BadDo(f"its `do:` gives {match[1]} twice")
        args[match[1]] = match[2]
    return words[0], args


def kept(text: str) -> str:
    """Return what is kept of a `do:` that cannot be read, so that it can be corrected: all of it, or nothing of a flood."""
    return text if len(text) <= DO_LIMIT else ""


def why_unread(text: str) -> str:
    """Return what is wrong with a `do:` that cannot be read, empty for one that can."""
    try:
        parse_do(text)
    except BadDo as reason:
        return str(reason)
    return ""
