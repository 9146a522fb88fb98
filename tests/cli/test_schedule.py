"""Schedules at the command line: when the next one is due, and doing it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

RULE = """\
[[rule]]
name = "nightly"
on = "schedule"
schedule = "0 3 * * *"
timezone = "Europe/Berlin"
do = [{ use = "notify", text = "x" }]
"""


@pytest.fixture
def scheduled(home: RepoDir) -> RepoDir:
    (home.path / ".sixth/rules").mkdir(exist_ok=True)
    (home.path / ".sixth/rules/clock.toml").write_text(RULE)
    assert sixthbot("trust", "--yes", cwd=home.path).code == 0
    return home


def test_the_next_time_is_listed_in_the_rule_s_own_zone_and_told_by_status(scheduled: RepoDir) -> None:
    listed = sixthbot("rules", "list", cwd=scheduled.path)
    assert "schedule (next 20" in listed.out
    assert " 03:00 CE" in listed.out
    (found,) = [
        rule
        for rule in sixthbot("rules", "list", "--json", cwd=scheduled.path).json["rules"]
        if "next" in rule and rule["origin"] != "shipped"
    ]
    assert found["name"] == "nightly"
    assert sixthbot("run", cwd=scheduled.path).code == 0
    assert "; next by the clock: " in sixthbot("status", cwd=scheduled.path).out


def test_a_rule_is_run_now_and_its_time_stays(scheduled: RepoDir) -> None:
    said = sixthbot("rules", "run", "nightly", cwd=scheduled.path)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith(" is in the queue, lane normal\n")
    assert "1 done" in sixthbot("run", cwd=scheduled.path).out
    assert "0 events" in sixthbot("run", cwd=scheduled.path).out


def test_a_rule_that_is_not_there_or_has_no_schedule_is_refused_with_a_hint(scheduled: RepoDir) -> None:
    said = sixthbot("rules", "run", "nightle", cwd=scheduled.path)
    assert said.code == 2
    assert "did you mean 'nightly'" in said.err
    said = sixthbot("rules", "run", "work on an issue", cwd=scheduled.path)
    assert said.code == 2
    assert "goes by issue.added, not by the clock" in said.err
