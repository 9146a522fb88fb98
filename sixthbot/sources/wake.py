"""Wakes the bot when something may have happened. What it was is never taken from here: the sources look for themselves.

A file watcher loses events when the kernel's queue overflows, on network disks and where watches run out, so
everything it tells is also found by the poll, only later.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, cast

from sixthbot.git.run import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers.api import BaseObserver, ObservedWatch

    from sixthbot.store.paths import Places

_WATCHDOG_LOG = "watchdog"
_FOLDERS_OF_BRANCHES = 6
"""More are not watched: the kernel's watches are few, and shared by all programs of a user."""


class Reason(StrEnum):
    """What kind of thing may have changed."""

    INBOX = "inbox"
    NOTE = "note"
    QUEUE = "queue"
    REFS = "refs"
    HEADS = "heads"
    FILES = "files"
    SETTINGS = "settings"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Woken:
    """Why the bot was woken: nothing at all for a poll. `renamed` are names of inbox files that were renamed in."""

    reasons: frozenset[Reason] = frozenset()
    renamed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """A folder to watch, alone or with all below, and what a changed file of some name in it is a reason for."""

    path: Path
    recursive: bool
    reason: Callable[[str], Reason | None]


def places_to_watch(places: Places) -> list[Place]:
    """Return the few folders that tell nearly everything; never the work tree itself."""
    git_dir = places.git_dir
    git_files = {"packed-refs": Reason.REFS, "HEAD": Reason.HEADS, "config": Reason.SETTINGS}
    return [
        Place(
            places.inbox,
            recursive=False,
            reason=lambda name: _if(_shown(name) and name.endswith(".md"), Reason.INBOX),
        ),
        Place(places.notes, recursive=False, reason=lambda name: _if(_shown(name), Reason.NOTE)),
        Place(
            places.queue / "ready",
            recursive=True,
            reason=lambda name: _if(_shown(name), Reason.QUEUE),
        ),
        Place(places.sixth, recursive=False, reason=lambda name: _if(name == "config.toml", Reason.SETTINGS)),
        Place(git_dir, recursive=False, reason=git_files.get),
        # every branch of a folder that is not watched is found by what git logs of HEAD, else by the poll
        Place(git_dir / "refs" / "heads", recursive=_few_folders(git_dir / "refs" / "heads"), reason=_moved),
        Place(git_dir / "refs" / "tags", recursive=False, reason=_moved),
        Place(git_dir / "logs", recursive=False, reason=lambda name: _if(name == "HEAD", Reason.REFS)),
        Place(git_dir / "worktrees", recursive=False, reason=lambda _: Reason.HEADS),
        *(
            Place(folder, recursive=False, reason=lambda name: _if(name == "HEAD", Reason.HEADS))
            for folder in entries(git_dir / "worktrees")
        ),
    ]


def _moved(name: str) -> Reason | None:
    return _if(not name.endswith(".lock"), Reason.REFS)


def _few_folders(top: Path) -> bool:
    """Tell whether so few folders of branches are below one that each can have a watch of its own."""
    found = (1 for _, folders, _ in os.walk(top) for _ in folders)
    return sum(islice(found, _FOLDERS_OF_BRANCHES + 1)) <= _FOLDERS_OF_BRANCHES


def _shown(name: str) -> bool:
    return not name.startswith(".")


def _if(condition: bool, reason: Reason) -> Reason | None:  # noqa: FBT001 - reads as the sentence it is
    return reason if condition else None


