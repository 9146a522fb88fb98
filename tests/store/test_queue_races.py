"""Several processes at once: each task has one winner, each id is put once, and nothing is lost on the way."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sixthbot.core.lifecycle import Succeeded, step
from sixthbot.core.tasks import Done
from sixthbot.store import disk
from sixthbot.store.queue import Queue
from tests.store.support import make_task

WORKER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sixthbot.core import lifecycle
from sixthbot.store.queue import Queue
root, name, total = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
queue, idle, now = Queue(root, "process"), 0, datetime.now(UTC)
print("ready", flush=True)
sys.stdin.readline()
while idle < 50:
    task = queue.claim(name)
    if task is None:
        idle += 1
        continue
    idle = 0
    if task.attempts == 0 and task.deadline.second % 5 == 0:
        after = lifecycle.step(task, lifecycle.AttemptFailed("once", retries=1), now)
        assert queue.settle(task, after)
        queue.settle(after, lifecycle.step(after, lifecycle.TimeCame(), now))
        continue
    print(task.id, flush=True)
    assert queue.settle(task, lifecycle.step(task, lifecycle.Succeeded(), now))
"""

PUTTER = """
import sys
from pathlib import Path
from sixthbot.store.queue import Queue
from tests.store.support import make_task
queue = Queue(Path(sys.argv[1]), "process")
print("ready", flush=True)
sys.stdin.readline()
print(sum(queue.put(make_task(n)) for n in range(int(sys.argv[3]))))
"""


def run_together(program: str, root: Path, *, processes: int, total: int) -> list[str]:
    """Start processes, let them go at the same moment, and return what each printed."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(root), f"w{number}", str(total)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=100)[0] for process in started]
    assert [process.returncode for process in started] == [0] * processes
    return outputs


def test_every_task_is_done_by_exactly_one_of_four_processes(tmp_path: Path) -> None:
    root = tmp_path / ".sixth" / "queue"
    root.parent.mkdir()
    queue = Queue(root, "process")
    for number in range(300):
        queue.put(make_task(number))
    outputs = run_together(WORKER, root, processes=4, total=300)
    done = [line for output in outputs for line in output.split()]
    assert sorted(done) == [make_task(number).id for number in range(300)]
    assert {task.state for task in queue.all()} == {Done("succeeded")}
    assert len(list(queue.all())) == 300


def test_what_four_processes_put_at_once_is_there_once(tmp_path: Path) -> None:
    root = tmp_path / ".sixth" / "queue"
    root.parent.mkdir()
    outputs = run_together(PUTTER, root, processes=4, total=100)
    assert sum(map(int, outputs)) == 100
    assert len(list(root.rglob("*.json"))) == 100


class MadeMeanwhile(disk.Disk):
    """A disk where somebody makes each missing folder just after a rename did not find it."""

    def rename_exclusive(self, source: disk.StrPath, target: disk.StrPath) -> None:
        folder = Path(target).parent
        if not folder.is_dir():
            folder.mkdir(parents=True)
            raise FileNotFoundError(2, "No such file or directory", str(source))
        super().rename_exclusive(source, target)


def test_a_folder_that_another_process_makes_at_that_moment_is_no_task_that_is_gone(tmp_path: Path) -> None:
    root = tmp_path / ".sixth" / "queue"
    root.parent.mkdir()
    queue = Queue(root, "process")
    queue.put(make_task(1))
    disk.use(MadeMeanwhile())
    try:
        task = queue.claim("w")
        assert task is not None
        assert queue.settle(task, step(task, Succeeded(), datetime.now(UTC))) is not None
    finally:
        disk.use(None)
