"""`status`: the story at each point, the figures, and what it may load."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.cli.liveline import LiveLine
from sixthbot.core.times import parse_time
from sixthbot.store.locks import hold
from sixthbot.store.paths import locate
from sixthbot.store.progressfile import write_progress
from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

ROOT = Path(__file__).parents[2]
# a budget in modules is kept on any machine; of the CPU that they stand for, `./dev bench` tells
HEAVY = {
    "click", "pydantic", "git", "rich", "watchdog", "filelock", "jinja2", "ollama", "tomli_w",
    "subprocess", "hashlib", "dataclasses", "inspect", "ast", "pathlib", "urllib", "tempfile", "shutil", "threading",
    "ctypes", "asyncio", "socket", "logging",
}  # fmt: skip
PARSERS = {"typing", "tomllib", "shlex", "contextlib"}
OURS = {
    "__main__", "cli", "cli.app", "cli.board", "cli.errors", "cli.output", "core", "core.errors", "core.shown",
    "core.text", "store", "store.clock", "store.counting", "store.home", "store.paths", "store.probe", "store.reading", "store.rulesummary",
    "store.shipped", "store.status",
}  # fmt: skip
OURS_WHERE_OPEN = {
    "cli.arounddraft", "core.doline", "core.tomlvalues", "store.afoot", "store.glance", "store.reading", "store.rows", "store.taskform", "store.tomlfile",
}  # fmt: skip


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
        f"\n  tidy  Tidy the words\n    on {BRANCH}, 2 of 2 subtasks done\n"
        f"    draft awaiting-review: Tidy the words\n    next: sixthbot review {BRANCH}\n"
    )
    places = locate(drafted.path)
    sixthbot("approve", BRANCH, cwd=drafted.path)
    said = sixthbot("status", cwd=drafted.path)
    assert said.out.endswith(f"    draft approved: Tidy the words\n    next: sixthbot push {BRANCH}\n")
    assert said.out.count("Tidy the words") == 2
    draft, approvals = (
        drafted.path / f".sixth/drafts/{BRANCH.replace('/', '%2F')}.md",
        places.data_dir / "approvals",
    )
    plain, [approval] = draft.read_text(), approvals.glob("*%2F*.json")
    draft.write_text(plain + "More words.\n")
    void = f"    draft approval void: Tidy the words\n    void: {{}}\n    next: sixthbot review {BRANCH}\n"
    assert sixthbot("status", cwd=drafted.path).out.endswith(
        void.format("it was changed after it was approved")
    )
    draft.write_text(plain)
    assert "draft approved" in sixthbot("status", cwd=drafted.path).out
    older = {key: value for key, value in json.loads(approval.read_text()).items() if key != "content"}
    approval.write_text(json.dumps(older))  # as an older program wrote it, which tells nothing of the text
    draft.write_text(plain + "More words.\n")
    assert "draft approved" in sixthbot("status", cwd=drafted.path).out
    approval.unlink()
    told = sixthbot("status", cwd=drafted.path).out
    assert told.endswith(void.format("nobody approved it on this machine"))


def test_the_figures_are_the_contracts(waiting: RepoDir) -> None:
    figures = sixthbot("status", "--json", cwd=waiting.path).json
    assert figures["schema"] == 1
    assert figures["watcher"] == {"running": False, "pid": None, "since": None}
    assert figures["queue"]["parked"] == 1
    assert figures["issues"] == {"open": 1, "waiting_for_person": 1}
    assert figures["last_error"] is None


def test_a_draft_whose_branch_moved_says_so_and_what_to_type(drafted: RepoDir) -> None:
    head, other = drafted.git("rev-parse", BRANCH).strip(), drafted.head()
    for how in (("update-ref", f"refs/heads/{BRANCH}", other), ("pack-refs", "--all")):
        drafted.git(*how)
        said = sixthbot("status", cwd=drafted.path)
        assert said.out.endswith(
            f"    moved since this draft, from {head[:9]} to {other[:9]}\n    next: sixthbot done tidy\n"
        )


def test_failed_checks_are_named_at_the_draft(waiting: RepoDir) -> None:
    config = waiting.path / ".sixth/config.toml"
    config.write_text(config.read_text().replace("print(open('words.txt').read())", "raise SystemExit('no')"))
    sixthbot("trust", "--yes", cwd=waiting.path)
    sixthbot("done", "tidy", cwd=waiting.path)
    sixthbot("run", cwd=waiting.path)
    told = sixthbot("status", cwd=waiting.path).out
    assert "\n    check failed: " in told
    assert "raise SystemExit" in told


def write_tasks(home: RepoDir, *states: tuple[str, dict[str, str]]) -> None:
    """Give the task of `tidy` these states, one after the other: folder and content."""
    queue = home.path / ".sixth/queue"
    file = next(path for path in queue.rglob("*.json") if "done" not in path.parts)
    for folder, state in states:
        task = json.loads(file.read_bytes())
        task["state"] = state
        there = queue / folder / file.name
        there.parent.mkdir(exist_ok=True)
        file.unlink()
        there.write_text(json.dumps(task))
        file = there


def test_a_task_that_waits_says_why_below_its_issue_and_what_to_do(waiting: RepoDir) -> None:
    reason = f"{BRANCH} is checked out in /somewhere"
    state = {"name": "waiting", "until": "2026-01-02T03:04:05.000Z", "reason": reason}
    write_tasks(waiting, ("waiting", state))
    assert sixthbot("status", cwd=waiting.path).out.endswith(
        f"    waits: {reason}\n    next: leave the branch in /somewhere: switch to another one there\n"
    )


def test_a_task_that_was_put_off_says_until_when_by_the_persons_clock(waiting: RepoDir) -> None:
    time = "2026-01-02T03:04:05.927Z"
    write_tasks(waiting, ("waiting", {"name": "waiting", "until": time, "reason": f"not before {time}"}))
    shown = f"{parse_time(time).astimezone():%Y-%m-%d %H:%M:%S}"
    assert f"    waits: not before {shown}\n" in sixthbot("status", cwd=waiting.path).out


def test_a_task_that_failed_is_told_below_its_issue_with_what_to_do(waiting: RepoDir) -> None:
    write_tasks(waiting, ("failed", {"name": "failed", "reason": "the disk is gone"}))
    told = sixthbot("status", cwd=waiting.path).out
    assert (
        "\n    failed: the disk is gone\n    next: mend the cause, then:\n          sixthbot queue retry t"
        in told
    )


class Terminal(io.TextIOWrapper):
    """A terminal with an encoding of its own."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.seek(0)
        return self.read()


