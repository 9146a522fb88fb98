"""Saves what changed in `.sixth` to the state ref: at most every second while the bot works, and when it leaves."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from sixthbot.core.errors import Locked, RefMoved, SixthError
from sixthbot.core.names import clean_line, parse_oid
from sixthbot.core.statefold import Folded, fold
from sixthbot.core.stateops import APPEND, DROP, PUT, SIZE_LIMIT, Op, batch_of, parse_batch
from sixthbot.core.times import format_time
from sixthbot.engine.growing import bring_together, row_of
from sixthbot.engine.savedchanges import op_of, slices
from sixthbot.git.held import sharing
from sixthbot.git.repository import open_repository
from sixthbot.git.stateref import StateRef, blob_path
from sixthbot.store import clock as store_clock
from sixthbot.store.actor import actor_id
from sixthbot.store.atomic import make_dirs
from sixthbot.store.locks import Held
from sixthbot.store.state.changes import Changes
from sixthbot.store.state.collect import Change, Collector
from sixthbot.store.state.grown import astray
from sixthbot.store.state.home import mark_home, standing
from sixthbot.store.state.index import Index, Row, open_index
from sixthbot.store.state.keep import Local, gone_for_good, gone_of, keep_local, look_at_local
from sixthbot.store.state.layout import Spot, path_of, task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from sixthbot.core.names import Oid
    from sixthbot.engine.services import Services
    from sixthbot.git.repository import Repository
    from sixthbot.store.paths import Places

_PATIENCE = 30.0  # seconds to wait for another process that saves, ...
_PIECE = 0.2  # ... asking so often whether to leave
_REMOVAL = 2.0  # seconds that removing a folder of many files takes, generously, ...
_HURRY = 0.5  # ... and those that it gets of who was told to leave
_EVERY = 1.0  # seconds between two savings, at least
_SHARE = 5.0  # at least so many times as long as a saving took
_LONGEST = 30.0
_LAST = 2.0  # seconds for the last saving of who was told to leave; what it misses the next bot saves
_LOOK_AT_ALL = 60.0  # seconds between two looks at every file, or a hundred times as long as one took
_STAYING = ("issues/", "inbox/rejected/", "operations/")
"""Where nobody of the bot's takes anything away that has just been written."""
NOTHING = hashlib.sha256().hexdigest()
"""The hash of an empty content."""
_FORMAT = b"The state of sixthbot, format 1. See docs/state.md.\n"
_log = logging.getLogger("sixthbot.engine")


@dataclass(frozen=True, slots=True)
class Saved:
    """What a saving did: how many operations it wrote, and files that are too long to travel.

    `whole` is false when nothing was looked at, because `.sixth` is gone or is not this clone's own. `postponed` are paths
    that were taken away and are to be saved with the next ones.
    """

    ops: int
    left_out: tuple[str, ...] = ()
    postponed: tuple[str, ...] = ()
    whole: bool = True


