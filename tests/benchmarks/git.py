"""What git work costs beside git itself: rebases, forecasts, many commits, undo. CPU of all processes, in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sixthbot.actions.moving import move_as_operation
from sixthbot.core.names import Oid, parse_oid
from sixthbot.git.commits import Person
from sixthbot.git.fastimport import NewCommit, PathChange, import_commits
from sixthbot.git.mergeable import forecast
from sixthbot.git.rebase import Rebased, rebase_in_memory
from sixthbot.git.refs import RefMove, move_refs
from sixthbot.git.run import Git
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise
from tests.benchmarks.measure import Row, own_cpu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_WHO = Person("A", "a@example.org", 1_700_000_000)
_DATES = {"GIT_AUTHOR_DATE": "1600000000 +0000", "GIT_COMMITTER_DATE": "1600000000 +0000"}
"""Of the first commit: git takes histories that go back in time for others than they are."""
_FOLDERS, _FILES, _BEHIND = 40, 100, 200


def rows(folder: Path, *, rounds: int) -> Iterator[Row]:
    """Measure in a repository of 4,000 files; each way in turn, so many rounds (at most 7, as each is long)."""
    rounds = min(rounds, 7)
    repo = _Repo(folder / "repo")
    yield _rebase(repo, rounds, count=50, overlap=False, limit=0.20)
    yield _rebase(repo, rounds, count=50, overlap=True, limit=0.45)
    yield _bulk(repo, rounds)
    yield _forecast(repo, rounds)
    yield _undo(repo, rounds)


class _Repo:
    """A repository with 200 commits on `main`, and branches from its first to be rebased."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True)
        self.path = path
        self.say("init", "--quiet", "--initial-branch=main")
        for key, value in (
            ("user.name", "A"),
            ("user.email", "a@b"),
            ("gc.auto", "0"),
            ("advice.detachedHead", "false"),
        ):
            self.say("config", key, value)
        self.say("commit", "--quiet", "--allow-empty", "-m", "begin")
        self.git = Git(path / ".git")
        files = {name: _text(name) for name in _names()}
        self.start = self.make(self.tip("main"), [("start", files)])
        self.say("reset", "--quiet", "--hard", self.start)
        changed = [
            ("upstream", {name: _text(f"up {number}")}) for number, name in enumerate(_names()[:_BEHIND])
        ]
        self.onto = self.make(self.start, changed)

    def say(self, *argv: str) -> str:
        """Run git as a person would."""
        done = subprocess.run(
            ["git", *argv],
            cwd=self.path,
            env={**os.environ, **_DATES},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def tip(self, name: str) -> Oid:
        """Return the commit a name stands for."""
        return parse_oid(self.say("rev-parse", name))

    def make(self, onto: Oid, steps: Sequence[tuple[str, Mapping[str, bytes]]]) -> Oid:
        """Make commits of files, one on the other; return the last."""
        commits = [
            NewCommit(
                message=f"{subject} {number}\n", author=_WHO, committer=_WHO,
                changes=tuple(PathChange(path, data) for path, data in files.items()),
            )
            for number, (subject, files) in enumerate(steps)
        ]  # fmt: skip
        return import_commits(self.git, onto=onto, commits=commits)[-1]


def _names() -> list[str]:
    return [f"d{number % _FOLDERS}/f{number // _FOLDERS}.py" for number in range(_FOLDERS * _FILES)]


def _text(seed: str, last: str = "") -> bytes:
    return "".join(f"{seed} line {number}\n" for number in range(30)).encode() + last.encode()


def _rebase(repo: _Repo, rounds: int, *, count: int, overlap: bool, limit: float) -> Row:
    """Rebase a branch of one-file commits; with `overlap`, the first 10 touch files that upstream touched elsewhere."""
    names = _names()[_BEHIND : _BEHIND + count]
    files = {name: _text(name, "# mine\n") for name in names}
    onto = repo.onto
    if overlap:
        both = names[:10]
        onto = repo.make(repo.onto, [("both", {name: b"# theirs\n" + _text(name)}) for name in both])
    tip = repo.make(repo.start, [("mine", {name: data}) for name, data in files.items()])
    made: list[Oid] = []

    def ours() -> None:
        done = rebase_in_memory(repo.git, branch_tip=tip, upstream_base=onto, onto=onto, committer=_WHO)
        assert isinstance(done, Rebased)
        assert done.merged == overlap
        made.append(done.new_tip)

    def prepare() -> None:
        repo.say("checkout", "--quiet", "-f", "-B", "bench", tip)

    def theirs() -> None:
        repo.say("rebase", "--quiet", "--onto", onto, repo.start)

    spent = _in_turns(rounds, {"ours": (None, ours), "git": (prepare, theirs)})
    same = repo.tip("bench^{tree}") == repo.tip(f"{made[-1]}^{{tree}}")
    ratio = spent["ours"] / spent["git"]
    what = (
        "10 of them to files that the base changed too" if overlap else "to other files than the base changed"
    )
    figure = f"{spent['ours'] * 1e3:.0f} ms, git rebase {spent['git'] * 1e3:.0f} ms: {ratio:.2f}"
    return Row(
        f"rebase of {count} commits, {what}", figure, f"at most {limit:.2f}", holds=same and ratio <= limit
    )


def _bulk(repo: _Repo, rounds: int) -> Row:
    """Commit 500 small changes; with `git add` and `git commit` 20."""
    many, few = 500, 20

    def ours() -> None:
        repo.make(repo.start, [("bulk", {"bulk.txt": f"{number}\n".encode()}) for number in range(many)])

    def prepare() -> None:
        repo.say("checkout", "--quiet", "-f", "-B", "bench", repo.start)

    def theirs() -> None:
        for number in range(few):
            (repo.path / "bulk.txt").write_text(f"{number}\n")
            repo.say("add", "bulk.txt")
            repo.say("commit", "--quiet", "-m", f"bulk {number}")

    spent = _in_turns(rounds, {"ours": (None, ours), "git": (prepare, theirs)})
    ours_each, git_each = spent["ours"] / many, spent["git"] / few
    ratio = git_each / ours_each
    figure = (
        f"{ours_each * 1e3:.2f} ms each, git add and git commit {git_each * 1e3:.1f} ms: {ratio:.0f} times"
    )
    return Row(f"{many} small commits at once", figure, "at least 40 times", holds=ratio >= 40)


def _forecast(repo: _Repo, rounds: int) -> Row:
    """Forecast 20 branches against a base that moved on; with one `git merge-tree` each."""
    names = _names()[-20:]
    tips = [repo.make(repo.start, [("mine", {name: _text(name, "# mine\n")})]) for name in names]
    pairs = [(repo.onto, tip) for tip in tips]

    def ours() -> None:
        assert set(forecast(repo.git, pairs).values()) == {()}

    def theirs() -> None:
        for one, other in pairs:
            repo.say("merge-tree", "--write-tree", "--name-only", "--no-messages", one, other)

    spent = _in_turns(rounds, {"ours": (None, ours), "git": (None, theirs)})
    ratio = spent["ours"] / spent["git"]
    figure = f"{spent['ours'] * 1e3:.0f} ms, one process each {spent['git'] * 1e3:.0f} ms: {ratio:.2f}"
    return Row(f"conflict forecast of {len(pairs)} pairs", figure, "at most 0.10", holds=ratio <= 0.10)


def _undo(repo: _Repo, rounds: int) -> Row:
    """Rebase as an operation that can be undone, and without; the record is what differs."""
    names = _names()[_BEHIND : _BEHIND + 50]
    tip = repo.make(repo.start, [("mine", {name: _text(name, "# mine\n")}) for name in names])
    initialise(locate(repo.path))
    store = open_store(locate(repo.path))

    def plain(*, recorded: bool) -> None:
        done = rebase_in_memory(
            repo.git, branch_tip=tip, upstream_base=repo.onto, onto=repo.onto, committer=_WHO
        )
        assert isinstance(done, Rebased)
        if recorded:
            move_as_operation(
                repo.git, store, [("refs/heads/undo", tip, done.new_tip)],
                now=datetime.now(UTC), task="", reason="bench", note=lambda *_, **__: None,
            )  # fmt: skip
        else:
            move_refs(repo.git, [RefMove("refs/heads/undo", tip, done.new_tip)], message="bench")

    def prepare() -> None:
        repo.say("update-ref", "refs/heads/undo", tip)

    ways = {
        "with": (prepare, lambda: plain(recorded=True)),
        "without": (prepare, lambda: plain(recorded=False)),
    }
    spent = _in_turns(3 * rounds, ways)
    more = spent["with"] / spent["without"] - 1
    figure = f"{spent['with'] * 1e3:.1f} ms, without {spent['without'] * 1e3:.1f} ms: {more:+.1%}"
    return Row(
        "what recording a rebase for undo adds, with backup refs", figure, "at most 5%", holds=more <= 0.05
    )


def _in_turns(
    rounds: int, ways: Mapping[str, tuple[Callable[[], None] | None, Callable[[], None]]]
) -> dict[str, float]:
    """Return the median CPU seconds of each way, measured in turns; the first round warms up."""
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, (prepare, way) in ways.items():
            if prepare is not None:
                prepare()
            before = own_cpu()
            way()
            if number:
                seen[name].append(own_cpu() - before)
    return {name: statistics.median(times) for name, times in seen.items()}