def test_of_many_conflicts_ahead_some_are_told_and_where_all_are(waiting: RepoDir) -> None:
    found = [
        {"branch": f"sixth/b{n}", "with": "main", "is_base": True, "paths": ["x.py"], "more": 0}
        for n in range(30)
    ]
    (waiting.path / ".sixth/local/cursors").mkdir(parents=True, exist_ok=True)
    (waiting.path / ".sixth/local/cursors/forecast.json").write_text(json.dumps({"conflicts": found}))
    told = sixthbot("status", cwd=waiting.path).out
    assert told.count(" with its base main: x.py\n") == 10
    assert "\n  and 20 more (sixthbot status --json has all)\n" in told
    assert len(sixthbot("status", "--json", cwd=waiting.path).json["conflicts"]) == 30


def test_a_running_task_says_what_it_is_at(waiting: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    plan = waiting.path / ".sixth/issues/tidy/plan.toml"
    plan.write_text(plan.read_text().replace('"waiting"', '"open"'))
    write_tasks(waiting, ("running/w1", {"name": "ready"}))  # as a claim leaves it
    dead = "    stopped; its worker is dead, the next run or watch takes it up\n    next: sixthbot run\n"
    assert dead in sixthbot("status", cwd=waiting.path).out
    monkeypatch.setattr("sixthbot.store.afoot.is_free", lambda lease: not lease.endswith("/workers/w1.lock"))
    assert "\n    running\n" in sixthbot("status", cwd=waiting.path).out
    task = next((waiting.path / ".sixth/queue/running/w1").iterdir()).stem.rpartition("-")[2]
    row = {
        "schema": 1, "task": task, "step": 3, "steps": 8, "action": "work", "since": "2026-01-02T03:04:05Z",
        "updated": "2026-01-02T03:04:05Z", "done": 1, "total": 4, "eta": 500, "item": "subtask 2. Rename it",
        "line": "mv: \x1b[31mno",
    }  # fmt: skip
    write_progress(locate(waiting.path), row)
    told = sixthbot("status", cwd=waiting.path).out
    said = "work, step 3 of 8: 1 of 4 (25 %), about 8 min left: subtask 2. Rename it, begun "
    assert f"\n    running: {said}" in told
    assert "\n      it says: mv: " in told
    assert "\x1b" not in told
    assert said in sixthbot("queue", "show", task, cwd=waiting.path).out
    (shown,) = sixthbot("status", "--json", cwd=waiting.path).json["running"]
    assert (shown["task"], shown["percent"], shown["eta"]) == (task, 25, 500)
    assert (
        sixthbot("queue", "show", task, "--json", cwd=waiting.path).json["task"]["progress"]["percent"] == 25
    )
    write_progress(locate(waiting.path), {**row, "total": 0, "item": "s\xf6t \N{SNOWMAN}", "line": ""})
    for encoding, item in (
        ("utf-8", "s\xf6t \N{SNOWMAN}"),
        ("latin-1", "s\xf6t \\u2603"),
        ("ascii", "s\\xf6t \\u2603"),
    ):
        terminal = Terminal(io.BytesIO(), encoding=encoding, newline="")
        assert LiveLine(terminal, locate(waiting.path), color=False).draw()
        assert terminal.shown() == f"\r\x1b[K> work, step 3 of 8: {item}"


def test_paused_lanes_are_told_with_how_to_go_on(home: RepoDir) -> None:
    for words, told in (
        (("pause", "low"), "lane low: nothing of it is begun (go on: sixthbot queue resume low)"),
        (("pause",), "every lane: nothing of it is begun (go on: sixthbot queue resume)"),
        (("resume", "high"), "lanes critical, normal, low: nothing of it is begun (go on: sixthbot queue resume)"),
    ):  # fmt: skip
        sixthbot("queue", *words, cwd=home.path)
        assert f"\npaused   {told}\n" in sixthbot("status", cwd=home.path).out
    assert sixthbot("status", "--json", cwd=home.path).json["paused"] == ["critical", "normal", "low"]
    sixthbot("queue", "resume", cwd=home.path)
    assert "paused" not in sixthbot("status", cwd=home.path).out


def test_a_failure_that_is_over_is_not_told_any_more(waiting: RepoDir) -> None:
    task = sixthbot("queue", "list", "--json", cwd=waiting.path).json["tasks"][0]["id"]
    failed = {"kind": "task.failed", "time": "2026-01-02T03:04:05Z", "task": task, "message": "it broke"}
    (waiting.path / ".sixth/journal/other.jsonl").write_text(json.dumps(failed) + "\n")
    assert "it broke" not in sixthbot("status", cwd=waiting.path).out
    write_tasks(waiting, ("failed", {"name": "failed", "reason": "it broke"}))
    assert "\nlast error  " in sixthbot("status", cwd=waiting.path).out


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


def loaded(repo: RepoDir, *line: str) -> tuple[str, set[str]]:
    """Run a command line without any package installed; return what it printed and the modules it loaded."""
    program = (
        "import sys; before = set(sys.modules); sys.argv[0] = 'sixthbot';"
        "from sixthbot.__main__ import main; code = main();"
        "print('|', code, *(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, *line],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    code, *modules = done.stderr.rpartition("|")[2].split()
    assert code == "0"
    return done.stdout, set(modules)


def our_own(modules: set[str]) -> set[str]:
    return {name.removeprefix("sixthbot.") for name in modules if name.startswith("sixthbot.")}


@pytest.mark.parametrize("line", [["status"], ["status", "--json"]])
def test_status_loads_next_to_nothing_where_nothing_is_open(home: RepoDir, line: list[str]) -> None:
    said, modules = loaded(home, *line)
    assert "watcher" in said
    assert (HEAVY | PARSERS) & modules == set()
    assert our_own(modules) <= OURS
    assert len(modules) <= 60


@pytest.mark.parametrize("line", [["status"], ["status", "--json"]])
def test_status_loads_little_more_where_much_is_open(drafted: RepoDir, line: list[str]) -> None:
    (drafted.path / ".sixth/inbox/more.md").write_text("# More\n\n- [ ] By hand `do: nobody knows=this`\n")
    sixthbot("run", cwd=drafted.path)
    failed = {"kind": "task.failed", "time": "2026-01-02T03:04:05Z", "task": "t1", "message": "it broke"}
    (drafted.path / ".sixth/journal/other.jsonl").write_text(json.dumps(failed) + "\n")
    with hold(locate(drafted.path).watch_lock, what="watch"):
        said, modules = loaded(drafted, *line)
    as_json = "--json" in line
    for told in ["it broke", '"parked": 2'] if as_json else ["running, pid", "More", "by hand", BRANCH]:
        assert told.lower() in said.lower()
    assert HEAVY & modules == set()
    assert our_own(modules) <= OURS | {"cli.times", "core.times"} | (set() if as_json else OURS_WHERE_OPEN)
    assert len(modules) <= (62 if as_json else 85)
