"""`python -m tests.crash FOLDER MODE`: live one life and print what was visited, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.crash.life import Life
from tests.crash.steps import PERSONS, STEPS
from tests.support.warm import warm_up


def main(folder: str, mode: str) -> None:
    """Take every step of a life in `folder`, struck in the way of `mode`."""
    warm_up(Path(folder, "before"))  # once here, and not in each process of the life
    life = Life(Path(folder), mode)
    life.begin()
    for step in STEPS:
        life.go(step, struck=step not in PERSONS)
    sys.stdout.write(json.dumps(sorted(life.visited)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
