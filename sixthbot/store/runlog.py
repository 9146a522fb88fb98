"""The program's own log, `.sixth/local/logs/sixthbot.jsonl`: one JSON object a line, cut by size, for who looks closely.

It says more than the journal and less reliably: a line that cannot be written is lost and hurts nothing.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sixthbot.core.times import format_time
from sixthbot.store.atomic import make_dirs
from sixthbot.store.locks import exclusive
from sixthbot.store.redact import Masked, redact_text, redact_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sixthbot.store.paths import Places
    from sixthbot.store.schema import LogSettings

NAME = "sixthbot.jsonl"
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Handler):
    """Appends to one file, which several processes may share; a full one becomes `sixthbot.1.jsonl`, and so on.

    `size` is in bytes, `keep` how many full ones stay.
    """

    def __init__(self, folder: Path, *, size: int, keep: int) -> None:
        super().__init__()
        self._path = folder / NAME
        self._size = size
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; whatever the disk says is nobody's trouble."""
        with suppress(OSError, ValueError, TypeError):
            self._write(json.dumps(_object(record), default=str).encode("ascii") + b"\n")

    def _write(self, line: bytes) -> None:
        make_dirs(self._path.parent)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            with exclusive(descriptor):
                os.write(descriptor, line)
                full = os.fstat(descriptor).st_size >= self._size
                # another process may have put it aside since it was opened here
                if full and os.fstat(descriptor).st_ino == self._path.stat().st_ino:
                    self._rotate()
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        names = [self._path.with_name(f"sixthbot.{number}.jsonl") for number in range(1, self._keep + 1)]
        for older, newer in zip(reversed(names), [*reversed(names[:-1]), self._path], strict=True):
            with suppress(FileNotFoundError):
                newer.replace(older)


@contextmanager
def logged(places: Places, settings: LogSettings) -> Iterator[None]:
    """Keep the program's log during a block."""
    handler = JsonLines(places.logs, size=settings.size << 20, keep=settings.keep)
    logger = logging.getLogger("sixthbot")
    before = logger.level
    handler.setLevel(settings.level.upper())
    logger.addHandler(handler)
    logger.setLevel(min(handler.level, before or handler.level))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _message(record: logging.LogRecord) -> str:
    """Return the text of a record, masked unless each of its parts was."""
    whole = isinstance(record.msg, Masked) and not record.args
    return record.msg if whole else redact_text(record.getMessage())


def _object(record: logging.LogRecord) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.created, UTC)
    extra = {name: value for name, value in vars(record).items() if name not in _PLAIN and value is not None}
    told = {
        "time": format_time(moment),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": _message(record),
        "pid": record.process,
        "thread": record.threadName,
        **redact_value(extra),
    }
    if record.exc_info:
        told["trace"] = redact_text(logging.Formatter().formatException(record.exc_info))
    return told
