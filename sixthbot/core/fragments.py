"""Changelogs kept in fragments, one file for each change: which tool of that kind a repository uses, if any."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_FOLDERS = (
    (".changeset/config.json", "changesets", ".changeset"),
    (".changie.yaml", "changie", ".changes"),
    ("changelog.d/scriv.ini", "scriv", "changelog.d"),
)
MARKS = frozenset(mark for mark, _, _ in _FOLDERS)
"""Files by which a tool is known."""

_TABLES = (("towncrier", "newsfragments"), ("scriv", "changelog.d"))


def fragments_tool(files: Collection[str], read: Callable[[str], bytes | None]) -> tuple[str, str] | None:
    """Return the tool that makes the changelog from fragments, and its folder; None where there is none.

    `files` are the paths at the top of the tree and those of MARKS that are there; `read` gives a file's bytes.
    """
    for mark, tool, folder in _FOLDERS:
        if mark in files:
            return tool, folder
    for name in ("towncrier.toml", "pyproject.toml"):
        data = read(name) if name in files else None
        if data is None:
            continue
        try:
            tools = tomllib.loads(data[:1_000_000].decode("utf-8", "replace")).get("tool", {})
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        for tool, folder in _TABLES:
            if isinstance(tools, dict) and isinstance(tools.get(tool), dict):
                named = tools[tool].get("directory", tools[tool].get("fragment_directory", folder))
                return tool, named if isinstance(named, str) else folder
    return None
