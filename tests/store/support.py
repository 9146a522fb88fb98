"""Tasks and places for the tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings

from sixthbot.core.events import make_event
from sixthbot.core.tasks import Lane, Task
from sixthbot.store.paths import Places
from sixthbot.store.setup import initialise

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.queue import Queue

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

# the seal of the environment is the same for all examples of a test
SEARCH = settings(
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def make_task(number: int = 0, *, lane: Lane = Lane.NORMAL, **changes: Any) -> Task:
    """Return a task about a commit; its deadline is `number` seconds after START."""
    event = make_event("commit", {"branch": "main", "id": f"{number:040x}"}, time=START)
    values: dict[str, Any] = {
        "id": f"t{number:012x}", "rule": "a rule", "rule_hash": "0" * 64, "events": (event,), "lane": lane,
        "created": START, "deadline": START + timedelta(seconds=number),
    }  # fmt: skip
    return Task(**{**values, **changes})


def claimed(queue: Queue, worker: str = "w1") -> Task:
    """Claim the next task, of which there is one."""
    task = queue.claim(worker)
    assert task is not None
    return task


def files(root: Path) -> list[str]:
    """Return the task files of a queue, and those beside them, below its folder."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.json*"))


def folder_of(root: Path, name: str) -> Path:
    """Return a folder of a queue, which is made where it is missing."""
    (root / name).mkdir(parents=True, exist_ok=True)
    return root / name


def home(folder: Path) -> Places:
    """Return the places of an initialised repository that is only as much of one as the store looks at."""
    git_dir = folder / ".git"
    for name in ("objects", "refs", "info"):
        (git_dir / name).mkdir(parents=True)
    (git_dir / "HEAD").write_text("ref: refs/heads/main\n")
    places = Places(folder, git_dir)
    initialise(places)
    return places


class Crash(BaseException):
    """The end of the process, as far as a test can play it: nobody catches it."""
