"""A stop that was asked for is no crash, reaches the workers at once, and what changed in the settings is said."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from sixthbot.engine.pool import WorkerPool
from sixthbot.engine.recovery import recover
from sixthbot.engine.reloading import changes
from sixthbot.engine.stopping import Stopping
from sixthbot.store.locks import WorkerLease, lease_file, told_file
from tests.bot.home import CONFIG, Home, make_home, until
from tests.engine.scene import Scene, probe, rule

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


def test_an_event_is_set_with_its_outer_one() -> None:
    outer = threading.Event()
    stopping = Stopping(outer)
    assert not stopping.wait(0.01)
    threading.Timer(0.05, outer.set).start()
    started = time.monotonic()
    assert stopping.wait(10)
    assert time.monotonic() - started < 5
    assert not Stopping(threading.Event()).is_set()
    alone = Stopping()
    alone.set()
    assert alone.wait()


def test_workers_hear_of_the_stop_before_anybody_stops_the_pool(repo: RepoDir, tmp_path: Path) -> None:
    scene = Scene(repo.path, rule(do=(probe("spin", record=str(tmp_path / "record")),)))
    [task] = scene.admit()
    stop = threading.Event()
    pool = WorkerPool(lambda: scene.services, workers=1, stop=stop)
    pool.start()
    until(pool.busy)
    stop.set()
    until(lambda: scene.task(task.id).state.name == "ready")
    assert pool.stop()
    assert list(scene.services.places.workers.iterdir()) == []


@pytest.mark.parametrize("told", [True, False])
def test_only_a_worker_that_nobody_told_to_stop_has_crashed(repo: RepoDir, *, told: bool) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()
    lease = WorkerLease(scene.services.places, "w1")
    lease.acquire()
    task = scene.claim("w1")
    if told:
        lease.tell_to_stop()
    assert lease._held is not None
    lease._held.release()  # as the kernel does
    [recovered] = recover(scene.services).tasks
    assert (recovered.id, recovered.state.name, recovered.crashes) == (task.id, "ready", 0 if told else 1)
    path = lease_file(scene.services.places, "w1")
    assert not path.exists()
    assert not told_file(path).exists()


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def test_reading_anew_says_what_changed(home: Home) -> None:
    bot = home.bot()
    assert bot.reload() == []
    text = CONFIG + '[work]\ntimeout = "7m"\n[worktree.env]\nDEPLOY_TOKEN = "hush-hush"\n'
    steps = 'on = "commit"\ndo = [{ use = "report" }]\n'
    home.configure(text, f'[[rule]]\nname = "look"\n{steps}')
    assert bot.reload() == [
        "rule look is new", "setting work.timeout is 7m now, it was 15m", "setting worktree.env.DEPLOY_TOKEN is *** now, it was none",
    ]  # fmt: skip
    home.configure(text, f'[[rule]]\nname = "look"\nlane = "low"\n{steps}[[rule]]\nname = "bad"\n')
    first, second = bot.reload()
    assert first == "rule look changed"
    assert second.startswith("rule bad is disabled: ")
    home.places.config_file.write_text(text + "# not trusted\n")
    assert "waits for trust: .sixth/config.toml" in bot.reload()
    assert changes(bot.services(), bot.services()) == []
    told = [record.message for record in home.store.journal.read() if record.kind == "bot.reloaded"]
    assert len(told) == 4
    assert "hush" not in str(told)


def test_settings_that_cannot_be_used_are_told_and_the_last_ones_count(home: Home) -> None:
    bot = home.bot()
    before = bot.services()
    home.configure(CONFIG + "[work]\ntimeout = 3\n")
    assert bot.reload() == []
    (record,) = (record for record in home.store.journal.read() if record.kind == "bot.reloaded")
    assert record.level == "error"
    assert "work.timeout" in record.message
    assert bot.services.last is before
