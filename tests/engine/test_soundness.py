"""What a power cut tore is put out of git's way, and made again; what is sound, or not looked for, stays."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.times import format_time
from sixthbot.engine.recovery import recover
from sixthbot.engine.soundness import put_torn_aside, torn
from sixthbot.git import refs
from sixthbot.store.operations import Operation
from tests.engine.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


def written(scene: Scene, text: bytes) -> Path:
    """Write a blob as the bot does; return its file."""
    git = scene.services.repo.git
    oid = git.run("hash-object", "-w", "--stdin", "--no-filters", stdin=text, write=True).text.strip()
    path = scene.services.places.git_dir / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("left", [0, 9], ids=["empty", "cut at half"])
def test_an_object_that_was_torn_is_put_aside_and_can_be_written_again(repo: RepoDir, left: int) -> None:
    scene = Scene(repo.path)
    path = written(scene, b"some words of the bot\n" * 5)
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    assert written(scene, b"some words of the bot\n" * 5).read_bytes() != whole, "git takes it for written"
    assert put_torn_aside(scene.services) == [path.parent.name + path.name]
    assert torn(scene.services) == []
    assert written(scene, b"some words of the bot\n" * 5).read_bytes() == whole
    assert "error" not in repo.git("fsck", "--strict")
    kept = scene.services.places.local / "torn" / f"{path.parent.name}{path.name}"
    assert kept.read_bytes() == whole[:left]
    assert [record.data for record in scene.journal("object.torn")]


def test_sound_objects_stay_and_old_ones_are_not_read(repo: RepoDir) -> None:
    scene = Scene(repo.path)
    assert put_torn_aside(scene.services) == []
    old = written(scene, b"old\n" * 9)
    old.write_bytes(old.read_bytes()[:-3])
    os.utime(old, (1, 1))
    assert torn(scene.services) == []  # git says so when it needs it, and it is not of a cut of today
    os.truncate(old, 0)
    assert torn(scene.services) == [old]


def test_what_was_torn_twice_is_kept_twice(repo: RepoDir) -> None:
    scene = Scene(repo.path)
    for _ in range(2):
        os.truncate(written(scene, b"again\n"), 0)
        assert len(put_torn_aside(scene.services)) == 1
    assert len(list((scene.services.places.local / "torn").iterdir())) == 2


def test_a_clock_that_was_far_ahead_hides_no_torn_object(repo: RepoDir) -> None:
    scene = Scene(repo.path)
    ahead = datetime.now(UTC) + timedelta(days=7)
    scene.services.store.cursors.save("objects", {"looked": format_time(ahead)})
    path = written(scene, b"words\n" * 9)
    path.write_bytes(path.read_bytes()[:-3])
    assert torn(scene.services) == [path]


@pytest.mark.parametrize("content", [b"", bytes(41)], ids=["empty", "zeros"])
@pytest.mark.parametrize("new", [True, False])
def test_a_ref_that_was_torn_while_it_was_moved_is_put_back(
    repo: RepoDir, content: bytes, *, new: bool
) -> None:
    scene = Scene(repo.path)
    old, ref = repo.tip("main"), "refs/heads/sixth/x"
    repo.commit("feat: more", {"more.txt": "1\n"})
    scene.services.store.operations.begin(
        Operation(
            id="op", time="2020-01-01T00:00:00.000Z", task="", reason="a try",
            refs=((ref, None if new else old, repo.tip("main")),),
        )
    )  # fmt: skip
    path = repo.git_dir / ref
    path.parent.mkdir()
    path.write_bytes(content)
    assert recover(scene.services).reverted == ("op",)
    assert refs.resolve(scene.services.repo.git, ref) == (None if new else old)
    assert "error" not in repo.git("fsck", "--strict")
