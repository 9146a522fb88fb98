"""Brings `.sixth` back from the state ref after somebody took it away, or puts one right that came from elsewhere."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sixthbot.core.errors import SixthError
from sixthbot.core.stateops import DROP, PUT, SIZE_LIMIT
from sixthbot.engine.growing import content_of
from sixthbot.engine.halves import Halves, issue_of
from sixthbot.engine.rebuilt import Rebuilt
from sixthbot.engine.recalling import begin_again, give_reasons, recall_operations
from sixthbot.engine.saving import State
from sixthbot.git.repository import open_repository
from sixthbot.git.stateref import StateRef, stash_holds
from sixthbot.store import clock as store_clock
from sixthbot.store.config import load_config
from sixthbot.store.open import open_store
from sixthbot.store.reading import read_small
from sixthbot.store.setup import check_tracked, initialise, make_folders
from sixthbot.store.state.arrived import dropped_as, note_arrival
from sixthbot.store.state.home import clear_the_way, let_removal_end, mark_home, standing
from sixthbot.store.state.index import Row
from sixthbot.store.state.keep import forget_cursors, restore_local
from sixthbot.store.state.lay import CannotLay, Content, Layer, mark_of
from sixthbot.store.state.layout import Spot, is_setting, path_of, task_of
from sixthbot.store.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from threading import Event

    from sixthbot.core.names import Oid
    from sixthbot.core.statefold import Entity, Folded
    from sixthbot.core.stateops import Op
    from sixthbot.engine.services import Services
    from sixthbot.git.repository import Repository
    from sixthbot.store.atomic import Durability
    from sixthbot.store.open import Store
    from sixthbot.store.paths import Places

_SLICE = 500
"""Contents that are read at once, so that memory stays small."""
_STASH_PATIENCE = 10.0
_POPPING = 2.0
_LOOK_AGAIN = 0.2
_TRY_AGAIN = 2.0  # all four in seconds
_log = logging.getLogger("sixthbot.engine")
_REJECTED = "inbox/rejected/"


def bring_back(
    places: Places,
    *,
    clock: Callable[[], datetime] = store_clock.now,
    lost: Sequence[str] = (),
    leaving: Event | None = None,
) -> Rebuilt | None:
    """Make `.sixth` whole again; return what came of it, None when it is whole, as when another process was faster.

    `lost` are paths below `.sixth` that had not been saved. Once `leaving` is set, no other process is waited for. Safe to be cut off anywhere: it is begun again.
    """
    repo = open_repository(places.top, places.git_dir)
    check_tracked(repo.tracked_under(".sixth"))
    state = State(places, repo, clock=clock, leaving=leaving)
    if standing(places) == "gone":
        let_removal_end(places)
    with state.alone():
        before = standing(places)
        if before == "whole" and places.queue.is_dir():
            make_folders(places)
            return None
        tip = state.ref.tip()
        folded = state.folded(tip)
        saved = datetime.fromtimestamp(state.ref.saved_at(tip), UTC) if tip is not None else None
        report = Rebuilt(saved, lost=[path for path in lost if not path.startswith("journal/")])
        if before == "foreign":
            forget_cursors(places)
        make_folders(places)
        _Laying(state, open_store(places, clock=clock), folded, tip, report).settings()
        initialise(places)  # makes the folders, and a first configuration only where there is none
        durability = _durability(places)
        store = open_store(places, durability=durability, clock=clock)
        rows = _Laying(state, store, folded, tip, report).everything()
        report.recalled = len(store.operations.begin_again()) + len(recall_operations(repo.git, store))
        begin_again(store, clock())
        give_reasons(store)
        restore_local(places, durability=durability)
        with state.index() as index:
            index.clear()
            index.put(rows)
            state.remember(index, tip, folded, spent="")
            report.refused = index.untold(report.refused)
        mark_home(places)
    for line in report.story():
        store.journal.append("state.rebuilt", line, level="warning", data={"restored": dict(report.restored)})
    return report


def _durability(places: Places) -> Durability:
    """Return what must survive, as the settings say that are there by now."""
    try:
        return load_config(places, Trust(places.data_dir), os.environ).config.bot.durability
    except SixthError:
        return "power"


def is_saved_only(places: Places, repo: Repository) -> bool:
    """Tell whether the state ref has what `.sixth`, which is not there or not whole, should be."""
    if standing(places) == "gone":
        return True
    return not (places.queue.is_dir() and places.local.is_dir()) and StateRef(repo.git).tip() is not None


def in_stash(places: Places) -> bool:
    """Tell whether the newest stash holds `.sixth`, so that `git stash pop` brings it back as it was."""
    return stash_holds(open_repository(places.top, places.git_dir).git, ".sixth/queue")


def come_back(
    services: Services,
    stop: Event,
    *,
    lost: Sequence[str],
    here: Callable[[], None],
    begin: Callable[[], None] = lambda: None,
) -> bool:
    """Bring back the `.sixth` of a bot that works on it, trying again while that fails; return false when told to stop.

    `here` raises where not only `.sixth` but the repository is gone, in which nothing can come back; that is let out.
    `begin` is called once all is back; where it fails, as when that is taken away again, everything is tried again.

    One that the newest stash holds is waited for a little: git does not pop it once files of the same names are there.
    """
    places = services.places
    until = time.monotonic() + _STASH_PATIENCE
    popped, told = 0.0, ""
    while not stop.is_set():
        here()
        try:
            if time.monotonic() < until and in_stash(places):
                if standing(places) == "gone":
                    let_removal_end(places)
                    clear_the_way(places)
                else:  # git is popping it, and drops the stash once all is back; or it was applied, and stays
                    popped = popped or time.monotonic() + _POPPING
                    until = min(until, popped)
                stop.wait(_LOOK_AGAIN)
                continue
            bring_back(places, clock=services.clock, lost=lost, leaving=stop)
            begin()
        except (SixthError, OSError) as error:
            if str(error) != told:
                told = str(error)
                _log.error("%s cannot be brought back: %s; it is tried again", places.home, error)
            stop.wait(_TRY_AGAIN)
        else:
            return True
    return False


@dataclass(slots=True)
class _Laying:
    """One rebuilding: lays every content of a state where nothing, or something the state knows, is."""

    state: State
    store: Store
    folded: Folded
    tip: Oid | None
    report: Rebuilt

    def settings(self) -> None:
        """Lay configuration, rules and templates that git does not carry; what is there stays as it is."""
        tracked = self.state.tracked(anew=True)
        wanted = [
            entity
            for key, entity in self.folded.entities.items()
            if is_setting(key)
            and entity.winner.kind == PUT
            and key not in tracked
            and not (self.store.places.sixth / key).exists()
        ]
        for _ in self._lay(wanted):
            pass

    def everything(self) -> list[Row]:
        """Lay the rest; return the rows of the index for all that is there as the state says."""
        rows: list[Row] = []
        accepted = self._accepted()
        wanted = self._wanted(accepted)
        found = Halves(self.store, wanted, self._contents, self.report.refused.append)
        halves = found.ids()
        # nor are there tasks for what is no issue yet: they come with it
        rows += self._lay([one for one in wanted if not halves & _issues_of(one)])
        rows += [_unsaid(one) for one in wanted if halves & _issues_of(one)]
        rows += found.drop_again(halves, accepted)
        self._drop_outdated()
        rows += self._grow()
        spent = self.folded.spent | {
            task
            for key, one in self.folded.entities.items()
            if one.winner.kind == DROP and (task := task_of(key))
        }
        self.store.queue.spend(*sorted(task for task in spent if not self.store.queue.knows(task)))
        return rows

    def _wanted(self, accepted: Collection[tuple[str, ...]]) -> list[Entity]:
        return [
            entity
            for key, entity in self.folded.entities.items()
            if entity.winner.kind == PUT
            and not (
                key.startswith("inbox/")
                and not key.startswith(_REJECTED)
                and any(name in accepted for name in _names_of(entity.winner))
            )
        ]

    def _accepted(self) -> set[tuple[str, ...]]:
        """Return names of inbox files that were accepted or rejected: one that was saved before that must not come again.

        What is there counts, too: who took `.sixth` away may have left what a bot wrote in that moment.
        """
        records = [
            entity.winner.hash
            for key, entity in self.folded.entities.items()
            if key.startswith("issues/")
            and key.endswith("/issue.toml")
            and entity.winner.kind == PUT
            and self._has_text(key.split("/")[1])
        ]
        names: set[tuple[str, ...]] = set()
        for data in (*self._contents(records).values(), *self._records_here()):
            found = dropped_as(data)
            mtime = found.get("mtime_ns", "")
            names |= {
                (mtime, found.get("inode", "")),
                (found.get("file_name", ""), found.get("sha256", ""), mtime),
            }
        for key, entity in self.folded.entities.items():
            if key.startswith(_REJECTED) and entity.winner.kind == PUT:
                names |= _names_of(entity.winner)
        for path in self.store.places.rejected.glob("*"):
            with suppress(OSError, SixthError):
                digest = hashlib.sha256(read_small(path, SIZE_LIMIT)).hexdigest()
                status = path.lstat()
                mtime = str(status.st_mtime_ns)
                names |= {(mtime, str(status.st_ino)), (path.name, digest, mtime)}
        return names - {("", ""), ("", "", "")}

    def _records_here(self) -> Iterator[bytes]:
        for path in self.store.places.issues.glob("*/issue.toml"):
            with suppress(OSError, SixthError):
                if self._has_text(path.parent.name):
                    yield read_small(path, SIZE_LIMIT)

    def _has_text(self, issue_id: str) -> bool:
        """Tell whether the text of an issue is here or saved: a record alone may have been written as all was taken away."""
        entity = self.folded.entities.get(f"issues/{issue_id}/issue.md")
        saved = entity is not None and entity.winner.kind == PUT
        return saved or (self.store.places.issues / issue_id / "issue.md").is_file()

    def _lay(self, entities: Sequence[Entity]) -> Iterator[Row]:
        layer = Layer(self.store)
        for start in range(0, len(entities), _SLICE):
            piece = entities[start : start + _SLICE]
            contents = self._contents(entity.winner.hash for entity in piece)
            wanted = []
            for entity in piece:
                if self._is_there(layer, entity.winner):
                    yield _unsaid(entity)
                elif (data := contents.get(entity.winner.hash)) is None:
                    self.report.refused.append(f"{entity.winner.key}: its content is not in the state")
                else:
                    wanted.append((entity, data))
            yield from self._lay_together(layer, wanted)

    def _is_there(self, layer: Layer, op: Op) -> bool:
        """Tell whether a file is as it should be, or newer than anything that was saved, so that it counts."""
        here = self._here(layer, Spot(op.key, op.place))
        return here == op.hash or (here != "" and here not in self.folded.hashes.get(op.key, ()))

    def _lay_together(self, layer: Layer, wanted: Sequence[tuple[Entity, bytes]]) -> Iterator[Row]:
        contents = [_content(entity, data) for entity, data in wanted]
        for (entity, data), row in zip(wanted, layer.put_all(contents), strict=True):
            if isinstance(row, CannotLay):
                self.report.refused.append(row.message)
            else:
                self._note_arrival(entity.winner, data)
                self.report.restored[_counted(entity.winner.key)] += 1
                yield _as_saved(entity.winner, row)

    def _note_arrival(self, op: Op, data: bytes) -> None:
        """Let an inbox file become the same issue as it would have been, or was before it was saved."""
        mtime, inode = mark_of(op)
        if op.key.startswith("inbox/") and not op.key.startswith(_REJECTED) and mtime:
            places = self.store.places
            note_arrival(places.local, places.sixth / op.key, data, mtime=mtime, inode=inode)

    def _here(self, layer: Layer, spot: Spot) -> str:
        """Return the hash of the file that is there under a key, empty when there is none."""
        task = task_of(spot.key)
        if not task:
            return layer.digest(spot.key)
        paths = self.store.queue.paths_of(task) if self.store.queue.knows(task) else []
        return layer.digest(paths[0].removeprefix(f"{self.store.places.home}/")) if paths else ""

    def _drop_outdated(self) -> None:
        """Take away what an older `.sixth`, put back by hand, has of files that were taken away since."""
        layer = Layer(self.store)
        for key, entity in self.folded.entities.items():
            here = self._here(layer, Spot(key)) if entity.winner.kind == DROP else ""
            if here and here in self.folded.hashes.get(key, ()):
                try:
                    layer.take(key, key)
                except SixthError as error:
                    self.report.refused.append(error.message)

    def _grow(self) -> Iterator[Row]:
        layer = Layer(self.store)
        for key, chunks in self.folded.chunks.items():
            yield layer.grow(key, content_of(self.state, self.tip, chunks))
            self.report.restored[_counted(key)] += 1

    def _contents(self, hashes: Iterable[str]) -> dict[str, bytes]:
        return {} if self.tip is None else self.state.contents(self.tip, hashes)


def _issues_of(entity: Entity) -> set[str]:
    """Return the issue whose folder a file is in, and the one that it belongs to."""
    return {issue_of(entity.winner.key), entity.winner.group}


def _as_saved(op: Op, row: Row) -> Row:
    """Return the row of what was laid as the state has it, for the next saving to see where that is not the same.

    A task is written anew: what was saved while its content lagged behind its folder comes back in other bytes. One
    that ran is ready here, which is for its next claim to say: another clone may have it in hand.
    """
    if op.place == "running" or (row.hash, row.place) == (op.hash, op.place):
        return row
    return row._replace(hash=op.hash, place=op.place, mtime=0, inode=0)


def _unsaid(entity: Entity) -> Row:
    """Return the row of a file that was not looked at."""
    op = entity.winner
    path = path_of(Spot(op.key, op.place))
    return Row(
        op.key, path, op.place, op.hash, op.size, 0, 0, " ".join(entity.ids), op.group, task_of(op.key)
    )


def _content(entity: Entity, data: bytes) -> Content:
    op = entity.winner
    mtime, _ = mark_of(op)
    return Content(Spot(op.key, op.place), data, " ".join(entity.ids), op.group, int(mtime or 0))


def _names_of(op: Op) -> set[tuple[str, ...]]:
    """Return the names of an inbox file: when it was made and as which inode, and, if it was laid, its name with content."""
    mtime, inode = mark_of(op)
    name = op.key.removeprefix(_REJECTED).removeprefix("inbox/")
    return {(mtime, inode), (name, op.hash, mtime)} if mtime else set()


def _counted(key: str) -> str:
    """Return the word under which a restored file is counted."""
    top, _, rest = key.partition("/")
    words = {"queue": "tasks", "issues": "issue files", "inbox": "inbox files", "journal": "journals"}
    return words.get(top, top if rest else "settings")
