"""A step of many items goes on where it was cut off, and says meanwhile how far it is."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.tasks import Done, Waiting
from sixthbot.engine.recovery import recover
from sixthbot.engine.telling import TaskProgress
from sixthbot.store import itemsfile
from sixthbot.store.itemsfile import DoneItems
from sixthbot.store.progressfile import read_progress, sweep_progress
from tests.engine.scene import Scene, probe, rule

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.rules import Rule
    from tests.support.clock import FixedClock
    from tests.support.repos import RepoDir


def done_items(record: Path) -> list[str]:
    return [line.split()[2] for line in record.read_text().splitlines() if line.split()[2] != "items"]


def items_rule(record: Path, *names: str, basis: str = "") -> Rule:
    return rule(do=(probe("items", record=str(record), run=[*names], basis=basis),), retries=3)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record"


def test_an_attempt_that_failed_goes_on_at_the_item_it_failed_at(repo: RepoDir, record: Path) -> None:
    scene = Scene(repo.path, items_rule(record, "a", "b", "fail", "c"))
    [task] = scene.admit()
    assert isinstance(scene.perform().state, Waiting)
    assert done_items(record) == ["a", "b"]
    scene.services.store.queue.settle(scene.task(task.id), task)
    assert scene.perform().state == Done("succeeded")
    assert done_items(record) == ["a", "b", "fail", "c"]
    assert list(scene.services.places.checkpoints.iterdir()) == []


def test_what_is_given_back_goes_on_at_the_next_item(repo: RepoDir, record: Path) -> None:
    stopping = threading.Event()
    scene = Scene(repo.path, items_rule(record, "a", "b", "c"))
    [task] = scene.admit()
    plain = DoneItems.add

    def add(self: DoneItems, key: str, result: object) -> None:
        plain(self, key, result)
        if key == "b":
            stopping.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DoneItems, "add", add)
        scene.worker(stopping=stopping).perform(scene.claim())
    assert scene.task(task.id).state.name == "ready"
    assert done_items(record) == ["a", "b"]
    assert scene.perform().state == Done("succeeded")
    assert done_items(record) == ["a", "b", "c"]


def test_a_worker_that_was_killed_does_again_only_what_it_had_not_saved(
    repo: RepoDir, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(itemsfile, "BATCH", 2)
    scene = Scene(repo.path, items_rule(record, "a", "b", "c", "die", "d"))
    scene.admit()
    child = os.fork()
    if child == 0:
        try:
            scene.perform()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) < 0
    assert done_items(record) == ["a", "b", "c"]
    assert [task.crashes for task in recover(scene.services).tasks] == [1]
    assert scene.perform().state == Done("succeeded")
    assert done_items(record) == ["a", "b", "c", "c", "die", "d"]


def test_another_input_does_not_go_on_from_the_old_one(repo: RepoDir, record: Path) -> None:
    scene = Scene(repo.path, items_rule(record, "a", "fail"))
    [task] = scene.admit()
    scene.perform()
    scene.set_rules(items_rule(record, "a", "x", basis="other"))
    scene.services.store.queue.settle(scene.task(task.id), task)
    scene.perform()
    assert done_items(record) == ["a", "a", "x"]


def test_a_torn_or_foreign_file_costs_time_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "t.0.items"
    items = DoneItems(path, basis="b", durability="power")
    items.add("one", 1)
    items.save()
    with path.open("ab") as file:
        file.write(b'{"two": 2')
    again = DoneItems(path, basis="b", durability="power")
    assert again.load() == {"one": 1}
    again.add("three", 3)
    again.save()
    assert DoneItems(path, basis="b", durability="power").load() == {"one": 1, "three": 3}
    for junk in (b"", b"\xff\n", b"[]\n", b"[" * 100_000 + b"\n"):
        path.write_bytes(junk)
        assert DoneItems(path, basis="b", durability="power").load() == {}
    path.unlink()
    path.mkdir()
    assert DoneItems(path, basis="b", durability="power").load() == {}


def test_items_are_saved_by_number_and_by_time(tmp_path: Path) -> None:
    ticks = [0.0]
    items = DoneItems(tmp_path / "i", basis="", durability="process", clock=lambda: ticks[0])

    def saved() -> int:
        return len(DoneItems(tmp_path / "i", basis="", durability="process").load())

    for number in range(250):
        items.add(f"a{number}", None)
    assert saved() == 200
    ticks[0] += itemsfile.BATCH_SECONDS
    items.add("late", None)
    assert saved() == 251
    assert (tmp_path / "i").read_bytes().count(b"\n") == 4


def test_progress_is_written_as_often_as_a_person_reads(repo: RepoDir, clock: FixedClock) -> None:
    scene, ticks = Scene(repo.path), [0.0]
    places, noted = scene.services.places, []
    telling = TaskProgress(
        places, "t1", clock=clock, ticks=lambda: ticks[0],
        note=lambda kind, message, **fields: noted.append((kind, message, fields["data"])),
    )  # fmt: skip
    telling.step(1, "report", steps=2)
    written = []
    for number in range(400):
        ticks[0] += 0.1
        telling.show(done=number, total=400, item=f"file {number}")
        written += [row["done"]] if (row := read_progress(places, "t1")) else []
    assert 70 <= len(set(written)) <= 90
    row = read_progress(places, "t1")
    assert row is not None
    assert (row["step"], row["steps"], row["action"], row["total"]) == (1, 2, "report", 400)
    assert row["done"] >= 394
    assert row["eta"] < 1
    assert [(kind, data["percent"]) for kind, _, data in noted] == [("progress", 37), ("progress", 75)]
    telling.printed(b"compiling\n--token hunter2hunter2 x\n")
    ticks[0] += 1
    telling.catch_up()
    row = read_progress(places, "t1")
    assert row is not None
    assert row["line"].endswith(" x")
    assert "hunter2" not in row["line"]
    telling.end()
    assert read_progress(places, "t1") is None
    telling.step(2, "report", steps=2)
    assert sweep_progress(places, {"t1"}) == 0
    assert sweep_progress(places, set()) == 1


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"task": "t1"}', b'{"task": "t2", "step": 1}', b"\xff"])
def test_a_damaged_progress_file_says_nothing(repo: RepoDir, junk: bytes) -> None:
    places = Scene(repo.path).services.places
    places.progress.mkdir(exist_ok=True)
    (places.progress / "t1.json").write_bytes(junk)
    assert read_progress(places, "t1") is None
