"""The last line of a terminal, drawn again and again: what is running now and how far it is. Nothing where there is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.cli.output import cut, one_line, paint, shown_on
from sixthbot.cli.progressing import progress_text
from sixthbot.store.counting import folder_names, task_names
from sixthbot.store.progressfile import read_progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

    from sixthbot.store.paths import Places

_CLEAR = "\r\x1b[K"


class LiveLine:
    """Draws on `stream` if that is a terminal that can; otherwise all it does is nothing."""

    def __init__(self, stream: TextIO, places: Places, *, color: bool) -> None:
        self._stream = stream
        self._places = places
        self._color = color
        self._can = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = ""

    def draw(self) -> bool:
        """Show how far the running tasks are, now; tell whether anything is shown."""
        if self._can:
            self._put(self._text())
        return bool(self._shown)

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._shown:
            self._put("")

    def _put(self, text: str) -> None:
        if text == self._shown:
            return
        self._shown = text
        try:
            self._stream.write(_CLEAR + text)
            self._stream.flush()
        except OSError:
            self._can = False  # the terminal is gone; whoever writes lines finds out

    def _text(self) -> str:
        rows = running_rows(self._places)
        if not rows:
            return ""
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        says = f"  {paint(one_line(rows[0]['line']), 'dim')}" if rows[0]["line"] else ""
        painted = paint("> ", "green") + progress_text(rows[0]) + more + says
        # cut last: the escape for a character is longer than the character
        return cut(shown_on(self._stream, painted, color=self._color), max(_columns(self._stream) - 1, 20))


def running_rows(places: Places) -> list[Mapping[str, Any]]:
    """Return how far each running task is, the one that was begun first at the front."""
    folder = f"{places.home}/queue/running"
    names = [name for worker in folder_names(folder) for name in task_names(f"{folder}/{worker}")]
    found = (read_progress(places, name.removesuffix(".json").rpartition("-")[2]) for name in names)
    return sorted((row for row in found if row is not None), key=lambda row: str(row["since"]))


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 80
