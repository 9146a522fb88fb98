"""What a disk does while something is written: signals and short writes cost nothing, a torn write leaves no file."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from sixthbot.store import disk
from sixthbot.store.atomic import append_line, make_dirs, move, point, remove, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HERE = point("test.disk")


@pytest.fixture(autouse=True)
def the_systems_disk() -> Iterator[None]:
    yield
    disk.use(None)


class Interrupting(disk.Disk):
    """Breaks every call off once before it is made, and takes three bytes at a time."""

    def __init__(self) -> None:
        self.interrupted: dict[str, int] = {}
        for name in (
            "open",
            "sync",
            "truncate",
            "rename",
            "rename_exclusive",
            "remove",
            "make_dir",
            "remove_dir",
        ):
            setattr(self, name, self._once(name, getattr(self, name)))

    def _once(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        broken: set[tuple[object, ...]] = set()

        def broken_off(*args: object) -> object:
            if args not in broken:
                broken.add(args)
                self.interrupted[name] = self.interrupted.get(name, 0) + 1
                raise InterruptedError(errno.EINTR, "Interrupted system call")
            broken.discard(args)
            return call(*args)

        return broken_off

    def write(self, descriptor: int, data: memoryview) -> int:
        return os.write(descriptor, data[:3])


def test_signals_and_short_writes_cost_nothing(tmp_path: Path) -> None:
    interrupting = Interrupting()
    disk.use(interrupting)
    folder = tmp_path / "a" / "b"
    make_dirs(folder)
    write_file(folder / "one", b"ten bytes.", point=HERE, durability="power")
    append_line(folder / "log", b"a line of some length", point=HERE, durability="power")
    move(folder / "one", tmp_path / "a/two", point=HERE, durability="power")
    assert remove(folder / "log", point=HERE)
    disk.remove_dir(folder)
    assert (tmp_path / "a/two").read_bytes() == b"ten bytes."
    assert os.listdir(tmp_path / "a") == ["two"]  # noqa: PTH208
    assert set(interrupting.interrupted) == {
        "open", "sync", "rename", "rename_exclusive", "remove", "make_dir", "remove_dir",
    }  # fmt: skip


class Torn(disk.Disk):
    """Takes half of what it is given, and then is full or broken."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.written = False

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.written:
            raise OSError(self.number, os.strerror(self.number))
        self.written = True
        return os.write(descriptor, data[: len(data) // 2])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_half_a_write_leaves_the_old_file_and_no_litter(tmp_path: Path, number: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    disk.use(Torn(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        write_file(path, b"new bytes", point=HERE, durability="power")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_half_a_line_is_never_glued_to_the_next(tmp_path: Path) -> None:
    disk.use(Torn(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        append_line(tmp_path / "log", b"one line", point=HERE, durability="process")
    disk.use(None)
    append_line(tmp_path / "log", b"another", point=HERE, durability="process")
    assert (tmp_path / "log").read_bytes() == b"one \nanother\n"


class NeverSynced(disk.Disk):
    """Says that it could not write what it had taken."""

    def __init__(self) -> None:
        self.asked = 0

    def sync(self, descriptor: int) -> None:
        self.asked += 1
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_sync_that_failed_is_not_tried_again_on_the_same_file(tmp_path: Path) -> None:
    path, failing = tmp_path / "file", NeverSynced()
    path.write_bytes(b"old")
    disk.use(failing)
    with pytest.raises(OSError, match="Input/output"):
        write_file(path, b"new", point=HERE, durability="power")
    assert (path.read_bytes(), failing.asked) == (b"old", 1)


def test_who_listens_hears_where_a_file_went_before_that_it_left(tmp_path: Path) -> None:
    """Whoever saves in between would else save that it is gone, and for a moment nothing of it."""
    (tmp_path / "here").write_text("x")
    heard: list[tuple[str, bool]] = []

    def listen(path: str, gone: bool) -> None:  # noqa: FBT001 - as the disk calls it
        heard.append((path.rpartition("/")[2], gone))

    disk.listen(listen)
    try:
        disk.rename_exclusive(tmp_path / "here", tmp_path / "there")
    finally:
        disk.unlisten(listen)
    assert heard == [("there", False), ("here", True)]
