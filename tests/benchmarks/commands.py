"""What the commands and the main path cost: `status`, a file dropped, a task that does nothing."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.bot import Bot
from tests.benchmarks.measure import Row, medians, own_cpu

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = sys.executable


def rows(folder: Path, *, rounds: int) -> Iterator[Row]:
    """Measure in scratch repositories below `folder`; commands are compared over so many rounds."""
    repo, busy = _repository(folder / "repo"), _busy_repository(folder / "busy")
    yield _status(repo, rounds, "nothing open")
    yield _status(busy, rounds, "3 issues waiting, 2 drafts, 1 failure")
    yield _drop_to_claim(repo)
    yield _noop_task(repo)


def run(repo: Path, *argv: str) -> None:
    """Run a command in a repository; raise CalledProcessError where it fails."""
    subprocess.run(argv, cwd=repo, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def initialised(repo: Path) -> None:
    """Make a repository with one commit that the bot is at home in."""
    repo.mkdir(parents=True)
    run(repo, "git", "init", "--initial-branch=main")
    person = ("-c", "user.name=A", "-c", "user.email=a@b")
    run(repo, "git", *person, "commit", "--allow-empty", "-m", "chore: begin")
    run(repo, PYTHON, "-m", "sixthbot", "init")


def _repository(repo: Path) -> Path:
    """Make a repository whose one rule does next to nothing."""
    initialised(repo)
    rule = '[[rule]]\nname = "nothing"\non = "issue.added"\ndo = [{ use = "notify", text = "seen" }]\n'
    (repo / ".sixth" / "rules").mkdir(exist_ok=True)
    (repo / ".sixth" / "rules" / "bench.toml").write_text(rule)
    (repo / ".sixth" / "config.toml").write_text('[rules]\ndisabled = ["work on an issue"]\n')
    run(repo, PYTHON, "-m", "sixthbot", "trust", "--yes")
    return repo


def _busy_repository(repo: Path) -> Path:
    """Make a repository in which three issues wait for a person, two drafts for review, and one issue failed."""
    initialised(repo)
    note = "import time; open('notes.txt', 'a').write(str(time.time_ns()))"
    recipes = {"note": [PYTHON, "-c", note], "broken": [PYTHON, "-c", "raise SystemExit(3)"]}
    config = "".join(f"[recipes.{name}]\nrun = {json.dumps(argv)}\n" for name, argv in recipes.items())
    (repo / ".sixth" / "config.toml").write_text(config)
    run(repo, PYTHON, "-m", "sixthbot", "trust", "--yes")
    boxes = ["By hand"] * 3 + ["Note it `do: note`"] * 2 + ["Break it `do: broken`"]
    for number, box in enumerate(boxes):
        text = f"---\nid: busy-{number}\n---\n# Busy number {number}\n\n- [ ] {box}\n"
        (repo / ".sixth" / "inbox" / f"{number}.md").write_text(text)
    said = b""
    for _ in range(60):
        # where a task failed the exit code says so, which is what is wanted here
        subprocess.run([PYTHON, "-m", "sixthbot", "run"], cwd=repo, check=False, capture_output=True)
        said = subprocess.check_output([PYTHON, "-m", "sixthbot", "status", "--json"], cwd=repo)
        status = json.loads(said)
        seen = (
            status["issues"]["waiting_for_person"],
            status["drafts"]["awaiting-review"],
            status["queue"]["failed"],
        )
        if seen == (3, 2, 1):
            return repo
        time.sleep(1)
    raise SystemExit(f"the busy repository did not come to rest: {said.decode()}")


def _status(repo: Path, rounds: int, state: str) -> Row:
    spent = medians(
        {
            "status": [PYTHON, "-m", "sixthbot", "status"],
            "click": [PYTHON, "-c", "import click"],
            "git": ["git", "rev-parse", "HEAD"],
        },
        cwd=repo,
        rounds=rounds,
    )
    ratio = spent["status"] / (spent["click"] + spent["git"])
    what = f"`status`, {state}: CPU / (`import click` + `git rev-parse`)"
    return Row(what, f"{ratio:.2f}", "at most 1.5", ratio <= 1.5)


def on_commit(repo: Path, rounds: int) -> list[Row]:
    """Compare what a hook manager would call with a Python that does nothing, in a repository that the bot is at home in."""
    commands = {"bare": [PYTHON, "-c", "pass"], "python -m sixthbot": [PYTHON, "-m", "sixthbot", "on-commit"]}
    script = Path(PYTHON).with_name("sixthbot")
    if script.exists():  # what hooks call; a plain checkout has none
        commands["sixthbot"] = [str(script), "on-commit"]
    spent = medians(commands, cwd=repo, rounds=3 * rounds)
    ratios = {name: spent[name] / spent["bare"] for name in commands if name != "bare"}
    return [
        Row(f"`on-commit` as `{name}`, CPU / bare Python", f"{ratio:.2f}", "at most 1.5", ratio <= 1.5)
        for name, ratio in ratios.items()
    ]


def _records(repo: Path) -> Iterator[dict[str, object]]:
    for path in sorted((repo / ".sixth" / "journal").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _claims(repo: Path) -> dict[str, float]:
    """Return when each issue's task was claimed, in seconds of the epoch."""
    claimed = {}
    for record in _records(repo):
        if record.get("kind") == "task.claimed" and record.get("issue"):
            claimed[str(record["issue"])] = datetime.fromisoformat(str(record["time"])).timestamp()
    return claimed


def _drop_to_claim(repo: Path, files: int = 30) -> Row:
    watcher = subprocess.Popen(
        [PYTHON, "-m", "sixthbot", "watch"], cwd=repo, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(3)
        dropped = {}
        for number in range(files):
            name = f"bench-{number}"
            (repo / ".sixth" / "inbox" / f"{name}.md").write_text(
                f"---\nid: {name}\n---\nNothing to do {number}\n"
            )
            dropped[name] = time.time()
            time.sleep(0.4)
        time.sleep(2)
    finally:
        watcher.send_signal(signal.SIGTERM)
        watcher.wait(10)
    claimed = _claims(repo)
    late = [1000 * (claimed[name] - moment) for name, moment in dropped.items() if name in claimed]
    if len(late) < files:
        return Row(
            "file dropped to task claimed, median",
            f"{files - len(late)} never claimed",
            "under 100 ms",
            holds=False,
        )
    middle = statistics.median(late)
    return Row("file dropped to task claimed, median", f"{middle:.0f} ms", "under 100 ms", middle < 100)


def _noop_task(repo: Path, tasks: int = 200) -> Row:
    bot = Bot.open(repo)
    bot.run()
    for number in range(tasks):
        (repo / ".sixth" / "inbox" / f"noop-{number}.md").write_text(f"Nothing to do, number {number}\n")
    time.sleep(0.2)
    before = own_cpu()
    bot.run()
    spent = 1000 * (own_cpu() - before) / tasks
    done = sum(1 for record in _records(repo) if record.get("kind") == "task.succeeded")
    what = "a no-op task from file to done, CPU"
    if done < tasks:
        return Row(what, f"only {done} of {tasks} done", "under 20 ms", holds=False)
    return Row(what, f"{spent:.1f} ms", "under 20 ms", spent < 20)
