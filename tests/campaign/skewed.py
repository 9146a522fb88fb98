"""A clock that can be set: for the processes that a campaign starts with this folder of code in front of their path."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SITE = """\
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sixthbot.store import clock

_FILE = Path({file!r})


def now():
    return datetime.now(UTC) + timedelta(seconds=int(_FILE.read_text() or 0))


clock.now = now
"""


class SkewedClock:
    """Seconds that sixthbot's processes are off, in a file that they read at every look at the clock."""

    def __init__(self, base: Path) -> None:
        self._file = base / "clock"
        self.site = base / "site"

    def make(self) -> None:
        """Write the code that Python runs at its start, and a clock that is right."""
        self.site.mkdir()
        self.set(0)
        (self.site / "sitecustomize.py").write_text(_SITE.format(file=str(self._file)))

    def set(self, seconds: int) -> None:
        """Let the clock be `seconds` ahead from now on."""
        written = self._file.with_name("clock.new")
        written.write_text(str(seconds))
        written.rename(self._file)
