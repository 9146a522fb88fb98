"""Holds a coverage report that the checks left in their worktree against the lines that the branch changed."""

from __future__ import annotations

import os
import stat
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

from sixthbot.core.coverage import NAMES, on_changed_lines, parse_coverage
from sixthbot.core.errors import SixthError
from sixthbot.core.names import BranchName
from sixthbot.git.commits import merge_base
from sixthbot.git.diffs import added_lines
from sixthbot.git.refs import tip as tip_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sixthbot.actions.base import Context
    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.names import Oid

_SIZE_LIMIT = 50_000_000

Stamps: TypeAlias = "Mapping[str, tuple[int, int, int]]"
"""The reports that are there, each with what tells a written one from the one it was."""


def stamps(folder: Path) -> Stamps:
    """Return the reports that lie in a worktree already: what an earlier run left says nothing of this one."""
    found = {}
    for name in NAMES:
        try:
            info = (folder / name).lstat()
        except OSError:
            continue
        found[name] = (info.st_mtime_ns, info.st_size, info.st_ino)
    return found


def measured(ctx: Context, folder: Path, record: IssueRecord, tip: Oid, before: Stamps) -> dict[str, Any]:
    """Return what the first fresh report says of the changed lines; empty where there is none that knows them.

    A report that cannot be read is told and counts as none.
    """
    after = stamps(folder)
    name = next((name for name in NAMES if name in after and after[name] != before.get(name)), "")
    if not name:
        return {}
    try:
        data = _read(folder, name)
        base = tip_of(ctx.repo.git, BranchName.parse(record.base))
        start = None if base is None else merge_base(ctx.repo.git, base, tip)
        if data is None or start is None:
            return {}
        found = on_changed_lines(parse_coverage(name, data), added_lines(ctx.repo.git, start, tip))
    except SixthError as error:
        ctx.tell(f"the coverage report is left out: {error.message}")
        return {}
    return {} if found is None else {"file": name, **asdict(found)}


def _read(folder: Path, name: str) -> bytes | None:
    """Return a report's bytes; None for what is no plain file of the worktree, or longer than any report."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode) or info.st_size > _SIZE_LIMIT:
            return None
        return file.read(_SIZE_LIMIT)
