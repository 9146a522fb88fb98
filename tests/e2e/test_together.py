"""`watch`, `run` and several `work` on one repository: each task is done by exactly one of them, and none is missed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

COUNT = 200
_RULES = """\
[[rule]]
name = "tell"
on = "commit"
lane = "low"
mode = "parallel"
do = [{ use = "notify", text = "seen" }]
"""


def commits(count: int) -> str:
    """Return a stream for `git fast-import` that puts so many commits onto main."""
    who = "Ada <ada@example.org> 1700000000 +0000"
    first = "from refs/heads/main^0\n"
    return "".join(
        f"commit refs/heads/main\ncommitter {who}\ndata 5\nfeat\n{'' if n else first}M 100644 inline f{n}\ndata 1\nx\n"
        for n in range(count)
    )


def journal(repo: RepoDir, kind: str) -> list[dict[str, object]]:
    files = sorted((repo.path / ".sixth/journal").glob("*.jsonl"))
    records = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    return [record for record in records if record["kind"] == kind]


def test_four_processes_share_a_queue_and_each_task_has_one_winner(repo: RepoDir) -> None:
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / ".sixth/rules/tell.toml").write_text(_RULES)
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    repo.git("fast-import", "--quiet", "--force", stdin=commits(COUNT))
    lines = (["watch"], ["work", "--lane", "low"], ["work", "--lane", "low"], ["run"])
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "sixthbot", "-q", *line],
            cwd=repo.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for line in lines
    ]
    done, end = repo.path / ".sixth/queue/done", time.monotonic() + 90
    try:
        while time.monotonic() < end and (
            len(list(done.glob("*.json"))) < COUNT or started[3].poll() is None
        ):
            time.sleep(0.2)
    finally:
        for process in started:
            process.terminate()
        codes = [process.wait(30) for process in started]
    assert codes == [0, 0, 0, 0]
    made = {path.name.partition("-")[2].removesuffix(".json") for path in done.glob("*.json")}
    assert len(made) == COUNT
    assert Counter(record["task"] for record in journal(repo, "task.succeeded")) == dict.fromkeys(made, 1)
    claims = Counter(record["task"] for record in journal(repo, "task.claimed"))
    assert claims == dict.fromkeys(made, 1)
    winners = {str(record["message"]).partition("-")[0] for record in journal(repo, "task.claimed")}
    assert len(winners) >= 2, "more than one process had a part in it"
