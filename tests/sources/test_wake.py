"""The waker against a real repository and the real kernel."""

from __future__ import annotations

import logging
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.sources import wake
from sixthbot.sources.wake import Reason, Waker
from sixthbot.store.home import FOLDERS
from sixthbot.store.paths import Places, locate
from sixthbot.store.state.index import open_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.repos import RepoDir

IN_ACCESS, IN_CLOSE_NOWRITE, IN_OPEN, IN_MOVED_FROM = 0x1, 0x10, 0x20, 0x40


@pytest.fixture
def places(repo: RepoDir) -> Places:
    for name in FOLDERS:
        (repo.path / ".sixth" / name).mkdir(parents=True, exist_ok=True)
    return locate(repo.path)


@pytest.fixture
def waker(places: Places) -> Iterator[Waker]:
    waker = Waker(places)
    assert waker.start()
    quiet(waker)
    yield waker
    waker.stop()


def quiet(waker: Waker) -> None:
    """Take what is left over until nothing comes any more."""
    while waker.wait(0.2).reasons:
        pass


def reasons(waker: Waker, *, within: float = 2.0) -> set[Reason]:
    """All reasons that come until a quiet moment."""
    found = set(waker.wait(within).reasons)
    while more := waker.wait(0.2).reasons:
        found |= more
    return found


def test_a_file_written_into_the_inbox_wakes(waker: Waker, places: Places) -> None:
    (places.inbox / "a.md").write_text("one")
    assert reasons(waker) == {Reason.INBOX}


def test_a_file_renamed_into_the_inbox_is_named_as_such(waker: Waker, places: Places) -> None:
    outside = places.sixth / "a.md"
    outside.write_text("one")
    quiet(waker)
    outside.rename(places.inbox / "a.md")
    woken = waker.wait(2)
    assert woken.renamed == {"a.md"}
    assert woken.reasons == {Reason.INBOX}


def test_a_file_renamed_within_the_inbox_counts_as_renamed_in(waker: Waker, places: Places) -> None:
    (places.inbox / ".a.tmp").write_text("one")
    (places.inbox / ".a.tmp").rename(places.inbox / "a.md")
    assert waker.wait(2).renamed == {"a.md"}


def test_what_leaves_the_inbox_delays_nothing_that_comes_after_it(waker: Waker, places: Places) -> None:
    (places.inbox / "a.md").write_text("one")
    quiet(waker)
    (places.inbox / "a.md").rename(places.issues / "a.md")
    started = time.monotonic()
    (places.inbox / "b.md").write_text("two")
    assert waker.wait(2).reasons == {Reason.INBOX}
    assert time.monotonic() - started < 0.4  # watchdog's own mask makes this half a second


@pytest.mark.parametrize("name", [".hidden.md", "a.md~", "a.tmp", "a.swp", "notes.txt"])
def test_ignored_files_do_not_wake(waker: Waker, places: Places, name: str) -> None:
    (places.inbox / name).write_text("x")
    assert Reason.INBOX not in waker.wait(0.3).reasons


def test_commits_branches_and_tags_wake_for_refs(waker: Waker, repo: RepoDir) -> None:
    repo.commit("feat: x", {"x": "1"})
    assert Reason.REFS in reasons(waker)
    repo.git("branch", "feat/deep/branch")
    assert Reason.REFS in reasons(waker)
    repo.git("update-ref", "refs/heads/feat/deep/branch", "HEAD~")  # in a folder that is new
    assert Reason.REFS in reasons(waker)
    repo.git("tag", "v1")
    assert Reason.REFS in reasons(waker)
    repo.git("branch", "-D", "feat/deep/branch")
    assert Reason.REFS in reasons(waker)


def test_switching_wakes_for_heads_also_in_a_linked_worktree(
    waker: Waker, repo: RepoDir, tmp_path: Path
) -> None:
    repo.git("switch", "--quiet", "-c", "other")
    assert Reason.HEADS in reasons(waker)
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "side"))
    waker.refresh()  # .git/worktrees is new
    waker.refresh()
    quiet(waker)
    type(repo)(tmp_path / "side").git("switch", "--quiet", "main")
    assert Reason.HEADS in reasons(waker)


def test_reading_commands_of_a_person_do_not_wake(waker: Waker, repo: RepoDir) -> None:
    repo.git("status")
    repo.git("log")
    repo.git("for-each-ref")
    assert not waker.wait(0.3).reasons


def test_a_task_put_into_a_lane_and_a_note_wake(waker: Waker, places: Places) -> None:
    (places.queue / "ready/high/1-t.json").write_text("{}")
    assert Reason.QUEUE in reasons(waker)
    (places.notes / "on-commit-1").write_text("on-commit")
    assert Reason.NOTE in reasons(waker)


