"""Reads and rewrites a worktree's tracked text files for repairs; links and binary files are never followed or touched."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sixthbot.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SIZE_LIMIT = 5_000_000


def chosen(files: Sequence[str], patterns: str) -> list[str]:
    """Return the files that one of the comma-separated patterns names: a file, a folder or a glob; all for none.

    Raise UsageError when a pattern names nothing.
    """
    wanted = [pattern.strip().strip("/") for pattern in patterns.split(",") if pattern.strip().strip("/")]
    if not wanted:
        return list(files)
    found: dict[str, None] = {}
    for pattern in wanted:
        matches = [name for name in files if _named(name, pattern)]
        if not matches:
            raise UsageError(f"no tracked file is named by {pattern!r}")
        found.update(dict.fromkeys(matches))
    return list(found)


def rewrite(root: Path, names: Sequence[str], change: Callable[[bytes], bytes]) -> list[str]:
    """Put every chosen text file through `change` and write back what differs; return the names that did."""
    changed = []
    for name in names:
        data = _read_text(root, name)
        if data is None:
            continue
        after = change(data)
        if after != data:
            _write(root, name, after)
            changed.append(name)
    return changed


def _named(name: str, pattern: str) -> bool:
    return name == pattern or name.startswith(pattern + "/") or fnmatchcase(name, pattern)


def _read_text(root: Path, name: str) -> bytes | None:
    path = root / name
    # a tracked folder can have been replaced by a link that leads out of the worktree
    if path.resolve().parent != (root.resolve() / name).parent or not path.is_file() or path.is_symlink():
        return None
    if path.stat().st_size > _SIZE_LIMIT:
        return None
    data = path.read_bytes()
    return None if b"\0" in data[:8000] else data


def _write(root: Path, name: str, data: bytes) -> None:
    descriptor = os.open(root / name, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
