"""The items of one step that are done: a line for each batch, appended, so that a step goes on where it was cut off.

Like every checkpoint it is a hint: what is lost with a crash is done again.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from sixthbot.store.atomic import Durability, append_line, make_dirs, point, remove, write_file
from sixthbot.store.reading import open_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BATCH = 100
"""Items after which they are saved."""
BATCH_SECONDS = 10.0
"""Seconds after which they are saved, if there is one."""

_BEGIN = point("items.begin")
_SAVE = point("items.save")
_CLEAR = point("items.clear")
_LINE_LIMIT = 64 << 20


class DoneItems:
    """Results by key, kept in one file as long as `basis` is the same text; with another basis none count.

    `basis` says what the results depend on besides their items: the step, its arguments, the commit. Nothing is
    written for a step that ends before its first batch is full, unless `save` is called.
    """

    def __init__(
        self,
        path: Path,
        *,
        basis: str,
        durability: Durability,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._basis = basis
        self._durability: Durability = durability
        self._clock = clock
        self._pending: dict[str, Any] = {}
        self._saved_at = clock()
        self._begun = False

    def load(self) -> dict[str, Any]:
        """Return the results that were saved, in the order of saving; none of another basis."""
        results: dict[str, Any] = {}
        lines = self._lines()
        if next(lines, None) != {"schema": 1, "basis": self._basis}:
            return results
        self._begun = True
        for line in lines:
            if isinstance(line, dict):
                results.update(line)
        return results

    def add(self, key: str, result: Any) -> None:
        """Take in a JSON value as the result of an item; it is saved with its batch."""
        self._pending[key] = result
        if len(self._pending) >= BATCH or self._clock() - self._saved_at >= BATCH_SECONDS:
            self.save()

    def save(self) -> None:
        """Save what is not saved yet."""
        if not self._pending:
            return
        if not self._begun:
            make_dirs(self._path.parent)
            head = json.dumps({"schema": 1, "basis": self._basis}).encode("ascii") + b"\n"
            write_file(self._path, head, point=_BEGIN, durability="process")
            self._begun = True
        append_line(
            self._path, json.dumps(self._pending).encode("ascii"), point=_SAVE, durability=self._durability
        )
        self._pending = {}
        self._saved_at = self._clock()

    def _lines(self) -> Iterator[Any]:
        """Yield each line's value; None for a torn one."""
        try:
            with open_plain(self._path) as file:
                while line := file.readline(_LINE_LIMIT):
                    try:
                        yield json.loads(line)
                    except (ValueError, RecursionError):
                        yield None
        except OSError:
            return


def clear_items(path: Path) -> None:
    """Forget the items in a file."""
    remove(path, point=_CLEAR)
