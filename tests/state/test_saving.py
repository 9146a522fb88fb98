"""Saving: what changed and nothing else, whatever happens to the ref, to the index, or beside it."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.engine.growing import content_of
from sixthbot.engine.savedstate import look_at_saved
from sixthbot.engine.saving import Keeper, Saved, State
from sixthbot.sources.wake import Woken
from sixthbot.store.open import open_store
from sixthbot.store.state.changes import Changes
from sixthbot.store.state.collect import Collector
from sixthbot.store.state.layout import TOPS, Spot, files_below, spot_of
from tests.bot.home import Home, make_home, until
from tests.cli.support import sixthbot
from tests.store.support import make_task
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.support.repos import RepoDir


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


@pytest.fixture
def state(home: Home) -> State:
    services = home.bot().services()
    one = State(home.places, services.repo, clock=lambda: datetime.now(UTC))
    one.save()
    return one


def keys(state: State) -> dict[str, str]:
    """Return what the state says of each key: its place, or the kind of its last operation."""
    folded = state.folded(state.ref.tip())
    return {key: one.winner.place or one.winner.kind for key, one in folded.entities.items()}


def test_only_what_changed_is_saved_and_nothing_of_yours_is_touched(home: Home, state: State) -> None:
    before = fingerprint(home.repo.path)
    home.drop("a.md", "# A\n")
    assert state.save().ops == 1
    assert state.save().ops == 0
    assert state.save({"inbox/a.md": False}).ops == 0
    home.drop("a.md", "# B\n")
    assert state.save({"inbox/a.md": False}).ops == 1
    assert keys(state)["inbox/a.md"] == "put"
    (home.places.inbox / "a.md").unlink()
    assert state.save({"inbox/a.md": True}).ops == 1
    assert keys(state)["inbox/a.md"] == "drop"
    assert fingerprint(home.repo.path) == before
    assert "error" not in home.repo.git("fsck", "--strict")


def test_each_line_of_the_journal_is_saved_once_however_many_files_there_are(
    home: Home, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.store.journal.SEGMENT", 1000)
    for number in range(30):
        home.store.journal.append("x", f"line {number} of many")
        if number % 4 == 0:
            state.save()
    state.save()
    told = [record.n for record in home.store.journal.read()]
    assert home.store.journal.pack()
    assert state.save().ops == 0
    assert [record.n for record in home.store.journal.read()] == told
    tip = state.ref.tip()
    assert tip is not None
    chunks = state.folded(tip).chunks
    assert len(chunks) > 3
    saved = state.contents(tip, [op.hash for pieces in chunks.values() for op in pieces])
    lines = [line for data in saved.values() for line in data.splitlines() if b"of many" in line]
    assert len(lines) == len(set(lines)) == 30


def test_what_never_travels_stays(home: Home, state: State) -> None:
    for path in (
        "local/config.toml",
        "local/logs/x",
        ".hidden",
        "queue/.ids",
        "queue/ready/normal/x.tmp",
        "README.md",
    ):
        assert spot_of(path) is None, path
    assert spot_of("queue/running/123-ab/20260101T000000000Z-t1.json") == Spot(
        "queue/20260101T000000000Z-t1.json", "running"
    )
    (home.places.local / "secret").write_text("x")
    home.drop("a.md", "# A\n")
    state.save()
    tree = home.repo.git("ls-tree", "-r", "--name-only", "refs/sixth/state").splitlines()
    assert {path.split("/")[0] for path in tree} <= {"FORMAT", "ops", "blobs"}
    assert "config.toml" not in keys(state), "git carries it"


def test_a_file_that_somebody_takes_away_counts_only_after_a_while_or_when_the_clock_was_set_back(
    home: Home, state: State
) -> None:
    since = {"inbox/a.md": -120.0, "inbox/b.md": 9000.0}
    for name in since:
        home.drop(name.removeprefix("inbox/"), f"# {name}\n")
    state.save()
    for name in since:
        (home.places.sixth / name).unlink()
    assert state.save().ops == 0
    with state.alone(), state.index() as index:
        for name, seconds in since.items():
            row = index.row(name)
            assert row is not None
            index.put([row._replace(missed=row.missed + seconds)])
    assert state.save().ops == 2
    assert {keys(state)[name] for name in since} == {"drop"}


@pytest.mark.parametrize("damage", ["garbage", "gone", "another state"])
def test_an_index_that_does_not_fit_is_made_anew(home: Home, state: State, damage: str) -> None:
    home.drop("c.md", "# C\n")
    state.save()
    home.drop("a.md", "# A\n")
    state.save()
    saved = home.places.beside / "saved.db"
    if damage == "garbage":
        saved.write_bytes(b"not a database" * 100)
    elif damage == "gone":
        saved.unlink()
    else:
        home.repo.git("update-ref", "refs/sixth/state", f"{home.repo.tip('refs/sixth/state')}~1")
    home.drop("b.md", "# B\n")
    state.save()
    assert {"inbox/a.md", "inbox/b.md"} <= set(keys(state))
    assert state.save().ops == 0


def test_two_that_save_at_once_lose_nothing(home: Home, state: State) -> None:
    def work(name: str) -> None:
        services = home.bot().services()
        own = State(home.places, services.repo, clock=lambda: datetime.now(UTC))
        for number in range(3):
            home.drop(f"{name}{number}.md", f"# {name} {number}\n")
            own.save({f"inbox/{name}{number}.md": False})

    threads = [threading.Thread(target=work, args=(name,)) for name in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"inbox/{name}{number}.md" for name in "xy" for number in range(3)} <= set(keys(state))
    ops = list(state.ops(state.ref.tip()))
    assert len({op.n for op in ops}) == len(ops), "each has a number of its own"


def test_a_file_that_is_too_long_stays_and_is_named(home: Home, state: State) -> None:
    (home.places.artifacts / "big.bin").write_bytes(b"x" * (5 << 20))
    assert state.save().left_out == ("artifacts/big.bin",)
    assert "artifacts/big.bin" not in keys(state)


def test_of_a_task_on_its_way_only_the_going_was_told(home: Home, state: State) -> None:
    home.drop("a.md", "---\nid: a\n---\n# A\n\n- [ ] By hand\n")
    assert sixthbot("run", cwd=home.repo.path).code == 0
    state.save()
    [task] = home.tasks("parked")
    path = next(path for path in (home.places.queue / "parked").glob("*.json") if task.id in path.name)
    moved = home.places.queue / "running/1-ab" / path.name
    moved.parent.mkdir()
    path.rename(moved)
    state.save({f"queue/parked/{path.name}": True})
    assert keys(state)[f"queue/{path.name}"] == "running"
    moved.unlink()
    state.save({f"queue/running/1-ab/{path.name}": True})
    assert keys(state)[f"queue/{path.name}"] == "drop"


def test_locks_that_a_killed_git_left_do_not_end_the_saving(home: Home, state: State) -> None:
    for ref in ("state", "saving"):
        lock = home.repo.git_dir / f"refs/sixth/{ref}.lock"
        lock.parent.mkdir(exist_ok=True)
        lock.write_text("0123")
        os.utime(lock, (1, 1))
    home.drop("a.md", "# A\n")
    assert state.save().ops == 1
    assert not list(home.repo.git_dir.rglob("*.lock"))


def test_what_is_being_taken_away_by_somebody_is_not_saved_as_gone(home: Home, state: State) -> None:
    """The bot had just moved it: of both places only the going would be saved, and then it would be lost."""
    home.drop("a.md", "# A\n")
    name = "20260101T000000000Z-t0123456789ab.json"
    ready = home.places.queue / "ready/normal" / name
    ready.write_text("{}")
    state.save()
    (home.places.inbox / "a.md").unlink()
    ready.unlink()
    paths = {
        "issues/a/issue.md": False, "issues/a/issue.toml": False, "inbox/a.md": True,
        f"queue/ready/normal/{name}": True, f"queue/running/1-ab/{name}": False,
    }  # fmt: skip
    assert state.save(paths).postponed == ("inbox/a.md",)
    assert (keys(state)["inbox/a.md"], keys(state)[f"queue/{name}"]) == ("put", "ready/normal")
    assert state.save({"inbox/a.md": True}).ops == 1  # nothing else is gone: it was meant
    assert keys(state)["inbox/a.md"] == "drop"


def test_a_mistake_in_one_saving_is_told_and_the_next_one_saves(home: Home, state: State) -> None:
    told: list[str] = []

    class Mistaken(State):
        def save(self, *args: Any, **more: Any) -> Saved:
            if not told:
                raise ValueError("no such letter")
            return super().save(*args, **more)

    with Keeper(
        Mistaken(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)), told.append
    ):
        until(lambda: told)
        home.drop("a.md", "# A\n")
        until(lambda: keys(state).get("inbox/a.md") == "put")
    assert told == ["unexpected ValueError: no such letter"]


def test_who_is_told_to_leave_does_not_wait_for_another_process_that_saves(home: Home, state: State) -> None:
    leaving = threading.Event()
    hurried = State(home.places, state.repo, clock=state.clock, leaving=leaving)
    with state.alone(), Keeper(hurried, lambda _trouble: None):
        home.drop("a.md", "# A\n")
        leaving.set()
        began = time.monotonic()
    assert time.monotonic() - began < 3


def test_who_saves_sleeps_until_something_was_written_be_it_a_line_of_the_journal(home: Home) -> None:
    with Changes(home.places) as changes:
        changes.give_back({})
        assert not changes.wait(0), "nothing was given back"
        for wakes in (
            lambda: changes.give_back({"inbox/a.md": True}),
            lambda: changes.give_back({}, everything=True),
            lambda: home.store.journal.append("bot.trouble", "a line"),
        ):
            wakes()
            assert changes.wait(0)
            changes.take()
        home.store.cursors.save("x", {})
        assert not changes.wait(0), "what never travels is no news"


def test_more_changes_than_are_remembered_are_all_saved(
    home: Home, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.store.state.changes._LIMIT", 1)
    with Changes(home.places) as changes:
        home.store.queue.put_many([make_task(number) for number in range(3)])
        paths, more = changes.take()
        assert (len(paths), more) == (1, True)
        assert changes.take() == ({}, False)
    said = sixthbot(
        "queue", "move", *(make_task(number).id for number in range(3)), "low", cwd=home.repo.path
    )
    assert said.code == 0
    there = keys(state)
    assert [place for key, place in there.items() if key.startswith("queue/")] == ["ready/low"] * 3


def test_what_is_missed_is_waited_for_once(home: Home, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []

    def stays_whole(_state: State, *, missed: bool) -> bool:
        waits.append(missed)
        return True

    monkeypatch.setattr(State, "_stays_whole", stays_whole)
    for name in ("a.md", "b.md"):
        home.drop(name, "# A\n")
    state.save()
    waits.clear()
    (home.places.inbox / "a.md").unlink()
    home.drop("b.md", "# B\n")
    assert state.save().ops == 1
    assert waits == [True, False]


def test_a_task_that_another_process_has_in_hand_by_now_is_not_missed(home: Home, state: State) -> None:
    """A command that makes a task ready beside a bot would wait for whoever takes `.sixth` away."""
    home.store.queue.put(make_task())
    [put] = home.store.queue.paths_of(make_task().id)
    assert home.store.queue.claim("w1") is not None
    with state.index() as index:
        collector = Collector(home.places.home, index, time.time())
        list(collector.these({put.removeprefix(f"{home.places.home}/"): False}))
        assert not collector.missed
        list(collector.these({"drafts/a.md": False}))
        assert collector.missed


def test_no_task_is_saved_without_its_issue_though_another_process_made_that_and_died(
    home: Home, state: State
) -> None:
    home.drop("a.md", "---\nid: a\n---\n# A\n\n- [ ] By hand\n")
    bot = home.bot()  # nobody saves what it does
    until(lambda: [bot.tick(Woken()), home.tasks("ready")][1])
    [task] = home.tasks("ready")
    [path] = home.store.queue.paths_of(task.id)
    assert state.save({path.removeprefix(f"{home.places.home}/"): False}).whole
    assert {"issues/a/issue.md", "issues/a/issue.toml", "issues/a/plan.toml"} <= set(keys(state))


def all_lines(home: Home) -> list[bytes]:
    """Return the lines of all journals below `.sixth`."""
    return [line for path in home.store.journal.paths() for line in path.read_bytes().splitlines()]


def saved_lines(state: State) -> list[bytes]:
    """Return the lines of all journals that the state has, as it would bring them back."""
    tip = state.ref.tip()
    chunks = state.folded(tip).chunks.values()
    return [line for pieces in chunks for line in content_of(state, tip, pieces).splitlines()]


def removed(path: Path, old: bytes) -> None:
    del old
    path.unlink()


def put_back(path: Path, old: bytes) -> None:
    path.unlink()
    path.write_bytes(old)


def written_over(path: Path, old: bytes) -> None:
    path.write_bytes(old)


def emptied(path: Path, old: bytes) -> None:
    del old
    os.truncate(path, 0)


def edited(path: Path, old: bytes) -> None:
    path.write_bytes(old[:100] + b'{"mine":1}\n' + old[100:])


@pytest.mark.parametrize(
    ("way", "who", "after"),
    [
        (removed, "another one", 1),
        (removed, "the same process", 12),
        (put_back, "another one", 12),
        (written_over, "the same process", 1),
        (emptied, "another one", 12),
        (edited, "another one", 0),
    ],
)
def test_whatever_is_done_to_a_journal_each_line_is_saved_and_there_once(
    home: Home,
    state: State,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[[Path, bytes], None],
    who: str,
    after: int,
) -> None:
    """Also where the file that was begun anew is shorter or longer than what was saved of the old one."""
    monkeypatch.setattr("sixthbot.engine.saving._REMOVAL", 0.0)
    journal = home.store.journal
    journal.append("x", "before 0")
    old = journal.path.read_bytes()
    for number in range(1, 6):
        journal.append("x", f"before {number}")
    state.save()
    way(journal.path, old)
    if who == "another one":
        journal = open_store(home.places).journal
    for number in range(after):
        journal.append("x", f"after {number}")
    state.save()
    journal.append("x", "last")
    state.save()
    told = [record.message for record in journal.read() if record.kind == "x"]
    assert sorted(told) == sorted(
        [
            *(f"before {number}" for number in range(6)),
            *(f"after {number}" for number in range(after)),
            "last",
        ]
    )
    here = all_lines(home)
    assert saved_lines(state) == here
    assert len(here) == len(set(here))
    assert journal.path.read_bytes().startswith(old)
    kinds = [record.kind for record in journal.read()]
    assert kinds.count("journal.mended") == 1
    numbers = [record.n for record in journal.read()]
    assert numbers[-1] == max(numbers), "they go on from the greatest"
    if who == "the same process" and way is not edited:
        assert len(numbers) == len(set(numbers))
    assert look_at_saved(home.bot().services()).behind == ()
    assert state.save().ops == 0


def test_a_journal_that_was_begun_anew_counts_as_unsaved_until_it_is(home: Home, state: State) -> None:
    home.store.journal.append("x", "a line that was saved, and is long enough for the other one")
    state.save()
    home.store.journal.path.unlink()
    home.store.journal.append("x", "another")
    found = look_at_saved(home.bot().services())
    assert found.behind == (f"journal/{home.store.journal.path.name}",)


def test_of_a_task_that_moves_while_all_are_looked_at_the_last_place_is_known(
    home: Home, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task()
    home.store.queue.put(task)
    path = Path(*home.store.queue.paths_of(task.id))
    state.save()
    done = home.places.queue / "done" / path.name

    def look(home_path: str, tops: Sequence[str] = TOPS) -> Iterator[tuple[str, os.stat_result]]:
        yield from files_below(home_path, ("queue",))
        done.parent.mkdir(exist_ok=True)
        path.rename(done)
        yield from files_below(home_path, tops)

    with monkeypatch.context() as patch:
        patch.setattr("sixthbot.store.state.collect.files_below", look)
        assert state.save().ops == 1
    assert state.save().ops == 0
    assert keys(state)[f"queue/{done.name}"] == "done"
