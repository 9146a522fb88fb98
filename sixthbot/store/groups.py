"""Which tasks there are of one rule and key: an index in memory, so that an event does not read the whole queue."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sixthbot.core.errors import Refused
from sixthbot.store.counting import state_folders
from sixthbot.store.listing import Listing
from sixthbot.store.reading import read_small
from sixthbot.store.taskfile import SIZE_LIMIT, file_name, id_in_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.core.tasks import Task
    from sixthbot.store.taskfiles import TaskFiles

_Group: TypeAlias = tuple[str, str]
"""A rule and a key. What tasks have of both never changes, so that each file is read once."""

_STATES = ("running", "ready", "waiting")
_MOST = 500
"""So many tasks of one rule and key are looked at, the newest first."""


class TaskGroups:
    """The ready, waiting and running tasks of one queue by rule and key. Not for use by two threads at once.

    What other processes put, and what people moved, is seen at the next `look`.
    """

    def __init__(self, files: TaskFiles) -> None:
        self._files = files
        self._groups: dict[str, _Group] = {}
        self._listings: dict[str, Listing] = {}
        self._members: dict[str, dict[_Group, list[str]]] = {}

    def look(self) -> None:
        """Take in what changed: names of the folders that did, and of files never seen before their first bytes."""
        folders = [folder for state in _STATES for folder in state_folders(self._files.root, state)]
        for gone in set(self._listings).difference(folders):
            del self._listings[gone], self._members[gone]
        changed = False
        for folder in folders:
            listing = self._listings.setdefault(folder, Listing(Path(folder)))
            readings = listing.readings
            listing.refresh(at_once=True)
            if listing.readings != readings or folder not in self._members:
                self._members[folder] = self._sorted(listing, folder)
                changed = True
        if changed and len(self._groups) > 2 * sum(map(len, self._names())) + _MOST:
            present = {name for names in self._names() for name in names}
            self._groups = {name: group for name, group in self._groups.items() if name in present}

    def add(self, task: Task) -> None:
        """Count in a task that this process has just put."""
        folder, name, group = (
            self._files.folder(task.state, task.lane),
            file_name(task),
            (task.rule, task.key),
        )
        self._groups[name] = group
        self._members.setdefault(folder, {}).setdefault(group, []).append(name)

    def newest(self, rule: str, key: str) -> Iterator[Task]:
        """Yield the tasks of a rule and key as they are now, wherever they went since the last look; newest first."""
        group = (rule, key)
        found = ((name, folder) for folder, groups in self._members.items() for name in groups.get(group, ()))
        for name, folder in islice(sorted(found, reverse=True), _MOST):
            task = self._files.load(f"{folder}/{name}")
            if task is None and (task_id := id_in_name(name)) is not None:
                task = self._files.search(task_id) or self._files.search(task_id)
            if task is not None and (task.rule, task.key) == group and task.state.name in _STATES:
                yield task

    def _names(self) -> Iterator[list[str]]:
        return (names for groups in self._members.values() for names in groups.values())

    def _sorted(self, listing: Listing, folder: str) -> dict[_Group, list[str]]:
        groups: dict[_Group, list[str]] = {}
        for name in listing:
            group = self._groups.get(name)
            if group is None and (group := _group_in(f"{folder}/{name}")) is not None:
                self._groups[name] = group
            if group is not None:
                groups.setdefault(group, []).append(name)
        return groups


def _group_in(path: str) -> _Group | None:
    """Return what a task file says of rule and key; whoever loads it judges the rest of it."""
    try:
        raw = json.loads(read_small(path, SIZE_LIMIT))
    except (OSError, ValueError, RecursionError, Refused):
        return None
    if not isinstance(raw, dict):
        return None
    rule, key = raw.get("rule"), raw.get("key")
    return (rule, key) if isinstance(rule, str) and isinstance(key, str) else None
