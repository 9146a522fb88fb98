from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sixthbot.actions.moving import move_as_operation
from sixthbot.core.errors import Refused
from sixthbot.core.names import Oid
from sixthbot.engine import recovery
from sixthbot.engine.backups import expire_operations
from sixthbot.engine.recovery import recover
from sixthbot.engine.undoing import plan_undo, undo
from sixthbot.git.refs import RefMove, move_refs
from sixthbot.store.operations import BACKUP, Operation
from tests.engine.scene import Scene

if TYPE_CHECKING:
    from sixthbot.store.operations import RefChange
    from tests.support.repos import RepoDir

ONE, TWO = "refs/heads/one", "refs/heads/two"


@pytest.fixture
def scene(repo: RepoDir) -> Scene:
    return Scene(repo.path)


def move(scene: Scene, *changes: RefChange) -> Operation:
    services = scene.services
    note = services.store.journal.note
    return move_as_operation(
        services.repo.git, services.store, changes, now=services.clock(), task="", reason="test", note=note
    )


def backups(repo: RepoDir) -> dict[str, str]:
    lines = repo.git("for-each-ref", "--format=%(refname) %(objectname)", BACKUP).splitlines()
    return {line.split()[0].split("/", 4)[4]: line.split()[1] for line in lines}


def test_what_a_branch_was_at_outlives_gc_and_comes_back(repo: RepoDir, scene: Scene) -> None:
    old = repo.commit("old", {"a": "1\n"})
    repo.git("branch", "one")
    repo.git("reset", "--quiet", "--hard", "HEAD~1")
    new = repo.head()
    move(scene, (ONE, old, new))
    assert backups(repo) == {"heads/one": old}
    repo.git("reflog", "expire", "--expire=all", "--all")
    repo.git("gc", "--quiet", "--prune=now")
    undo(scene.services, plan_undo(scene.services, None))
    assert repo.tip("one") == old
    assert repo.git("fsck", "--strict", "--no-dangling") == ""


def test_several_refs_made_moved_and_deleted_come_back_together_or_not_at_all(
    repo: RepoDir, scene: Scene
) -> None:
    first, second = repo.head(), repo.commit("second", {"a": "1\n"})
    repo.git("branch", "two", first)
    repo.git("branch", "three", first)
    done = move(scene, (ONE, None, second), (TWO, first, second), ("refs/heads/three", first, None))
    repo.git("branch", "four", first)
    repo.git("update-ref", TWO, first)
    with pytest.raises(Refused, match="two has moved since"):
        plan_undo(scene.services, done.id)
    repo.git("update-ref", TWO, second)
    undo(scene.services, plan_undo(scene.services, done.id))
    assert [repo.tip(name) for name in ("one", "two", "three", "four")] == ["", first, first, first]


@pytest.mark.parametrize("moved", range(6))
def test_a_kill_between_two_refs_of_one_operation_is_settled_one_way_or_the_other(
    repo: RepoDir, scene: Scene, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git moves one ref after the other: whatever it came to, all are moved after the recovery, or none."""
    monkeypatch.setattr(recovery, "_SETTLED", timedelta(0))
    first, second = repo.head(), repo.commit("second", {"a": "1\n"})
    repo.git("branch", "one", first)
    repo.git("branch", "two", first)
    operation = Operation(
        id="20261126T000000000000Z-abc", time="2026-11-26T00:00:00Z", task="", reason="test",
        refs=((ONE, first, second), (TWO, first, second), ("refs/heads/three", None, second)),
    )  # fmt: skip
    scene.services.store.operations.begin(operation)
    for ref, old, new in (*operation.backups(), *operation.refs)[:moved]:
        change = RefMove(ref, None if old is None else Oid(old), None if new is None else Oid(new))
        move_refs(scene.services.repo.git, [change], message="half")
    done = recover(scene.services)
    tips = [repo.tip(name) for name in ("one", "two", "three")]
    if moved > 2:
        assert done.finished == (operation.id,)
        assert tips == [second, second, second]
        assert backups(repo) == {"heads/one": first, "heads/two": first}
    else:
        assert done.reverted == (operation.id,)
        assert tips == [first, first, ""]
        assert backups(repo) == {}


def test_one_that_is_not_over_was_never_made_or_is_of_a_remote_is_refused(
    repo: RepoDir, scene: Scene
) -> None:
    head, operations = repo.head(), scene.services.store.operations
    base = Operation(id="a1", time="2026-11-26T00:00:00Z", task="", reason="test", refs=((ONE, None, head),))
    operations.begin(base)
    with pytest.raises(Refused, match="not over"):
        plan_undo(scene.services, "a1")
    operations.revert("a1")
    with pytest.raises(Refused, match="never made"):
        plan_undo(scene.services, "a1")
    operations.begin(replace(base, id="a2", refs=(("refs/remotes/origin/x", None, head),)))
    operations.finish("a2")
    with pytest.raises(Refused, match="not a branch or tag"):
        plan_undo(scene.services, "a2")


def test_old_backups_go_and_records_of_branches_that_are_no_more(repo: RepoDir, scene: Scene) -> None:
    first, second = repo.head(), repo.commit("second", {"a": "1\n"})
    repo.git("branch", "one", first)
    repo.git("branch", "two", first)
    kept, gone = move(scene, (ONE, first, second)), move(scene, (TWO, first, second))
    assert expire_operations(scene.services, keep=timedelta(days=1)) == 0
    repo.git("branch", "-D", "two")
    third = move(scene, (ONE, second, first))
    record = scene.services.places.operations / f"{third.id}.json"
    whole = record.read_bytes()
    record.write_bytes(b"torn")
    old = replace(
        third,
        id="20200101T000000000Z-aaaaaa",
        time="2020-01-01T00:00:00Z",
        refs=(("refs/heads/x", None, first),),
    )
    scene.services.store.operations.begin(old)
    scene.services.store.operations.finish(old.id)
    assert (
        expire_operations(scene.services, keep=timedelta(days=1)) == 0
    )  # what is young stays, told of or not
    record.write_bytes(whole)
    assert expire_operations(scene.services, keep=timedelta(0)) == 3
    assert backups(repo) == {}
    ids = [one.id for one in scene.services.store.operations.list()]
    assert kept.id in ids
    assert gone.id not in ids
    assert expire_operations(scene.services, keep=timedelta(0)) == 0
