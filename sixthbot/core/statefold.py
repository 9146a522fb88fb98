"""Folds operations of any number of clones into one state: a pure function of the set of them, in whatever order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.stateops import APPEND, DROP, JOIN, PUT, SPEND, Op

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Entity:
    """What a key is: the operation that counts, and those that lost against it and were not settled yet.

    `ids` are all operations that say the same as the winner: what comes next replaces every one of them.
    """

    winner: Op
    ids: tuple[str, ...]
    losers: tuple[Op, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that several clones worked on without knowing of each other: whose work counts, and whose was set aside."""

    task: str
    group: str
    winner: str
    losers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """The state. `chunks` are the pieces of files that only grow, `lamport` the latest logical time.

    `numbers` is each actor's last number, `spent` the task ids that are used up, `hashes` every content a key ever had.
    """

    entities: Mapping[str, Entity] = field(default_factory=dict)
    chunks: Mapping[str, tuple[Op, ...]] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    spent: frozenset[str] = frozenset()
    lamport: int = 0
    numbers: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)


def fold(ops: Iterable[Op]) -> Folded:
    """Return the state that a set of operations makes; doubled ones count once."""
    unique = sorted({op.id: op for op in ops}.values(), key=lambda op: op.order)
    by_key: dict[str, list[Op]] = defaultdict(list)
    chunks: dict[str, list[Op]] = defaultdict(list)
    numbers: dict[str, int] = {}
    spent: set[str] = set()
    for op in unique:
        numbers[op.actor] = max(numbers.get(op.actor, 0), op.n)
        if op.kind == SPEND:
            spent.add(op.key.partition("/")[2])
        elif op.kind == APPEND:
            chunks[op.key].append(op)
        else:
            by_key[op.key].append(op)
    heads = {key: found for key, history in by_key.items() if (found := _heads(history))}
    pasts = {key: _Past(by_key[key]) for key, found in heads.items() if len(found) > 1}
    claims, owners = _claims({key: found for key, found in heads.items() if key.startswith("queue/")}, pasts)
    return Folded(
        entities={key: _entity(found, pasts.get(key), owners) for key, found in heads.items()},
        chunks={key: tuple(found) for key, found in chunks.items()},
        claims=claims,
        spent=frozenset(spent),
        lamport=max((op.lamport for op in unique), default=0),
        numbers=numbers,
        hashes={key: frozenset(op.hash for op in history if op.hash) for key, history in by_key.items()},
    )


def _heads(history: Sequence[Op]) -> list[Op]:
    """Return the operations on a key that no other one knew of and replaced, in order.

    An actor knows what it took away itself, said or not: what came again after that is there.
    """
    replaced = {one for op in history for one in op.prev}
    put: dict[str, int] = {}
    for op in history:
        if op.kind == PUT:
            put[op.actor] = max(put.get(op.actor, 0), op.n)
    return [
        op
        for op in history
        if op.id not in replaced and (op.kind == PUT or (op.kind == DROP and op.n > put.get(op.actor, 0)))
    ]


class _Past:
    """The operations on one key that several heads have, and what each builds on.

    Anybody who can push can make thousands of heads, so nothing is looked at again for each of them, but once for each
    actor that has a head.
    """

    def __init__(self, history: Sequence[Op]) -> None:
        self._by_id = {op.id: op for op in history}
        self._claims: dict[str, dict[str, Op | None]] = defaultdict(dict)
        self.first = min(op.order for op in history)

    def claim(self, head: Op) -> Op | None:
        """Return the first operation with which the actor of a head took its task out of the ready ones."""
        known = self._claims[head.actor]
        for op in self._upwards([head], known):
            own = [op] if op.actor == head.actor and _is_work(op) else []
            below = [first for one in self._below(op) if (first := known.get(one.id)) is not None]
            known[op.id] = min([*own, *below], key=lambda op: op.order, default=None)
        return known[head.id]

    def passed(self, heads: Sequence[Op]) -> frozenset[tuple[str, str, str]]:
        """Return those outcomes of heads that another head, of another outcome, built on."""
        bits = {outcome: 1 << n for n, outcome in enumerate(dict.fromkeys(op.outcome for op in heads))}
        # sets of outcomes as bits: of thousands of heads, sets of texts would take gigabytes
        seen: dict[str, int] = {}
        for op in self._upwards(heads, seen):
            seen[op.id] = 0
            for one in self._below(op):
                seen[op.id] |= seen.get(one.id, 0) | bits.get(one.outcome, 0)
        all_passed = 0
        for head in heads:
            all_passed |= seen[head.id] & ~bits[head.outcome]
        return frozenset(outcome for outcome, bit in bits.items() if all_passed & bit)

    def _below(self, op: Op) -> list[Op]:
        return [self._by_id[one] for one in op.prev if one in self._by_id and self._by_id[one].kind != JOIN]

    def _upwards(self, heads: Sequence[Op], known: Container[str]) -> Iterator[Op]:
        """Yield what heads build on and is not known, then them, each after all that it builds on itself."""
        todo, begun = [(op, False) for op in heads], set()
        while todo:
            op, is_next = todo.pop()
            if is_next:
                yield op
            elif op.id not in begun and op.id not in known:
                begun.add(op.id)
                todo.append((op, True))
                todo += [(one, False) for one in self._below(op)]


