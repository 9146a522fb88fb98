"""Files that only grow, against what was saved of them: whether one goes on where that ended; writes nothing."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from sixthbot.store.journal import PACKED
from sixthbot.store.reading import open_plain
from sixthbot.store.state.index import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.store.state.index import Index

CHUNK = 1 << 20
"""Bytes of a growing file in one piece."""


def grown_row(key: str, data: bytes, status: os.stat_result) -> Row:
    """Return the row of a growing file of which `data`, from its beginning, was saved."""
    begin = max(len(data) - CHUNK, 0)
    digest = hashlib.sha256(data[begin:]).hexdigest() if data else ""
    return Row(key, key, str(begin), digest, len(data), status.st_mtime_ns, status.st_ino)


def goes_on(path: str, row: Row) -> bool:
    """Tell whether a growing file still has, where it was, the last piece that was saved of it.

    Each line is written once, with its number and time: where the last piece is the same, all before it is. Its length
    alone would not tell: a file that was begun anew grows, too.
    """
    if row.size == 0:
        return True
    begin = int(row.place or 0)
    try:
        with open_plain(path) as file:
            file.seek(begin)
            data = file.read(row.size - begin)
    except OSError:
        return False
    return hashlib.sha256(data).hexdigest() == row.hash


def astray(home: str, index: Index) -> Iterator[str]:
    """Yield the keys of journals that lack something of what was saved: begun anew, put back as they were, or taken away.

    Compressed ones are whole: nobody appends to them.
    """
    for row in index.rows_under("journal/"):
        path = f"{home}/{row.key}"
        try:
            status = os.lstat(path)
        except OSError:
            if not os.path.lexists(path + PACKED):
                yield row.key
            continue
        same = (status.st_size, status.st_mtime_ns, status.st_ino) == (row.size, row.mtime, row.inode)
        if stat.S_ISREG(status.st_mode) and not same and not goes_on(path, row):
            yield row.key
