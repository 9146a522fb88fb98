"""Follows branches and tags with a cursor on disk: tells cheaply that something may have moved, then what was and is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.sources.snapshot import Snapshot, refs_mark, take_snapshot

if TYPE_CHECKING:
    from sixthbot.git.run import Git
    from sixthbot.sources.snapshot import RefsMark
    from sixthbot.store.open import Store

_CURSOR = "refs"


@dataclass(frozen=True, slots=True)
class RefsLook:
    """The snapshot as stored, None where none was, and as it is now."""

    old: Snapshot | None
    new: Snapshot


class RefsTracker:
    """Looks at the refs of one repository. The cursor is shared by all processes; only `save` moves it on."""

    def __init__(self) -> None:
        self._seen: RefsMark | None = None

    def may_have_moved(self, store: Store) -> bool:
        """Tell whether anything could have moved since the last `save` of this process; starts no git."""
        return self._seen is None or refs_mark(store.places.git_dir) != self._seen

    def look(self, store: Store, git: Git) -> RefsLook:
        """Return the stored snapshot and a new one."""
        git_dir = store.places.git_dir
        mark = refs_mark(git_dir)
        saved = store.cursors.load(_CURSOR)
        old = None if saved is None else Snapshot.from_json(saved)
        new = take_snapshot(git, git_dir, before=old)
        # a change in the same tick of the clock as the last one would leave no trace: then it is looked at again
        self._seen = mark if mark.safe(time.time_ns()) else None
        return RefsLook(old, new)

    def save(self, store: Store, look: RefsLook) -> None:
        """Store the new snapshot, once everything that follows from it is safely in the queue."""
        if look.old != look.new:
            save_baseline(store, look.new)

    def forget(self) -> None:
        """Look again next time, whatever the marks say: the last look led to nothing."""
        self._seen = None


def save_baseline(store: Store, snapshot: Snapshot) -> None:
    """Store a snapshot as what has been seen: whatever it holds causes no events any more."""
    store.cursors.save(_CURSOR, snapshot.to_json())


def has_baseline(store: Store) -> bool:
    """Tell whether a snapshot is stored."""
    return store.cursors.load(_CURSOR) is not None
