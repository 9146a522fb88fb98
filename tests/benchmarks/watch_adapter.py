"""Prints READY, then each file that appears below a folder: our watcher as a command, for scripts that compare watchers.

As in the bot, an event only wakes; what is new is found by listing.
"""

from __future__ import annotations

import os
import sys
import threading

from sixthbot.sources.wake import _event_filter, _new_observer


class _Wake:
    """What the observer calls; keeps nothing of what it is told."""

    def __init__(self) -> None:
        self.woken = threading.Event()

    def dispatch(self, _event: object) -> None:
        self.woken.set()

    def hear(self, _name: str, *, arrived: bool) -> None:
        self.woken.set()


def main(root: str) -> None:
    """Watch until killed."""
    wake, seen = _Wake(), set(_files(root))
    observer = _new_observer({root: wake})  # type: ignore[dict-item]  # only its dispatch is called
    observer.start()
    observer.schedule(wake, root, recursive=True, event_filter=_event_filter())  # type: ignore[arg-type]  # only its dispatch is called
    print("READY", flush=True)
    while True:
        wake.woken.wait(2.0)
        wake.woken.clear()
        now = set(_files(root))
        if new := now - seen:
            print("\n".join(sorted(new)), flush=True)
        seen = now


def _files(root: str) -> list[str]:
    return [os.path.join(place, name) for place, _, names in os.walk(root) for name in names]  # noqa: PTH118 - thousands


if __name__ == "__main__":
    main(sys.argv[1])
