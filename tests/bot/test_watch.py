"""`watch`: wakes at once, loses nothing, stops for nothing but its stop."""

from __future__ import annotations

import os
import resource
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from sixthbot.core import lifecycle
from sixthbot.core.errors import Locked
from sixthbot.store.clock import now
from tests.bot.home import CONFIG, Home, Watching, make_home, until
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

ISSUE = "---\nid: {id}\n---\n# Issue {id}\n\n- [ ] Sort `do: sort-words`\n"


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def issues(home: Home) -> set[str]:
    return {task.issue for task in home.tasks("parked")}


def test_a_dropped_file_goes_all_the_way_and_the_person_s_tree_stays_as_it_is(home: Home) -> None:
    before = fingerprint(home.repo.path)
    with Watching(home.bot()) as watching:
        home.drop("a.md", ISSUE.format(id="a"))
        until(lambda: issues(home) == {"a"} and not home.tasks("running", "ready"))
    assert watching.left_after < 5
    assert fingerprint(home.repo.path) == before
    assert home.tasks("running", "ready") == []


def test_a_second_watch_is_refused_and_says_who_holds_the_lock(home: Home) -> None:
    with Watching(home.bot()), pytest.raises(Locked, match=str(os.getpid())):
        home.bot().watch(threading.Event())
    home.bot().watch(_set())  # free again


def _set() -> threading.Event:
    stop = threading.Event()
    stop.set()
    return stop


def test_a_file_renamed_in_is_taken_without_a_pause(home: Home) -> None:
    with Watching(home.bot()):
        until(lambda: "event" in home.kinds())
        outside = home.places.sixth / "local" / "a.md"
        outside.write_text(ISSUE.format(id="a"))
        outside.rename(home.places.inbox / "a.md")
        until(lambda: home.tasks("ready", "running", "parked"))


def test_a_slow_writer_is_waited_for(home: Home) -> None:
    with Watching(home.bot()):
        with (home.places.inbox / "slow.md").open("w") as file:
            for line in ISSUE.format(id="slow").splitlines(keepends=True):
                file.write(line)
                file.flush()
                time.sleep(0.15)
            assert not home.places.issues.joinpath("slow").exists()
        until(lambda: issues(home) == {"slow"})
    assert home.store.issues.issue_text("slow").decode() == ISSUE.format(id="slow")


def test_a_writer_that_opens_the_file_again_and_again_is_waited_for(home: Home) -> None:
    with Watching(home.bot()):
        path = home.places.inbox / "slow.md"
        for line in ISSUE.format(id="slow").splitlines(keepends=True):
            with path.open("a") as file:
                file.write(line)
            time.sleep(0.02)
        until(lambda: issues(home) == {"slow"})
    assert home.store.issues.issue_text("slow").decode() == ISSUE.format(id="slow")


def test_commits_are_let_in_as_they_come(home: Home) -> None:
    rule = '[[rule]]\nname = "t"\non = "commit"\ndo = [{ use = "shell", run = ["true"] }]\n'
    home.configure(CONFIG, rule)
    with Watching(home.bot()):
        made = [home.repo.commit(f"fix: {number}") for number in range(5)]
        until(lambda: len(home.tasks("done")) == 5)
    assert sorted(str(task.event.fields["id"]) for task in home.tasks("done")) == sorted(made)


def test_without_file_events_the_poll_finds_everything(home: Home) -> None:
    bot = home.bot()
    with Watching(bot):
        for (
            thread
        ) in threading.enumerate():  # what a system without inotify looks like: nobody tells anything
            if "Observer" in type(thread).__name__ or "Inotify" in type(thread).__name__:
                with suppress(OSError):  # of a descriptor that it has just closed itself
                    thread.stop()  # type: ignore[attr-defined]
        home.drop("a.md", ISSUE.format(id="a"))
        until(lambda: issues(home) == {"a"})


def test_a_run_beside_a_watch_shares_its_queue(home: Home) -> None:
    with Watching(home.bot()):
        home.drop("a.md", ISSUE.format(id="a"))
        home.bot().run()
        until(lambda: issues(home) == {"a"})
    claims = [one for one in home.store.journal.read() if one.kind == "task.claimed" and one.issue == "a"]
    assert len({one.task for one in claims}) == len(claims)


