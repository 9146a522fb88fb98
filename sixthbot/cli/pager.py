"""Shows long text through the pager the person uses for git, or plainly where nobody sits at a terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from sixthbot.cli.output import clean_text, paint, steady, unpaint

if TYPE_CHECKING:
    from sixthbot.cli.output import Output

_LESS_OPTIONS = "FRX"
_STYLES = (
    ("diff ", "bold"), ("index ", "bold"), ("--- ", "bold"), ("+++ ", "bold"), ("new file", "bold"),
    ("deleted file", "bold"), ("rename ", "bold"), ("similarity ", "bold"),
    ("@@", "cyan"), ("+", "green"), ("-", "red"),
)  # fmt: skip


def page(out: Output, text: str, *, pager: str) -> None:
    """Show `text`, painted or not, through `pager`, a command line as git has it.

    Without a terminal, with an empty pager or `cat`, or where the pager cannot be started, it is printed.
    """
    command = _command(pager) if sys.stdout.isatty() else []
    if not command:
        out.say(text.removesuffix("\n"))
        return
    painted = steady(text if out.color_out else unpaint(text))
    # as git does: less shows colour, leaves at once when all fits, and leaves the text on the screen
    environment = {"LESS": _LESS_OPTIONS, "LV": "-c"} | dict(os.environ)
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    except OSError:
        out.say(text.removesuffix("\n"))
        return
    try:
        child.communicate(painted.encode("utf-8", "backslashreplace"))
    except KeyboardInterrupt:
        # Ctrl-C belongs to the pager, which goes on; wait for the person to leave it
        child.wait()


def _command(pager: str) -> list[str]:
    try:
        words = shlex.split(pager) or []
    except ValueError:
        words = []
    if not words or words == ["cat"]:
        return []
    # a person's pager may be a whole shell line ("delta | less"); git gives such to sh, and so do we
    if any(char in pager for char in "|&;<>()$`\\\"'*?[#~=%") or shutil.which(words[0]) is None:
        return ["sh", "-c", pager]
    return words


def neutral_patch(patch: bytes) -> str:
    """Return a patch as painted text in which nothing but our own paint can steer a terminal."""
    return paint_patch(clean_text(patch.decode("utf-8", "replace")))


def paint_patch(text: str) -> str:
    """Paint the lines of a patch whose text is safe already; leading spaces do not matter."""
    return "\n".join(_painted(line) for line in text.split("\n"))


def _painted(line: str) -> str:
    body = line.lstrip(" ") if line.startswith("    ") else line
    for start, style in _STYLES:
        if body.startswith(start):
            return paint(line, style)
    return line
