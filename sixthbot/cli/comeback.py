"""Brings `.sixth` back before a command goes on, and says so; leaves it where a stash holds it, unless it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.cli.output import one_line, paint
from sixthbot.core.errors import HomeGone

if TYPE_CHECKING:
    from sixthbot.cli.output import Output
    from sixthbot.store.paths import Places


def bring_home_back(places: Places, out: Output, *, from_stash_too: bool) -> None:
    """Make `.sixth` whole again from the state ref and say what came of it.

    With `from_stash_too` false, raise HomeGone where `git stash pop` would bring it back just as it was: git refuses
    that once files of the same names are there.
    """
    from sixthbot.engine.rebuild import bring_back, in_stash  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.state.home import standing  # noqa: PLC0415 - lazy, see app

    if not from_stash_too and standing(places) == "gone" and in_stash(places):
        raise HomeGone(
            f"{places.home} is in the newest stash",
            hint="git stash pop brings it back as it was; sixthbot init makes it anew from the state ref",
        )
    report = bring_back(places)
    for line in report.story() if report is not None else ():
        out.talk(f"{paint('state', 'yellow')} {one_line(line, 900)}")
