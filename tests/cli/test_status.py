"""`status`: the story at each point, the figures, and what it may load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.store.locks import hold
from sixthbot.store.paths import locate
from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

ROOT = Path(__file__).parents[2]
HEAVY = {
    "click",
    "pydantic",
    "git",
    "rich",
    "watchdog",
    "filelock",
    "jinja2",
    "ollama",
    "tomli_w",
    "subprocess",
}


def test_a_quiet_repository_says_how_to_begin(home: RepoDir) -> None:
    said = sixthbot("status", cwd=home.path)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[:2] == [
        "watcher  not running (start it: sixthbot watch; or once: sixthbot run)",
        "queue    empty",
    ]
    assert lines[-2:] == ["", "nothing waits for you; sixthbot new 'TITLE' puts an issue into the inbox"]


def test_an_issue_that_waits_for_a_person_is_told_with_the_command_to_type(waiting: RepoDir) -> None:
    said = sixthbot("status", cwd=waiting.path)
    assert said.out.splitlines()[1] == "queue    1 parked"
    assert said.out.endswith(
        "\nissues\n"
        "  tidy  Tidy the words\n"
        f"    on {BRANCH}, 1 of 2 subtasks done\n"
        "    waits for you: 2. Rename the file by hand (no recipe was asked for)\n"
        f"    next: commit it on {BRANCH} in a worktree of your own, leave the branch, then:\n"
        "          sixthbot done tidy\n"
    )


def test_a_draft_is_told_with_what_to_do_next(drafted: RepoDir) -> None:
    said = sixthbot("status", cwd=drafted.path)
    assert said.out.endswith(
        f"\ndrafts\n  {BRANCH}  awaiting-review  Tidy the words\n    next: sixthbot review {BRANCH}\n"
    )
    sixthbot("approve", BRANCH, cwd=drafted.path)
    said = sixthbot("status", cwd=drafted.path)
    assert said.out.endswith(f"  {BRANCH}  approved  Tidy the words\n    next: sixthbot push {BRANCH}\n")


def test_the_figures_are_the_contracts(waiting: RepoDir) -> None:
    figures = sixthbot("status", "--json", cwd=waiting.path).json
    assert figures["schema"] == 1
    assert figures["watcher"] == {"running": False, "pid": None, "since": None}
    assert figures["queue"]["parked"] == 1
    assert figures["issues"] == {"open": 1, "waiting_for_person": 1}
    assert figures["last_error"] is None


def test_a_running_watch_is_told_with_its_pid(home: RepoDir) -> None:
    with hold(locate(home.path).watch_lock, what="watch"):
        said = sixthbot("status", cwd=home.path)
    assert said.out.startswith(f"watcher  running, pid {os.getpid()}, started just now\n")


def test_a_plan_that_somebody_broke_does_not_keep_the_rest_from_being_told(waiting: RepoDir) -> None:
    (waiting.path / ".sixth/issues/tidy/plan.toml").write_text("nonsense")
    said = sixthbot("status", cwd=waiting.path)
    assert said.code == 0
    assert "failed: 1. the plan cannot be read (.sixth/issues/tidy/plan.toml" in said.out


def test_text_of_an_issue_cannot_steer_the_terminal(home: RepoDir) -> None:
    text = "# Red \x1b[31m \u202e title\n\n- [ ] sub\x07task\n"
    (home.path / ".sixth/inbox/red.md").write_text(text)
    sixthbot("run", cwd=home.path)
    for command in (["status"], ["issue"], ["issue", "show", "red"], ["log"], ["why", "red"], ["queue"]):
        said = sixthbot(*command, cwd=home.path)
        assert said.code == 0, command
        assert not set(said.out) & {"\x1b", "\u202e", "\x07"}, command


@pytest.mark.parametrize("line", [["status"], ["status", "--json"]])
def test_status_loads_nothing_heavy(waiting: RepoDir, line: list[str]) -> None:
    program = (
        "import sys; sys.argv[0] = 'sixthbot'; from sixthbot.__main__ import main; code = main();"
        "print('|', code, *sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *line],
        cwd=waiting.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    code, *modules = done.stderr.rpartition("|")[2].split()
    assert code == "0"
    assert done.stdout
    assert HEAVY & set(modules) == set()