def test_a_repository_that_breaks_is_told_once_and_goes_on_when_mended(home: Home) -> None:
    config = home.places.git_dir / "config"
    good = config.read_bytes()
    with Watching(home.bot()):
        until(lambda: "event" in home.kinds())
        config.write_bytes(b"[broken")
        home.drop("a.md", ISSUE.format(id="a"))
        until(lambda: home.places.issues.joinpath("a/issue.md").exists())  # the inbox goes on meanwhile
        until(lambda: "bot.trouble" in home.kinds())
        config.write_bytes(good)
        home.repo.commit("fix: after")
        until(
            lambda: any(
                one.kind == "event" and "fix: after" in str(one.data) for one in home.store.journal.read()
            )
        )
        until(lambda: _hastened(home) and issues(home) == {"a"}, seconds=40)
    assert home.kinds().count("bot.trouble") <= 3


def test_settings_that_break_in_the_moment_it_begins_do_not_end_it(home: Home) -> None:
    bot, config = home.bot(), home.places.git_dir / "config"
    good = config.read_bytes()
    config.write_bytes(b"[broken")
    stop = threading.Event()
    watching = threading.Thread(target=bot.watch, args=(stop,), daemon=True)
    watching.start()
    until(lambda: "bot.trouble" in home.kinds())
    assert watching.is_alive()
    config.write_bytes(good)
    stop.set()
    watching.join(20)


def _hastened(home: Home) -> bool:
    """Do as a person who does not want to wait for the next try."""
    for task in home.tasks("waiting"):
        home.store.queue.settle(task, lifecycle.step(task, lifecycle.Retried(), now()))
    return True


def test_settings_that_change_count_from_the_next_turn(home: Home) -> None:
    with Watching(home.bot()):
        until(lambda: "event" in home.kinds())
        home.places.config_file.write_text(CONFIG + '\n[recipes.new]\nrun = ["touch", "new.txt"]\n')
        home.drop("a.md", "---\nid: a\n---\n# A\n\n- [ ] New `do: new`\n")
        until(lambda: issues(home) == {"a"})
        assert [task.state.name for task in home.tasks("parked")] == ["parked"]
        home.configure(CONFIG + '\n[recipes.new]\nrun = ["touch", "new.txt"]\n')  # the person trusts it
        until(lambda: home.repo.try_git("cat-file", "-e", "sixth/a:new.txt").returncode == 0)


def test_a_person_s_commit_is_taken_up_when_the_branch_is_left(home: Home) -> None:
    with Watching(home.bot()):
        home.drop("i.md", "---\nid: two\n---\n# Two\n\n- [ ] By hand\n- [ ] Sort `do: sort-words`\n")
        until(lambda: issues(home) == {"two"})
        home.repo.git("switch", "--quiet", "sixth/two")
        home.repo.commit("feat: by hand\n\nSixth-Subtask: 1\n", {"hand.txt": "x\n"})
        home.repo.git("switch", "--quiet", "main")
        until(home.store.drafts.list)
        home.repo.git("merge", "--quiet", "sixth/two")
        until(lambda: not home.repo.tip("sixth/two"))


def test_a_stop_in_the_middle_of_work_gives_it_back_in_time(home: Home) -> None:
    with Watching(home.bot()) as watching:
        home.drop("a.md", "---\nid: a\n---\n# A\n\n- [ ] Wait `do: slow`\n")
        until(lambda: home.tasks("running"))
        time.sleep(0.3)
    assert watching.left_after < 5
    (task,) = home.tasks("ready")
    assert (task.crashes, task.attempts) == (0, 0)


def test_idle_it_uses_next_to_no_processor_time(home: Home) -> None:
    with Watching(home.bot()):
        until(lambda: "event" in home.kinds())
        time.sleep(1.5)
        before = resource.getrusage(resource.RUSAGE_SELF)
        time.sleep(4)
        after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 4 * 0.03  # three per cent of one processor, on a machine that may be busy


def test_a_thousand_files_at_once_are_all_taken(home: Home) -> None:
    home.configure(CONFIG + '\n[rules]\ndisabled = ["work on an issue"]\n')
    with Watching(home.bot()):
        for number in range(1000):
            home.drop(f"{number}.md", f"# Issue {number}\n")
        until(lambda: len(list(home.places.issues.iterdir())) == 1000, seconds=60)
        until(lambda: not list(home.places.inbox.glob("*.md")))
    assert len(home.store.issues.list()) == 1000
