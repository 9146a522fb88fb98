"""Operations of the state: a line says one thing, and what it says is checked to the last field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.stateops import Op, is_key, kept_key, line_of, make_op, parse_batch, parse_line

ACTOR = "a0123456789ab"
GOOD: dict[str, Any] = {
    "schema": 1, "lamport": 3, "actor": ACTOR, "n": 2, "kind": "put", "key": "issues/a/plan.toml", "hash": "0" * 64,
    "size": 10, "prev": ["f" * 32], "group": "a", "time": "2026-01-01T00:00:00.000Z",
}  # fmt: skip


def test_a_line_comes_back_as_the_operation_that_it_is() -> None:
    op = make_op(
        lamport=1, actor=ACTOR, n=1, kind="put", key="queue/20260101T000000000Z-t1.json", hash="1" * 64, size=4,
        place="ready/low", group="x", prev=("a" * 32,), time="2026-01-01T00:00:00.000Z",
    )  # fmt: skip
    assert parse_line(line_of(op), actor=ACTOR) == op
    assert list(parse_batch(b"torn {\n" + line_of(op) + b"\n\n{}\n", actor=ACTOR)) == [op]


def test_a_sound_line_is_taken() -> None:
    assert parse_line(json.dumps(GOOD).encode(), actor=ACTOR) is not None


FORGED: list[dict[str, Any]] = [
    {"schema": 2}, {"schema": "1"}, {"actor": "a" + "f" * 12}, {"kind": "run"}, {"lamport": -1}, {"lamport": True},
    {"lamport": 1 << 60}, {"n": "2"}, {"n": 1.5}, {"hash": "x"}, {"hash": ""}, {"size": 1 << 40}, {"prev": "f" * 32},
    {"prev": ["short"]}, {"place": "ready/low"}, {"time": ""}, {"time": 5}, {"kind": "append"}, {"kind": "drop"},
    {"key": "queue/20260101T000000000Z-t1.json"},
    {"key": "queue/20260101T000000000Z-t1.json", "place": "running/me"},
    {"key": "/etc/passwd"}, {"key": "../up"}, {"key": "issues/../../x"}, {"key": "issues/a/../b"}, {"key": "local/x"},
    {"key": "local/config.toml"}, {"key": "rules/.hidden"}, {"key": "drafts/a/b.md"}, {"key": ""},
    {"key": "issues/-x/plan.toml"}, {"key": "inbox/" + "x" * 300}, {"key": "journal/a b.jsonl"}, {"key": ".home"},
    {"key": "artifacts/" + "a/" * 20 + "b"}, {"key": "inbox/a\0.md"}, {"key": "issues//plan.toml"}, {"key": None},
]  # fmt: skip


@pytest.mark.parametrize("change", FORGED)
def test_a_forged_line_is_nothing(change: dict[str, Any]) -> None:
    assert parse_line(json.dumps({**GOOD, **change}).encode(), actor=ACTOR) is None


@given(st.binary(max_size=200))
def test_anything_at_all_is_an_operation_or_nothing(data: bytes) -> None:
    assert isinstance(parse_line(data, actor=ACTOR), Op | None)


@given(st.text(max_size=60))
def test_a_key_stays_below_the_home(text: str) -> None:
    for key in (text, f"issues/{text}", f"artifacts/{text}", f"drafts/{text}"):
        if is_key(key):
            parts = key.split("/")
            assert all(part and not part.startswith(".") and "\0" not in part for part in parts)
            assert parts[0] != "local"


def test_what_lost_is_kept_under_a_key_of_its_own() -> None:
    op = parse_line(json.dumps(GOOD).encode(), actor=ACTOR)
    assert op is not None
    assert kept_key(op) == f"issues/a/plan.toml.from-{ACTOR}-{op.id[:6]}"
    assert is_key(kept_key(op))
