"""The clock of the composition roots; everybody else is handed one, so that tests decide what time it is. And a file's age."""

from __future__ import annotations

from datetime import UTC, datetime

TYPE_CHECKING = False  # `status` loads this
if TYPE_CHECKING:
    import os


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def last_change(file: os.stat_result) -> float:
    """Return when a file was last written, or came to where it is, in seconds since 1970.

    A file that was moved may have been written long ago: the kernel has the time of its renaming.
    """
    return max(file.st_mtime, file.st_ctime)
