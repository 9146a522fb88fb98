from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from sixthbot.core.errors import Cancelled, WorkFailed
from sixthbot.engine.children import ChildProcesses, child_environment

PYTHON = sys.executable


def processes(**more: object) -> ChildProcesses:
    return ChildProcesses(env=child_environment(os.environ), **more)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def gone_within(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not alive(pid):
            return True
        time.sleep(0.01)
    return not alive(pid)


def wait_for(path: Path, seconds: float = 10) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if path.exists() and (text := path.read_text()).endswith("\n"):
            return text.strip()
        time.sleep(0.01)
    raise AssertionError(f"{path.name} never came")


def test_status_and_both_streams_come_back(tmp_path: Path) -> None:
    ran = processes().run(["sh", "-c", "echo out; echo err >&2; exit 3"], cwd=tmp_path, env={}, timeout=10)
    assert (ran.status, ran.timed_out, ran.output) == (3, False, "out\nerr\n")


def test_a_signal_shows_as_a_shell_would_show_it(tmp_path: Path) -> None:
    ran = processes().run(["sh", "-c", "kill -SEGV $$"], cwd=tmp_path, env={}, timeout=10)
    assert ran.status == 128 + signal.SIGSEGV
    assert list(tmp_path.iterdir()) == []  # no core file


def test_the_program_runs_where_it_is_told_with_what_it_is_given_and_no_input(tmp_path: Path) -> None:
    ran = processes().run(
        ["sh", "-c", "pwd; echo $SIXTH_ISSUE_ID; cat"],
        cwd=tmp_path,
        env={"SIXTH_ISSUE_ID": "x $(touch no)"},
        timeout=10,
    )
    assert ran.output == f"{tmp_path}\nx $(touch no)\n"


def test_its_temporary_folder_is_its_own_and_is_removed(tmp_path: Path) -> None:
    ran = processes().run(
        ["sh", "-c", "mktemp; touch $TMPDIR/left; echo $TMPDIR"], cwd=tmp_path, env={}, timeout=10
    )
    made, folder = ran.output.split()
    assert made.startswith(folder)
    assert not Path(folder).exists()


def test_secrets_and_variables_of_git_are_not_handed_on() -> None:
    own = {
        "PATH": "/bin",
        "GIT_DIR": "x",
        "PYPI_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "s",
        "OPENAI_API_KEY": "k",
    }
    assert child_environment(own) == {"PATH": "/bin"}


@pytest.mark.parametrize("argv", [["no-such-program-at-all"], ["./no/such/file"], ["/"], ["echo", "a\0b"]])
def test_a_missing_program_is_said_with_a_hint(tmp_path: Path, argv: list[str]) -> None:
    with pytest.raises(WorkFailed, match="cannot run") as caught:
        processes().run(argv, cwd=tmp_path, env={}, timeout=10)
    assert "PATH" in caught.value.hint


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="No such file or directory"):
        processes().run(["true"], cwd=tmp_path / "gone", env={}, timeout=10)


def test_a_hang_that_ignores_the_polite_signal_ends_within_a_second_of_its_time(tmp_path: Path) -> None:
    script = "trap '' TERM INT HUP; echo $$ > pid; while :; do sleep 1; done"
    ran = processes().run(["sh", "-c", script], cwd=tmp_path, env={}, timeout=0.5)
    assert (ran.status, ran.timed_out) == (None, True)
    assert ran.duration < 1.6
    assert not alive(int(wait_for(tmp_path / "pid")))


def test_descendants_end_with_the_program_also_those_that_left_its_group(tmp_path: Path) -> None:
    script = "sleep 100 & echo $! > one; setsid sh -c 'trap \"\" TERM; echo $$ > two; sleep 100' & sleep 0.3"
    ran = processes().run(["sh", "-c", script], cwd=tmp_path, env={}, timeout=10)
    assert ran.status == 0
    assert ran.duration < 2
    assert not alive(int(wait_for(tmp_path / "one")))
    assert not alive(int(wait_for(tmp_path / "two")))


def test_a_program_that_stays_in_the_background_with_the_output_open_does_not_hold_the_worker(
    tmp_path: Path,
) -> None:
    ran = processes().run(["sh", "-c", "sleep 100 & echo done"], cwd=tmp_path, env={}, timeout=10)
    assert (ran.status, ran.output) == (0, "done\n")
    assert ran.duration < 2


