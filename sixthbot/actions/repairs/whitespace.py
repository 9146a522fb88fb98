"""The repair `format.whitespace`: no spaces at line ends, exactly one newline at the end of each text file."""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING

from pydantic import Field

from sixthbot.actions.base import Args, Repair
from sixthbot.actions.repairs.files import chosen, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_TRAILING = re.compile(rb"(?:[ \t]|\r(?!\n))+(?=\r?\n|\Z)")
_MARKDOWN_BREAK = re.compile(rb"(?<=[^ \t\r\n])  (?=\r?\n)")
_KEPT = b"\x00\x01"


class WhitespaceArgs(Args):
    """Arguments of `format.whitespace`."""

    paths: str = Field(
        default="", description="files, folders or globs, comma-separated; all tracked files for none"
    )


def run(root: Path, files: Sequence[str], args: WhitespaceArgs) -> str:
    """Repair the chosen files.

    What means something stays: two spaces that break a line in markdown, and what stands in strings of Python.
    """
    names = chosen(files, args.paths)
    changed = []
    for name in names:
        changed += rewrite(root, [name], _tidier(name))
    return f"white space repaired in {len(changed)} of {len(names)} files"


def tidy(data: bytes) -> bytes:
    """Return the text without white space at line ends and with one newline at its end; empty stays empty."""
    return _one_end(_TRAILING.sub(b"", data), like=data)


def tidy_markdown(data: bytes) -> bytes:
    """Do the same but for the two spaces after a word that make a line break."""
    return tidy(_MARKDOWN_BREAK.sub(_KEPT, data)).replace(_KEPT, b"  ")


def tidy_python(data: bytes) -> bytes:
    """Do the same outside of strings; source that does not parse stays what it is."""
    inside: set[int] = set()
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            inside.update(range(token.start[0], token.end[0]))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return data
    lines = [line + b"\n" for line in data.split(b"\n")]
    text = b"".join(
        line if number in inside else _TRAILING.sub(b"", line) for number, line in enumerate(lines, 1)
    )
    return _one_end(text, like=data)


def _one_end(text: bytes, *, like: bytes) -> bytes:
    """Return the text with one line end at its end, of the kind that `like` has last."""
    last = like.rfind(b"\n")
    ending = b"\r\n" if last > 0 and like[last - 1 : last] == b"\r" else b"\n"
    text = text.rstrip(b" \t\r\n")
    return text + ending if text else b""


def _tidier(name: str) -> Callable[[bytes], bytes]:
    if name.endswith((".md", ".markdown")):
        return tidy_markdown
    return tidy_python if name.endswith((".py", ".pyi")) else tidy


REPAIR = Repair(
    name="format.whitespace",
    summary="removes spaces at line ends and puts one newline at the end of each text file",
    Args=WhitespaceArgs,
    run=run,
)
