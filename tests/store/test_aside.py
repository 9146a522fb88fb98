from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from sixthbot.store.aside import put_aside
from sixthbot.store.atomic import observe
from tests.store.support import Crash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def nobody_observes() -> Iterator[None]:
    yield
    observe(None)


def aside(source: Path, target: Path, reason: bytes = b"bad\n") -> Path:
    return put_aside(source, target, reason, reason_point="reason", move_point="move", durability="process")


@pytest.mark.parametrize(
    "moment", ["reason before", "reason written", "reason after", "move before", "move after"]
)
def test_at_no_moment_does_a_file_lie_aside_without_its_reason_or_get_two(
    tmp_path: Path, moment: str
) -> None:
    source, target = tmp_path / "file", tmp_path / "aside" / "file"
    target.parent.mkdir()
    source.write_text("x")

    def crash(*now: str) -> None:
        if " ".join(now) == moment:
            raise Crash

    observe(crash)
    with pytest.raises(Crash):
        aside(source, target)
    observe(None)
    assert target.exists() <= target.with_name("file.reason.txt").exists()
    if source.exists():
        assert aside(source, target) == target
    names = sorted(path.name for path in target.parent.iterdir() if not path.name.startswith("."))
    assert names == ["file", "file.reason.txt"]


def test_a_name_that_is_taken_or_explained_otherwise_is_left(tmp_path: Path) -> None:
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside/file").write_text("theirs")
    (tmp_path / "aside/file.1.reason.txt").write_text("another reason")
    (tmp_path / "file").write_text("x")
    assert aside(tmp_path / "file", tmp_path / "aside/file").name == "file.2"


def test_a_name_without_room_for_a_reason_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "aside").mkdir()
    for number in range(2):
        source = tmp_path / f"{'x' * 250}{number}"
        source.write_text("x")
        place = aside(source, tmp_path / "aside" / source.name)
        assert place.name == "x" * 200 + (".1" if number else "")
        assert place.with_name(place.name + ".reason.txt").exists()


def test_in_a_folder_that_cannot_be_read_no_name_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, "the disk")

    monkeypatch.setattr("sixthbot.store.aside.read_small", fails)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="the disk"):
        aside(tmp_path / "file", tmp_path / "file.aside")


def test_a_file_that_is_gone_leaves_no_reason(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        aside(tmp_path / "gone", tmp_path / "place")
    assert list(tmp_path.iterdir()) == []
