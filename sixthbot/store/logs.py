"""What running tasks print, and reports of mistakes: files for people, in `.sixth/local/logs`. No state lives in them."""

from __future__ import annotations

import codecs
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.core.shown import visible
from sixthbot.store.atomic import make_dirs, point, write_file
from sixthbot.store.redact import redact_text, without

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sixthbot.store.paths import Places

_KEPT = 500
"""So many log files stay; older ones go when a new one is made."""

_LONG_LINE = 65_536
_KEY_BEGIN, _KEY_END = "-----BEGIN", "-----END"

_REPORT = point("logs.report")


class TaskLog:
    """The log of one task, added to by each attempt. A disk that takes no more loses lines, never work."""

    def __init__(self, places: Places, task_id: str) -> None:
        self._folder = places.logs
        self.path = places.logs / f"{re.sub(r'[^A-Za-z0-9._-]', '_', task_id)[:80]}.log"
        self._descriptor = -1
        # a character may come in two parts
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._in_key = False
        self._secrets: frozenset[str] = frozenset()

    def hide(self, secrets: Collection[str]) -> None:
        """Mask these texts, too, from now on."""
        self._secrets |= frozenset(secrets)

    def write(self, data: bytes) -> None:
        """Add what a program printed, without secrets, and with whatever could steer a reader's terminal made visible.

        It is written line by line: a secret may come in two parts, too.
        """
        text = self._rest + self._decoder.decode(data)
        whole, end, self._rest = text.rpartition("\n")
        if len(self._rest) > _LONG_LINE:
            whole, end, self._rest = text, "", ""
        self._put(whole + end)

    def _put(self, text: str) -> None:
        if text:
            self._add(redact_text(self._without_key(without(text.replace("\r\n", "\n"), self._secrets))))

    def _add(self, masked: str) -> None:
        text = visible(masked)
        with suppress(OSError):
            if self._descriptor < 0:
                self._open()
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))

    def _without_key(self, text: str) -> str:
        """Leave out the lines of a private key that began in an earlier part."""
        if self._in_key:
            _, end, text = text.partition(_KEY_END)
            self._in_key = not end
        self._in_key = self._in_key or text.rfind(_KEY_BEGIN) > text.rfind(_KEY_END)
        return text

    def line(self, text: str) -> None:
        """Add one line of the bot's own."""
        self._finish_line()
        self._add(f"[sixthbot] {without(redact_text(text), self._secrets)}\n")

    def _finish_line(self) -> None:
        rest, self._rest = self._rest, ""
        self._put(f"{rest}\n" if rest else "")

    def close(self) -> None:
        """Close the file if anything was written."""
        self._finish_line()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        make_dirs(self._folder)
        if not self.path.exists():
            _prune(self._folder)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)


def write_report(places: Places, name: str, text: str) -> Path:
    """Keep a report of a mistake in the program under `name`, readable by its owner only; return its path."""
    make_dirs(places.logs)
    path = places.logs / name
    write_file(
        path, text.encode("utf-8", "backslashreplace"), point=_REPORT, durability="process", mode=0o600
    )
    return path


def _prune(folder: Path) -> None:
    with os.scandir(folder) as entries:
        logs = [entry for entry in entries if entry.name.endswith(".log")]
    if len(logs) < _KEPT:
        return
    times = sorted((entry.stat(follow_symlinks=False).st_mtime, entry.path) for entry in logs)
    for _, path in times[: len(times) - _KEPT + 1]:
        os.unlink(path)  # noqa: PTH108 - a path of scandir is text
