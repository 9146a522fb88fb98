"""Puts values from outside into markdown so that they read as what they are and can be nothing else."""

from __future__ import annotations

import re

from sixthbot.core.names import clean_line, has_unsafe_characters

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SPECIAL = re.compile(r"([\\`*\[\]<>|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_LEADING = re.compile(r"^(?:([-+=#:])|(\d{1,9})([.)]))")
_IMAGE = re.compile(r"!+(?=\[)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# what may stand before a definition: quotations and list items of its own; its name may end on a later line
_DEFINITION = re.compile(r"^((?:\s|>|[-*+](?=\s)|\d{1,9}[.)](?=\s)){0,80})\[(?=[^\]]*(?:\]:|\Z))")
_READ_LIMIT = 40_000


def inline(text: str, *, limit: int = 300) -> str:
    """Return `text` as one line of markdown that shows exactly its characters: no markup, link or list begins in it."""
    line = _SPECIAL.sub(r"\\\1", clean_line(text, limit=limit)).replace("&", "&amp;")
    return _LEADING.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", line)


def code(text: str, *, limit: int = 300) -> str:
    """Return `text` as a code span that no back-tick in it can end."""
    line = clean_line(text, limit=limit)
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def quote(text: str, *, lines: int = 60) -> str:
    """Return `text` as a block quotation of at most that many lines.

    Its own markup stays inside. What could hide or fetch something (comments, HTML, images, link definitions,
    control characters) is made visible or left out.
    """
    plain = _COMMENT.sub("", text[:_READ_LIMIT].replace("\r\n", "\n"))
    found = [_quoted(line) for line in plain.strip().split("\n")]
    kept = found[:lines]
    if len(found) > lines or len(text) > _READ_LIMIT:
        kept += [">", "> *The rest is in the issue.*"]
    return "\n".join(kept)


def block(text: str, *, lines: int = 40, width: int = 300) -> str:
    """Return the last lines of a program's output as a code block that nothing in them can end."""
    shown = [_safe(line)[:width] for line in text.rstrip().split("\n")[-lines:]]
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *shown, fence])


def _quoted(line: str) -> str:
    safe = _safe(line.rstrip())[:1000]
    safe = _TAG.sub("&lt;", _IMAGE.sub("", safe))
    return f"> {_undefined(safe)}".rstrip()


def _undefined(line: str) -> str:
    """Take the meaning from `[name]: address`, which would turn the same name elsewhere in the text into a link."""
    return _DEFINITION.sub(lambda found: found[1] + "\\[", line)


def _safe(line: str) -> str:
    return "".join(char for char in line.replace("\t", "    ") if not has_unsafe_characters(char))
