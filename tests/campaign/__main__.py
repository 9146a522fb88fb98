"""`python -m tests.campaign --kills 300`: kill sixthbot in every way there is, let it recover, look at each promise.

Prints how many blows of each kind were struck and every broken promise with the seed of its round; ends with 1 when
there is one. `--seed S --rounds 1` plays the round of that seed again: what it does is the same, to the moments that
chance chooses; what the machine does in them is not. Ended by SIGTERM or Ctrl-C it prints what it has; what a killed one
left mounted and running goes at the next start.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from tests.campaign.blows import KINDS
from tests.campaign.disks import Unavailable
from tests.campaign.place import sweep
from tests.campaign.rounds import TOP, Round, play


def main() -> int:
    """Play rounds until there were enough kills; return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how many blows to strike at least")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of the first round; the next has 1 more"
    )
    parser.add_argument("--rounds", type=int, default=sys.maxsize, help="stop after that many rounds")
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=" ".join(KINDS)
    )
    parser.add_argument("--keep", action="store_true", help="leave the folder of a broken round")
    chosen = parser.parse_args()
    # started in the background of a shell it would ignore Ctrl-C, and every bot that it starts until that listens
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for base in sweep(Path(TOP)):
        print(f"swept {base}, whose campaign was killed", flush=True)
    rounds: list[Round] = []
    print(f"seed {chosen.seed}, {chosen.kills} kills, kinds: {' '.join(chosen.kinds)}", flush=True)
    try:
        _play(chosen, rounds)
    except KeyboardInterrupt:
        print("\ncut short", flush=True)
        return _table(rounds) or _CUT_SHORT
    return _table(rounds)


_CUT_SHORT = 130


def _play(chosen: argparse.Namespace, rounds: list[Round]) -> None:
    """Play rounds until there were enough kills, into `rounds`; without disks of its own where this machine has none."""
    kinds, seed = list(chosen.kinds), chosen.seed
    while kinds and sum(one.kills.total() for one in rounds) < chosen.kills and len(rounds) < chosen.rounds:
        try:
            rounds.append(play(seed, kinds, sys.maxsize, keep=chosen.keep))
        except Unavailable as error:
            print(f"seed {seed}: skipped, this machine has no such disk: {error}", flush=True)
            kinds = [kind for kind in kinds if kind not in {"full-disk", "power"}]
            continue
        seed += 1
        _tell(rounds[-1])


def _tell(result: Round) -> None:
    kills = " ".join(f"{kind}:{count}" for kind, count in sorted(result.kills.items()))
    word = "BROKEN" if result.broken else "ok"
    print(f"round {result.seed} ({result.durability}, {result.seconds:.0f} s) {kills}: {word}", flush=True)
    for line in result.broken:
        print(f"  {line}", flush=True)


def _table(rounds: list[Round]) -> int:
    kills = sum((one.kills for one in rounds), Counter[str]())
    told = sum((one.told for one in rounds), Counter[str]())
    print("\n| blow | struck |\n|---|---|")
    for kind in KINDS:
        print(f"| {kind} | {kills[kind]} |")
    broken = [(one.seed, line) for one in rounds for line in one.broken]
    print(f"| **all** | **{kills.total()}** |")
    print(f"\n{len(rounds)} rounds, {sum(one.issues for one in rounds)} files dropped; "
          f"said `queue retry` for {told['set aside']} tasks set aside after three deaths of their worker "
          f"and {told['failed step']} whose step was shot; broken promises: {len(broken)}")  # fmt: skip
    for seed, line in broken:
        print(f"seed {seed}: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
