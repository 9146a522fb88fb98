from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import Refused
from sixthbot.store import atomic
from sixthbot.store.atomic import append_line, move, observe, point, read_small, sweep_temporaries, write_file
from tests.store.support import Crash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = point("test.atomic")


@pytest.fixture(autouse=True)
def nobody_observes() -> Iterator[None]:
    yield
    observe(None)


def crash_at(wanted: str) -> None:
    def observer(_point: str, moment: str) -> None:
        if moment == wanted:
            raise Crash

    observe(observer)


@pytest.mark.parametrize(("moment", "expected"), [("before", b"old"), ("written", b"old"), ("after", b"new")])
def test_a_crash_leaves_the_old_bytes_or_the_new_ones(tmp_path: Path, moment: str, expected: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    crash_at(moment)
    with pytest.raises(Crash):
        write_file(path, b"new", point=HERE, durability="power")
    assert path.read_bytes() == expected


def test_a_full_disk_leaves_the_old_bytes_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_point: str, moment: str) -> None:
        if moment == "written":
            raise OSError(28, "No space left on device")

    observe(full)
    with pytest.raises(OSError, match="No space"):
        write_file(path, b"new", point=HERE, durability="power")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_a_file_is_written_with_its_mode(tmp_path: Path) -> None:
    write_file(tmp_path / "secret", b"", point=HERE, durability="process", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_move_never_replaces(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    with pytest.raises(FileExistsError):
        move(one, two, point=HERE, durability="power")
    assert (one.read_text(), two.read_text()) == ("1", "2")
    two.unlink()
    move(one, two, point=HERE, durability="power")
    assert two.read_text() == "1"
    with pytest.raises(FileNotFoundError):
        move(one, tmp_path / "three", point=HERE, durability="power")


def test_a_move_never_replaces_where_the_kernel_does_not_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sixthbot.store import rename  # noqa: PLC0415

    monkeypatch.setattr(rename, "_renameat2", lambda: None)
    test_a_move_never_replaces(tmp_path)


def test_a_line_is_never_glued_to_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append_line(path, b"one", point=HERE, durability="power")
    with path.open("ab") as file:
        file.write(b"to")
    append_line(path, b"three", point=HERE, durability="process")
    assert path.read_bytes() == b"one\nto\nthree\n"


def test_only_small_regular_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_small(path, 5) == b"12345"
    with pytest.raises(Refused, match="longer than 4"):
        read_small(path, 4)
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        with pytest.raises(Refused):
            read_small(tmp_path / name, 5)
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "missing", 5)


def test_writing_never_follows_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "link").symlink_to(victim)
    write_file(tmp_path / "link", b"new", point=HERE, durability="process")
    assert victim.read_text() == "mine"
    (tmp_path / "log").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        append_line(tmp_path / "log", b"new", point=HERE, durability="process")
    assert victim.read_text() == "mine"


def test_every_write_is_seen_under_its_name(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    observe(lambda name, moment: seen.append((name, moment)))
    write_file(tmp_path / "file", b"", point=HERE, durability="process")
    assert seen == [(HERE, "before"), (HERE, "written"), (HERE, "after")]
    assert HERE in atomic.WRITE_POINTS


def test_only_what_dead_processes_left_half_written_is_swept(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / "a").mkdir()
    young = f".{gone.pid}-4-abcdef.tmp"
    kept = {".1-0-abcdef.tmp", f".{os.getpid()}-7-abcdef.tmp", ".mine.tmp", "x.tmp", "note", young}
    for name in (*kept, f".{gone.pid}-3-abcdef.tmp"):
        (tmp_path / "a" / name).write_text("")
        if name != young:
            os.utime(tmp_path / "a" / name, (1, 1))
    assert sweep_temporaries(tmp_path) == 1
    assert {path.name for path in (tmp_path / "a").iterdir()} == kept


def test_nothing_is_begun_anew_in_a_home_that_is_being_taken_away(tmp_path: Path) -> None:
    home = tmp_path / ".sixth"
    home.mkdir()
    (tmp_path / ".git").mkdir()
    (home / ".home").touch()
    atomic.make_dirs(home / "local/logs")
    (home / ".home").unlink()
    atomic.make_dirs(home / "local/cache")  # what is still there can be used
    for gone in (home / "journal", home / "queue/ready"):
        with pytest.raises(FileNotFoundError, match="is being taken away"):
            atomic.make_dirs(gone)
    assert [path.name for path in home.iterdir()] == ["local"]
