"""Real processes, really killed: what each leaves is taken up once, ended or removed. The many are in tests/campaign."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.engine import strays
from sixthbot.engine.children import ChildProcesses, child_environment
from sixthbot.engine.recovery import recover
from sixthbot.engine.strays import Orphans, orphans_of
from sixthbot.git.held import sharing
from sixthbot.git.scratch import scratch_folder, sweep_scratch
from sixthbot.store.locks import is_free, lease_file
from sixthbot.store.paths import locate
from tests.e2e.person import Person, wait_until
from tests.engine.scene import Scene, probe, rule
from tests.git.helpers import git_of, oid, pool_of
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")

CONFIG = """
[bot]
durability = "process"
[recipes.slow]
run = ["sh", "-c", "echo $$ >>'{out}'; setsid sleep 300 & sleep 1; echo x >slow.txt"]
"""


def watch(person: Person) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sixthbot", "watch"],
        cwd=person.repo.path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def leash_of(recipe: int) -> int:
    return int(Path(f"/proc/{recipe}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("victims", ["bot", "bot and leash", "leash"])
def test_a_killed_bot_or_leash_leaves_one_commit_and_no_process(
    repo: RepoDir, tmp_path: Path, victims: str
) -> None:
    person, out = Person(repo), tmp_path / "out"
    person.settle_in(CONFIG.format(out=out))
    before = fingerprint(repo.path)
    bot = watch(person)
    person.drop("# Slow\n\n- [ ] Do it `do: slow`\n")
    wait_until(lambda: out.exists() and out.read_text().endswith("\n"))
    recipe = int(out.read_text())
    session = os.getsid(recipe)
    leash = leash_of(recipe)
    if "bot" in victims:
        bot.kill()
        bot.wait()
    if "leash" in victims:
        os.kill(leash, signal.SIGKILL)
    second = watch(person) if "bot" in victims else bot
    try:
        wait_until(person.drafts, seconds=60)
    finally:
        second.send_signal(signal.SIGTERM)
        assert second.wait(15) == 0
    assert repo.subjects("main..sixth/slow")[0] == "chore: do it"
    assert len([one for one in repo.subjects("main..sixth/slow") if one == "chore: do it"]) == 1
    assert not alive(recipe)
    assert not [pid for pid in map(int, out.read_text().split()) if alive(pid)]
    assert session == recipe
    assert fingerprint(repo.path) == before
    assert not list(repo.git_dir.rglob("*.lock"))


def test_what_a_leash_that_was_killed_let_go_of_is_ended_with_its_program(tmp_path: Path) -> None:
    lease = os.open(tmp_path / "lease", os.O_RDWR | os.O_CREAT)
    script = "setsid sleep 300 & echo $! >stray; sleep 0.3; kill -9 $PPID; sleep 300"
    processes = ChildProcesses(env=child_environment(os.environ), held=[lease])
    try:
        with pytest.raises(Exception, match="supervisor was killed"):
            processes.run(["sh", "-c", script], cwd=tmp_path, env={}, timeout=20)
    finally:
        os.close(lease)
    stray = int((tmp_path / "stray").read_text())
    wait_until(lambda: not alive(stray), seconds=2)


HIDER = """
import os, signal, sys, time
if os.fork(): time.sleep(300)
os.setsid()
os.closerange(0, 1024)
open("stray.new", "w").write(str(os.getpid())); os.rename("stray.new", "stray")
time.sleep(float(sys.argv[1]))
os.kill(int(sys.argv[2]), signal.SIGKILL)
time.sleep(300)
"""


def test_a_program_that_closed_what_it_inherited_is_known_by_its_worker_name(tmp_path: Path) -> None:
    lease = os.open(tmp_path / "lease", os.O_RDWR | os.O_CREAT)
    processes = ChildProcesses(
        env=child_environment(os.environ), held=[lease], badge=strays.badge_of("1-ab", tmp_path)
    )
    script = 'exec "$0" -c "$1" 0.2 $PPID'
    try:
        with pytest.raises(Exception, match="supervisor was killed"):
            processes.run(["sh", "-c", script, sys.executable, HIDER], cwd=tmp_path, env={}, timeout=20)
    finally:
        os.close(lease)
    assert not alive(int((tmp_path / "stray").read_text()))


def test_the_work_goes_on_only_when_the_last_stray_is_gone_however_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = 0

    def lost(pids: list[int], number: int) -> None:
        nonlocal kills
        kills += 1
        if kills > 20:
            for pid in pids:
                os.kill(pid, number)

    monkeypatch.setattr(strays, "_send", lost)
    monkeypatch.setattr(time, "monotonic", lambda: kills * 1000.0)
    lease = os.open(tmp_path / "lease", os.O_RDWR | os.O_CREAT)
    stray = subprocess.Popen(["sleep", "300"], pass_fds=[lease], start_new_session=True)
    strays.end_strays([lease])
    os.close(lease)
    assert kills > 20
    assert stray.poll() is not None


def test_a_task_stays_with_a_dead_worker_while_a_program_carries_its_badge(repo: RepoDir) -> None:
    scene, name = Scene(repo.path, rule(do=(probe(),))), name_of_a_dead_worker()
    left = program_of(name, repo.git_dir)
    [task] = scene.admit()
    assert scene.services.store.queue.claim(name) is not None
    orphans = Orphans(lambda: 0.0)
    assert not recover(scene.services, orphans).tasks
    left.wait(10)
    [again] = recover(scene.services, orphans).tasks
    assert again.id == task.id


def name_of_a_dead_worker() -> str:
    dead = subprocess.Popen(["true"])
    dead.wait()
    return f"{dead.pid}-abc"


def program_of(worker: str, git_dir: Path) -> subprocess.Popen[bytes]:
    badged = {**os.environ, strays.BADGE: strays.badge_of(worker, git_dir)}
    return subprocess.Popen(["sleep", "300"], env=badged, start_new_session=True)


def test_a_copy_of_a_repository_ends_nothing_of_the_original(repo: RepoDir, tmp_path: Path) -> None:
    original, name = Scene(repo.path, rule(do=(probe(),))), name_of_a_dead_worker()
    [task] = original.admit()
    assert original.services.store.queue.claim(name) is not None
    at_work = program_of(name, repo.git_dir)
    try:
        shutil.copytree(repo.path, tmp_path / "copy", symlinks=True)
        copy = Scene(tmp_path / "copy", rule(do=(probe(),)))
        [again] = recover(copy.services, Orphans(lambda: 1000.0)).tasks
        assert again.id == task.id
        assert at_work.poll() is None
    finally:
        at_work.kill()
        at_work.wait()


def test_what_was_left_is_ended_also_where_the_repository_was_moved(repo: RepoDir, tmp_path: Path) -> None:
    scene, name = Scene(repo.path, rule(do=(probe(),))), name_of_a_dead_worker()
    scene.admit()
    assert scene.services.store.queue.claim(name) is not None
    left = program_of(name, repo.git_dir)
    repo.path.rename(tmp_path / "moved")
    moved = Scene(tmp_path / "moved", rule(do=(probe(),)))
    assert not recover(moved.services, Orphans(lambda: 0.0)).tasks
    left.wait(10)
    assert recover(moved.services).tasks


def test_a_badge_is_that_of_the_same_path_too_where_numbers_change(tmp_path: Path) -> None:
    marks = [strays.badge_of("7-a", tmp_path).encode() for _ in range(2)]
    assert strays._is_same(*marks)
    renumbered = marks[0].replace(str(tmp_path.stat().st_ino).encode(), b"0", 1)
    assert strays._is_same(renumbered, marks[1])
    for other in (b"7-a", b"", marks[0].replace(b"7-a", b"8-a"), b"7-a  /elsewhere", b"7-a 1:2 /elsewhere"):
        assert not strays._is_same(other, marks[1])
    gone = [strays.badge_of("7-a", tmp_path / name).encode() for name in ("x", "y")]
    assert not strays._is_same(*gone)


def test_what_a_dead_worker_left_is_ended_politely_then_for_good(repo: RepoDir) -> None:
    places = locate(repo.path)
    dead = subprocess.Popen(["true"])
    dead.wait()
    name = f"{dead.pid}-abc"
    path = lease_file(places, name)
    path.parent.mkdir(parents=True)
    lease = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lease, fcntl.LOCK_EX)
    ignoring = "trap '' TERM; echo up; exec >&-; while true; do sleep 0.1; done"
    left = subprocess.Popen(
        ["sh", "-c", ignoring], pass_fds=[lease], stdout=subprocess.PIPE, start_new_session=True
    )
    assert left.stdout is not None
    left.stdout.readline()
    left.stdout.close()
    assert orphans_of(name, path) == []  # we hold it ourselves: it is no orphan's
    os.close(lease)
    assert left.pid in orphans_of(name, path)
    now = [0.0]
    orphans = Orphans(lambda: now[0])
    orphans.end(name, path)
    time.sleep(0.3)
    assert left.poll() is None
    now[0] = 10.0
    orphans.end(name, path)
    left.wait(30)
    wait_until(lambda: is_free(path), seconds=5)


def test_a_git_that_survives_its_worker_keeps_worktree_and_lease(repo: RepoDir, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import fcntl, os, sys; from pathlib import Path; from sixthbot.git.held import sharing;"
        "from sixthbot.git.run import Git; f = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT);"
        "fcntl.flock(f, fcntl.LOCK_EX); s = sharing(f); s.__enter__();"
        "Git(Path(sys.argv[1])).run('-c', 'alias.nap=!echo up >&2; touch ' + sys.argv[2] + '.up; sleep 300', 'nap')"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code, str(repo.git_dir), str(lock)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: lock.with_name("lock.up").exists())
    worker.kill()
    worker.wait()
    assert not is_free(lock)
    Orphans(lambda: 0.0).end(f"{worker.pid}-x", lock)
    wait_until(lambda: is_free(lock), seconds=5)


def test_half_a_worktree_of_ours_is_swept_and_nobody_elses(repo: RepoDir, tmp_path: Path) -> None:
    pool, folder = pool_of(repo, tmp_path), repo.git_dir / "worktrees"
    with pool.take(oid(repo.head())) as worktree:
        kept = worktree.path
    repo.git("worktree", "add", "--quiet", "--detach", "--lock", "--reason", "mine", str(tmp_path / "theirs"))
    for name, reason, gitdir in (
        ("w7", "sixthbot runs commands here\n", ""), ("w71", "", ""), ("w8", "mine\n", ""), ("other", "", ""),
    ):  # fmt: skip
        (folder / name).mkdir()
        (folder / name / "locked").write_text(reason)
        (folder / name / "gitdir").write_text(gitdir)
    assert sorted(path.name for path in pool.sweep()) == ["w7", "w71"]
    assert kept.exists()
    assert {"w1", "theirs", "w8", "other"} <= {path.name for path in folder.iterdir()}


def test_scratch_folders_of_killed_processes_are_swept_and_living_ones_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen(["true"])
    dead.wait()
    with scratch_folder() as mine:
        left = tmp_path / mine.name.replace(str(os.getpid()), str(dead.pid))
        elsewhere = tmp_path / mine.name.replace("sixthbot-run-", "sixthbot-run-9")
        for folder in (left, elsewhere):
            folder.mkdir()
        assert sweep_scratch() == 0  # too young: its programs may not have ended
        assert sweep_scratch(now=time.time() + 60) == 1
        assert (mine.exists(), left.exists(), elsewhere.exists()) == (True, False, True)
    assert not mine.exists()


def test_sharing_ends_with_its_block(repo: RepoDir, tmp_path: Path) -> None:
    number = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    with sharing(number):
        git_of(repo).run("rev-parse", "HEAD")
    os.close(number)
    git_of(repo).run("rev-parse", "HEAD")  # a closed descriptor could not be passed on


def test_ctrl_c_while_the_program_loads_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "sixthbot", "--version"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