class Waker:
    """Collects reasons to wake from the file system and hands them out. One thread waits; any may `poke`."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._condition = threading.Condition()
        self._reasons: set[Reason] = set()
        self._renamed: set[str] = set()
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, tuple[ObservedWatch, int]] = {}
        self._handlers: dict[str, _Handler] = {}
        self._log = _LostEvents(self)
        self.also: tuple[Place, ...] = ()
        """Further folders to watch, from the next `refresh` on."""

    def start(self) -> bool:
        """Begin to watch; False when the system gives no file events, so that only the poll is left."""
        try:
            self._observer = _new_observer(self._handlers)
            self._observer.start()
        except OSError:  # no more inotify instances for this user
            self._observer = None
            return False
        logging.getLogger(_WATCHDOG_LOG).addHandler(self._log)
        # a folder that is made while watchdog walks to it is watched twice for a moment, and it says so; nothing is lost
        warnings.filterwarnings("ignore", r"Callback with id", RuntimeWarning)
        self.refresh()
        return True

    def stop(self) -> None:
        """Stop watching; may be called again."""
        if self._observer is None:
            return
        self._observer.stop()
        self._observer.join()
        self._observer = None
        self._watches.clear()
        logging.getLogger(_WATCHDOG_LOG).removeHandler(self._log)

    def refresh(self) -> None:
        """Watch folders that have come, or come again, since the last time; to be called now and then."""
        if self._observer is None:
            return
        wanted = {place.path: place for place in (*places_to_watch(self._places), *self.also)}
        for path in self._watches.keys() - wanted.keys():
            self._observer.unschedule(self._watches.pop(path)[0])
        for place in wanted.values():
            watched, inode = self._watches.get(place.path, (None, 0))
            now = _inode(place.path)
            if now == inode:
                continue
            if watched is not None:
                self._observer.unschedule(watched)
                del self._watches[place.path]
            if now:
                self._watch(self._observer, place, now)

    def _watch(self, observer: BaseObserver, place: Place, inode: int) -> None:
        handler = self._handlers[str(place.path)] = _Handler(self, place)
        try:
            watch = observer.schedule(
                # only its `dispatch` is ever called; its base class would have to be imported for everybody
                cast("FileSystemEventHandler", handler),
                str(place.path),
                recursive=place.recursive,
                event_filter=_event_filter(),
            )
        except OSError:
            return  # out of watches, or just gone: the poll finds what happens there
        self._watches[place.path] = (watch, inode)
        self.poke(Reason.LOST)  # something may have come before the watch was there

    def poke(self, reason: Reason, *, renamed: str = "") -> None:
        """Wake whoever waits, or the next one who will."""
        with self._condition:
            self._reasons.add(reason)
            if renamed:
                self._renamed.add(renamed)
            self._condition.notify_all()

    def wait(self, seconds: float) -> Woken:
        """Wait for a reason, at most so long, and take all there are."""
        with self._condition:
            if not self._reasons and seconds > 0:
                self._condition.wait(seconds)
            woken = Woken(frozenset(self._reasons), frozenset(self._renamed))
            self._reasons.clear()
            self._renamed.clear()
            return woken


class _Handler:
    """What watchdog calls for the events of one place."""

    def __init__(self, waker: Waker, place: Place) -> None:
        self._waker = waker
        self._place = place

    def dispatch(self, event: FileSystemEvent) -> None:
        for path in _paths(event):
            name = os.path.basename(path)  # noqa: PTH119 - thousands of times in a burst
            reason = self._place.reason(name)
            if reason is not None:
                arrived = event.event_type == "moved" and path == os.fsdecode(event.dest_path)
                self._waker.poke(reason, renamed=name if arrived and reason is Reason.INBOX else "")


def _paths(event: FileSystemEvent) -> Iterator[str]:
    for path in (event.src_path, event.dest_path):
        if path:
            yield os.fsdecode(path)


class _LostEvents(logging.Handler):
    """Watchdog reports lost events in its log alone; from here they become a reason to look at everything."""

    def __init__(self, waker: Waker) -> None:
        super().__init__(logging.WARNING)
        self._waker = waker

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - logging's signature
        self._waker.poke(Reason.LOST)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _event_filter() -> list[type[FileSystemEvent]]:
    """Return what to ask the kernel for.

    Without a filter watchdog asks for opened and closed files too, and what it reads itself overflows the queue.
    """
    from watchdog import events  # noqa: PLC0415 - only a running watch pays for it

    return [
        events.FileCreatedEvent, events.FileMovedEvent, events.FileClosedEvent, events.FileDeletedEvent,
    ]  # fmt: skip


def _new_observer(handlers: Mapping[str, _Handler]) -> BaseObserver:
    """Return an observer; on Linux one that keeps quiet about files that leave a folder, and tells `handlers` itself.

    Watchdog holds such an event back for half a second, in case the file arrives elsewhere, and everything after it
    waits too. The bot moves a file out of the inbox for each issue, so that would delay the next one. And it hands
    events on to one more thread, which takes as long as all else; `handlers`, by path, are told by the one that has it.
    """
    from watchdog.observers import Observer  # noqa: PLC0415 - only a running watch pays for it

    try:
        from watchdog.observers import inotify, inotify_c  # noqa: PLC0415
    except (ImportError, OSError):
        return Observer()

    wanted = tuple(_event_filter())

    class Emitter(inotify.InotifyFullEmitter):
        """Reports a file that was renamed in as moved, without asking for where it came from."""

        def get_event_mask_from_filter(self) -> inotify_c.Mask:
            mask = super().get_event_mask_from_filter()
            return inotify_c.Mask(mask & ~inotify_c.InotifyConstants.IN_MOVED_FROM)

        def queue_event(self, event: FileSystemEvent) -> None:
            handler = handlers.get(os.fsdecode(self.watch.path))
            if handler is not None and isinstance(event, wanted):
                handler.dispatch(event)

    class QuietObserver(inotify.InotifyObserver):
        """An inotify observer with that emitter."""

        def __init__(self) -> None:
            super().__init__(generate_full_events=True)
            self._emitter_class = Emitter

    return QuietObserver()
