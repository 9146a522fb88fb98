"""A person at a terminal: a repository set up with recipes, the program run as a process, issues dropped by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.warm import sixthbot_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.repos import RepoDir

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[recipes.sort-words]
run = ["sort", "-o", "words.txt", "words.txt"]

[recipes.numbers]
run = ["sh", "-c", "seq 5 > numbers.txt"]

[recipes.fails]
run = ["sh", "-c", "echo this went wrong >&2; exit 3"]

[recipes.hangs]
run = ["sleep", "600"]
timeout = "1s"

[recipes.strays]
run = ["sh", "-c", "echo mine > \\"$SIXTH_REPO/stray.txt\\""]

[check]
run = [["sh", "-c", "test -s words.txt && echo the words are there"]]
"""

TIDY = """\
---
labels: chore
---
# Tidy the notes

- [ ] Sort the word list `do: sort-words`
- [ ] Add today's numbers `do: numbers`
- [ ] Rename the old helper
"""


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Person:
    """Somebody who uses sixthbot in `repo`."""

    repo: RepoDir

    def say(self, *args: str, cwd: Path | None = None, **env: str) -> Said:
        """Run `sixthbot ARGS` and return what it said; a traceback is never an answer."""
        status, out, err = sixthbot_process(args, cwd=cwd or self.repo.path, env={**os.environ, **env})
        said = Said(status, out, err)
        assert "Traceback" not in said.all, said.all
        return said

    def ok(self, *args: str) -> str:
        """Run a command that must succeed; return what it printed."""
        said = self.say(*args)
        assert said.status == 0, f"sixthbot {' '.join(args)}: {said}"
        return said.out

    def json(self, *args: str) -> Any:
        """Run a reading command with --json and return the object it printed."""
        return json.loads(self.ok(*args, "--json"))

    def settle_in(self, config: str = CONFIG) -> None:
        """Say init, write recipes, say trust."""
        self.ok("init")
        (self.repo.path / ".sixth/config.toml").write_text(config)
        self.ok("trust", "--yes")

    def drop(self, text: str | bytes, name: str = "issue.md") -> Path:
        """Save a file into the inbox as an editor would: under another name first."""
        path = self.repo.path / ".sixth/inbox" / name
        hidden = path.with_name(f".{name}.tmp")
        hidden.write_bytes(text if isinstance(text, bytes) else text.encode())
        hidden.rename(path)
        return path

    def issues(self) -> list[dict[str, Any]]:
        """Return what `issue list --json` has."""
        listed: list[dict[str, Any]] = self.json("issue", "list")["issues"]
        return listed

    def drafts(self) -> list[dict[str, Any]]:
        """Return what `draft list --json` has."""
        listed: list[dict[str, Any]] = self.json("draft", "list")["drafts"]
        return listed

    def tasks(self) -> list[dict[str, Any]]:
        """Return what `queue list --json` has."""
        listed: list[dict[str, Any]] = self.json("queue", "list")["tasks"]
        return listed

    def rejected(self) -> dict[str, str]:
        """Return each rejected file's reason."""
        folder = self.repo.path / ".sixth/inbox/rejected"
        return {
            path.name.removesuffix(".reason.txt"): path.read_text() for path in folder.glob("*.reason.txt")
        }

    def commit_on(self, branch: str, message: str, files: dict[str, str], place: Path) -> None:
        """Commit on a branch in a worktree of one's own, and leave it."""
        self.repo.git("worktree", "add", "--quiet", str(place), branch)
        type(self.repo)(place).commit(message, files)
        self.repo.git("worktree", "remove", str(place))

    @contextmanager
    def watching(self) -> Iterator[subprocess.Popen[str]]:
        """Run `sixthbot watch` in the background; it must leave by itself, with 0, soon after SIGTERM."""
        watcher = subprocess.Popen(
            [sys.executable, "-m", "sixthbot", "watch"],
            cwd=self.repo.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_until(lambda: self.json("status")["watcher"]["running"])
            yield watcher
            watcher.send_signal(signal.SIGTERM)
            output, _ = watcher.communicate(timeout=5)
            assert watcher.returncode == 0, output
            assert "Traceback" not in output, output
        finally:
            if watcher.poll() is None:
                watcher.kill()
                watcher.communicate()


def wait_until(holds: Callable[[], Any], *, seconds: float = 30) -> Any:
    """Wait until something holds and return it; fail when it does not in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"did not come true within {seconds} s")
