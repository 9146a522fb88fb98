"""Three hundred simulated worlds keep every promise, one seed is one story, and planted mistakes are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.engine import recovery
from sixthbot.store import taskfiles
from sixthbot.store.locks import try_hold
from tests.simulation import step
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

SHARDS = 6
"""For the tests' own workers to share."""
SEEDS = range(300)
_ENOUGH = 120


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_world_keeps_its_promises(shard: int) -> None:
    for seed in SEEDS[shard::SHARDS]:
        try:
            World(seed).run()
        except BaseException as error:
            error.add_note(f"again: python -m tests.simulation --trace --seed {seed}")
            raise


def story(seed: int) -> list[str]:
    lines: list[str] = []
    World(seed, trace=lines.append).run()
    return [line for line in lines if "jsonl" not in line]  # the journal's name is of chance


def test_a_seed_is_one_story() -> None:
    first = story(7)
    assert len(first) > 100
    assert story(7) == first
    assert story(8) != first


def is_found(*seeds: int) -> str:
    """Return what the first of some worlds that breaks a promise says."""
    for seed in seeds or range(_ENOUGH):
        try:
            World(seed).run()
        except BaseException as error:  # noqa: BLE001 - whatever shows that something is wrong
            return f"{type(error).__name__}: {error}"
    return ""


def forget_the_folder(_folder: object) -> None:
    """A folder that is not synced."""


def everyone_is_dead(take: Callable[..., Any]) -> Callable[..., Any]:
    class Free:
        def release(self) -> None:
            pass

    return lambda path, **more: take(path, **more) or Free()


@pytest.mark.parametrize(
    ("where", "name", "mistake"),
    [
        (taskfiles, "sync_folder", forget_the_folder),
        (recovery, "try_hold", everyone_is_dead(try_hold)),
        (step, "is_there", lambda _git, _tip, _number: False),
    ],
    ids=["folders are not synced", "leases are not looked at", "git is not asked"],
)
def test_a_planted_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, mistake: object
) -> None:
    monkeypatch.setattr(where, name, mistake)
    assert is_found()
