"""Errors of one sort are told once."""

from __future__ import annotations

from sixthbot.core.mistakes import Happened, by_sort, shape


def one(message: str, time: str, kind: str = "task.failed") -> Happened:
    return Happened(kind=kind, level="error", message=message, time=time)


def test_what_differs_by_ids_numbers_paths_and_quotes_is_one_sort() -> None:
    first, second = by_sort(
        [
            one("failed: 'sort' ended with exit status 1 in /tmp/a/b", "2026-01-01T00:00:00Z"),
            one("failed: 'uniq' ended with exit status 127 in /home/x/y", "2026-01-03T00:00:00Z"),
            one("failed: the branch is gone", "2026-01-02T00:00:00Z"),
            one("failed: 'cut' ended with exit status 2 in /tmp/c/d", "2026-01-02T00:00:00Z"),
        ]
    )
    assert (first.count, first.first, first.last) == (3, "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z")
    assert "uniq" in first.example.message
    assert second.count == 1


def test_kinds_stay_apart() -> None:
    assert len(by_sort([one("x", "1"), one("x", "1", kind="bot.trouble")])) == 2
    assert shape("t0123456789ab at 0123abc failed 3 times") == shape(
        "tba9876543210 at fedcba9 failed 4 times"
    )
