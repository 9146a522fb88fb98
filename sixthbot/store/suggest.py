"""Words for mistakes in files: what a wrong name may have meant, and the line it stands in."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HEADER = re.compile(r"\s*\[{1,2}([^\[\]]{1,400})\]{1,2}")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-\"'. ]{1,200}?)\s*=")


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return `did you mean "x"?`, or the list of what there is."""
    known = sorted(allowed)
    close = difflib.get_close_matches(name[:100], known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


def shown(value: object) -> str:
    """Return a value as it can be shown in an error, short and on one line."""
    return (
        repr(clean_line(str(value), limit=60))
        if isinstance(value, str)
        else clean_line(repr(value), limit=60)
    )


def line_of(text: str, keys: Sequence[str]) -> int | None:
    """Return the line in which a TOML text sets the last of `keys` that it names, or None.

    It looks at table headers and at the key before a `=`; a key inside an inline table is found by its table.
    """
    best: tuple[int, int] | None = None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            here = table
        elif key := _KEY.match(line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        if here == tuple(keys[: len(here)]) and (best is None or len(here) > best[0]):
            best = (len(here), number)
    return best[1] if best else None


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))
