"""What befalls a running bot that no program of ours does: its folders removed, its clock set, its disk read-only."""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import Locked
from sixthbot.core.tasks import Done, Lane
from sixthbot.store.atomic import observe
from sixthbot.store.disk import Disk, use
from sixthbot.store.locks import hold
from tests.bot.home import CONFIG, Home, Watching, make_home, until

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.disk import StrPath
    from tests.support.repos import RepoDir

SLOW = "---\nid: a\n---\n# Issue a\n\n- [ ] Wait `do: wait`\n"


@pytest.fixture
def home(repo: RepoDir) -> Home:
    home = make_home(repo)
    home.configure(CONFIG + '[recipes.wait]\nrun = ["sleep", "3"]\n')
    return home


def test_local_removed_under_a_bot_makes_no_second_executor(home: Home, tmp_path: Path) -> None:
    with Watching(home.bot()):
        home.drop("a.md", SLOW)
        until(lambda: "process.started" in home.kinds())
        home.places.local.rename(
            tmp_path / "gone"
        )  # removing it file by file races with a bot that makes it anew
        until(home.places.watch_lock.exists)
        with pytest.raises(Locked):
            home.bot().watch(threading.Event())
        home.bot().run(threading.Event())  # it recovers, and waits for what the other one does
        [task] = home.tasks()
        assert (task.issue, task.state, task.crashes) == ("a", Done("succeeded"), 0)
        home.drop("b.md", "# Go on\n\n- [ ] By hand\n")
        until(lambda: home.tasks("parked"))
    kinds = home.kinds()
    assert "task.recovered" not in kinds
    assert kinds.count("process.started") == kinds.count("process.ended") == 1


class ReadOnly(Disk):
    """A disk that was mounted read-only: what is open for writing still is, nothing new can be made."""

    def open(self, path: StrPath, flags: int, mode: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return super().open(path, flags, mode)

    def make_dir(self, path: StrPath, mode: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def rename_exclusive(self, source: StrPath, target: StrPath) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(target))


def test_a_disk_that_becomes_read_only_for_a_while_ends_nothing(home: Home) -> None:
    with Watching(home.bot()) as watching:
        until(lambda: "event" in home.kinds())
        use(ReadOnly())
        try:
            home.drop("a.md", "# One\n\n- [ ] By hand\n")
            time.sleep(1.5)
            assert watching._thread.is_alive()
            assert home.tasks() == []
        finally:
            use(None)
        until(lambda: home.tasks("parked"))


def test_what_begins_on_a_read_only_disk_says_so_and_ends(home: Home) -> None:
    use(ReadOnly())
    try:
        for begin in (
            lambda: home.bot().run(threading.Event()),
            lambda: home.bot().work(Lane.LOW, threading.Event(), began=lambda: None),
            lambda: home.bot().watch(threading.Event()),
        ):
            with pytest.raises(OSError, match="Read-only"):
                begin()
    finally:
        use(None)


def test_settings_that_change_while_the_disk_is_full_end_nothing(home: Home) -> None:
    refused: dict[str, int] = {}

    def full(point: str, moment: str) -> None:
        if moment == "before" and point in refused:
            refused[point] += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    home.drop("a.md", "---\nid: a\n---\n# A\n\n- [ ] New `do: new`\n")
    with Watching(home.bot()) as watching:
        until(lambda: home.tasks("parked"))
        observe(full)
        try:
            refused["journal.append"] = 0
            home.configure("[broken")
            until(lambda: refused["journal.append"])
            refused["issue.plan"] = 0
            home.configure(CONFIG + '\n[recipes.new]\nrun = ["touch", "new.txt"]\n')
            until(lambda: refused["issue.plan"])
            time.sleep(0.2)
            assert watching._thread.is_alive()
        finally:
            observe(None)
        until(lambda: home.repo.try_git("cat-file", "-e", "sixth/a:new.txt").returncode == 0)


def test_a_bot_whose_lock_another_one_took_meanwhile_leaves(home: Home) -> None:
    bot, ended = home.bot(), threading.Event()
    said = []

    def watch() -> None:
        try:
            bot.watch(threading.Event())
        except Locked as error:
            said.append(error.message)
        finally:
            ended.set()

    threading.Thread(target=watch, daemon=True).start()
    until(lambda: "event" in home.kinds())
    home.places.watch_lock.unlink()
    with hold(home.places.watch_lock, what="watch"):
        assert ended.wait(10)
    assert "was removed under this bot and another one has begun" in said[0]
