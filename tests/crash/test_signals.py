"""A real bot hears its signals: it reads anew, says what it is at, goes on when nobody reads, and leaves in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.engine.services import open_services
from sixthbot.store.locks import hold
from sixthbot.store.paths import locate
from tests.e2e.person import Person, wait_until

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

CONFIG = """
[bot]
durability = "process"
[recipes.deaf]
run = ["sh", "-c", "trap '' TERM; echo x >'{out}'; while :; do sleep 1; done"]
"""
_RULE = '[[rule]]\nname = "look"\non = "commit"\ndo = [{ use = "report" }]\n'


def test_a_watch_through_all_its_signals(repo: RepoDir, tmp_path: Path) -> None:
    person, out = Person(repo), tmp_path / "out"
    person.settle_in(CONFIG.format(out=out))
    person.drop("# Deaf\n\n- [ ] Do it `do: deaf`\n")
    bot = subprocess.Popen(
        [sys.executable, "-m", "sixthbot", "watch"],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert bot.stderr is not None
    try:
        bot.stderr.close()  # whoever read what it says is gone
        wait_until(out.exists)
        store = open_services(repo.path).store

        def told(kind: str) -> list[str]:
            return [record.message for record in store.journal.read() if record.kind == kind]

        (repo.path / ".sixth/rules/look.toml").write_text(_RULE)
        assert person.ok("trust", "--yes") is not None
        bot.send_signal(signal.SIGHUP)
        wait_until(lambda: "rule look is new" in "; ".join(told("bot.reloaded")))
        bot.send_signal(signal.SIGUSR1)
        wait_until(lambda: told("bot.stacks"))
        path = repo.path / told("bot.stacks")[0].rpartition(": ")[2]
        assert "worker " in path.read_text()
        bot.send_signal(signal.SIGQUIT)  # what Ctrl-\ sends
        wait_until(lambda: len(told("bot.stacks")) > 1)
        assert bot.poll() is None
        with hold(
            locate(repo.path).beside / "saving", what="saving", patience=30
        ):  # as another process that saves for long
            started = time.monotonic()
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(20) == 0
            assert time.monotonic() - started < 5
        (task,) = store.queue.all()
        assert (task.state.name, task.crashes, task.attempts) == ("ready", 0, 0)
        assert told("bot.stopped")
    finally:
        bot.kill()
        bot.wait()
