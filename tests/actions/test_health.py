"""The health of the default branch: what is run, when it is skipped, and where the result shows."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from sixthbot.actions.health import commands_for
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

CONFIG = """\
[check]
run = [["sh", "-c", "echo running >> $MARKS; test ! -e broken.txt"]]
[worktree]
confine = false
"""


@pytest.fixture
def home(repo: RepoDir) -> RepoDir:
    assert sixthbot("init", cwd=repo.path).code == 0
    return repo


def do(home: RepoDir, rule: str) -> str:
    """Let a shipped rule be due, and return what its log says."""
    assert sixthbot("rules", "run", rule, cwd=home.path).code == 0
    assert sixthbot("run", cwd=home.path).code == 0
    return sixthbot("log", "-n", "6", cwd=home.path).out


def result(home: RepoDir, job: str) -> dict[str, object]:
    found = json.loads((home.path / f".sixth/artifacts/health/{job}.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_job_with_nothing_to_run_is_skipped_with_the_reason(home: RepoDir) -> None:
    assert "types: skipped: no type check is configured" in do(home, "type check")
    assert "tests: skipped: no test command is configured" in do(home, "nightly tests")
    assert result(home, "tests")["ok"] is None
    status = sixthbot("status", cwd=home.path).out
    assert "failed" not in status


def test_a_red_check_shows_in_status_until_it_is_green_and_runs_only_when_something_changed(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = home.path.parent / "marks"
    monkeypatch.setenv("MARKS", str(marks))
    (home.path / ".sixth/config.toml").write_text(CONFIG)
    assert sixthbot("trust", "--yes", cwd=home.path).code == 0
    do(home, "nightly tests")
    assert "nothing changed since they were last fine" in do(home, "nightly tests")
    assert marks.read_text() == "running\n"
    home.commit("feat: break it", {"broken.txt": "1\n"})
    do(home, "nightly tests")
    assert sixthbot("status", "--json", cwd=home.path).json["health"]["tests"]["ok"] is False
    said = sixthbot("status", cwd=home.path).out
    assert "tests failed: sh -c" in said
    assert ".sixth/artifacts/health/tests.md" in said
    assert not list((home.path / ".sixth/queue/failed").glob("*.json")), "a red check is no failed task"
    home.commit("fix: mend it", {"broken.txt": None})
    do(home, "nightly tests")
    assert [run["ok"] for run in result(home, "tests")["runs"]] == [True, False, True]  # type: ignore[attr-defined]
    assert "tests failed" not in sixthbot("status", cwd=home.path).out


def test_nothing_runs_where_the_settings_are_not_trusted(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKS", str(home.path.parent / "marks"))
    (home.path / ".sixth/config.toml").write_text(CONFIG)
    assert "tests: skipped: the repository's settings are not trusted" in do(home, "nightly tests")
    assert not (home.path.parent / "marks").exists()


def test_commands_are_told_apart() -> None:
    check = [["pytest", "-q"], ["python", "-m", "mypy", "."], ["uv", "run", "pyright"], ["make", "test"]]
    assert commands_for("types", [], [], check) == [["python", "-m", "mypy", "."], ["uv", "run", "pyright"]]
    assert commands_for("tests", [], [], check) == [["pytest", "-q"], ["make", "test"]]
    assert commands_for("tests", [["ty"]], [["tox"]], check) == [["tox"]]


def test_the_clean_up_takes_only_old_things_of_the_bots_own(home: RepoDir) -> None:
    sixth = home.path / ".sixth"
    reports = sixth / "artifacts/complexity"
    reports.mkdir()
    theirs = [
        reports / "notes.md",
        sixth / "drafts/x.md",
        sixth / "inbox/rejected/a.md",
    ]
    old = [reports / "0123456789ab.md", sixth / "local/logs/t0123456789ab.log"]
    for path in (*theirs, *old, reports / "ba9876543210.md"):
        path.write_text("x\n")
    for path in (*theirs, *old):
        os.utime(path, (0, 0))
    assert "2 old files removed, 2 left for you" in do(home, "weekly clean-up")
    assert [path for path in (*theirs, reports / "ba9876543210.md") if not path.exists()] == []
    assert [path for path in old if path.exists()] == []
    page = (sixth / "artifacts/health/clean-up.md").read_text()
    assert "- .sixth/inbox/rejected/a.md" in page
