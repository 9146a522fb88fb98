"""Random histories of a few clones that work, talk to each other and go on, told as operations; by seed.

`python -m tests.state.histories --histories 1000` plays them and prints what was lost or came out differently.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
from dataclasses import dataclass, field

from sixthbot.core.statefold import Folded, fold
from sixthbot.core.stateops import DROP, JOIN, PUT, Op, is_document, make_op

KEYS = (
    "issues/a/plan.toml", "issues/a/issue.toml", "issues/b/plan.toml", "drafts/sixth%2Fa.md",
    "queue/20260101T000000000Z-t1.json", "queue/20260101T000000000Z-t2.json", "checkpoints/t1.json",
)  # fmt: skip
_PLACES = ("ready/normal", "running", "parked", "waiting", "done")
_GROUPS = {"queue/20260101T000000000Z-t1.json": "a", "checkpoints/t1.json": "a", "drafts/sixth%2Fa.md": "a"}


@dataclass
class Clone:
    """One clone: its operations, and how it sees each key. What it writes builds on what it knows."""

    actor: str
    ops: dict[str, Op] = field(default_factory=dict)
    n: int = 0

    def folded(self) -> Folded:
        """Return the state as this clone has it."""
        return fold(self.ops.values())

    def write(self, rng: random.Random) -> None:
        """Put or drop something."""
        state = self.folded()
        key = rng.choice(KEYS)
        entity = state.entities.get(key)
        drop = entity is not None and entity.winner.kind == PUT and rng.random() < 0.1
        content = f"{self.actor} {self.n} {rng.random()}".encode()
        queued = key.startswith("queue/")
        self._add(
            state, DROP if drop else PUT, key, prev=entity.ids if entity else (),
            hash="" if drop else hashlib.sha256(content).hexdigest(), size=0 if drop else len(content),
            place=rng.choice(_PLACES) if queued and not drop else "",
            group=_GROUPS.get(key, key.split("/")[1] if key.startswith("issues/") else ""),
        )  # fmt: skip

    def settle(self) -> None:
        """Say of everything that lost that it is kept elsewhere, as a clone does once it has written that down."""
        for key, entity in sorted(self.folded().entities.items()):
            if entity.losers:
                self._add(self.folded(), JOIN, key, prev=tuple(op.id for op in entity.losers))

    def hear(self, other: Clone) -> None:
        """Take over what another clone knows."""
        self.ops.update(other.ops)

    def _add(self, state: Folded, kind: str, key: str, **more: object) -> None:
        self.n += 1
        op = make_op(
            lamport=state.lamport + 1, actor=self.actor, n=self.n, kind=kind, key=key,
            time="2026-01-01T00:00:00.000Z", **more,
        )  # fmt: skip
        self.ops[op.id] = op


def play(seed: int, *, steps: int = 40) -> list[str]:
    """Play one history of two or three clones to its end; return what was lost or came out differently."""
    rng = random.Random(seed)  # noqa: S311 - a history, not a secret
    clones = [Clone(f"a{number:012x}") for number in range(2 + seed % 2)]
    for _ in range(steps):
        one, other = rng.sample(clones, 2)
        if rng.random() < 0.8:
            one.write(rng)
        else:
            one.hear(other)
            if rng.random() < 0.5:
                one.settle()
    everything = {op.id: op for clone in clones for op in clone.ops.values()}
    orders = [rng.sample(list(everything.values()), len(everything)) for _ in range(2)]
    states = [fold(order) for order in (*orders, orders[0] + orders[1])]
    wrong = [f"seed {seed}: the order counts"] if any(state != states[0] for state in states) else []
    for clone in clones:  # each hears the others in an order of its own
        for other in rng.sample(clones, len(clones)):
            clone.hear(other)
        if clone.folded() != states[0]:
            wrong.append(f"seed {seed}: {clone.actor} sees something else")
    return wrong + [f"seed {seed}: {words}" for words in lost(states[0], everything)]


def lost(state: Folded, ops: dict[str, Op]) -> list[str]:
    """Return the contents of documents that no clone replaced and that nobody would find again."""
    gone = []
    replaced = {one for op in ops.values() for one in op.prev}
    for op in ops.values():
        if op.kind != PUT or op.id in replaced or not is_document(op.key):
            continue
        entity = state.entities.get(op.key)
        if entity is None or op.id not in {*entity.ids, *(loser.id for loser in entity.losers)}:
            gone.append(f"{op.key} of {op.actor} is gone")
    return gone


def main() -> int:
    """Play histories; print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed; the others follow")
    options = parser.parse_args()
    wrong = [words for seed in range(options.seed, options.seed + options.histories) for words in play(seed)]
    print(f"{options.histories} histories of two and three clones: {len(wrong)} lost or divergent")
    print("\n".join(wrong[:20]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
