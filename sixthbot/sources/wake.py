"""Wakes the bot when something may have happened. What it was is never taken from here: the sources look for themselves.

A file watcher loses events when the kernel's queue overflows, on network disks and where watches run out, so
everything it tells is also found by the poll, only later.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, cast

from sixthbot.git.run import entries
from sixthbot.store.home import FOLDERS, HOME_MARK
from sixthbot.store.mounts import NETWORK, SHARED, mounted_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers.api import BaseObserver, ObservedWatch
    from watchdog.observers.inotify import InotifyWatchGroup
    from watchdog.observers.inotify_c import InotifyEvent

    from sixthbot.store.paths import Places

_WATCHDOG_LOG = "watchdog"
_FOLDERS_OF_BRANCHES = 3
"""More are not watched: the kernel's watches are few, and shared by all programs of a user."""
_ITSELF = 0xC00
"""`IN_DELETE_SELF | IN_MOVE_SELF`, which the kernel tells of a watched folder."""
_FROM_ELSEWHERE = NETWORK | SHARED | {"fuse"}
"""Kinds of file systems that tell nothing of what another machine, or a host, does on them."""


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
    leaving: bool = False
    """Whether what is renamed away from it counts, which makes all else there wait for half a second."""
    contents: bool = True
    """Whether what happens in it counts; otherwise only that the folder itself is renamed or removed."""


def places_to_watch(places: Places) -> list[Place]:
    """Return the few folders that tell nearly everything; never what happens in the work tree."""
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
        Place(places.sixth, recursive=False, reason=_core_of_home, leaving=True),
        Place(places.rules_dir, recursive=False, reason=lambda name: _if(_shown(name), Reason.SETTINGS)),
        # what a person trusts and approves
        Place(places.data_dir, recursive=False, reason=lambda name: _if(_shown(name), Reason.SETTINGS)),
        # every command that changed something saves that, so one place tells of all of them; who only reads makes no
        # such file
        Place(
            places.beside,
            recursive=False,
            reason=lambda name: _if(name == f"{places.saved.name}-journal", Reason.QUEUE),
        ),
        Place(places.top, recursive=False, reason=lambda _: Reason.LOST, contents=False),
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


def _core_of_home(name: str) -> Reason | None:
    """Return why something right below `.sixth` counts: its folders come and go only when it is taken away."""
    if name == "config.toml":
        return Reason.SETTINGS
    return Reason.LOST if name in FOLDERS or name == HOME_MARK else None


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
        self._complete = False
        self._told_here = mounted_as(places.sixth).split(".")[0] not in _FROM_ELSEWHERE
        self.sees_branches = True
        """Whether every folder of branches is watched, as of the last `refresh`."""
        self.also: tuple[Place, ...] = ()
        """Further folders to watch, from the next `refresh` on."""

    def covers(self) -> bool:
        """Tell whether the kernel tells of nearly everything, so that looking without a reason may come seldom."""
        return self._complete and self._told_here and self._observer is not None and _tells(self._observer)

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
        # watchdog's own thread may close what it watches with while it is told to stop
        with suppress(OSError):
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
        heads = self._places.git_dir / "refs" / "heads"
        self.sees_branches = heads in wanted and wanted[heads].recursive
        there = {path for path in wanted if _inode(path)}
        self._complete = there <= self._watches.keys()

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
        self.place = place

    def lost(self) -> None:
        """Say that the place is not where it was."""
        self._waker.poke(Reason.LOST)

    def hear(self, name: str, *, arrived: bool) -> None:
        """Wake for a file of that name; `arrived` says that it was renamed in."""
        reason = self.place.reason(name)
        if reason is not None:
            self._waker.poke(reason, renamed=name if arrived and reason is Reason.INBOX else "")

    def dispatch(self, event: FileSystemEvent) -> None:
        for path in _paths(event):
            arrived = event.event_type == "moved" and path == os.fsdecode(event.dest_path)
            self.hear(os.path.basename(path), arrived=arrived)  # noqa: PTH119 - thousands of times in a burst


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
        events.DirCreatedEvent, events.DirMovedEvent, events.DirDeletedEvent,
    ]  # fmt: skip


def _tell_directly(group: InotifyWatchGroup | None, handler: _Handler | None) -> None:
    """Have a handler told by the thread that reads the events, but for what watchdog itself needs: folders."""
    if group is None or handler is None:
        return
    usual = group.on_event

    def on_event(event: InotifyEvent) -> None:
        if event.is_directory or not event.name:
            usual(event)
        else:
            handler.hear(os.fsdecode(event.name), arrived=event.is_moved_to)

    group.on_event = on_event  # type: ignore[method-assign]  # watchdog makes its groups itself


def _tells(observer: BaseObserver) -> bool:
    """Tell whether an observer is one of the kernel's inotify, with all of its threads alive."""
    reader = getattr(observer, "_inotify_fd", None)  # watchdog has no public way to ask
    threads = [observer, reader, *observer.emitters]
    return all(isinstance(each, threading.Thread) and each.is_alive() for each in threads)


def _mask_for(place: Place, usual: int, without_leaving: int) -> int:
    """Return what to ask the kernel for in a place, of what watchdog would ask for there."""
    if not place.contents:
        return _ITSELF
    return usual | _ITSELF if place.leaving else without_leaving


def _new_observer(handlers: Mapping[str, _Handler]) -> BaseObserver:
    """Return an observer; on Linux one that keeps quiet about files that leave a folder, and tells `handlers` itself.

    Watchdog holds such an event back for half a second, in case the file arrives elsewhere, and everything after it
    waits too. The bot moves a file out of the inbox for each issue, so that would delay the next one. And it hands
    events on to one more thread, which takes as long as all else; `handlers`, by path, are told by the one that has it.
    """
    from watchdog.observers import Observer  # noqa: PLC0415 - only a running watch pays for it

    try:
        from watchdog.observers import inotify, inotify_c  # noqa: PLC0415
        from watchdog.observers.inotify_move_event_grouper import PathedInotifyEvent  # noqa: PLC0415
    except (ImportError, OSError):
        return Observer()

    wanted = tuple(_event_filter())

    class Emitter(inotify.InotifyFullEmitter):
        """Reports a file that was renamed in as moved, without asking for where it came from.

        What happened to a plain file is told by the very thread that reads it; only folders, which may need further
        watches, go the long way through watchdog's own.
        """

        def on_thread_start(self) -> None:
            super().on_thread_start()
            _tell_directly(self._inotify, handlers.get(os.fsdecode(self.watch.path)))

        def get_event_mask_from_filter(self) -> inotify_c.Mask:
            mask = super().get_event_mask_from_filter()
            handler = handlers.get(os.fsdecode(self.watch.path))
            without = mask & ~inotify_c.InotifyConstants.IN_MOVED_FROM
            return inotify_c.Mask(without if handler is None else _mask_for(handler.place, mask, without))

        def build_and_queue_event(
            self,
            event: PathedInotifyEvent | tuple[PathedInotifyEvent, PathedInotifyEvent],
            *,
            full_events: bool = True,
        ) -> None:
            handler = handlers.get(os.fsdecode(self.watch.path))
            moved = isinstance(event, PathedInotifyEvent) and event.ev.mask & _ITSELF
            if moved and handler is not None:
                handler.lost()  # watchdog has no event for a folder that is renamed itself
            super().build_and_queue_event(event, full_events=full_events)

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