class State:
    """The saved state of one repository. Its writing methods need the lock of `alone`, which is theirs to take.

    Once `leaving` is set, nobody else's lock is waited for any longer.
    """

    def __init__(
        self,
        places: Places,
        repo: Repository,
        *,
        clock: Callable[[], datetime],
        leaving: threading.Event | None = None,
    ) -> None:
        self.leaving = threading.Event() if leaving is None else leaving
        self.places = places
        self.repo = repo
        self.ref = StateRef(repo.git)
        self.clock = clock
        self._tracked: frozenset[str] | None = None

    @contextmanager
    def alone(self, *, patience: float = _PATIENCE) -> Iterator[None]:
        """Keep all other processes from saving; raise Locked when one does for longer than `patience` seconds.

        A git of ours that outlives us keeps them from it, too.
        """
        make_dirs(self.places.beside)
        held = self._held(time.monotonic() + patience)
        try:
            with sharing(held.fileno()):
                yield
        finally:
            held.release()

    def _held(self, until: float) -> Held:
        """Wait for the lock in pieces: who is told to leave has no half a minute."""
        while True:
            rest = 0.0 if self.leaving.is_set() else until - time.monotonic()
            try:
                return Held(self.places.beside / "saving", patience=max(0.0, min(rest, _PIECE)))
            except Locked:
                if rest <= 0:
                    raise

    def index(self) -> AbstractContextManager[Index]:
        """Lend the index of what was saved."""
        return open_index(self.places.saved, durability=self.repo.git.durability)

    def folded(self, commit: Oid | None) -> Folded:
        """Return the state at a commit, of the operations that are sound."""
        return fold(self.ops(commit))

    def ops(self, commit: Oid | None) -> Iterator[Op]:
        """Yield the operations in a state; what is forged or of a newer kind is passed over."""
        if commit is not None:
            for batch, data in self.ref.read_batches(self.ref.batches(commit)):
                yield from parse_batch(data, actor=batch.actor)

    def contents(self, commit: Oid, hashes: Iterable[str]) -> dict[str, bytes]:
        """Return contents by hash; what is missing, too long or not what its name says is left out.

        The empty one is always there: nobody needs a state to know it, and states of before have none.
        """
        wanted = set(hashes)
        found = self.ref.contents(commit, wanted - {NOTHING}, limit=SIZE_LIMIT)
        sound = {one: data for one, data in found.items() if hashlib.sha256(data).hexdigest() == one}
        return sound | {NOTHING: b""} if NOTHING in wanted else sound

    def save(self, paths: Mapping[str, bool] | None = None, *, local: Local | None = None) -> Saved:
        """Save the files named, or everything that changed; return what was done. Nothing while `.sixth` is not whole.

        `paths` are below `.sixth`, each with whether the bot took it away. `local` is what is this clone's alone, as it
        was before they were gathered; by default it is looked at now, without cursors where only some files are named.
        """
        if not self.places.sixth.is_dir():
            return Saved(0, whole=False)
        if standing(self.places) == "new":
            mark_home(self.places)
        if standing(self.places) != "whole":
            return Saved(0, whole=False)
        local = look_at_local(self.places, cursors=paths is None) if local is None else local
        taken, away = paths or {}, gone_of(self.places, local)
        with self.alone(), self.index() as index:
            if self.caught_up(index):
                paths = None
            mended = [*astray(self.places.home, index)]
            if mended and self._stays_whole(missed=True):
                bring_together(self, index, mended)
            collector = Collector(self.places.home, index, time.time(), self.tracked(anew=paths is None))
            changes = collector.everything() if paths is None else collector.these(paths)
            count = 0
            written: set[str] = set()
            for piece in chain(slices(changes), ([],)):
                if not self._stays_whole(missed=collector.missed or self._went(piece)):
                    return Saved(count, whole=False)
                collector.missed = False  # that was waited for
                count += self.write(index, piece)
                written.update(change.row.key for change in piece)
            # a task that went on while folders were looked at is where it was seen last
            index.put(row for row in collector.seen_again if row.key not in written)
            if collector.spent:
                index.set(spent=collector.spent)
            before = index.get("gone")
            for_good, note = gone_for_good(away, taken, before, now=time.time())
            if note != (before or "{}"):
                index.set(gone=note)
        keep_local(self.places, local, for_good, durability=self.repo.git.durability)
        return Saved(count, tuple(collector.left_out), tuple(collector.postponed))

    def _stays_whole(self, *, missed: bool) -> bool:
        """Tell whether what was seen goes together: not so when `.sixth` was being taken away meanwhile.

        Where something was missed, whoever is at it gets a moment to be done.
        """
        began = time.monotonic()
        while standing(self.places) == "whole":
            if not missed or time.monotonic() - began >= (_HURRY if self.leaving.is_set() else _REMOVAL):
                return True
            time.sleep(_PIECE / 4)
        return False

    def _went(self, piece: Sequence[Change]) -> bool:
        """Tell whether something is gone already of what was just read, and what nobody of the bot's takes away."""
        return any(
            change.kind == PUT
            and change.row.key.startswith(_STAYING)
            and not os.path.lexists(f"{self.places.home}/{change.row.path}")
            for change in piece
        )

    def tracked(self, *, anew: bool) -> frozenset[str]:
        """Return what git carries below `.sixth`, as paths below it."""
        if anew or self._tracked is None:
            prefix = ".sixth/"
            found = self.repo.tracked_under(".sixth")
            self._tracked = frozenset(path.removeprefix(prefix) for path in found)
        return self._tracked

    def caught_up(self, index: Index) -> bool:
        """Make the index anew if the state is not where it goes with; tell whether that was so."""
        tip, actor = self.ref.tip(), actor_id(self.places.beside)
        if index.get("commit") == (tip or "") and index.get("actor") == actor:
            return False
        state = self.folded(tip)
        spent = index.get("spent") if index.get("actor") == actor else ""
        index.clear()
        index.put(rows_of(state))
        self.remember(index, tip, state, spent=spent)
        return True

    def remember(self, index: Index, tip: Oid | None, state: Folded, *, spent: str) -> None:
        """Note in the index which state it goes with."""
        actor = actor_id(self.places.beside)
        index.set(
            commit=tip or "",
            actor=actor,
            lamport=str(state.lamport),
            n=str(state.numbers.get(actor, 0)),
            spent=spent,
        )

    def write(self, index: Index, changes: list[Change]) -> int:
        """Add changes to the state as operations of this clone, and note them in the index; return how many."""
        now = self.clock()
        ops, rows, gone, files = [], [], [], {}
        actor, lamport, n = index.get("actor"), int(index.get("lamport") or 0), int(index.get("n") or 0)
        for change in changes:
            lamport, n = lamport + 1, n + 1
            op = op_of(change, lamport=lamport, actor=actor, n=n, time=format_time(now))
            ops.append(op)
            if op.hash and change.data is not None:
                files[blob_path(op.hash)] = change.data
            if change.kind == DROP:
                gone.append(change.row.key)
            elif change.kind in {PUT, APPEND}:
                rows.append(change.row._replace(ids=op.id if change.kind == PUT else ""))
        if not ops:
            return 0
        new = self.add(index, ops, files, now=now)
        index.put(rows)
        index.drop(gone)
        index.set(commit=new, lamport=str(lamport), n=str(n))
        return len(ops)

    def add(self, index: Index, ops: list[Op], files: dict[str, bytes], *, now: datetime) -> Oid:
        """Put operations with their contents on top of the state; return the new commit."""
        data = batch_of(ops)
        files[batch_path(ops[0], data)] = data
        old = index.get("commit")
        if not old:
            files["FORMAT"] = _FORMAT
        message = f"{len(ops)} of {ops[0].actor}"
        return self.ref.add(files, old=parse_oid(old) if old else None, now=now, message=message)


