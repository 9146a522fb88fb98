"""What a changelog costs beside `git log`, git-cliff and commitizen, on a made history of 50,000 commits and 500 tags."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measure import Row, cpu_of, medians

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMITS = 50_000
_PER_TAG = 100
_PERSON = "A <a@b>"
_TYPES = ("feat", "fix", "fix", "docs", "chore", "refactor", "perf", "test", "build", "ci")
_SCOPES = ("core", "cli", "api", "parser", "docs", "")
_WORDS = [
    "add",
    "mend",
    "read",
    "write",
    "the",
    "a",
    "cache",
    "file",
    "option",
    "name",
    "list",
    "user",
    "branch",
    "line",
    "when",
    "is",
    "for",
    "of",
    "in",
    "no",
    "new",
    "old",
    "slow",
]
_SIXTHBOT = [sys.executable, "-m", "sixthbot", "changelog"]


def rows(folder: Path, *, rounds: int) -> Iterator[Row]:
    """Measure CPU, children included; the peers run once, they take long."""
    repo = make_history(folder / "history", COMMITS)
    _git(repo, "commit-graph", "write", "--reachable")
    rounds = max(rounds // 5, 3)
    log = ["git", "log", "--format=%H%x1f%P%x1f%ct%x1f%an%x1f%B%x1e"]
    spent = medians({"git log": log, "full": _SIXTHBOT}, cwd=repo, rounds=rounds)
    full = spent["full"] / spent["git log"]
    yield Row(
        "full changelog of 50,000 commits: CPU / `git log` with messages",
        f"{full:.2f}",
        "at most 2",
        full <= 2,
    )
    refresh = _refresh(repo, rounds) / spent["full"]
    yield Row("refresh after one commit: CPU / full", f"{refresh:.2f}", "at most 0.1", refresh <= 0.1)
    for name, argv in _peers().items():  # git-cliff takes minutes
        peer = cpu_of(argv, repo, {**_environment()}) / spent["git log"]
        yield Row(
            f"{name}, full: CPU / `git log` with messages",
            f"{peer:.1f}",
            f"more than ours ({full:.2f})",
            peer > full,
        )


def make_history(repo: Path, commits: int, *, seed: int = 1) -> Path:
    """Write a history of conventional commits with bodies, merges, reverts and a tag every hundred commits."""
    chance = random.Random(seed)  # noqa: S311 - the same history each time
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(repo)], check=True)
    feed = subprocess.Popen(["git", "fast-import", "--quiet", "--done"], cwd=repo, stdin=subprocess.PIPE)
    assert feed.stdin is not None
    for number in range(1, commits + 1):
        message = _message(chance, number).encode()
        when = 1_500_000_000 + 600 * number
        feed.stdin.write(
            b"commit refs/heads/main\nmark :%d\ncommitter %s %d +0000\ndata %d\n%s\n"
            % (number, _PERSON.encode(), when, len(message), message)
        )
        if number > 1:
            feed.stdin.write(b"from :%d\n" % (number - 1))
        content = b"%d\n" % number
        feed.stdin.write(b"M 100644 inline f%d.txt\ndata %d\n%s\n" % (number % 200, len(content), content))
        if number % _PER_TAG == 0:
            minor = number // _PER_TAG
            feed.stdin.write(b"reset refs/tags/v1.%d.0\nfrom :%d\n\n" % (minor, number))
    feed.stdin.write(b"done\n")
    feed.stdin.close()
    if feed.wait():
        raise SystemExit("git fast-import failed")
    return repo


def _message(chance: random.Random, number: int) -> str:
    scope = chance.choice(_SCOPES)
    subject = f"{chance.choice(_TYPES)}{f'({scope})' if scope else ''}: " + " ".join(
        chance.choices(_WORDS, k=7)
    )
    body = "\n".join(" ".join(chance.choices(_WORDS, k=11)) for _ in range(chance.randrange(8)))
    footer = (
        "BREAKING CHANGE: " + " ".join(chance.choices(_WORDS, k=6))
        if number % 97 == 0
        else f"Refs: #{number}"
    )
    return f"{subject} (#{number})\n\n{body}\n\n{footer}\n"


def _refresh(repo: Path, rounds: int) -> float:
    """Return the median CPU of a run after one more commit each time, where the bot is at home and remembers."""
    subprocess.run([sys.executable, "-m", "sixthbot", "init"], cwd=repo, check=True, capture_output=True)
    subprocess.run(_SIXTHBOT, cwd=repo, check=True, capture_output=True)
    spent = []
    for number in range(rounds):
        _git(repo, "commit", "--allow-empty", "--message", f"feat: one more, number {number}")
        spent.append(cpu_of(_SIXTHBOT, repo, _environment()))
    return sorted(spent)[len(spent) // 2]


def _peers() -> dict[str, list[str]]:
    """Return what of the peers is installed: the extra `bench` brings them."""
    here = Path(sys.executable).parent
    cliff, cz = shutil.which("git-cliff", path=str(here)), shutil.which("cz", path=str(here))
    found = {}
    if cliff:
        found["git-cliff"] = [cliff, "--offline"]
    if cz:
        found["commitizen"] = [cz, "--name", "cz_conventional_commits", "changelog", "--dry-run"]
    return found


def _environment() -> dict[str, str]:
    import os  # noqa: PLC0415 - read when measured, after the runner sealed it

    return dict(os.environ)


def _git(repo: Path, *argv: str) -> None:
    person = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "gc.auto=0")
    subprocess.run(["git", *person, *argv], cwd=repo, check=True, capture_output=True)
