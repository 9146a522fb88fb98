from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import filelock
import pytest

from sixthbot.core.errors import Locked
from sixthbot.store.locks import Held, WorkerLease, held_by, hold, is_free, lease_file, pid_file, try_hold
from tests.store.support import home

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, time
from pathlib import Path
from sixthbot.store.locks import hold
with hold(Path(sys.argv[1]), what="test"):
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def free_within(path: Path, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not is_free(path):
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True


def test_a_held_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "watch.lock"
    holder = start_holder(path)
    try:
        assert not is_free(path)
        assert held_by(path) == holder.pid
        with pytest.raises(Locked, match=f"watch is already running.*{holder.pid}"), hold(path, what="watch"):
            pass
        assert try_hold(path) is None
    finally:
        end(holder)
    assert free_within(path, 5)
    assert held_by(path) is None
    with hold(path, what="watch"):
        assert held_by(path) == os.getpid()
    assert is_free(path)
    assert not pid_file(path).exists()


def test_a_lock_lasts_as_long_as_a_child_it_was_passed_to(tmp_path: Path) -> None:
    path = tmp_path / "lease.lock"
    program = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from sixthbot.store.locks import Held\n"
        "held = Held(Path(sys.argv[1]))\n"
        "child = subprocess.Popen(['sleep', '60'], pass_fds=[held.fileno()])\n"
        "print(child.pid, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    child = int(worker.stdout.readline())
    end(worker)
    try:
        assert not is_free(path)
    finally:
        os.kill(child, 9)
    assert free_within(path, 5)


def test_a_lease_can_be_taken_once_and_leaves_no_file(tmp_path: Path) -> None:
    places = home(tmp_path)
    lease, second = WorkerLease(places, "w1"), WorkerLease(places, "w1")
    lease.acquire()
    assert lease.fileno() > 2
    with pytest.raises(Locked):
        second.acquire()
    lease.release()
    lease.release()
    assert not lease_file(places, "w1").exists()
    with pytest.raises(Locked):
        lease.fileno()
    second.acquire()
    second.release()


def test_a_lock_file_that_lies_around_is_free(tmp_path: Path) -> None:
    path = tmp_path / "old.lock"
    path.write_text("")
    assert is_free(path)
    assert is_free(tmp_path / "missing.lock")


def test_looking_whether_a_lock_is_free_takes_it_from_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    for _ in range(20):
        assert is_free(path)
        with hold(path, what="test"):
            assert not is_free(path)


def test_what_is_wrong_with_a_lock_file_is_said_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path / "x.lock"))

    monkeypatch.setattr("filelock.UnixFileLock.acquire", refuse)
    with pytest.raises(OSError, match="Read-only"), hold(tmp_path / "x.lock", what="it"):
        pass


def test_a_lock_whose_file_was_removed_is_taken_anew_and_the_old_one_held_on_to(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with hold(path, what="it") as held:
        assert not held.keep()
        path.unlink()
        assert is_free(path)
        assert held.keep()
        assert not is_free(path)
        assert held_by(path) == os.getpid()
        assert not held.keep()
        path.unlink()
        with hold(path, what="another"), pytest.raises(Locked):
            held.keep()
    assert is_free(path)


def test_a_repository_that_is_moved_as_a_lock_is_taken_is_not_half_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = tmp_path / "one/.sixth/local/locks"
    locks.mkdir(parents=True)
    real = filelock.UnixFileLock.acquire

    def acquire(lock: filelock.UnixFileLock, **more: Any) -> object:
        (tmp_path / "one").rename(tmp_path / "away")
        return real(lock, **more)

    monkeypatch.setattr(filelock.UnixFileLock, "acquire", acquire)
    with pytest.raises(FileNotFoundError, match="was taken away"):
        Held(locks / "x.lock")
    assert [path.name for path in tmp_path.iterdir()] == ["away"]
