"""`python -m tests.simulation --seeds 10000`: run so many simulated worlds; print and count those that broke a promise.

`--seed N --trace` plays one again, with a line for each system call.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections import Counter

from tests.simulation.world import World


def main() -> int:
    """Run worlds; return 1 when a promise was broken in one."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first one")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="print every system call")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    seeds = range(chosen.first, chosen.first + chosen.seeds) if chosen.seed is None else [chosen.seed]
    began, blows, calls, broken = time.monotonic(), Counter[str](), 0, []
    for seed in seeds:
        world = World(seed, trace=print if chosen.trace else None)
        try:
            world.run()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            broken.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
            if chosen.seed is not None:
                traceback.print_exc()
        blows += world.blows
        calls += world.machine.steps
    print(
        f"{len(seeds)} worlds, {calls} system calls, {time.monotonic() - began:.0f} s; {len(broken)} broke a promise"
    )
    print(", ".join(f"{name}: {count}" for name, count in sorted(blows.items())))
    if broken:
        print("again: python -m tests.simulation --trace --seed", broken[0])
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
