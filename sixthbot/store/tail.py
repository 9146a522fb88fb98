"""Reads a file of lines from its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 16


def lines_backwards(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file from the last to the first, reading only as far as is asked for."""
    try:
        with path.open("rb") as file:
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
    except FileNotFoundError:
        return
