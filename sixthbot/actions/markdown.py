"""Puts values from outside into markdown so that they read as what they are and can be nothing else."""

from __future__ import annotations

import re

from sixthbot.core.names import clean_line, has_unsafe_characters
from sixthbot.core.prtemplate import fence_after

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SPECIAL = re.compile(r"([\\`*\[\]<>|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_LEADING = re.compile(r"^(?:([-+=#:])|(\d{1,9})([.)]))")
_IMAGE = re.compile(r"!+(?=\[)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# what may stand before a definition: quotations and list items of its own; its name may end on a later line
_DEFINITION = re.compile(r"^((?:\s|>|[-*+](?=\s)|\d{1,9}[.)](?=\s)){0,80})\[(?=[^\]]*(?:\]:|\Z))")
# forges turn these into mentions, references and links after the markdown is read, so that no backslash stops them
_CALL = re.compile(
    r"(?<![A-Za-z0-9_.])@(?=[A-Za-z0-9])|(?<![A-Za-z0-9&])[#!](?=[0-9])|(?<=[A-Za-z0-9_.-])#(?=[0-9])"
)
_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}:)(?=//)|\bwww(?=\.)|\b(?:GH)(?=-[0-9])")
_BREAK = "&#8203;"
"""A space of no width: what stands around it reads the same, and is no name or address any more."""
_SPANS = re.compile(r"(?:[^`]|(?<!`)`(?!`)[^`]+`(?!`))*")
_SPAN = re.compile(r"(`[^`]+`)")
_READ_LIMIT = 40_000


def inline(text: str, *, limit: int = 300) -> str:
    """Return `text` as one line of markdown that shows exactly its characters: no markup, link or list begins in it.

    Nobody is called by name and no issue is referred to (`@name`, `#12`).
    """
    line = _quiet(_SPECIAL.sub(r"\\\1", clean_line(text, limit=limit)).replace("&", "&amp;"))
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
    found, fence, given = [], "", plain.strip().split("\n")
    sure = _spans_are_sure(given)
    for line in given:
        # only a fence at the margin is sure to be one, whatever stands around it
        within = fence
        fence = fence_after(fence, line) if not line.startswith(" ") else fence
        found.append(_quoted(line, quiet=not (within and fence), sure=sure))
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


def _quoted(line: str, *, quiet: bool, sure: bool) -> str:
    safe = _safe(line.rstrip())[:1000]
    safe = _TAG.sub("&lt;", _IMAGE.sub("", safe)).replace("](", "]\\(")
    if quiet:
        safe = "".join(part if sure and _SPAN.fullmatch(part) else _quiet(part) for part in _SPAN.split(safe))
    return f"> {_undefined(safe)}".rstrip()


def _quiet(line: str) -> str:
    line = _CALL.sub(lambda found: f"{found[0]}{_BREAK}", line)
    return _ADDRESS.sub(lambda found: f"{found[0]}{_BREAK}", line)


def _spans_are_sure(lines: list[str]) -> bool:
    """Tell whether every code span ends on the line that it begins on, so that it is known what is code."""
    fence = ""
    for line in lines:
        within, fence = fence, fence_after(fence, line) if not line.startswith(" ") else fence
        if not within and not fence and not _SPANS.fullmatch(line):
            return False
    return True


def _undefined(line: str) -> str:
    """Take the meaning from `[name]: address`, which would turn the same name elsewhere in the text into a link."""
    return _DEFINITION.sub(lambda found: found[1] + "\\[", line)


def _safe(line: str) -> str:
    return "".join(char for char in line.replace("\t", "    ") if not has_unsafe_characters(char))
