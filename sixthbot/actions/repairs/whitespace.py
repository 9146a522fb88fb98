"""The repair `format.whitespace`: no spaces at line ends, exactly one newline at the end of each text file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import Field

from sixthbot.actions.base import Args, Repair
from sixthbot.actions.repairs.files import chosen, rewrite

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    """Repair the chosen files; two spaces that mean a line break in markdown stay."""
    names = chosen(files, args.paths)
    markdown = [name for name in names if name.endswith((".md", ".markdown"))]
    others = [name for name in names if name not in set(markdown)]
    changed = rewrite(root, others, tidy) + rewrite(root, markdown, tidy_markdown)
    return f"white space repaired in {len(changed)} of {len(names)} files"


def tidy(data: bytes) -> bytes:
    """Return the text without white space at line ends and with one newline at its end; empty stays empty."""
    text = _TRAILING.sub(b"", data)
    ending = b"\r\n" if text.endswith(b"\r\n") else b"\n"
    text = text.rstrip(b" \t\r\n")
    return text + ending if text else b""


def tidy_markdown(data: bytes) -> bytes:
    """Do the same but for the two spaces after a word that make a line break."""
    return tidy(_MARKDOWN_BREAK.sub(_KEPT, data)).replace(_KEPT, b"  ")


REPAIR = Repair(
    name="format.whitespace",
    summary="removes spaces at line ends and puts one newline at the end of each text file",
    Args=WhitespaceArgs,
    run=run,
)
