"""Follows branches and tags with a cursor on disk: tells cheaply that something may have moved, then what was and is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sixthbot.sources.snapshot import Snapshot, refs_mark, take_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git
    from sixthbot.sources.commits import WholeCommit
    from sixthbot.sources.snapshot import RefsMark
    from sixthbot.store.open import Store


@dataclass(frozen=True, slots=True)
class RefsLook:
    """The snapshot as stored, None where none was, and as it is now, with a line on each ref that cannot be followed."""

    old: Snapshot | None
    new: Snapshot
    moves: Mapping[str, Oid | None] = field(default_factory=dict, hash=False)
    problems: tuple[str, ...] = ()
    commits: Mapping[Oid, WholeCommit] = field(default_factory=dict, hash=False)

    def without(self, refs: Iterable[str]) -> RefsLook:
        """Return the look with some refs where they were, so that they are looked at once more."""
        before, left = {} if self.old is None else self.old.refs, set(refs)
        moves = {ref: at for ref, at in self.moves.items() if ref not in left}
        return replace(self, new=self.new.moved({ref: before.get(ref) for ref in left}), moves=moves)


class RefsTracker:
    """Looks at the refs of one repository. The cursor is shared by all processes; only `save` moves it on.

    `now_ns` tells the time of day in nanoseconds, as the file system does.
    """

    def __init__(self, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._mark: RefsMark | None = None
        self._stored: Mapping[str, str] | None = None

    def may_have_moved(self, store: Store) -> bool:
        """Tell whether anything could have moved since the last `look` of this process; starts no git."""
        mark = self._mark
        if mark is None or not mark.safe():
            # a change in the same tick of the clock as the last one would leave no trace: it is looked at again
            return True
        return refs_mark(store.places.git_dir, now_ns=self._now_ns(), before=mark) != mark

    def look(self, store: Store, git: Git) -> RefsLook:
        """Return the stored snapshot and a new one; only what may have moved since the last look is read."""
        git_dir = store.places.git_dir
        mark = refs_mark(git_dir, now_ns=self._now_ns(), before=self._mark)
        saved = store.seen_refs.load()
        old = None if saved is None else Snapshot.of(saved)
        # what is stored is what this process read at its last mark, unless another one stored something since
        known = self._mark is not None and saved is not None and saved is self._stored
        only = mark.touched(self._mark) if known and self._mark is not None else None
        reading = take_snapshot(git, git_dir, before=old, only=only)
        self._mark, self._stored = mark, None
        return RefsLook(old, reading.snapshot, reading.moves, reading.problems, reading.commits)

    def save(self, store: Store, look: RefsLook) -> None:
        """Store the new snapshot, once everything that follows from it is safely in the queue."""
        if look.old is None or look.moves:
            store.seen_refs.save(look.new.refs, None if look.old is None else look.moves)
        self._stored = store.seen_refs.load()

    def forget(self) -> None:
        """Look at everything next time, whatever the marks say: the last look led to nothing."""
        self._mark = None
