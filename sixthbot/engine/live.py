"""Keeps the services fresh: opened again when a file that decides about them has changed, and only then."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from sixthbot.engine.services import open_services
from sixthbot.store import clock as store_clock
from sixthbot.store.paths import locate, user_config_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from sixthbot.engine.services import Services

_Stamp = tuple[str, int, int, int, int]
_Signature = tuple[_Stamp, ...]


class LiveServices:
    """Calling it gives the services as the files say now. Safe to call from several threads, cheap when nothing changed.

    What is looked at: configuration files, rules, templates, git's own config file, and what is trusted. A file
    that an include of git's config names is seen with the next change of these, or at the next start.
    """

    def __init__(
        self,
        start: Path,
        *,
        clock: Callable[[], datetime] = store_clock.now,
        env: Mapping[str, str] | None = None,
        flags: Mapping[str, str] | None = None,
    ) -> None:
        self._start, self._clock, self._env, self._flags = start, clock, env, flags or {}
        self._lock = threading.Lock()
        self._places = locate(start)
        places = self._places
        # as texts, and once: they are looked at again and again
        self._files = [
            str(path)
            for path in (
                places.config_file,
                places.local_config_file,
                user_config_file(),
                places.git_dir / "config",
            )
        ]
        self._folders = [str(path) for path in (places.rules_dir, places.templates_dir, places.data_dir)]
        # before the reading, as below
        self._seen = self._signature()
        self._services = self._open()

    def __call__(self) -> Services:
        """Return the services; raise what `open_services` raises while the files cannot be used."""
        with self._lock:
            signature = self._signature()
            if signature != self._seen:
                # the signature from before the reading: a change in between is found next time
                self._services = self._open()
                self._seen = signature
            return self._services

    def reload(self) -> Services:
        """Open them anew, whatever the files look like; raise what `open_services` raises."""
        with self._lock:
            signature = self._signature()
            self._services = self._open()
            self._seen = signature
            return self._services

    @property
    def last(self) -> Services:
        """The services as last opened without an error."""
        return self._services

    def _open(self) -> Services:
        return open_services(self._start, clock=self._clock, env=self._env, flags=self._flags)

    def _signature(self) -> _Signature:
        return (
            *map(_stat, self._files),
            *(one for folder in self._folders for one in _below(folder)),
        )


def _below(folder: str) -> Iterator[_Stamp]:
    yield _stat(folder)
    left = [folder]
    while left:
        place = left.pop()
        try:
            with os.scandir(place) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError:
            continue
        yield from (_stat(f"{place}/{name}") for name, _ in found)
        left += [f"{place}/{name}" for name, is_folder in found if is_folder]


def _stat(path: str) -> _Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116 - called for a dozen files before every task
    except OSError:
        return (path, 0, 0, 0, 0)
    # the time of the last change of any kind cannot be set back, unlike that of the content
    return (path, found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns)
