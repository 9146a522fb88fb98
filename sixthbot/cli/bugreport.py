"""Turns an unexpected failure into a file that is ready to send; secrets it can recognise are left out."""

from __future__ import annotations

import platform
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot import __version__
from sixthbot.core.errors import SixthError
from sixthbot.store.clock import now
from sixthbot.store.home import require_initialised
from sixthbot.store.journal import redact
from sixthbot.store.logs import write_report
from sixthbot.store.paths import locate

if TYPE_CHECKING:
    from collections.abc import Sequence


def write_bug_report(error: BaseException, arguments: Sequence[str]) -> Path:
    """Write what is needed to mend a mistake and return the file's path.

    It goes to `.sixth/local/logs/`; where there is none, to a new folder in the system's temporary one.
    """
    name = f"bug-{now():%Y%m%dT%H%M%S%f}.txt"
    trace = "".join(traceback.format_exception(error))
    text = (
        f"sixthbot {__version__}\n"
        f"python {platform.python_version()} on {platform.platform()}\n"
        f"command: sixthbot {' '.join(redact(arguments))}\n\n{trace}"
    )
    try:
        places = locate(Path(_directory(arguments)))
        require_initialised(places)
        return write_report(places, name, text)
    except (OSError, SixthError):
        path = Path(tempfile.mkdtemp(prefix="sixthbot-")) / name
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return path


def _directory(arguments: Sequence[str]) -> str:
    """Read -C by hand: the failure may lie in reading options."""
    words = list(arguments)
    return words[words.index("-C") + 1] if "-C" in words[:-1] else "."
