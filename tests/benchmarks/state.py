"""Group `state`: what a saving of the state costs, and that it does not grow with what is there."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING

from sixthbot.engine.saving import State
from sixthbot.git.repository import open_repository
from sixthbot.store.clock import now
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise
from tests.benchmarks.measure import Row, cpu_of, own_cpu
from tests.support.repos import make_repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FEW, _MANY = 10, 5000


def rows(folder: Path, *, rounds: int) -> Iterator[Row]:
    """Measure savings of one changed file beside an empty `git commit`, in turns."""
    homes = {count: _home(folder / str(count), count) for count in (_FEW, _MANY)}
    seen: dict[str, list[float]] = {
        "few": [],
        "many": [],
        "few wall": [],
        "many wall": [],
        "commit": [],
        "all": [],
    }
    for number in range(rounds + 1):
        taken = {}
        for name, count in (("few", _FEW), ("many", _MANY)):
            taken[name], taken[f"{name} wall"] = _save_one(homes[count], number)
        taken["commit"] = _commit(homes[_FEW])
        before = time.process_time()
        homes[_MANY].save()
        taken["all"] = time.process_time() - before
        for name, value in taken.items():
            if number:
                seen[name].append(value)
    cost = {name: statistics.median(values) for name, values in seen.items()}
    ratio = cost["many"] / cost["few"]
    yield Row(
        f"save one of {_MANY} state files / one of {_FEW}, CPU", f"{ratio:.2f}", "at most 1.5", ratio <= 1.5
    )
    wall = cost["many wall"] / cost["few wall"]
    yield Row("the same, wall", f"{wall:.2f}", "at most 1.5", wall <= 1.5)
    beside = cost["many"] / cost["commit"]
    yield Row(
        "a saving, CPU / an empty `git commit` with `git add`", f"{beside:.2f}", "at most 1.5", beside <= 1.5
    )
    yield Row(
        f"a look at all {_MANY} files, once a minute: CPU", f"{cost['all'] * 1e3:.0f} ms", "under 600 ms (1 %)",
        cost["all"] < 0.6,
    )  # fmt: skip


def _home(path: Path, count: int) -> State:
    repo = make_repo(path)
    places = locate(repo.path)
    initialise(places)
    state = State(places, open_repository(places.top, places.git_dir), clock=now)
    for number in range(count):
        _write(places.artifacts, number, "first")
    state.save()
    return state


def _write(folder: Path, number: int, words: str) -> str:
    place = folder / f"{number // 200:03d}"
    place.mkdir(exist_ok=True)
    (place / f"{number:06d}.json").write_text(f'{{"number": {number}, "words": "{words}"}}\n' * 8)
    return f"artifacts/{place.name}/{number:06d}.json"


def _save_one(state: State, round_number: int) -> tuple[float, float]:
    path = _write(state.places.artifacts, round_number % _FEW, f"again {round_number}")
    cpu, wall = own_cpu(), time.perf_counter()
    saved = state.save({path: False})
    assert saved.ops == 1
    return own_cpu() - cpu, time.perf_counter() - wall


def _commit(state: State) -> float:
    """Return the CPU of what a person would type to save a file: `git add` and `git commit`."""
    person = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    env = {**os.environ, **person}
    top = state.places.top
    return cpu_of(["git", "add", "README.md"], top, env) + cpu_of(
        ["git", "commit", "--quiet", "--allow-empty", "-m", "x"], top, env
    )
