"""`python -m tests.crash FOLDER MODE`: live one life and print what was visited, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.crash.life import Life
from tests.crash.steps import PERSONS, STEPS
from tests.support.warm import warm_up


def main() -> int:
    """Take every step of a life, in a process where the program is loaded and no step has to load it."""
    folder, mode = sys.argv[1:]
    life = Life(Path(folder), mode)
    life.begin()
    for step in STEPS:
        life.go(step, struck=step not in PERSONS)
    sys.stdout.write(json.dumps(sorted(life.visited)) + "\n")
    return 0


if __name__ == "__main__":
    warm_up(Path(sys.argv[1], "before"))
    sys.exit(main())
