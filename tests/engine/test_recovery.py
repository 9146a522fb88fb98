from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import GitFailed
from sixthbot.core.names import BranchName
from sixthbot.core.tasks import Done, Ready, Running
from sixthbot.core.times import format_time
from sixthbot.engine.backups import expire_operations
from sixthbot.engine.recovery import Recovered, mend_rest, recover
from sixthbot.git.refs import tip
from sixthbot.store.locks import WorkerLease
from sixthbot.store.operations import Operation, RefChange
from tests.engine.scene import Scene, probe, rule
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

PROCESS = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from sixthbot.engine.pool import WorkerPool
    from tests.engine.scene import Scene, probe, rule
    top, folder = Path(sys.argv[1]), Path(sys.argv[2])
    script = f"echo $PPID > {folder}/leash; echo $$ > {folder}/pid; sleep 100"
    do = (probe(record=str(folder / "record")), probe("run", record=str(folder / "record"), run=["sh", "-c", script]))
    scene = Scene(top, rule(do=do))
    pool = WorkerPool(lambda: scene.services, workers=1)
    pool.start()
    print("up", flush=True)
    sys.stdin.read()
    """
)


def start(repo: RepoDir, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(repo.path), str(folder)], env=environment, stdin=subprocess.PIPE
    )


def number_in(path: Path) -> int:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if path.exists() and path.read_text().endswith("\n"):
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"{path.name} never came")


def test_a_killed_workers_task_has_no_second_executor_before_its_program_is_gone(
    repo: RepoDir, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    record = out / "record"
    scene = Scene(repo.path, rule(do=(probe(record=str(record)), probe(record=str(record)))))
    [task] = scene.admit()
    process = start(repo, out)
    number_in(out / "pid")
    leash = number_in(out / "leash")
    assert isinstance(scene.task(task.id).state, Running)
    os.kill(leash, signal.SIGSTOP)
    process.kill()
    process.communicate()
    assert recover(scene.services) == Recovered()
    assert isinstance(scene.task(task.id).state, Running)
    os.kill(leash, signal.SIGCONT)
    end = time.monotonic() + 1.5
    recovered = recover(scene.services)
    while not recovered.tasks and time.monotonic() < end:
        time.sleep(0.02)
        recovered = recover(scene.services)
    [back] = recovered.tasks
    assert (back.state, back.crashes) == (Ready(), 1)
    assert recover(scene.services) == Recovered()
    assert scene.perform().state == Done("succeeded")
    steps = [line.split()[2] for line in record.read_text().splitlines()]
    assert steps == ["nothing", "run", "nothing"]  # the finished first step was not done again
    assert list(scene.services.places.workers.glob("*.lock")) == []


def test_leases_of_dead_workers_are_cleared_away_and_living_ones_kept(repo: RepoDir) -> None:
    scene = Scene(repo.path)
    workers = scene.services.places.workers
    lease = WorkerLease(scene.services.places, "alive")
    lease.acquire()
    old = time.time() - 3600
    for name in ("alive.lock", "dead.lock"):
        (workers / name).touch()
        os.utime(workers / name, (old, old))
    (workers / "young.lock").touch()
    recover(scene.services)
    assert sorted(path.name for path in workers.glob("*.lock")) == ["alive.lock", "young.lock"]
    lease.release()


def test_the_work_of_a_living_worker_is_left_alone(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    [task] = scene.admit()
    lease = WorkerLease(scene.services.places, "alive")
    lease.acquire()
    scene.claim("alive")
    assert recover(scene.services) == Recovered()
    lease.release()
    assert [one.id for one in recover(scene.services).tasks] == [task.id]


def operation(scene: Scene, *refs: RefChange, task: str = "") -> Operation:
    made = Operation(id="op-1", time=format_time(scene.clock()), task=task, reason="test", refs=refs)
    scene.services.store.operations.begin(made)
    return made


@pytest.mark.parametrize("moved", [True, False])
def test_an_operation_that_was_cut_off_is_finished_or_reverted_as_git_has_it(
    repo: RepoDir, *, moved: bool
) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, clock=clock)
    head = tip(scene.services.repo.git, BranchName("main"))
    assert head is not None
    operation(scene, ("refs/heads/sixth/x", None, head), task="t1")
    if moved:
        repo.git("branch", "sixth/x", "main")
    found = recover(scene.services)
    assert (found.finished, found.reverted) == ((("op-1",), ()) if moved else ((), ("op-1",)))
    assert scene.services.store.operations.get("op-1").state == ("done" if moved else "reverted")
    assert recover(scene.services) == Recovered()


def test_an_operation_that_may_be_at_work_is_left_alone(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(), clock=clock)
    [task] = scene.admit()
    scene.claim()
    lease = WorkerLease(scene.services.places, "w1")
    lease.acquire()
    operation(scene, ("refs/heads/sixth/x", None, "1" * 40), task=task.id)
    assert recover(scene.services) == Recovered()
    lease.release()
    assert recover(scene.services).reverted == ("op-1",)


def test_an_operation_of_a_command_is_left_alone_for_a_minute(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, clock=clock)
    operation(scene, ("refs/heads/sixth/x", None, "1" * 40))
    assert recover(scene.services) == Recovered()
    clock.advance(61)
    assert recover(scene.services).reverted == ("op-1",)


def test_only_the_stale_lock_of_an_own_unfinished_operation_is_removed(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, clock=clock)
    heads = scene.services.places.git_dir / "refs" / "heads"
    (heads / "sixth").mkdir()
    mine, theirs = heads / "sixth" / "x.lock", heads / "main.lock"
    old = (clock() - timedelta(seconds=60)).timestamp()
    for path in (mine, theirs):
        path.touch()
        os.utime(path, (old, old))
    operation(scene, ("refs/heads/sixth/x", None, "1" * 40), task="t1")
    assert recover(scene.services).locks == (str(mine),)
    assert not mine.exists()
    assert theirs.exists()


@pytest.mark.parametrize(
    "odd",
    [
        {"refs": [["refs/../../poetry", None, "1" * 40]]},
        {"refs": [["OUTSIDE/poetry", None, "1" * 40]]},
        {"id": "../../../../poetry", "refs": [["", "1" * 40, None]]},
        {"refs": [["refs/heads/x", "1\ndelete refs/heads/main", None]]},
        {"time": "never"},
    ],
    ids=["a ref that climbs", "an absolute path", "an id that climbs", "an id of no object", "no time"],
)
def test_a_forged_operation_reaches_nothing_and_stops_no_other(repo: RepoDir, odd: dict[str, object]) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, clock=clock)
    locks = (repo.path / "poetry.lock", scene.services.places.git_dir / "poetry.lock")
    for path in locks:
        path.touch()
        os.utime(path, ((clock() - timedelta(seconds=60)).timestamp(),) * 2)
    operation(scene, ("refs/heads/sixth/x", None, "1" * 40))
    clock.advance(61)
    sound = {
        "schema": 1,
        "id": "op-0",
        "time": "2020-01-01T00:00:00Z",
        "task": "",
        "reason": "",
        "state": "begun",
    }
    forged = {**sound, "refs": [["refs/heads/x", None, "1" * 40]], **odd}
    text = json.dumps(forged).replace("OUTSIDE", str(repo.path))
    (scene.services.places.operations / "op-0.json").write_text(text)
    assert recover(scene.services).reverted == ("op-1",)
    assert [one.id for one in scene.services.store.operations.list()] == ["op-1"]
    assert all(path.exists() for path in locks)
    assert expire_operations(scene.services, keep=timedelta(0)) == 0


def test_an_operation_that_cannot_be_settled_holds_up_no_other(repo: RepoDir) -> None:
    """Such as the deletion of a branch in another clone, whose commit is not here."""
    clock = FixedClock()
    scene = Scene(repo.path, clock=clock)
    odd = Operation(
        id="op-0", time=format_time(clock()), task="", reason="", refs=(("refs/heads/y", "1" * 40, None),)
    )
    scene.services.store.operations.begin(odd)
    operation(scene, ("refs/heads/sixth/x", None, "1" * 40))
    clock.advance(61)
    with pytest.raises(GitFailed):
        recover(scene.services)
    assert not mend_rest(scene.services)
    states = {one.id: one.state for one in scene.services.store.operations.list()}
    assert states == {"op-0": "begun", "op-1": "reverted"}


def test_an_operation_whose_lock_is_too_young_to_judge_is_looked_at_again(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, clock=clock)
    lock = scene.services.places.git_dir / "refs/heads/x.lock"
    lock.touch()
    os.utime(lock, (clock().timestamp(), clock().timestamp()))
    operation(scene, ("refs/heads/x", None, "1" * 40), task="t1")
    assert recover(scene.services) == Recovered()  # else nothing would say any more that the lock is ours
    clock.advance(10)
    found = recover(scene.services)
    assert (found.locks, found.reverted) == ((str(lock),), ("op-1",))


@pytest.mark.parametrize("at_work", [False, True])
def test_locks_of_an_operation_that_nobody_knows_any_more_go_once_no_git_of_ours_is_at_work(
    repo: RepoDir, *, at_work: bool
) -> None:
    scene = Scene(repo.path)
    git_dir = scene.services.places.git_dir
    old = time.time() - 20
    locks = [
        git_dir / f"refs/{name}.lock"
        for name in ("sixth/backup/op-9/heads/x", "heads/x", "sixth/backup/op-9/heads/y", "heads/y")
    ]
    for number, path in enumerate(locks):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (old, old) if number != len(locks) - 1 else (old - 9, old - 9))  # a person's
    environment = {"GIT_DIR": str(git_dir), "GIT_COMMITTER_EMAIL": "sixthbot@localhost"}
    git = subprocess.Popen(["sleep", "30"], env=environment if at_work else {})
    try:
        removed = recover(scene.services).locks
    finally:
        git.kill()
        git.wait()
    assert sorted(removed) == ([] if at_work else sorted(map(str, locks[:-1])))
    assert [path.exists() for path in locks] == ([True] * 4 if at_work else [False] * 3 + [True])


def test_of_the_lock_on_packed_refs_only_one_made_during_a_deletion_of_ours_is_removed(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, clock=clock)
    head = repo.head()
    repo.git("branch", "x")
    operation(scene, ("refs/heads/x", head, None), task="t1")
    lock = scene.services.places.git_dir / "packed-refs.lock"
    for seconds, removed in ((-60, False), (1, True)):
        lock.touch()
        os.utime(lock, (clock().timestamp() + seconds,) * 2)
        scene.services.store.operations.begin(scene.services.store.operations.get("op-1"))
        clock.advance(10)
        assert bool(recover(scene.services).locks) is removed
        clock.advance(-10)


def test_at_its_end_a_run_settles_what_came_back_begun(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, clock=clock)
    assert not mend_rest(scene.services)
    operation(scene, ("refs/heads/sixth/x", None, "1" * 40))
    assert not mend_rest(scene.services), "it may be somebody's who has only just begun"
    clock.advance(61)
    assert mend_rest(scene.services)
    assert not mend_rest(scene.services)


def test_what_a_killed_bot_s_git_moved_is_safe_before_its_task_goes_on(
    repo: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot would have synced the folder of the ref; a power cut must not take what somebody builds on by then."""
    scene = Scene(repo.path, rule())
    [task] = scene.admit()
    scene.claim(f"{2**22 - 3}-dead")
    commit = repo.commit("feat: x", {"x.txt": "x"})
    change = ("refs/heads/sixth/x", None, commit)
    scene.services.store.operations.begin(
        Operation(id="op-1", time=format_time(scene.clock()), task=task.id, reason="x", refs=(change,))
    )
    repo.git("update-ref", "refs/heads/sixth/x", commit)
    seen: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        ready = any((scene.services.places.queue / "ready").glob("*/*.json"))
        seen.append(f"{path.relative_to(repo.path)}{' late' if ready else ''}")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert [one.id for one in recover(scene.services).tasks] == [task.id]
    assert ".git/refs/heads/sixth" in seen
