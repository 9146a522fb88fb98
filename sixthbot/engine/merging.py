"""Joins the state of another clone with this one's and lays what changed below `.sixth`; speaks to no remote."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.errors import ConfigError, Refused
from sixthbot.core.names import clean_line
from sixthbot.core.statefold import builds_on, fold
from sixthbot.core.stateops import APPEND, DROP, JOIN, PUT, SIZE_LIMIT, Op, is_document, kept_key
from sixthbot.core.text import is_branch_name
from sixthbot.engine.growing import content_of, row_of
from sixthbot.git.commits import is_ancestor
from sixthbot.git.refs import all_refs
from sixthbot.git.stateref import STATE
from sixthbot.git.statesync import seen_states
from sixthbot.store.firstconfig import is_untouched
from sixthbot.store.operations import refs_in
from sixthbot.store.reading import read_small
from sixthbot.store.state.arrived import dropped_as, note_arrival
from sixthbot.store.state.collect import Change
from sixthbot.store.state.index import Row
from sixthbot.store.state.lay import CannotLay, InHand, Layer, mark_of
from sixthbot.store.state.layout import Spot, beside_of, is_setting, task_of
from sixthbot.store.tomlfile import parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sixthbot.core.names import Oid
    from sixthbot.core.statefold import Entity, Folded
    from sixthbot.engine.saving import State
    from sixthbot.engine.services import Services
    from sixthbot.store.state.index import Index

_SLICE = 500


@dataclass(slots=True)
class Merged:
    """What joining did: operations of others that came, files laid by kind, contents kept beside others, and more.

    `news` is true when not only records of what happened came. `kept` are pairs of a key and where the version that lost is; `elsewhere` are issues and tasks whose work in
    another clone counts; `refused` says what was not taken and why; `later` are tasks that are being done here now.
    `settings` are those that were laid; `beside` those of others that yours keep out: key, where they are, and whose.
    """

    came: int = 0
    news: bool = False
    laid: Counter[str] = field(default_factory=Counter)
    kept: list[tuple[str, str]] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    beside: list[tuple[str, str, str]] = field(default_factory=list)


def join(state: State, ours: Oid | None, theirs: Oid, *, root: str) -> Oid:
    """Make the state hold what both hold, and return where it is then; the union of their files, in whichever order.

    `root` says which beginning counts where they have none in common: "ours", "theirs", or empty to refuse that,
    unless ours was never anywhere but here.
    """
    git = state.repo.git
    if ours is None:
        state.ref.move(None, theirs)
        return theirs
    if ours == theirs or is_ancestor(git, theirs, ours):
        return ours
    if is_ancestor(git, ours, theirs):
        state.ref.move(ours, theirs)
        return theirs
    common = state.ref.roots(ours) & state.ref.roots(theirs)
    if not common and not root:
        root = _whose_root(state, ours)
    first, *others = [ours, theirs] if common else [theirs] if root == "theirs" else [ours]
    here = state.ref.files(first)
    other = theirs if first == ours else ours
    linked = {path: oid for path, oid in state.ref.files(other).items() if path not in here}
    return state.ref.add(
        {}, old=ours, parents=[first, *others], linked=linked, now=state.clock(), message="merge"
    )


def _whose_root(state: State, ours: Oid) -> str:
    """Return "theirs" where ours began here and never went anywhere; otherwise refuse to choose."""
    roots = state.ref.roots(ours)
    if any(state.ref.roots(seen) & roots for seen in seen_states(state.repo.git)):
        raise Refused(
            f"the state there and the one here ({STATE}) have no beginning in common",
            hint="is it the right remote? if so: sixthbot sync --root theirs, or --root ours",
        )
    return "theirs"


@dataclass(slots=True)
class Laying:
    """Lays what a joined state says where this clone has something else."""

    services: Services
    state: State
    index: Index
    tip: Oid
    merged: Merged
    _by_id: dict[str, Op] = field(default_factory=dict)
    _own_refs: frozenset[str] = frozenset()
    _heads: Mapping[str, Oid] = field(default_factory=dict)
    _accepted: frozenset[tuple[str, str]] | None = None

    def everything(self, known: Iterable[Op]) -> Folded:
        """Lay all that differs; `known` are the operations from before. Return the state."""
        before = {op.id for op in known}
        ops = list(self.state.ops(self.tip))
        self._by_id = {op.id: op for op in ops}
        came = self._by_id.keys() - before
        self.merged.came = len(came)
        self.merged.news = any(self._by_id[one].kind != APPEND for one in came)
        folded = fold(ops)
        self.state.remember(self.index, self.tip, folded, spent=self.index.get("spent"))
        self._own_refs = refs_in(self.services.store.operations.list())
        self._heads = all_refs(self.state.repo.git)
        changed = [entity for key, entity in folded.entities.items() if self._differs(key, entity)]
        # records first: what belongs to an issue that is refused is of no use
        changed.sort(key=lambda one: (not one.winner.key.endswith("/issue.toml"), one.winner.order))
        for start in range(0, len(changed), _SLICE):
            self._lay_some(changed[start : start + _SLICE], folded)
        self._grow(folded)
        self._spend(folded)
        self._settle(folded)
        return folded

    def _differs(self, key: str, entity: Entity) -> bool:
        row = self.index.row(key)
        if row is None:
            return entity.winner.kind == PUT
        known = set(row.known)
        if known & set(entity.ids):
            if known != set(entity.ids):
                self.index.put([row._replace(ids=" ".join(entity.ids))])
            return False
        return True

    def _lay_some(self, entities: Sequence[Entity], folded: Folded) -> None:
        layer = Layer(self.services.store)
        contents = self.state.contents(self.tip, [one.winner.hash for one in entities if one.winner.hash])
        for entity in entities:
            op = entity.winner
            row = self.index.row(op.key)
            try:
                if op.kind == DROP:
                    self._take(layer, op, row)
                else:
                    self._put(layer, entity, contents, folded)
            except InHand:
                self.merged.later.append(task_of(op.key))
                continue
            except (CannotLay, ConfigError) as error:
                self.merged.refused.append(clean_line(error.message, limit=300))
                continue
            if row is not None:
                self._tell_lost(entity, row)

    def _take(self, layer: Layer, op: Op, row: Row | None) -> None:
        if row is not None:
            layer.take(op.key, row.path or op.key)
            self.index.drop([op.key])

    def _put(self, layer: Layer, entity: Entity, contents: Mapping[str, bytes], folded: Folded) -> None:
        op = entity.winner
        data = contents.get(op.hash)
        if data is None:
            raise CannotLay(f"{op.key}: its content is not in the state, or is too long")
        place = self.services.places.sixth / op.key
        if is_setting(op.key) and self._is_yours(op.key, place):
            if layer.digest(op.key) != op.hash:
                self._put_beside(layer, entity, data)
            return
        if op.key.startswith("inbox/") and self._was_accepted(op, folded):
            return
        self._require_harmless(op, data)
        row = layer.put(Spot(op.key, op.place), data, ids=" ".join(entity.ids), group=op.group)
        if op.key.startswith("inbox/"):
            mtime, inode = mark_of(op)
            note_arrival(self.services.places.local, place, data, mtime=mtime, inode=inode)
        if is_setting(op.key):
            self.merged.settings.append(op.key)
        self.index.put([row])
        self.merged.laid[op.key.partition("/")[0]] += 1

    def _is_yours(self, key: str, place: Path) -> bool:
        """Tell whether settings are there that somebody wrote, or that git carries."""
        if key in self.state.tracked(anew=False):
            return True
        return place.exists() and not is_untouched(key, read_small(place, SIZE_LIMIT))

    def _put_beside(self, layer: Layer, entity: Entity, data: bytes) -> None:
        """Keep settings of another clone beside yours, which stay; said once, not with every sync."""
        op = entity.winner
        beside, row = beside_of(op.key, op.actor), self.index.row(op.key)
        if layer.digest(beside) != op.hash:
            layer.put(Spot(beside), data, ids="", group="")
            self.merged.beside.append((op.key, beside, op.actor))
        if row is not None:  # the next edit here knows of it and replaces it
            self.index.put([row._replace(ids=" ".join(entity.ids))])

    def _was_accepted(self, op: Op, folded: Folded) -> bool:
        """Tell whether an issue was made of an inbox file, in whatever clone: a file that was saved before comes too late."""
        if self._accepted is None:
            records = [
                one.winner.hash
                for key, one in folded.entities.items()
                if key.startswith("issues/") and key.endswith("/issue.toml") and one.winner.kind == PUT
            ]
            made_of = map(dropped_as, self.state.contents(self.tip, records).values())
            self._accepted = frozenset((one.get("mtime_ns", ""), one.get("inode", "")) for one in made_of)
        mark = mark_of(op)
        return all(mark) and mark in self._accepted

    def _require_harmless(self, op: Op, data: bytes) -> None:
        """Raise CannotLay for a record of another clone that lays its hand on a branch which is not the bot's here.

        A state can be pushed by anybody who can push; it must not do more than an issue can.
        """
        if op.actor == self.index.get("actor"):
            return
        if op.key.endswith("/issue.toml"):
            name = str(parse_toml(data, f".sixth/{op.key}").get("branch", ""))
            ref = f"refs/heads/{name}"
            if name and (not is_branch_name(name) or (ref in self._heads and ref not in self._own_refs)):
                raise CannotLay(
                    f"{op.key}: it names the branch {clean_line(name, limit=80)!r}, which is not the bot's"
                )
        if op.key.startswith("operations/"):
            foreign = refs_in_json(data) - self._own_refs
            if any(ref in self._heads for ref in foreign):
                raise CannotLay(f"{op.key}: it tells of a branch that is not the bot's here")

    def _tell_lost(self, entity: Entity, row: Row) -> None:
        """Note work of this clone on a task that gives way to what another one did without knowing of it."""
        op = entity.winner
        lost = [self._by_id[one] for one in row.known if one in self._by_id]
        own = self.index.get("actor")
        if (
            op.key.startswith("queue/")
            and any(one.actor == own and not one.place.startswith("ready/") for one in lost)
            and not builds_on(op, row.known, self._by_id)
        ):
            self.merged.elsewhere[op.group or task_of(op.key)] = op.actor

    def _grow(self, folded: Folded) -> None:
        layer, own = Layer(self.services.store), f"journal/{self.index.get('actor')}"
        for key, chunks in folded.chunks.items():
            row = self.index.row(key)
            if key.startswith(own) or (row is not None and row_of(key, chunks).size <= row.size):
                continue
            self.index.put([layer.grow(key, content_of(self.state, self.tip, chunks))])

    def _spend(self, folded: Folded) -> None:
        queue = self.services.store.queue
        queue.spend(*sorted(task for task in folded.spent if not queue.knows(task)))

    def _settle(self, folded: Folded) -> None:
        """Keep the documents that lost beside those that won, and say so in the state, so that it is said once."""
        layer = Layer(self.services.store)
        changes: list[Change] = []
        own = self.index.get("actor")
        claims = {f"queue/{claim.task}": claim for claim in folded.claims}
        for claim in claims.values():
            if own in claim.losers:
                self.merged.elsewhere[claim.group or task_of(f"queue/{claim.task}")] = claim.winner
        for key, entity in folded.entities.items():
            alike = entity.ids[1:] if key in claims else ()
            if not (entity.losers or alike):
                continue
            lost = [op for op in entity.losers if op.kind == PUT and is_document(key)]
            contents = self.state.contents(self.tip, [op.hash for op in lost])
            for op in lost:
                data = contents.get(op.hash)
                if data is not None:
                    kept = kept_key(op)
                    row = layer.put(Spot(kept), data, ids="", group=op.group)
                    changes.append(Change(PUT, row, data))
                    self.merged.kept.append((key, kept))
            ids = " ".join((*(op.id for op in entity.losers), *alike))
            changes.append(Change(JOIN, Row(key, "", ids=ids, group=entity.winner.group)))
        if changes:
            self.state.write(self.index, changes)


def refs_in_json(data: bytes) -> frozenset[str]:
    """Return the refs that the file of an operation names; none for what is no such file."""
    try:
        raw = json.loads(data)
        return frozenset(str(change[0]) for change in raw["refs"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return frozenset()
