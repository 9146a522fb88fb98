"""Remembers which files of one `.sixth` this process wrote or took away, so that saving need not look at all of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sixthbot.store import disk

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sixthbot.store.paths import Places

_LIMIT = 50_000
"""Paths that are remembered one by one; beyond that all are looked at."""


class Changes:
    """The changes of a block, each remembered, or, when too many came, only that they did."""

    def __init__(self, places: Places) -> None:
        self._prefix = f"{places.home}/"
        self._guard = threading.Lock()
        self._paths: dict[str, bool] = {}
        self._woken = threading.Event()
        self._everything = False

    def __enter__(self) -> Self:
        disk.listen(self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        disk.unlisten(self._note)

    def _note(self, path: str, gone: bool) -> None:  # noqa: FBT001 - as the disk calls it
        if not path.startswith(self._prefix):
            return
        below = path[len(self._prefix) :]
        if below.startswith("local/") or "/." in below or below[0] == ".":
            return
        with self._guard:
            if len(self._paths) >= _LIMIT:
                self._everything = True
            elif gone or not below.startswith("journal/"):  # what came to those is looked for at each saving
                self._paths[below] = gone
        self._woken.set()

    def take(self) -> tuple[dict[str, bool], bool]:
        """Return the paths below `.sixth` that changed since the last time, with whether this process took them away.

        Return also whether more changed than these, so that only a look at everything finds all.
        """
        with self._guard:
            taken = self._paths, self._everything
            self._paths, self._everything = {}, False
            self._woken.clear()
        return taken

    def give_back(self, paths: dict[str, bool], *, everything: bool = False) -> None:
        """Take changes for not saved after all; what came since counts."""
        with self._guard:
            self._paths = {**paths, **self._paths}
            self._everything |= everything
        if paths or everything:  # else there is nothing to save, and whoever waits sleeps on
            self._woken.set()

    def pending(self) -> list[str]:
        """Return the paths that changed and were not taken yet."""
        with self._guard:
            return sorted(self._paths)

    def wait(self, seconds: float) -> bool:
        """Wait for a change, at most so long; tell whether there is one, or whether somebody else ended the wait."""
        return self._woken.wait(seconds)

    def end_wait(self) -> None:
        """Have a `wait`, also the next one, return at once."""
        self._woken.set()
