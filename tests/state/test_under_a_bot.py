"""`.sixth`, or a part of it, taken away under bots that run: they wait or make it anew, go on, and count no crash."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import HomeGone
from sixthbot.core.tasks import Lane, Ready
from sixthbot.engine.recovery import recover
from sixthbot.engine.saving import State
from sixthbot.store.atomic import make_dirs
from sixthbot.store.home import require_initialised
from sixthbot.store.locks import lease_file, leave_behind
from sixthbot.store.state.home import clear_the_way, let_removal_end, mark_home, standing
from sixthbot.store.state.keep import gone_for_good, keep_local, look_at_local
from tests.bot.home import Home, Watching, make_home, until
from tests.cli.support import sixthbot
from tests.store.support import make_task

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def popped(home: Home, *missing: str) -> None:
    """Make `.sixth` what it is in the middle of `git stash pop`, or after it: the same mark in a newer file."""
    mark = home.places.sixth / ".home"
    kept, made = mark.read_bytes(), mark.stat().st_mtime_ns
    mark.unlink()
    for name in missing:
        # in one step: a bot that still writes there is in nobody's way
        emptied = home.places.sixth / f".{name}"
        (home.places.sixth / name).rename(emptied)
        shutil.rmtree(emptied, ignore_errors=True)
    mark.write_bytes(kept)
    assert mark.stat().st_mtime_ns != made


def test_where_a_part_is_missing_it_was_taken_away_and_not_never_there(home: Home) -> None:
    shutil.rmtree(home.places.local)
    with pytest.raises(HomeGone):
        require_initialised(home.places)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    require_initialised(home.places)


def test_a_bot_that_comes_back_while_git_still_pops_goes_on(home: Home) -> None:
    with Watching(home.bot()) as watching:
        until(lambda: "bot.started" in home.kinds())
        before = sixthbot("status", "--json", cwd=home.repo.path).json["watcher"]
        popped(home, "local", "inbox")
        until(lambda: home.places.inbox.is_dir() and home.places.watch_lock.exists())
        assert not watching.stop.is_set()
        assert sixthbot("new", "Work", cwd=home.repo.path).code == 0
        until(lambda: home.tasks("parked"))
        assert sixthbot("status", "--json", cwd=home.repo.path).json["watcher"] == before, "it runs on"


def test_what_fails_because_all_goes_is_begun_again(home: Home) -> None:
    bot, begun = home.bot(), []

    def work() -> None:
        begun.append(standing(home.places))
        if len(begun) == 1:
            shutil.rmtree(home.places.sixth)
            raise FileNotFoundError(str(home.places.inbox))
        if len(begun) == 2:
            popped(home, "local")
            raise NotADirectoryError(str(home.places.local))

    bot._at_home(work)
    assert begun == ["whole"] * 3
    assert home.places.locks.is_dir()


def test_but_not_what_fails_while_it_is_there(home: Home) -> None:
    bot = home.bot()
    with pytest.raises(PermissionError):
        bot._at_home(lambda: (_ for _ in ()).throw(PermissionError("no")))


def test_a_lone_worker_builds_it_anew_too_and_makes_folders_that_are_missing(home: Home) -> None:
    stop, bot = threading.Event(), home.bot()
    worker = threading.Thread(target=bot.work, args=(Lane.LOW, stop), kwargs={"began": lambda: None})
    worker.start()
    try:
        until(lambda: list(home.places.workers.glob("*.lock")))
        home.repo.try_git("clean", "-ffdxq")
        until(lambda: "state.rebuilt" in home.kinds() and home.places.inbox.is_dir())
        shutil.rmtree(home.places.drafts)
        until(home.places.drafts.is_dir)
    finally:
        stop.set()
        worker.join(10)
    assert not worker.is_alive()
    assert standing(home.places) == "whole"


def test_new_makes_the_inbox(home: Home) -> None:
    shutil.rmtree(home.places.inbox)
    assert sixthbot("new", "Work", cwd=home.repo.path).code == 0
    assert [path.name for path in home.places.inbox.glob("*.md")] == ["work.md"]


def in_hand(home: Home, worker: str) -> Path:
    """Let a worker have a task in hand, and return its lease, which nobody holds."""
    assert home.store.queue.claim(worker) is not None
    lease = lease_file(home.places, worker)
    make_dirs(lease.parent)
    lease.touch()
    return lease


def test_a_lease_that_was_lost_with_everything_is_no_crash_once(home: Home) -> None:
    services = home.bot().services()
    assert home.store.queue.put(make_task(1))
    for crashes, comes_back in enumerate([True, False]):
        in_hand(home, "999999999-gone")
        if comes_back:
            popped(home)
        [task] = recover(services).tasks
        assert (task.state, task.crashes) == (Ready(), crashes)


def test_nor_is_it_before_the_process_that_lives_had_time_to_notice(home: Home) -> None:
    services = home.bot().services()
    assert home.store.queue.put(make_task(1))
    in_hand(home, f"{os.getppid()}-lives")
    popped(home)
    assert recover(services).tasks == ()
    now = services.clock
    later = replace(services, clock=lambda: datetime.fromtimestamp(now().timestamp() + 6, UTC))
    [task] = recover(later).tasks
    assert (task.state, task.crashes) == (Ready(), 0)


def test_who_comes_back_gives_back_what_its_own_workers_had(home: Home) -> None:
    services = home.bot().services()
    assert home.store.queue.put(make_task(1))
    worker = f"{os.getpid()}-before"
    in_hand(home, worker).unlink()
    mark_home(home.places)  # as after building it anew
    assert recover(services).tasks == ()  # it lives, and might take its lease anew
    leave_behind(home.places, [worker, f"{os.getppid()}-other"])
    [task] = recover(services).tasks
    assert (task.state, task.crashes) == (Ready(), 0)
    assert list(home.places.workers.iterdir()) == []


def saved(home: Home) -> State:
    state = State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    state.save()
    return state


def test_a_paused_lane_stays_so_while_all_goes_slowly(home: Home) -> None:
    assert sixthbot("queue", "pause", "high", cwd=home.repo.path).code == 0
    state = saved(home)
    (home.places.queue / "paused/high").unlink()  # first; the mark goes last
    state.save()
    home.repo.try_git("clean", "-ffdxq")
    assert sixthbot("status", cwd=home.repo.path).code == 0
    assert home.store.queue.paused() == {Lane.HIGH}
    assert sixthbot("queue", "resume", "high", cwd=home.repo.path).code == 0
    home.repo.try_git("clean", "-ffdxq")
    assert sixthbot("status", cwd=home.repo.path).code == 0
    assert home.store.queue.paused() == set()


def test_what_is_gone_for_a_minute_was_taken_away_by_hand() -> None:
    over, note = gone_for_good({"a", "b"}, {"b": True}, "", now=100.0)
    assert over == {"b"}
    assert gone_for_good({"a"}, {}, note, now=159.0) == (frozenset(), note)
    assert gone_for_good({"a"}, {}, note, now=160.0) == (frozenset({"a"}), "{}")
    assert gone_for_good(set(), {}, note, now=130.0) == (frozenset(), "{}")
    assert gone_for_good({"a"}, {}, "[[1]", now=160.0)[0] == frozenset()
    assert gone_for_good({"a"}, {}, note, now=-9000.0)[0] == {"a"}, "the clock was set back"


@pytest.mark.parametrize("set_back", [False, True])
def test_what_was_changed_as_its_copy_was_written_is_copied_again(home: Home, *, set_back: bool) -> None:
    places, settings = home.places, home.places.local_config_file
    settings.write_text("one")
    seen = look_at_local(places, cursors=True)
    settings.write_text("two")
    if set_back:
        os.utime(settings, (1, 1))
    keep_local(places, seen, (), durability="process")
    for _ in range(2):
        seen = look_at_local(places, cursors=True)
        keep_local(places, seen, (), durability="process")
    assert (places.beside / "keep/local/config.toml").read_text() == "two"
    assert seen.new == {}


def test_nothing_is_laid_while_files_still_go(home: Home) -> None:
    def remove() -> None:
        for path in paths:
            path.unlink()
            time.sleep(0.05)

    paths = [home.places.drafts / f"{number}.md" for number in range(6)]
    for path in paths:
        path.touch()
    slow = threading.Thread(target=remove)
    slow.start()
    let_removal_end(home.places)
    assert not list(home.places.drafts.iterdir())
    slow.join()


@pytest.mark.parametrize("at_work", [True, False])
def test_what_git_has_just_popped_is_not_cleared_away(home: Home, *, at_work: bool) -> None:
    written = home.places.local / "logs/written"
    written.touch()
    if at_work:
        (home.places.git_dir / "index.stash.1").touch()
    (home.places.sixth / ".home").unlink()
    clear_the_way(home.places)
    assert written.exists() is at_work