def test_a_hundred_megabytes_of_output_are_cut_to_the_last_part_in_little_memory(tmp_path: Path) -> None:
    logged = 0

    def log(data: bytes) -> None:
        nonlocal logged
        logged += len(data)

    script = "import sys\nfor _ in range(1600): sys.stdout.write('x' * 65535 + '\\n')\nprint('the end')"
    ran = processes(log=log).run([PYTHON, "-c", script], cwd=tmp_path, env={}, timeout=60, output_limit=1000)
    assert ran.status == 0
    assert ran.output.endswith("the end\n")
    assert len(ran.output) < 1100
    assert logged < 9_000_000


def test_output_that_is_no_text_is_made_safe(tmp_path: Path) -> None:
    script = r"import os; os.write(1, b'\xff\xfe\x1b[31mred\x1b[0m\x07\n')"
    ran = processes().run([PYTHON, "-c", script], cwd=tmp_path, env={}, timeout=10)
    assert ran.output == "\ufffd\ufffdred\n"


def test_cancel_ends_the_whole_group_within_a_second(tmp_path: Path) -> None:
    told = threading.Event()

    def check() -> None:
        if told.is_set():
            raise Cancelled("cancelled by a person", by_person=True)

    script = "trap '' TERM; (trap '' TERM; echo $$ > pid; sleep 100) & wait; sleep 100"
    threading.Timer(0.5, told.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        processes(check=check).run(["sh", "-c", script], cwd=tmp_path, env={}, timeout=None)
    assert time.monotonic() - started < 1.5
    assert not alive(int(wait_for(tmp_path / "pid")))


def test_nothing_starts_once_the_task_is_cancelled(tmp_path: Path) -> None:
    def check() -> None:
        raise Cancelled("cancelled by a person", by_person=True)

    with pytest.raises(Cancelled):
        processes(check=check).run(["touch", "made"], cwd=tmp_path, env={}, timeout=None)
    assert list(tmp_path.iterdir()) == []


def test_no_descriptor_is_lost_over_many_runs(tmp_path: Path) -> None:
    runner = processes()
    runner.run(["true"], cwd=tmp_path, env={}, timeout=10)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        runner.run(["true"], cwd=tmp_path, env={}, timeout=10)
        with pytest.raises(WorkFailed):
            runner.run(["no-such-program"], cwd=tmp_path, env={}, timeout=10)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


WORKER = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    from sixthbot.engine.children import ChildProcesses
    from sixthbot.store.locks import Held
    here = Path(sys.argv[1])
    lease = Held(here / "lease.lock")
    ChildProcesses(env=dict(os.environ), held=[lease.fileno()]).run(
        ["sh", "-c", "trap '' TERM; echo $PPID > leash; echo $$ > pid; sleep 100"], cwd=here, env={}, timeout=None
    )
    """
)


def start_worker(folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([PYTHON, "-c", WORKER, str(folder)], env=environment)


def free(path: Path) -> bool:
    from sixthbot.store.locks import is_free  # noqa: PLC0415 - only these tests need the store

    return is_free(path)


def test_the_lease_outlives_a_killed_worker_until_its_program_is_gone(tmp_path: Path) -> None:
    worker = start_worker(tmp_path)
    pid = int(wait_for(tmp_path / "pid"))
    leash = int(wait_for(tmp_path / "leash"))
    os.kill(leash, signal.SIGSTOP)  # so that there is a moment to look at
    worker.kill()
    worker.wait()
    assert alive(pid)
    assert not free(tmp_path / "lease.lock")
    os.kill(leash, signal.SIGCONT)
    assert gone_within(pid, 1.0)
    assert gone_within(leash, 1.0)
    assert free(tmp_path / "lease.lock")


def test_a_killed_leash_takes_its_program_with_it(tmp_path: Path) -> None:
    caught: list[BaseException] = []

    def work() -> None:
        try:
            processes().run(
                ["sh", "-c", "echo $PPID > leash; echo $$ > pid; sleep 100 & wait"],
                cwd=tmp_path,
                env={},
                timeout=None,
            )
        except WorkFailed as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    pid = int(wait_for(tmp_path / "pid"))
    os.kill(int(wait_for(tmp_path / "leash")), signal.SIGKILL)
    thread.join(5)
    assert not thread.is_alive()
    assert gone_within(pid, 1.0)
    assert "supervisor was killed" in str(caught[0])
