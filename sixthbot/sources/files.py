"""Files as a source: tells that files in the folders that rules name have changed, by git's own comparison. Asks no watcher.

The truth is what git says of the work tree against HEAD, compared with the same of the last time, which a cursor keeps:
which commit that was, and of the few files that differed from it the content. So a switch of branches is one difference
of two trees, a commit of what was seen before is none, and what changed while the bot was off is found.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import ConfigError
from sixthbot.core.events import EventKind, caused_by, make_event
from sixthbot.core.filechanges import asked_for, covers, folders_of
from sixthbot.core.times import format_time, parse_time
from sixthbot.git.worktree_state import NOTHING, changed_between, contents_at, look
from sixthbot.sources.wake import Place, Reason
from sixthbot.sources.writers import generation_of_writers
from sixthbot.store.locks import try_hold
from sixthbot.store.reading import open_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sixthbot.core.events import Event
    from sixthbot.core.rules import Rule
    from sixthbot.git.repository import Repository
    from sixthbot.sources.wake import Woken
    from sixthbot.store.open import Store

CURSOR = "files"
SETTLED_AFTER = 0.3
"""Seconds for which two looks must see the same before a change is told."""
_PATIENCE = 10.0
"""Seconds after which a tree that never comes to rest is told of all the same."""
_WATCHED_LOOK, _UNWATCHED_LOOK = 10.0, 2.0
_SHARE = 50
"""Between two looks that nobody asked for lies so many times what the last one took: two per cent of a processor, ..."""
_WOKEN_SHARE = 10
"""... and so many times between others: a build that writes all the time gets no more than ten."""
_MOST_WATCHED = 20
_MOST_HASHED = 2000
_LARGEST_HASHED = 8 << 20
_LOCK_IS_DEAD = 300.0
_OTHER_IS_AT_IT = 0.1
_WAKING = frozenset({Reason.FILES, Reason.REFS, Reason.HEADS, Reason.LOST})


@dataclass(frozen=True, slots=True)
class Content:
    """A file that differs from HEAD: what changes when it is written, and an id of its content."""

    mark: str
    id: str


@dataclass(frozen=True, slots=True)
class State:
    """A work tree: the commit that is checked out, and the files that differ from it."""

    head: str
    differing: Mapping[str, Content] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "head": self.head,
            "differing": {path: [one.mark, one.id] for path, one in self.differing.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> State | None:
        """Read back what `to_json` wrote; None for anything else."""
        head, differing = data.get("head"), data.get("differing")
        if not isinstance(head, str) or not isinstance(differing, dict):
            return None
        try:
            return cls(
                head, {path: Content(str(mark), str(found)) for path, (mark, found) in differing.items()}
            )
        except (ValueError, TypeError):
            return None


class Files:
    """Follows the files of one repository's main work tree. `let_in` takes events, and may see the same ones again."""

    def __init__(self, let_in: Callable[[Store, Sequence[Event]], None]) -> None:
        self._let_in = let_in
        self._folders: tuple[str, ...] | None = None
        self._wanted = True
        self._next = self._earliest = 0.0
        self._pending: State | None = None
        self._since = 0.0
        self._calm: datetime | None = None
        self._last: State | None = None
        self.watched: tuple[Place, ...] = ()
        """The folders to watch, so that a change is found sooner than by the next look."""

    @property
    def at_rest(self) -> bool:
        """Whether the last look left nothing that is still moving."""
        return self._pending is None

    def look(
        self,
        store: Store,
        repo: Repository,
        rules: Sequence[Rule],
        now: datetime,
        woken: Woken,
        *,
        fenced: bool = True,
    ) -> float | None:
        """Let in one event for all that changed, once it has come to rest; return seconds until the next look.

        `fenced` says that commands of tasks are kept from writing to the work tree.
        """
        folders = folders_of(rules)
        if folders != self._folders:
            self._folders, self._wanted, self._pending = folders, True, None
        if folders is None:
            self.watched = ()
            return None
        tick = time.monotonic()
        self._wanted = self._wanted or bool(woken.reasons & _WAKING) or tick >= self._next
        wait = (self._earliest if self._wanted else self._next) - tick
        if wait > 0:
            return wait
        if _git_is_writing(repo):
            return SETTLED_AFTER
        held = try_hold(store.places.locks / "files.lock")
        if held is None:
            return _OTHER_IS_AT_IT
        try:
            self._compare(_Look(store, repo, rules, folders, now, fenced))
        finally:
            held.release()
            self._rest(repo.top, folders, tick)
        return max(self._earliest - time.monotonic(), 0.0) if self._wanted else self._next - time.monotonic()

    def _rest(self, top: Path, folders: Sequence[str], started: float) -> None:
        ended = time.monotonic()
        took = ended - started
        self.watched = watchable(top, folders)
        self._wanted = self._pending is not None
        self._earliest = ended + max(SETTLED_AFTER if self._wanted else 0.0, _WOKEN_SHARE * took)
        self._next = ended + max(_WATCHED_LOOK if self.watched else _UNWATCHED_LOOK, _SHARE * took)

    def _compare(self, at: _Look) -> None:
        saved = at.store.cursors.load(CURSOR) or {}
        before, scope = State.from_json(saved), tuple(map(str, saved.get("folders") or ()))
        state = at.state(self._last or before)
        self._last = state
        if before is None:
            at.save(saved, state)
            return
        changes = at.changes(before, state, scope)
        if changes and state != self._pending and not self._is_late():
            self._since = self._since if self._pending is not None else time.monotonic()
            self._pending = state
            return
        if changes:
            at.tell(self._let_in, changes, number=_number(saved), since=self._calm or _saved_at(saved))
        self._pending, self._calm = None, at.now
        if changes or state != before or scope != at.folders:
            at.save(saved, state, told=bool(changes))

    def _is_late(self) -> bool:
        return self._pending is not None and time.monotonic() - self._since > _PATIENCE


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the work tree."""

    store: Store
    repo: Repository
    rules: Sequence[Rule]
    folders: tuple[str, ...]
    now: datetime
    fenced: bool

    @property
    def pathspecs(self) -> tuple[str, ...]:
        return tuple(folder for folder in self.folders if folder)

    def state(self, before: State | None) -> State:
        """Return what the work tree is now; files that bear the mark they had before are not read again."""
        seen = look(self.repo.git, self.repo.top, self.pathspecs)
        known = before.differing if before is not None else {}
        algorithm = "sha256" if len(seen.head) > 40 else "sha1"  # noqa: PLR2004 - digits of git's older ids
        differing = {}
        for number, path in enumerate(seen.paths):
            mark = _mark(self.repo.top / path)
            old = known.get(path)
            same = old is not None and old.mark == mark
            found = old.id if old is not None and same else NOTHING
            if not same and mark:
                found = _content_id(self.repo.top / path, algorithm) if number < _MOST_HASHED else mark
            differing[path] = Content(mark, found)
        return State(seen.head, differing)

    def changes(self, before: State, after: State, scope: Sequence[str]) -> dict[str, str]:
        """Return the paths whose content is another than before, with its id; only of folders looked at before, too."""
        git = self.repo.git
        moved = changed_between(git, before.head, after.head, self.pathspecs)
        apart = before.differing.keys() | after.differing.keys()
        old_ids = contents_at(git, before.head, apart - before.differing.keys())
        new_ids = contents_at(git, after.head, apart - after.differing.keys())
        changed = {path: found for path, found in moved.items() if path not in apart}
        for path in apart:
            then, today = before.differing.get(path), after.differing.get(path)
            mark = today.mark if today is not None else _mark(self.repo.top / path)
            if then is not None and then.mark == mark:
                continue  # not written since, whatever HEAD says: it was committed
            new = today.id if today is not None else new_ids[path]
            if new != (then.id if then is not None else old_ids[path]):
                changed[path] = new
        return {path: found for path, found in changed.items() if covers(scope, path)}

    def tell(
        self,
        let_in: Callable[[Store, Sequence[Event]], None],
        changes: Mapping[str, str],
        *,
        number: int,
        since: datetime | None,
    ) -> None:
        paths, count = asked_for(changes, self.rules)
        if not count:
            return
        digest = hashlib.sha256()
        for path in paths:
            digest.update(f"{path}\0{changes[path]}\0".encode("utf-8", "surrogateescape"))
        # a file that goes back and forth between two contents changes each time
        key = f"{number} {count} {digest.hexdigest()[:32]}"
        fields = {"paths": tuple(paths), "files": count}
        event = make_event(EventKind.FILE_CHANGED, fields, time=self.now, key=key)
        writers = None if since is None else generation_of_writers(self.store, since, fenced=self.fenced)
        let_in(self.store, [event if writers is None else caused_by(event, writers)])

    def save(self, saved: Mapping[str, Any], state: State, *, told: bool = False) -> None:
        data = {
            "folders": list(self.folders),
            "number": _number(saved) + told,
            "at": format_time(self.now),
            **state.to_json(),
        }
        self.store.cursors.save(CURSOR, data)


def _number(saved: Mapping[str, Any]) -> int:
    number = saved.get("number")
    return number if isinstance(number, int) else 0


def _saved_at(saved: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_time(str(saved.get("at")))
    except ConfigError:
        return None


def watchable(top: Path, folders: Sequence[str]) -> tuple[Place, ...]:
    """Return the named folders to watch; none at all where they hold many: then only looking is cheap enough."""
    places, count = [], 0
    for name in folders:
        folder = top / name
        if (
            not name or not folder.is_dir() or folder.resolve() != top.resolve() / name
        ):  # what a link leads to is not what git compares
            continue
        for _ in os.walk(folder):
            count += 1
            if count > _MOST_WATCHED:
                return ()
        places.append(Place(folder, recursive=True, reason=lambda _: Reason.FILES))
    return tuple(places) if len(places) == len(folders) else ()


def _git_is_writing(repo: Repository) -> bool:
    """Whether a git holds the index, as one does while it switches branches; a lock left behind does not count."""
    with suppress(OSError):
        return time.time() - (repo.git_dir / "index.lock").stat().st_mtime < _LOCK_IS_DEAD
    return False


def _mark(path: Path) -> str:
    try:
        found = path.lstat()
    except OSError:
        return NOTHING
    return f"{stat.S_IFMT(found.st_mode):o} {found.st_size} {found.st_mtime_ns} {found.st_ino}"


def _content_id(path: Path, algorithm: str) -> str:
    """Return what git would call the content of a file, as it is; a stand-in for what is no small file."""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            data = os.fsencode(path.readlink())
        elif stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST_HASHED:
            with open_plain(path) as file:
                data = file.read(_LARGEST_HASHED + 1)
        else:
            return _mark(path)
    except OSError:
        return NOTHING
    digest = hashlib.new(algorithm, b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()