def test_an_inbox_that_was_deleted_and_made_again_is_watched_again(waker: Waker, places: Places) -> None:
    (places.inbox / "rejected").rmdir()
    places.inbox.rmdir()
    waker.refresh()
    places.inbox.mkdir()
    waker.refresh()
    quiet(waker)
    (places.inbox / "a.md").write_text("x")
    assert Reason.INBOX in reasons(waker)


def test_the_kernel_is_never_asked_for_opened_closed_or_read_files(waker: Waker) -> None:
    masks = [
        int(found[1], 16)
        for info in Path("/proc/self/fdinfo").iterdir()
        for found in re.finditer(r"^inotify .*\bmask:([0-9a-f]+)", _text(info), re.MULTILINE)
    ]
    assert len(masks) >= 7
    for mask in masks:
        assert not mask & (IN_ACCESS | IN_OPEN | IN_CLOSE_NOWRITE)
    # only of `.sixth` itself, where next to nothing happens: it makes what comes after wait
    assert [bool(mask & IN_MOVED_FROM) for mask in masks].count(True) == 1


def test_what_commands_and_people_decide_elsewhere_wakes(waker: Waker, places: Places) -> None:
    with open_index(places.saved, durability="process") as index:
        index.set(commit="x")
    waker.refresh()
    quiet(waker)
    with open_index(places.saved, durability="process") as index:
        index.get("commit")
    assert not waker.wait(0.2).reasons
    with open_index(places.saved, durability="process") as index:
        index.set(commit="y")
    assert reasons(waker) == {Reason.QUEUE}
    places.data_dir.mkdir(parents=True)
    waker.refresh()
    quiet(waker)
    (places.data_dir / "trust.json").write_text("{}")
    assert reasons(waker) == {Reason.SETTINGS}
    (places.rules_dir / "a.toml").write_text("")
    assert reasons(waker) == {Reason.SETTINGS}


@pytest.mark.parametrize("what", ["local", "sixth", "top"])
def test_a_home_or_a_part_of_it_that_is_taken_away_wakes(
    waker: Waker, places: Places, tmp_path: Path, what: str
) -> None:
    getattr(places, what).rename(tmp_path / "gone")
    assert Reason.LOST in reasons(waker)


def test_what_happens_in_the_work_tree_does_not_wake(waker: Waker, places: Places) -> None:
    (places.top / "new.txt").write_text("x")
    (places.top / "new").mkdir()
    assert not waker.wait(0.2).reasons


def test_looking_may_come_seldom_only_while_everything_is_told(waker: Waker, places: Places) -> None:
    assert waker.covers()
    for thread in threading.enumerate():
        if "InotifyFD" in type(thread).__name__:
            thread.stop()  # type: ignore[attr-defined]  # watchdog's own
            thread.join(5)
    assert not waker.covers()
    assert not Waker(places).covers()  # nobody tells anything before it is started


def test_a_file_system_that_others_write_to_tells_not_enough(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake, "mounted_as", lambda _: "9p")
    waker = Waker(places)
    assert waker.start()
    assert not waker.covers()
    waker.stop()


def test_a_big_repository_needs_few_watches(places: Places, repo: RepoDir, tmp_path: Path) -> None:
    for number in range(300):
        (repo.path / f"src/{number}").mkdir(parents=True)
        repo.path.joinpath(f".git/refs/remotes/origin/{number}").mkdir(parents=True)
    waker, others = Waker(places), _watches()
    waker.start()
    assert _watches() - others <= 20
    waker.stop()
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "one"))
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "two"))
    for number in range(50):
        repo.git("update-ref", f"refs/heads/team/{number}/x", "HEAD")
    waker.start()
    assert _watches() - others <= 22
    quiet(waker)
    repo.commit("fix: seen by what git logs of it")
    assert Reason.REFS in reasons(waker)
    waker.stop()


def _watches() -> int:
    return sum(_text(info).count("inotify wd") for info in Path("/proc/self/fdinfo").iterdir())


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_lost_events_become_a_reason_to_look_at_everything(waker: Waker) -> None:
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; events were lost")
    assert Reason.LOST in waker.wait(1).reasons


def test_a_poke_from_another_thread_wakes_at_once(places: Places) -> None:
    waker = Waker(places)  # not started: no file events at all
    threading.Timer(0.05, waker.poke, [Reason.QUEUE]).start()
    started = time.monotonic()
    assert waker.wait(5).reasons == {Reason.QUEUE}
    assert time.monotonic() - started < 2
    assert not waker.wait(0).reasons


def test_stopping_leaves_no_thread_and_no_descriptor(places: Places) -> None:
    before = (threading.active_count(), len(list(Path("/proc/self/fd").iterdir())))
    for _ in range(3):
        waker = Waker(places)
        waker.start()
        waker.stop()
        waker.stop()
    assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before
