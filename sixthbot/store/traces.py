"""Traces: what each rule said of the last few events, of the last one it acted on, and how its tasks went last.

They are for people who wonder about a rule, below `.sixth/local`; the journal has the whole story. Nothing is decided
by them, so that one which is lost or damaged costs nothing else.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import Refused
from sixthbot.core.names import short_hash
from sixthbot.store.atomic import make_dirs, point, read_small, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SAVE = point("traces.save")
_STOPPED = "stopped.json"
_LAST = 5
_LIMIT = 1 << 20
_WITH_TASKS = ("fired", "succeeded", "failed")
_guard = threading.Lock()


class Traces:
    """One small file for each rule, and one that names the rules which their limits stopped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def looked(self, rule: str, traces: Sequence[Mapping[str, Any]]) -> None:
        """Keep what a rule said of events, oldest first: JSON values with `fired` and `task` among them."""
        with _guard, suppress(OSError):  # a full disk must not keep an event out for the sake of its trace
            kept = self._load(self._path(rule))
            kept["last"] = [*_list(kept.get("last")), *traces][-_LAST:]
            acted = [trace for trace in traces if trace.get("fired")]
            if acted:
                kept["fired"] = acted[-1]
            self._save(self._path(rule), {"schema": 1, "rule": rule, **kept})

    def ended(self, rule: str, outcome: Mapping[str, Any], *, succeeded: bool) -> None:
        """Keep how a task of a rule ended; `outcome` names the `task`, and the trace it came from is kept with it."""
        with _guard, suppress(OSError):
            kept = self._load(self._path(rule))
            known = [*_list(kept.get("last")), *(kept[name] for name in _WITH_TASKS if name in kept)]
            mine = [one for one in known if isinstance(one, dict) and one.get("task") == outcome["task"]]
            for trace in mine:
                trace.update(outcome)
            kept["succeeded" if succeeded else "failed"] = {**(mine[0] if mine else {}), **outcome}
            self._save(self._path(rule), {"schema": 1, "rule": rule, **kept})

    def of(self, rule: str) -> dict[str, Any]:
        """Return what is kept of a rule: `last` (a list), and `fired`, `succeeded`, `failed` where there are such."""
        kept = self._load(self._path(rule))
        found = {"last": [one for one in _list(kept.get("last")) if isinstance(one, dict)]}
        return found | {name: kept[name] for name in _WITH_TASKS if isinstance(kept.get(name), dict)}

    def stopped(self, reasons: Mapping[str, Mapping[str, str] | None]) -> None:
        """Show `time` and `reason` of rules that were stopped by their limits in `status`; None for one that acts."""
        path = self._folder / _STOPPED
        with _guard, suppress(OSError):
            before = self._load(path)
            after = {**before, **{rule: why for rule, why in reasons.items() if why is not None}}
            after = {rule: why for rule, why in after.items() if reasons.get(rule, why) is not None}
            if after != before:
                self._save(path, after)

    def _path(self, rule: str) -> Path:
        return self._folder / trace_name(rule)

    def _load(self, path: Path) -> dict[str, Any]:
        try:
            data = json.loads(read_small(path, _LIMIT))
        except (OSError, ValueError, RecursionError, Refused):
            return {}
        return data if isinstance(data, dict) else {}

    def _save(self, path: Path, data: Mapping[str, Any]) -> None:
        make_dirs(self._folder)
        write_file(path, json.dumps(data, indent=1).encode("ascii"), point=_SAVE, durability="process")


TRACES = f"{'[0-9a-f]' * 16}.json"
"""Which files are traces of rules."""


def trace_name(rule: str) -> str:
    """Return the name of the file with the traces of a rule."""
    return f"{short_hash(rule, digits=16)}.json"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
