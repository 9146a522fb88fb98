"""Schedules: what is due agrees with cronsim, outages lead to one run, and no clock makes two of one time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sixthbot.core import schedule as module
from sixthbot.core.errors import ConfigError
from sixthbot.core.schedule import (
    CORRECTION,
    CatchUp,
    Due,
    Overlap,
    Progress,
    Schedule,
    decide,
    parse_expression,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
)
EXPRESSIONS = (
    "* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "0 3 * * *", "15,45 1-3 * * *", "0 */6 * * MON-FRI",
    "5 4 1 * *", "0 0 L * *", "10 2 * MAR,OCT SUN", "0 12 13 * FRI", "59 23 31 12 *", "0 0 * * SUN#2",
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def follow(
    schedule: Schedule, looks: list[datetime], begin: datetime, *, unfinished: int = 0
) -> tuple[list[Due], Progress]:
    progress, seen = Progress(begin), list[Due]()
    for look in looks:
        turn = decide(schedule, progress, look, unfinished=unfinished)
        seen += turn.events
        progress = turn.progress
    return seen, progress


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), MOMENTS)
@settings(max_examples=60, deadline=None)
def test_the_times_are_those_of_cronsim_after_the_moment_and_in_order(
    expression: str, zone: str, moment: datetime
) -> None:
    schedule = Schedule(expression=expression, zone=ZoneInfo(zone))
    ours = schedule.after(moment)
    found = [next(ours) for _ in range(4)]
    assert found == sorted(set(found))
    assert found[0] > moment
    theirs = CronSim(expression, (moment - timedelta(days=2)).astimezone(ZoneInfo(zone)))
    wanted = (one for due in theirs if (one := due.astimezone(UTC)) > moment)
    assert found == [next(wanted) for _ in range(4)]


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), MOMENTS, st.integers(60, 30 * 86400))
@settings(max_examples=60, deadline=None)
def test_an_outage_of_any_length_leads_to_one_run_that_counts_what_it_missed(
    expression: str, zone: str, begin: datetime, seconds: int
) -> None:
    schedule = Schedule(expression=expression, zone=ZoneInfo(zone))
    back = begin + timedelta(seconds=seconds)
    passed = 0
    last = None
    for due in schedule.after(begin):
        if due > back:
            break
        passed, last = passed + 1, due
    seen, progress = follow(schedule, [back, back, back + timedelta(seconds=0.5)], begin)
    assert [(one.due, one.missed) for one in seen] == ([(last, passed - 1)] if last else [])
    assert progress.through == (last or begin)


@given(st.sampled_from(EXPRESSIONS), st.lists(st.integers(-7200, 7200), min_size=2, max_size=12))
@settings(max_examples=60, deadline=None)
@example("* * * * *", [60, -3781, -7200, 1])  # two small steps back are together a correction
@example("* * * * *", [60, -3781, -7000, 1])
def test_no_time_comes_twice_unless_the_clock_was_wrong_before(expression: str, steps: list[int]) -> None:
    schedule = Schedule(expression=expression, zone=BERLIN)
    now = at("2026-10-24T22:00:00+00:00")
    progress, last = Progress(now), now
    for step in steps:
        now += timedelta(seconds=step)
        turn = decide(schedule, progress, now, unfinished=0)
        assert turn.corrected == (now < progress.through - CORRECTION)
        if turn.corrected:
            assert not turn.events
            last = now  # what the wrong clock said counts for nothing: its times come again
        for one in turn.events:
            assert last < one.due <= now
            last = one.due
        progress = turn.progress


def test_thirty_days_are_followed_minute_by_minute_in_a_moment() -> None:
    begin = at("2026-03-15T00:00:00+00:00")  # over the end of winter time
    schedule = Schedule(expression="0 3 * * *", zone=BERLIN)
    started = time.process_time()
    progress, seen = Progress(begin), list[datetime]()
    following = schedule.begins_after(begin)
    for minute in range(30 * 24 * 60):
        now = begin + timedelta(minutes=minute)
        if following is None or now < following:
            continue
        turn = decide(schedule, progress, now, unfinished=0)
        seen += [one.due for one in turn.events]
        progress, following = turn.progress, schedule.begins_after(now)
    assert time.process_time() - started < 1
    assert len(seen) == 30
    assert {one.astimezone(BERLIN).hour for one in seen} == {3}


@pytest.mark.parametrize(
    ("expression", "day", "times"),
    [
        ("30 2 * * *", "2026-03-29", ["01:00"]),  # 02:30 does not come: the first moment after the gap
        ("30 2 * * *", "2026-10-25", ["00:30"]),  # comes twice: the first counts
        ("*/30 2 * * *", "2026-10-25", ["00:00", "00:30", "01:00", "01:30"]),  # goes by real time
        ("0 3 * * *", "2026-03-29", ["01:00"]),
        ("0 3 * * *", "2026-10-25", ["02:00"]),
    ],
)
def test_both_ends_of_summer_time(expression: str, day: str, times: list[str]) -> None:
    schedule = Schedule(expression=expression, zone=BERLIN)
    begin = at(f"{day}T00:00:00").replace(tzinfo=BERLIN).astimezone(UTC)
    seen, _ = follow(schedule, [begin + timedelta(minutes=n) for n in range(0, 26 * 60, 10)], begin)
    dues = [one.due for one in seen if one.due.astimezone(BERLIN).date().isoformat() == day]
    assert [one.strftime("%H:%M") for one in dues] == times


def test_catching_up_with_all_repeats_the_latest_and_counts_the_rest() -> None:
    schedule = Schedule(
        expression="@hourly".replace("@hourly", "0 * * * *"), zone=UTC, catch_up=CatchUp.ALL, most=3
    )
    begin = at("2026-01-01T00:30:00+00:00")
    turn = decide(schedule, Progress(begin), begin + timedelta(hours=10), unfinished=0)
    assert [(one.due.hour, one.missed) for one in turn.events] == [(8, 7), (9, 0), (10, 0)]


def test_without_catching_up_the_next_run_on_time_says_how_many_were_missed() -> None:
    schedule = Schedule(expression="0 * * * *", zone=UTC, catch_up=CatchUp.SKIP)
    begin = at("2026-01-01T00:30:00+00:00")
    seen, _ = follow(
        schedule,
        [begin + timedelta(hours=4, minutes=5), begin + timedelta(hours=4, minutes=30, seconds=2)],
        begin,
    )
    assert [(one.due.hour, one.missed) for one in seen] == [(5, 4)]


@pytest.mark.parametrize(
    ("overlap", "unfinished", "runs"),
    [
        (Overlap.SKIP, 0, 1), (Overlap.SKIP, 1, 0), (Overlap.QUEUE, 1, 1), (Overlap.QUEUE, 2, 0), (Overlap.ALLOW, 9, 1),
    ],
)  # fmt: skip
def test_an_unfinished_task_of_the_last_time(overlap: Overlap, unfinished: int, runs: int) -> None:
    schedule = Schedule(expression="0 * * * *", zone=UTC, overlap=overlap)
    begin = at("2026-01-01T00:30:00+00:00")
    turn = decide(schedule, Progress(begin), begin + timedelta(minutes=30), unfinished=unfinished)
    assert len(turn.events) == runs
    later = decide(schedule, turn.progress, begin + timedelta(minutes=90), unfinished=0)
    assert [one.missed for one in later.events] == [1 - runs]


def test_a_delay_moves_the_begin_and_not_the_time_it_is_for() -> None:
    schedule = Schedule(expression="0 3 * * *", zone=UTC, delay=timedelta(minutes=4))
    begin = at("2026-01-01T00:00:00+00:00")
    assert schedule.begins_after(begin) == at("2026-01-01T03:04:00+00:00")
    assert follow(schedule, [at("2026-01-01T03:03:59+00:00")], begin)[0] == []
    assert follow(schedule, [at("2026-01-01T03:04:00+00:00")], begin)[0] == [
        Due(at("2026-01-01T03:00:00+00:00"), 0)
    ]


def test_a_clock_that_was_ahead_for_a_week_does_not_silence_the_schedule_when_it_is_put_right() -> None:
    schedule = Schedule(expression="0 3 * * *", zone=UTC)
    begin = at("2026-01-01T12:00:00+00:00")
    seen, progress = follow(schedule, [begin + timedelta(days=7)], begin)
    assert [one.missed for one in seen] == [6]
    put_right = decide(schedule, progress, begin + timedelta(minutes=1), unfinished=0)
    assert (put_right.corrected, put_right.events) == (True, ())
    seen, _ = follow(schedule, [begin + timedelta(days=1)], put_right.progress.through)
    assert [one.due for one in seen] == [at("2026-01-02T03:00:00+00:00")]


def test_what_is_too_much_to_count_ends_with_the_latest_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTED", 100)
    schedule = Schedule(expression="* * * * *", zone=BERLIN, catch_up=CatchUp.ALL, most=2)
    begin = at("2026-01-01T00:00:30+00:00")
    turn = decide(schedule, Progress(begin), begin + timedelta(days=1), unfinished=0)
    assert [(one.due, one.missed) for one in turn.events] == [
        (at("2026-01-01T23:59:00+00:00"), 98),
        (at("2026-01-02T00:00:00+00:00"), 0),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 0 30 2 *", "'0 0 30 2 *' never comes: its months have no such day"),
        ("0 0 31 APR,JUN *", "'0 0 31 APR,JUN *' never comes: its months have no such day"),
        ("0 0 */30 2 MON#5", "'0 0 */30 2 MON#5' never comes: not once in 50 years"),
        ("60 * * * *", "'60 * * * *' has a bad minute"),
        ("0 24 * * *", "'0 24 * * *' has a bad hour"),
        ("0 0 * FOO *", "'0 0 * FOO *' has a bad month"),
        ("0 0 * * FRI-MON", "'0 0 * * FRI-MON' has a bad day-of-week"),
        ("0 0 32 1 *", "'0 0 32 1 *' has a bad day-of-month"),
        ("0 0 0 * * *", "'0 0 0 * * *' has 6 fields, not five"),
        ("", "'' has 0 fields, not five"),
        ("@dayly", "'@dayly' is none of @yearly"),
        ("@reboot", "'@reboot' is not a time"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_expression(text)
    assert caught.value.message.startswith(reason)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("@daily", "0 0 * * *"), (" @Weekly ", "0 0 * * 0"), ("0  3 * jan mon", "0 3 * jan mon"),
        ("0 0 29 2 *", "0 0 29 2 *"), ("@midnight", "0 0 * * *"),
    ],
)  # fmt: skip
def test_names_are_understood(text: str, means: str) -> None:
    assert parse_expression(text) == means


@given(st.text(alphabet="0123456789*/,-#LW@ MONJAé\x00\n", max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_schedule_or_is_refused(text: str) -> None:
    try:
        expression = parse_expression(text)
    except ConfigError:
        return
    schedule = Schedule(expression=expression, zone=BERLIN)
    assert schedule.begins_after(at("2026-01-01T00:00:00+00:00")) is not None
