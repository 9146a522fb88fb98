"""What a check of the doctor's finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from sixthbot.core.errors import SixthError


class Finding(NamedTuple):
    """What one check found. `level` is ok, note, warn or bad; `mend` does what `--fix` may do and says what it did.

    `error` is what kept all further checks from being made.
    """

    level: str
    what: str
    message: str
    hint: str = ""
    mend: Callable[[], str] | None = None
    error: SixthError | None = None
