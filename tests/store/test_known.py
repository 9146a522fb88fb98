"""Which ids a queue knows: those that were put, and those that will not come again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.store.idset import IdSet
from sixthbot.store.known import KnownIds
from sixthbot.store.queue import Queue
from tests.store.support import SEARCH, make_task

if TYPE_CHECKING:
    from pathlib import Path


def test_of_very_many_spent_ids_the_oldest_half_is_let_go(queue: Queue, root: Path) -> None:
    other = Queue(root, "process")
    for number in range(8):
        queue.spend(make_task(number).id)
    queue.spend("t_of_another_form")
    assert other.knows(make_task(0).id)
    other.compact(limit=1000)
    assert queue.knows(make_task(0).id)
    other.compact(limit=50)
    for one in (queue, other, Queue(root, "process")):
        assert [one.knows(make_task(number).id) for number in range(8)] == [False] * 4 + [True] * 4
        assert one.knows("t_of_another_form")


@SEARCH
@given(st.lists(st.sets(st.integers(0, 60)), max_size=6))
def test_a_set_of_ids_is_a_set(batches: list[set[int]]) -> None:
    kept, model = IdSet(), set()
    for batch in batches:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sixthbot.store.idset._RECENT", 3)
            ids = {make_task(number).id if number % 5 else f"T{number}" for number in batch}
            kept.update(ids)
            model |= ids
    wanted = (
        {make_task(number).id for number in range(61)} | {f"T{number}" for number in range(61)} | {"", "t"}
    )
    assert {task_id for task_id in wanted if task_id in kept} == model


def test_the_ids_of_a_large_queue_are_not_put_in_order_again_with_every_put(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.store.known._COMPACT_AT", 100)
    listed = []

    def present() -> list[str]:
        listed.append(1)
        return [f"t{number:012x}" for number in range(200)]

    known = KnownIds(root / ".ids", present)
    for number in range(200):
        with known.alone():
            assert f"t{number:012x}" in known
            known.add([f"t{number:012x}"])
    assert 2 <= len(listed) < 10


def test_the_log_of_ids_stays_short_however_many_one_process_puts(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.store.known._COMPACT_AT", 100)
    known = KnownIds(root / ".ids", lambda: ["t_present"])
    for number in range(100):
        with known.alone():
            known.add([f"t{number:012x}"])
        assert (root / ".ids").stat().st_size < 200
    assert "t_present" in known
    assert "t000000000000" not in known


def test_what_is_present_is_known_also_after_somebody_died_over_making_the_log_shorter(root: Path) -> None:
    known = KnownIds(root / ".ids", lambda: ["t_present"])
    with known.alone():
        known.add(["t_over"])
    os.truncate(root / ".ids", 0)
    assert "t_present" in known
    with known.alone():
        known.add(["t_new"])
    assert [one in known for one in ("t_present", "t_over", "t_new")] == [True, False, True]


def test_what_is_put_is_known_also_where_the_log_was_begun_anew_and_is_as_long_again_since_it_was_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, putting = (KnownIds(root / ".ids", list) for _ in range(2))
    for number in range(20):
        with putting.alone():
            putting.add([f"t{number:012x}"])
    assert "t000000000000" in looking
    long = (root / ".ids").stat().st_size
    monkeypatch.setattr(putting, "_compact_at", 100)
    for number in range(20, 60):
        with putting.alone():
            putting.add([f"t{number:012x}"])
        monkeypatch.setattr(putting, "_compact_at", 10_000)
        if (root / ".ids").stat().st_size >= long:
            break
    assert [f"t{one:012x}" in looking for one in range(20, number + 1)] == [True] * (number - 19)
