"""How the state grows: `python -m tests.state.growth [SAVINGS]` prints what so many savings leave in a repository."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.engine.saving import State
from sixthbot.git.repository import open_repository
from sixthbot.store.clock import now
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise
from tests.support.repos import make_bare, make_repo

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

_LINE = (
    '{{"time":"2026-11-26T10:00:00Z","kind":"task.claimed","task":"t-{0:06d}","rule":"work on an issue",'
    '"message":"claimed by worker 1 in lane normal after {1} ms","lane":"normal","attempt":1}}\n'
)
"""What a small subtask leaves in the journal, eight times."""


def main() -> None:
    """Save as often as asked for, each time journal and one of fifty files; then push all of it, and pack it."""
    savings = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        repo = make_repo(Path(folder) / "repo")
        places = locate(repo.path)
        initialise(places)
        state = State(places, open_repository(places.top, places.git_dir), clock=now)
        state.save()
        journal, kept = places.sixth / "journal/a.jsonl", places.artifacts
        first = _save_some(state, journal, kept, range(savings))
        print(
            f"{savings} savings, {first * 1e3:.0f} ms each; {journal.stat().st_size / 1e6:.1f} MB of journal"
        )
        print(f"as they lie there: {_objects(repo)}")
        began = time.perf_counter()
        count = len(list(state.ops(state.ref.tip())))
        print(f"reading all {count} operations: {time.perf_counter() - began:.2f} s")
        there = make_bare(Path(folder) / "there.git")
        began = time.perf_counter()
        repo.git("push", "--quiet", str(there.path), "refs/sixth/state")
        print(f"the first push of all of it: {time.perf_counter() - began:.1f} s")
        repo.git("gc", "--quiet")
        print(f"packed: {_objects(repo)}")
        last = _save_some(state, journal, kept, range(savings, savings + 20))
        print(f"one more saving: {last * 1e3:.0f} ms")


def _save_some(state: State, journal: Path, kept: Path, numbers: range) -> float:
    """Return the seconds that one saving took."""
    took = 0.0
    for number in numbers:
        with journal.open("a", encoding="utf-8") as file:
            file.writelines(_LINE.format(number, part) for part in range(8))
        (kept / f"{number % 50}.json").write_text(f'{{"n": {number}}}\n' * 8, encoding="utf-8")
        began = time.perf_counter()
        state.save({"journal/a.jsonl": False, f"artifacts/{number % 50}.json": False})
        took += time.perf_counter() - began
    return took / len(numbers)


def _objects(repo: RepoDir) -> str:
    done = subprocess.run(
        ["git", "count-objects", "-v"], cwd=repo.path, capture_output=True, text=True, check=True
    )
    found = dict(line.split(": ") for line in done.stdout.splitlines())
    loose, packed = int(found["size"]) / 1024, int(found["size-pack"]) / 1024
    return f"{found['count']} objects in files of their own, {loose:.1f} MB; packs of {packed:.1f} MB"


if __name__ == "__main__":
    main()
