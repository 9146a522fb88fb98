"""Times and durations as text."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.errors import ConfigError
from sixthbot.core.times import (
    format_duration,
    format_time,
    parse_duration,
    parse_moment,
    parse_sortable,
    parse_time,
    sortable,
)

MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.just(UTC)  # noqa: DTZ001
)  # fmt: skip


@given(MOMENTS)
def test_a_time_survives_writing_and_reading_to_the_millisecond(moment: datetime) -> None:
    assert moment - timedelta(milliseconds=1) < parse_time(format_time(moment)) <= moment
    assert parse_sortable(sortable(moment)) == parse_time(format_time(moment))


@given(MOMENTS, MOMENTS)
def test_sortable_times_sort_as_times_do(one: datetime, other: datetime) -> None:
    if abs(one - other) >= timedelta(milliseconds=1):
        assert (sortable(one) < sortable(other)) is (one < other)


def test_times_are_written_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 11, 20, 21, 30, tzinfo=zone)) == "2026-11-20T19:30:00.000Z"


def test_of_an_hour_that_comes_twice_each_is_told_apart() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    told = [format_time(moment) for moment in (first, first.replace(fold=1))]
    assert told == ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"]


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-20", "2026-11-20T19:30:00", "0001-01-01T00:00:00+23:00"]
)
def test_what_is_no_time_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_time(text)


@given(st.text(max_size=30))
def test_reading_a_time_or_duration_fails_in_one_way_only(text: str) -> None:
    for read in (parse_time, parse_duration, parse_sortable):
        with suppress(ConfigError):
            read(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("2s", 2), ("15m", 900), ("1.5h", 5400), ("1d", 86400), ("0s", 0)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "-1s", "1 s", "1w", "1e3s", "٣s", "999999999d", "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.25, "250ms"), (1.23, "1.2s"), (900, "15m"), (5400, "1.5h"), (172800, "2d")],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


BERLIN = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", datetime(2026, 6, 1, 15, 30, tzinfo=UTC)),
        ("16:00", datetime(2026, 6, 1, 14, 0, tzinfo=UTC)),
        ("15:30", datetime(2026, 6, 2, 13, 30, tzinfo=UTC)),  # now: so it is tomorrow's
        ("8:05", datetime(2026, 6, 2, 6, 5, tzinfo=UTC)),
        ("2026-06-03", datetime(2026, 6, 2, 22, 0, tzinfo=UTC)),
        ("2026-06-03 08:00", datetime(2026, 6, 3, 6, 0, tzinfo=UTC)),
        ("2026-06-03T08:00:00Z", datetime(2026, 6, 3, 8, 0, tzinfo=UTC)),
        ("2020-01-01", datetime(2026, 6, 1, 13, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_by_the_clock_of_who_wrote_it(text: str, expected: datetime) -> None:
    assert parse_moment(text, datetime(2026, 6, 1, 15, 30, tzinfo=BERLIN)) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "9999-12-31", "2026-13-01", "4000d", "-2h", "12", "\0"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a time to wait for"):
        parse_moment(text, datetime(2026, 6, 1, 15, 30, tzinfo=BERLIN))
