"""When a dropped file counts as finished."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from sixthbot.sources.settling import Settling, held_open

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_settles_when_two_looks_in_a_moment_find_it_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("one")
    settling = Settling(settled_after=0.05)
    assert settling.wait("a.md", file.lstat(), tick=10.0, renamed=False) > 0
    assert settling.wait("a.md", file.lstat(), tick=10.04, renamed=False) > 0
    assert settling.wait("a.md", file.lstat(), tick=10.06, renamed=False) == 0


def test_every_change_starts_the_wait_again(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("one")
    settling = Settling(settled_after=0.05)
    settling.wait("a.md", file.lstat(), tick=10.0, renamed=False)
    file.write_text("one, two")
    assert settling.wait("a.md", file.lstat(), tick=10.06, renamed=False) > 0
    assert settling.wait("a.md", file.lstat(), tick=10.12, renamed=False) == 0


def test_a_time_in_the_future_or_long_ago_settles_like_any_other(tmp_path: Path) -> None:
    for number, when in enumerate((0, 4_000_000_000)):
        file = tmp_path / f"{number}.md"
        file.write_text("x")
        os.utime(file, (when, when))
        settling = Settling(settled_after=0.05)
        assert settling.wait(file.name, file.lstat(), tick=1.0, renamed=False) > 0
        assert settling.wait(file.name, file.lstat(), tick=1.06, renamed=False) == 0


def test_a_file_renamed_in_is_settled_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("one")
    assert Settling().wait("a.md", file.lstat(), tick=1.0, renamed=True) == 0


def test_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("one")
    settling = Settling()
    settling.wait("a.md", file.lstat(), tick=1.0, renamed=False)
    settling.forget_all_but(["b.md"])
    assert not settling.looks


def test_a_file_that_somebody_still_writes_to_is_held_open(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    with file.open("w") as writer:
        writer.write("half")
        writer.flush()
        assert held_open(file)
    assert not held_open(file)


def test_readers_do_not_hold_a_file_open(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("x")
    with file.open() as reader:
        assert not held_open(file)
        reader.read()


def test_a_missing_file_a_link_and_a_pipe_are_not_held_open(tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to(tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe.md")
    for name in ("absent.md", "link.md", "pipe.md"):
        assert not held_open(tmp_path / name)


def test_writers_that_come_during_the_look_do_not_end_the_bot(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("x")
    child = os.fork()
    if child == 0:  # opens the file for writing again and again, which breaks leases
        while True:
            os.close(os.open(file, os.O_WRONLY))
    try:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            held_open(file)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
