"""What rules about files ask for: which folders they name, and which of the changed paths each of them is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.events import EventKind
from sixthbot.core.globs import path_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sixthbot.core.rules import Rule

MOST_PATHS = 1000
"""An event names no more paths than this; how many there were stands in its field `files`."""

_OWN = (".sixth", ".git")
_GLOB = frozenset("*?[\\")


def folders_of(rules: Iterable[Rule]) -> tuple[str, ...] | None:
    """Return the folders that rules about files name in `when.paths`, none of them below another.

    An empty name stands for the whole work tree; None when no rule is about files.
    """
    asking = [rule for rule in rules if EventKind.FILE_CHANGED in rule.on]
    if not asking:
        return None
    named = {folder_of(pattern) for rule in asking for pattern in rule.when.get("paths", ("**",))}
    return tuple(sorted(folder for folder in named if not any(_below(folder, other) for other in named)))


def folder_of(pattern: str) -> str:
    """Return the deepest folder that holds all that a path pattern can match; empty for the top."""
    wanted = pattern.lstrip("/")
    *folders, _ = wanted.split("/")
    if not folders:
        return ""
    found = []
    for part in folders:
        if not part or part in {".", ".."} or _GLOB.intersection(part):
            break
        found.append(part)
    return "/".join(found)


def covers(folders: Sequence[str], path: str) -> bool:
    """Tell whether a path is in one of some folders."""
    return any(not folder or path == folder or path.startswith(f"{folder}/") for folder in folders)


def asked_for(paths: Iterable[str], rules: Iterable[Rule]) -> tuple[list[str], int]:
    """Return the changed paths that rules about files ask for, at most `MOST_PATHS`, and how many there are.

    Where there are more, each rule finds some of its own among those that are named.
    """
    wishes = {rule.when.get("paths", ("**",)) for rule in rules if EventKind.FILE_CHANGED in rule.on}
    changed = [path for path in sorted(paths) if path.split("/", 1)[0] not in _OWN]
    matched = {
        wish: [path for path in changed if any(path_matches(path, pattern) for pattern in wish)]
        for wish in wishes
    }
    every = set().union(*matched.values())
    if len(every) <= MOST_PATHS:
        return sorted(every), len(every)
    share = max(MOST_PATHS // len(wishes), 1)
    named = set().union(*(found[:share] for found in matched.values()))
    for path in sorted(every):
        if len(named) >= MOST_PATHS:
            break
        named.add(path)
    return sorted(named)[:MOST_PATHS], len(every)


def _below(folder: str, other: str) -> bool:
    return folder != other and covers((other,), folder)
