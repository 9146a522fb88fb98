"""A burst of files into the inbox of a real watcher that is stopped, killed or deaf: `python -m tests.campaign.inbox`."""

from __future__ import annotations

import argparse
import collections
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.__main__ import _seal
from tests.benchmarks.intake import _records, repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEAF = (
    "import sys; sys.argv[:] = ['sixthbot', '-q', 'watch']; from sixthbot.sources import wake\n"
    "def none_left(*_): raise OSError(24, 'inotify instance limit reached')\n"
    "wake._new_observer = none_left\n"
    "from sixthbot.cli.app import main; sys.exit(main())"
)
_WATCH = (sys.executable, "-m", "sixthbot", "-q", "watch")
_PATIENCE = 600.0
_LENGTH = Path("/proc/sys/fs/inotify/max_queued_events")
_queue: list[int] = []


def main() -> int:
    """Play every disturbance in a repository of its own and print what was lost and what was taken twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="files of each burst")
    parser.add_argument(
        "--queue", type=int, help="let the kernel keep only so many events for a watcher; needs root"
    )
    asked = parser.parse_args()
    files = asked.files
    _queue[:] = [] if asked.queue is None else [asked.queue]
    print("| the watcher | files | lost | twice | half-read | seconds |\n|---|---|---|---|---|---|")
    bad = 0
    with tempfile.TemporaryDirectory(prefix="sixthbot-inbox-") as folder:
        _seal(Path(folder))
        for name, play in _PLAYS.items():
            repo = repository(Path(folder) / name.replace(" ", "-"))
            began = time.monotonic()
            play(repo, files)
            lost, twice, torn = _judge(repo, files)
            bad += lost + twice + torn
            print(
                f"| {name} | {files} | {lost} | {twice} | {torn} | {time.monotonic() - began:.0f} |",
                flush=True,
            )
    return 1 if bad else 0


def _body(number: int) -> str:
    return f"---\nid: f{number}\n---\n# Issue {number}\n\n" + "- [ ] one more\n" * 5 + "the end\n"


def _drop(repo: Path, number: int) -> None:
    """Drop one file in one of the ways in which people, programs and editors do it."""
    inbox, text = repo / ".sixth/inbox", _body(number)
    path, aside = inbox / f"f{number}.md", repo / ".sixth/local" / f"aside{number}"
    way = number % 7
    if way == 0:
        path.write_text(text)
    elif way == 1:  # cp from elsewhere, then mv
        aside.write_text(text)
        aside.rename(path)
    elif way == 2:  # ln
        aside.write_text(text)
        os.link(aside, path)
    elif way == 3:  # vim: writes under a number, then a swap file, then the name
        (inbox / "4913").touch()
        (inbox / "4913").unlink()
        (inbox / f".f{number}.md.swp").write_text("swap")
        path.write_text(text)
        (inbox / f".f{number}.md.swp").unlink()
    elif way == 4:  # emacs: a lock that is a loose link, then a temporary name
        (inbox / f".#f{number}.md").symlink_to("user@host.1:1")
        (inbox / f"#f{number}.md#").write_text(text)
        (inbox / f"#f{number}.md#").rename(path)
        (inbox / f".#f{number}.md").unlink()
    elif way == 5:  # VS Code: makes a new file, then cuts it off and writes it in place
        path.touch()
        with path.open("r+") as file:
            file.truncate(0)
            file.write(text)
    else:  # echo >> twice
        half = len(text) // 2
        path.write_text(text[:half])
        with path.open("a") as file:
            file.write(text[half:])


def _start(repo: Path, *argv: str) -> subprocess.Popen[bytes]:
    with _short_queue():
        child = subprocess.Popen(argv or _WATCH, cwd=repo, stderr=subprocess.DEVNULL)
        time.sleep(3)
    return child


@contextmanager
def _short_queue() -> Iterator[None]:
    """Let queues that are made during a block be short; a queue keeps the length that it began with."""
    if not _queue:
        yield
        return
    before = _LENGTH.read_text()
    _LENGTH.write_text(str(_queue[0]))
    try:
        yield
    finally:
        _LENGTH.write_text(before)


def _settle(repo: Path, child: subprocess.Popen[bytes]) -> None:
    """Wait until the inbox is empty and end the watcher."""
    end = time.monotonic() + _PATIENCE
    while (
        any(entry.name.endswith(".md") for entry in os.scandir(repo / ".sixth/inbox"))
        and time.monotonic() < end
    ):
        time.sleep(0.2)
    time.sleep(1)
    child.send_signal(signal.SIGTERM)
    child.wait(20)


def _undisturbed(repo: Path, files: int) -> None:
    child = _start(repo)
    for number in range(files):
        _drop(repo, number)
    _settle(repo, child)


def _stopped(repo: Path, files: int) -> None:
    """SIGSTOP through the burst: with more files than the kernel's queue holds, its events are lost."""
    child = _start(repo)
    child.send_signal(signal.SIGSTOP)
    for number in range(files):
        _drop(repo, number)
    child.send_signal(signal.SIGCONT)
    _settle(repo, child)


def _killed(repo: Path, files: int) -> None:
    child = _start(repo)
    for number in range(files):
        _drop(repo, number)
        if number % max(files // 4, 1) == files // 8:
            child.kill()
            child.wait()
            child = subprocess.Popen(_WATCH, cwd=repo, stderr=subprocess.DEVNULL)
    child.kill()
    child.wait()
    _settle(repo, _start(repo))


def _deaf(repo: Path, files: int) -> None:
    child = _start(repo, sys.executable, "-c", _DEAF)
    for number in range(files):
        _drop(repo, number)
    _settle(repo, child)


_PLAYS: dict[str, Callable[[Path, int], None]] = {
    "undisturbed": _undisturbed,
    "stopped through the burst": _stopped,
    "killed five times": _killed,
    "without inotify": _deaf,
}


def _judge(repo: Path, files: int) -> tuple[int, int, int]:
    """Return how many files were lost, were taken twice, and were taken before they were whole."""
    texts = {path.parent.name: path.read_text() for path in (repo / ".sixth/issues").glob("*/issue.md")}
    lost = sum(f"f{number}" not in texts for number in range(files))
    torn = sum(texts.get(f"f{number}", _body(number)) != _body(number) for number in range(files))
    tasks = collections.Counter(
        str(record.get("issue")) for record in _records(repo) if record.get("kind") == "task.made"
    )
    twice = len(texts.keys() - {f"f{number}" for number in range(files)})
    twice += sum(count - 1 for count in tasks.values())
    return lost, twice, torn


if __name__ == "__main__":
    sys.exit(main())
