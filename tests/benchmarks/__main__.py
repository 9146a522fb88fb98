"""Prints the speed tables of the README: `python -m tests.benchmarks [--rounds N] [GROUP ...]`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ("commands", "git", "hooks", "intake", "queue", "state", "changelog")
"""Modules beside this one; each has `rows(folder, *, rounds)`, which measures and yields its rows."""


def main() -> int:
    """Measure, print a table for each group, return 0 when every target holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds for each comparison of commands")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; default all")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no group is called {min(unknown)!r}; there are {', '.join(GROUPS)}")
    held = [_table(group, options.rounds) for group in options.groups or GROUPS]
    return 0 if all(held) else 1


def _table(group: str, rounds: int) -> bool:
    """Print the table of one group row by row; tell whether all its targets hold."""
    held = True
    print(f"\n{group}\n\n| what | measured | wanted | holds |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="sixthbot-bench-") as folder:
        _seal(Path(folder))
        for row in importlib.import_module(f"tests.benchmarks.{group}").rows(Path(folder), rounds=rounds):
            print(row, flush=True)
            held = held and row.holds
    return held


def _seal(home: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("GIT_", "SIXTH", "XDG_"))]:
        del os.environ[name]
    os.environ.update(HOME=str(home), GIT_CONFIG_NOSYSTEM="1", SIXTH_LLM="off", PYTHONPATH=str(ROOT))


if __name__ == "__main__":
    sys.exit(main())
