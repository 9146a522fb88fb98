"""Which task moved a branch or tag: by the bot's own record of operations, else by what git wrote into the reflog.

So an event knows how many tasks lie between it and a person, and a rule that answers to its own doing comes to an end,
also where a command of a task committed by itself. A repository without reflogs is told about its operations only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sixthbot.core.events import OWN_ORIGIN, caused_by
from sixthbot.sources.snapshot import HEADS, TAGS
from sixthbot.store.reading import open_plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sixthbot.core.events import Event
    from sixthbot.core.names import Oid
    from sixthbot.store.open import Store

_TAIL = 256 << 10
"""Bytes at the end of a reflog that are looked through."""

_ENTRY = re.compile(
    rb"^[0-9a-f]{40,64} ([0-9a-f]{40,64}) [^\n\t]*\tsixthbot task (t[0-9a-f]{12})\b", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Causes:
    """Tells what tasks caused, between two looks at the refs; `tips` is where refs are now, by full name."""

    store: Store
    git_dir: Path
    tips: Mapping[str, Oid]
    _operations: dict[str, dict[str, str]] = field(default_factory=dict)
    _reflogs: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def told(self, event: Event) -> Event:
        """Return the event with its generation, and as the bot's own where one of its tasks made git do it."""
        ref = _ref_of(event)
        if not ref:
            return event
        oid = str(event.fields.get("id", ""))
        task = self._by_operation(ref, oid) if event.own else self._by_reflog(ref, oid)
        if not task:
            return event
        known = self.store.queue.find(task)
        further = caused_by(event, known.generation if known is not None else 0)
        return replace(further, fields=MappingProxyType({**event.fields, "origin": OWN_ORIGIN}))

    def _by_operation(self, ref: str, oid: str) -> str:
        if not self._operations:
            for operation in self.store.operations.list():
                for name, old, new in operation.refs:
                    moved = self._operations.setdefault(name, {})
                    moved[new or old or ""] = moved[""] = operation.task
        moved = self._operations.get(ref, {})
        return moved.get(oid, moved.get("", ""))  # a commit below a tip came with the last move

    def _by_reflog(self, ref: str, oid: str) -> str:
        if ref not in self._reflogs:
            self._reflogs[ref] = _read_reflog(f"{self.git_dir}/logs/{ref}")
        moved = self._reflogs[ref]
        return moved.get(oid) or moved.get(self.tips.get(ref, ""), "")


def _ref_of(event: Event) -> str:
    if branch := event.fields.get("branch"):
        return f"{HEADS}{branch}"
    tag = event.fields.get("tag")
    return f"{TAGS}{tag}" if tag else ""


def _read_reflog(path: str) -> Mapping[str, str]:
    try:
        with open_plain(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            data = file.read(_TAIL)
    except OSError:
        return {}
    return {match[1].decode(): match[2].decode() for match in _ENTRY.finditer(data)}
