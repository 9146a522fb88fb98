"""What a commit costs more with a watcher beside it, with the bot's hook shim, and with hooks as others have them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measure import Row, child_cpu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PERSON = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "gc.auto=0", "-c", "maintenance.auto=false")
_MKTEMP = (
    '#!/bin/sh\nf=$(mktemp .git/inbox/.XXXXXX) && echo on-commit >"$f" && mv "$f" "${f%/*}/n${f##*/.}"\n'
)
_LEFTHOOK = "post-commit:\n  commands:\n    nothing:\n      run: 'true'\n"
_PRE_COMMIT = (
    "repos:\n- repo: local\n  hooks:\n  - id: nothing\n    name: nothing\n    language: system\n"
    "    entry: 'true'\n    always_run: true\n    pass_filenames: false\n    stages: [post-commit]\n"
)


def rows(folder: Path, *, rounds: int) -> Iterator[Row]:
    """Measure in small repositories below `folder`, all in turns."""
    preparations: dict[str, Callable[[Path], bool]] = {
        "none": lambda _: True,
        "watched": _initialise,
        "shim": lambda repo: _initialise(repo) and _say(repo, "init", "--hooks"),
        "mktemp": _mktemp,
        "lefthook": lambda repo: _manager(repo, "lefthook", "lefthook.yml", _LEFTHOOK, "install"),
        "prek": lambda repo: _manager(
            repo, "prek", ".pre-commit-config.yaml", _PRE_COMMIT, "install", "-t", "post-commit"
        ),
        "pre-commit": lambda repo: _manager(
            repo, "pre-commit", ".pre-commit-config.yaml", _PRE_COMMIT, "install", "-t", "post-commit"
        ),
    }
    repos = {name: _repository(folder / name) for name in preparations}
    there = {name: repos[name] for name, prepare in preparations.items() if prepare(repos[name])}
    with _watching(there["watched"]):
        spent = _commits(there, rounds=4 * rounds)
    yield _beside(spent)
    yield from _hooks(spent)


def _beside(spent: Mapping[str, list[float]]) -> Row:
    ratio = statistics.median(spent["watched"]) / statistics.median(spent["none"])
    what = "a commit where only a watcher runs, CPU / the same without"
    return Row(what, f"{ratio:.3f}", "1.00 ± 0.02", abs(ratio - 1) <= 0.02)


def _hooks(spent: Mapping[str, list[float]]) -> Iterator[Row]:
    added = {
        name: statistics.median(one - bare for one, bare in zip(times, spent["none"], strict=True))
        for name, times in spent.items()
    }
    what = "what {} adds to a commit, CPU / `mktemp` + `mv` in sh"
    ours = added["shim"] / added["mktemp"]
    yield Row(what.format("the shim of `init --hooks`"), f"{ours:.2f}", "at most 0.4", ours <= 0.4)
    for name in ("lefthook", "prek", "pre-commit"):
        if name in added:
            ratio = added[name] / added["mktemp"]
            yield Row(
                what.format(f"{name}, one hook that does nothing,"),
                f"{ratio:.1f}",
                "above ours",
                ratio > ours,
            )


def _commits(repos: Mapping[str, Path], *, rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each commit; one round more than `rounds` warms up."""
    spent: dict[str, list[float]] = {name: [] for name in repos}
    order = list(repos)
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for number in range(rounds + 1):
        random.shuffle(order)
        for name in order:
            (repos[name] / "file.txt").write_text(f"{number}\n")
            _git(repos[name], "add", "file.txt")
            before = child_cpu()
            subprocess.run(
                ["git", *_PERSON, "commit", "--quiet", "-m", f"fix: {number}"],
                cwd=repos[name], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if number:
                spent[name].append(child_cpu() - before)
    return spent


def _repository(repo: Path) -> Path:
    repo.mkdir()
    _git(repo, "init", "--quiet", "--initial-branch=main")
    for number in range(20):
        (repo / f"{number}.txt").write_text(f"{number}\n")
    _git(repo, "add", ".")
    _git(repo, *_PERSON, "commit", "--quiet", "-m", "chore: begin")
    return repo


def _initialise(repo: Path) -> bool:
    return _say(repo, "init")


def _say(repo: Path, *args: str) -> bool:
    subprocess.run([sys.executable, "-m", "sixthbot", *args], cwd=repo, check=True, capture_output=True)
    return True


def _mktemp(repo: Path) -> bool:
    (repo / ".git/inbox").mkdir()
    hook = repo / ".git/hooks/post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_MKTEMP)
    hook.chmod(0o755)
    return True


def _manager(repo: Path, name: str, file: str, config: str, *install: str) -> bool:
    """Let a hook manager in, with a configuration that is committed; tell whether it is on this machine."""
    beside = Path(sys.executable).with_name(name)
    program = str(beside) if beside.exists() else shutil.which(name)
    if program is None:
        return False
    (repo / file).write_text(config)
    _git(repo, "add", file)
    _git(repo, *_PERSON, "commit", "--quiet", "-m", "chore: hooks")
    subprocess.run([program, *install], cwd=repo, check=True, capture_output=True)
    return True


def _git(repo: Path, *args: str) -> None:
    subprocess.run(["git", *args], cwd=repo, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def _watching(repo: Path) -> Iterator[None]:
    watcher = subprocess.Popen(
        [sys.executable, "-m", "sixthbot", "watch"],
        cwd=repo,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(3)
        yield
    finally:
        watcher.send_signal(signal.SIGTERM)
        watcher.wait(10)
