"""Reads a file of lines from its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.store.reading import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 16


def lines_backwards(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file from the last to the first, reading only as far as is asked for.

    None for what cannot be read and for what is no regular file.
    """
    try:
        with open_plain(path) as file:
            left = file.seek(0, os.SEEK_END)
            rest: list[bytes] = []
            while left:
                size = min(_BLOCK, left)
                left -= size
                file.seek(left)
                first, *lines = file.read(size).split(b"\n")
                if not lines:
                    rest.append(first)
                    continue
                yield lines[-1] + b"".join(reversed(rest))
                yield from reversed(lines[:-1])
                rest = [first]
            yield b"".join(reversed(rest))
    except OSError:
        return
