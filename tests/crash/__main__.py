"""`python -m tests.crash FOLDER MODE`: live one life and print what was visited, as JSON."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path

import sixthbot
from tests.crash.life import Life
from tests.crash.steps import PERSONS, STEPS


def main(folder: str, mode: str) -> None:
    """Take every step of a life in `folder`, struck in the way of `mode`."""
    for module in pkgutil.walk_packages(sixthbot.__path__, "sixthbot."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)  # once here, and not in each process of the life
    life = Life(Path(folder), mode)
    life.begin()
    for step in STEPS:
        life.go(step, struck=step not in PERSONS)
    sys.stdout.write(json.dumps(sorted(life.visited)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
