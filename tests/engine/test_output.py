from __future__ import annotations

import time

import pytest

from sixthbot.engine.output import Tail, clean_output


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"plain\n", "plain\n"),
        (b"\x1b[31mred\x1b[0m \x1b[1;38;5;200mbold\x1b[m", "red bold"),
        (b"\x1b]0;new window title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"10%\r50%\r100%\ndone\r\n", "100%\ndone\n"),
        (b"\xff\xfe caf\xe9", "\ufffd\ufffd caf\ufffd"),
        ("a\u202eb\u200bc\ufeffd".encode(), "abcd"),
        (b"bell\x07 null\x00 back\x08 \x9b31m", "bell null back \ufffd31m"),
        (b"cut \x1b[31", "cut 31"),
    ],
)
def test_output_is_safe_to_show(printed: bytes, shown: str) -> None:
    assert clean_output(printed) == shown


def test_only_the_last_part_is_kept_and_the_cut_is_said() -> None:
    tail = Tail(10)
    for _ in range(1000):
        tail.add(b"0123456789")
    tail.add(b"the end")
    assert tail.text() == "[only the last 10 bytes are kept]\n789the end"


def test_short_output_is_kept_whole() -> None:
    tail = Tail(10)
    tail.add(b"short")
    assert (tail.text(), tail.cut) == ("short", False)


@pytest.mark.parametrize(
    "piece", [b"\x1b[", b"\x1b]", b"\r", b"\x1b]a", b"a\r", b"\x1b[1;", b" ", b"\x1bP\x1b"], ids=repr
)
def test_hostile_output_costs_linear_time(piece: bytes) -> None:
    started = time.perf_counter()
    clean_output(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - started < 5