def _entity(heads: Sequence[Op], past: _Past | None, owners: Mapping[str, str]) -> Entity:
    if past is None:
        return Entity(heads[0], (heads[0].id,))
    heads = _without_outdated(heads, past)
    if heads[0].key.startswith("queue/"):
        owner = next((owners[op.group] for op in heads if op.group in owners), "")
        winner = _winner(heads, past, owner)
    else:
        # work is kept rather than dropped; of one issue, all is taken from the clone whose claim counts; else the last
        winner = max(heads, key=lambda op: (op.kind == PUT, owners.get(op.group) == op.actor, op.order))
    alike = tuple(op.id for op in heads if op.outcome == winner.outcome and op is not winner)
    losers = tuple(op for op in heads if op.outcome != winner.outcome)
    return Entity(winner, (winner.id, *alike), losers)


def _without_outdated(heads: Sequence[Op], past: _Past) -> Sequence[Op]:
    """Leave out heads that say what another one built on: two clones may save the same thing under two names."""
    passed = past.passed(heads)
    return [head for head in heads if head.outcome not in passed] or heads


def _rank(head: Op, past: _Past, owner: str = "") -> tuple[bool, bool, bool, tuple[int, str, int, str]]:
    """Return what to sort the heads of a task by: what is over is over; then work; then its issue's owner; then the earliest claim."""
    claim = past.claim(head)
    return (not _is_over(head), claim is None, head.actor != owner, (claim or head).order)


def _is_over(op: Op) -> bool:
    return op.kind == DROP or op.place == "done"


def _is_work(op: Op) -> bool:
    return op.kind == DROP or not op.place.startswith("ready/")


def _claims(
    tasks: Mapping[str, Sequence[Op]], pasts: Mapping[str, _Past]
) -> tuple[tuple[Claim, ...], dict[str, str]]:
    """Return the tasks that were worked on in several clones at once, and of each issue the actor whose way counts."""
    contested: dict[str, Sequence[Op]] = {}
    settled_open: set[str] = set()
    for key, found in sorted(tasks.items()):
        heads = _without_outdated(found, pasts[key]) if key in pasts else found
        # two that ended alike are two all the same: each has made commits of its own
        if len({op.actor for op in heads}) > 1:
            contested[key] = heads
        elif not _is_over(heads[0]):
            settled_open.add(heads[0].group)
    owners = _owners(contested, pasts, settled_open)
    claims = []
    for key, heads in contested.items():
        group = _group(heads)
        winner = _winner(heads, pasts[key], owners.get(group, "")).actor
        counts = owners.get(group, winner)
        losers = sorted({op.actor for op in heads if _is_work(op)} - {counts})
        if losers:
            claims.append(Claim(key.partition("/")[2], group, counts, tuple(losers)))
    return tuple(claims), owners


def _owners(
    contested: Mapping[str, Sequence[Op]], pasts: Mapping[str, _Past], settled_open: Collection[str]
) -> dict[str, str]:
    """Return of each issue whose way counts: one answer for all of its tasks, documents and branch.

    An issue may have several tasks, such as one that only tells of its draft. The one that is not over decides, and of
    several the first that there was; tasks that are over decide nothing while another of the issue goes on.
    """
    over = {key: all(map(_is_over, heads)) for key, heads in contested.items()}
    owners: dict[str, str] = {}
    for key in sorted(contested, key=lambda key: (over[key], pasts[key].first)):
        group = _group(contested[key])
        if group and not (over[key] and group in settled_open):
            owners.setdefault(group, _winner(contested[key], pasts[key]).actor)
    return owners


def _winner(heads: Sequence[Op], past: _Past, owner: str = "") -> Op:
    return min(heads, key=lambda op: _rank(op, past, owner))


def _group(heads: Sequence[Op]) -> str:
    return next((op.group for op in heads if op.group), "")


def builds_on(op: Op, ids: Collection[str], by_id: Mapping[str, Op]) -> bool:
    """Tell whether an operation is one of those, or knew of one of them."""
    return any(one.id in ids for one in _way(op, by_id))


def _way(head: Op, by_id: Mapping[str, Op]) -> list[Op]:
    """Return an operation with all that it builds on, on the same key."""
    found, todo = {}, [head]
    while todo:
        op = todo.pop()
        if op.id not in found:
            found[op.id] = op
            todo += [by_id[one] for one in op.prev if one in by_id and by_id[one].kind != JOIN]
    return list(found.values())


def assemble(chunks: Collection[Op]) -> list[tuple[Op, int]]:
    """Return which pieces make up a file that only grows, each with how many of its first bytes to leave out.

    Pieces that several clones saved of the same file overlap; a gap ends it.
    """
    taken: list[tuple[Op, int]] = []
    end = 0
    rest = sorted(chunks, key=lambda op: (op.at, -op.size, op.order))
    for op in rest:
        if op.at <= end < op.at + op.size:
            taken.append((op, end - op.at))
            end = op.at + op.size
    return taken