def batch_path(first: Op, data: bytes) -> str:
    """Return where in the tree a file of operations goes: its name has its hash, so that no two files share one."""
    digest = hashlib.sha256(data).hexdigest()[:16]
    return f"ops/{first.actor}/{first.n // 1000:06d}/{first.n:09d}-{digest}.jsonl"


def rows_of(state: Folded) -> Iterator[Row]:
    """Yield the rows of an index that goes with a state, of files that were not looked at yet."""
    for key, entity in state.entities.items():
        op = entity.winner
        if op.kind == PUT:
            path = path_of(Spot(key, op.place))
            ids = " ".join(entity.ids)
            yield Row(key, path, op.place, op.hash, op.size, 0, 0, ids, op.group, task_of(key))
    for key, chunks in state.chunks.items():
        yield row_of(key, chunks)


def save_changes(places: Places, paths: Mapping[str, bool] | None, *, opened: Services | None) -> Saved:
    """Save what one command changed, None for everything there is; `opened` are its services if it needed any."""
    if opened is not None:
        state = State(places, opened.repo, clock=opened.clock)
    else:
        state = State(places, open_repository(places.top, places.git_dir), clock=store_clock.now)
    return state.save(paths)


def keeper(services: Services, leaving: threading.Event) -> Keeper:
    """Return what saves the state of a repository while a bot works on it; in a hurry once that is told to leave."""

    def tell(trouble: str) -> None:
        services.store.journal.append("bot.trouble", f"state: {trouble}", level="warning")

    return Keeper(State(services.places, services.repo, clock=services.clock, leaving=leaving), tell)


class Keeper:
    """Saves in the background for the length of a block: what changed, soon; everything, at first, now and then, and at the end."""

    def __init__(self, state: State, told: Callable[[str], None]) -> None:
        self.changes = Changes(state.places)
        self._state = state
        self._told = told
        self._trouble = ""
        self._ending = threading.Event()
        self._all_at = float("-inf")
        self._all_took = 0.0
        self._thread = threading.Thread(target=self._keep, name="state", daemon=True)

    def __enter__(self) -> Self:
        self.changes.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.changes.end_wait()
        until = time.monotonic() + _LONGEST
        while self._thread.is_alive() and time.monotonic() < until:
            self._thread.join(_PIECE)
            if self._state.leaving.is_set():
                until = min(until, time.monotonic() + _LAST)
        self.changes.__exit__(kind, error, trace)

    def _keep(self) -> None:
        pause = 0.0
        while not self._ending.wait(pause):
            began = time.monotonic()
            self._save(everything=began - self._all_at >= self._between())
            pause = min(max(_EVERY, _SHARE * (time.monotonic() - began)), _LONGEST)
            if not self._ending.is_set():
                self.changes.wait(max(self._all_at + self._between() - time.monotonic(), _EVERY / 2))
        self._save(everything=False)

    def _between(self) -> float:
        """Return the seconds between two looks at every file."""
        return max(_LOOK_AT_ALL, 100 * self._all_took)

    def _save(self, *, everything: bool) -> None:
        paths: dict[str, bool] = {}
        began = time.monotonic()
        try:
            local = look_at_local(self._state.places, cursors=True)
            paths, more = self.changes.take()
            everything |= more
            saved = self._state.save(None if everything else paths, local=local)
        except RefMoved:
            self.changes.give_back(paths, everything=everything)
        except (SixthError, OSError) as error:
            self.changes.give_back(paths, everything=everything)
            self._tell(clean_line(str(error), limit=300))
        except Exception as error:  # noqa: BLE001 - like a worker's boundary: a mistake must not end all saving
            self.changes.give_back(paths, everything=everything)
            _log.error("the state cannot be saved", exc_info=error)
            self._tell(clean_line(f"unexpected {type(error).__name__}: {error}", limit=300))
        else:
            self._trouble = ""
            self.changes.give_back(dict.fromkeys(saved.postponed, True))
            if not saved.whole:
                self.changes.give_back(paths, everything=everything)
            elif everything:
                self._all_at, self._all_took = began, time.monotonic() - began
                if saved.left_out:
                    names = clean_line(", ".join(saved.left_out[:5]), limit=300)
                    self._tell(f"too long to travel, kept here only: {names}")

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:  # the same thing again and again is told once
            self._trouble = trouble
            try:
                self._told(trouble)
            except OSError as error:
                _log.error("%s; and the journal cannot be written: %s", trouble, error)
