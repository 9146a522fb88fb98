"""Looks at loose objects for those that a power cut tore; reads only, and needs no git for it.

Git takes an object whose file is there for written. A torn one therefore fails everything that writes the same again,
for ever, until its file is out of the way.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from contextlib import suppress
from pathlib import Path

_FOLDER = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{38}|[0-9a-f]{62}")
_MOST = 256 << 20
"""Bytes that are read at most: what is beyond them is judged by its length only."""


def torn_objects(git_dir: Path, *, since: float) -> list[Path]:
    """Return the files of loose objects that are empty, and of those changed at `since` (epoch) or later, the torn ones.

    A file is torn when it does not hold what its name says. One that cannot be read is left to git.
    """
    torn, left = [], _MOST
    for folder in _entries(git_dir / "objects"):
        if not (_FOLDER.fullmatch(folder.name) and folder.is_dir(follow_symlinks=False)):
            continue
        for entry in _entries(Path(folder.path)):
            if not (_REST.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)):
                continue
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                looked_into = found.st_mtime >= since and found.st_size <= left
                left -= found.st_size if looked_into else 0
                if not found.st_size or (looked_into and not _is_whole(Path(entry.path))):
                    torn.append(Path(entry.path))
    return sorted(torn)


def _is_whole(path: Path) -> bool:
    try:
        data = zlib.decompress(path.read_bytes())
    except zlib.error:
        return False
    name = path.parent.name + path.name
    digest = hashlib.sha1(data, usedforsecurity=False) if len(path.name) == 38 else hashlib.sha256(data)  # noqa: PLR2004 - as git names them
    return digest.hexdigest() == name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
