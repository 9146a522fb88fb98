"""The schedule of a rule as its file has it: zones, jitter, and reasons that a person can act on."""

from __future__ import annotations

import importlib.util
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from sixthbot.core.rules import Mode
from sixthbot.store.rulefiles import _File, read_rule_file
from sixthbot.store.schedules import schedule_of, zone_of


def read(text: str) -> _File:
    head = '[[rule]]\nname = "n"\non = "schedule"\ndo = [{ use = "report", insight = "complexity" }]\n'
    return read_rule_file((head + text).encode(), "r.toml", "r.toml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", '`on = "schedule"` needs `schedule`'),
        ('schedule = "0 0 30 2 *"', "schedule: '0 0 30 2 *' never comes"),
        (
            'schedule = "0 3 * * *"\ntimezone = "Europe/Berln"',
            "there is no time zone 'Europe/Berln'; did you mean",
        ),
        ('schedule = "0 3 * * *"\ntimezone = "../../etc/passwd"', "there is no time zone '../../etc/passwd'"),
        ('schedule = "0 3 * * *"\ntimezone = "Europe"', "there is no time zone 'Europe'"),
        ('schedule = "0 3 * * *"\ncatch_up = "twice"', "catch_up: 'twice' is not one of"),
        ('schedule = "0 3 * * *"\ncatch_up_max = 0', "catch_up_max"),
        ('schedule = "0 3 * * *"\njitter = "soon"', "jitter: not a duration"),
    ],
)
def test_a_schedule_that_cannot_be_used_disables_its_rule_with_the_reason(text: str, reason: str) -> None:
    found = read(text)
    assert found.rules == ()
    assert reason in found.disabled[0].reason


def test_a_schedule_without_its_event_is_a_mistake() -> None:
    text = '[[rule]]\nname = "n"\non = "commit"\nschedule = "@daily"\ndo = ["plan"]\n'
    assert "counts only with" in read_rule_file(text.encode(), "r", "r").disabled[0].reason


def test_jitter_is_the_same_every_time_and_another_for_another_rule_or_clone() -> None:
    (rule,) = read('schedule = "@hourly"\njitter = "15m"').rules
    shares = {schedule_of(rule, repository=str(number)).delay for number in range(50)}
    assert len(shares) > 25
    assert all(timedelta(0) <= share < timedelta(minutes=15) for share in shares)
    assert schedule_of(rule, repository="a") == schedule_of(rule, repository="a")


def test_runs_that_may_overlap_are_parallel_unless_the_rule_says_otherwise() -> None:
    assert read('schedule = "@hourly"\noverlap = "allow"').rules[0].mode is Mode.PARALLEL
    assert read('schedule = "@hourly"\noverlap = "allow"\nmode = "queued"').rules[0].mode is Mode.QUEUED


def test_without_a_zone_that_of_the_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert zone_of("") is UTC
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert str(zone_of("")) == "Europe/Berlin"
    monkeypatch.delenv("TZ")
    tzdata = importlib.util.find_spec("tzdata")
    assert tzdata is not None
    assert tzdata.origin is not None
    tokyo = Path(tzdata.origin).parent / "zoneinfo/Asia/Tokyo"
    monkeypatch.setattr("sixthbot.store.schedules._SYSTEM_ZONE", tokyo)
    assert str(zone_of("")) == "Asia/Tokyo"
    monkeypatch.setattr("sixthbot.store.schedules._SYSTEM_ZONE", Path("/nowhere"))
    assert zone_of("") is UTC
    monkeypatch.setenv("TZ", "Nowhere/Land")
    assert "TZ='Nowhere/Land'" in read('schedule = "@hourly"').disabled[0].reason
