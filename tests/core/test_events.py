"""Events and their natural keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.errors import ConfigError
from sixthbot.core.events import (
    FIELDS,
    OWN_ORIGIN,
    EventKind,
    about_of,
    event_from_json,
    event_to_json,
    fields_of,
    make_event,
)
from sixthbot.core.tasks import task_id

NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 21, tzinfo=UTC)
VALUES = st.one_of(
    st.text(max_size=20), st.integers(), st.booleans(), st.lists(st.text(max_size=5)).map(tuple)
)


@given(st.sampled_from(sorted(FIELDS)), st.data())
def test_an_event_survives_being_written_as_json(kind: str, data: st.DataObject) -> None:
    names = fields_of(kind)
    assert names is not None
    fields = {name: data.draw(VALUES) for name in names}
    event = make_event(kind, fields, time=NOW, key="k")
    back = event_from_json(json.loads(json.dumps(event_to_json(event))))
    assert back == event
    assert back.fields == event.fields
    assert back.time == NOW


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_same_happening_seen_twice_is_the_same_event(branch: str, commit: str) -> None:
    first = make_event("commit", {"branch": branch, "id": commit, "files": 1}, time=NOW)
    second = make_event("commit", {"branch": branch, "id": commit, "files": 2}, time=LATER)
    assert first == second
    assert first.id == second.id
    assert task_id("rule", first) == task_id("rule", second)
    assert task_id("rule", first) != task_id("other rule", first)


def test_every_kind_has_a_key_or_asks_for_one() -> None:
    own_key = {EventKind.FILE_CHANGED, EventKind.SCHEDULE, EventKind.START}
    own_key |= {kind for kind in EventKind if kind.startswith(("draft.", "task."))}
    for kind in EventKind:
        if kind in own_key:
            with pytest.raises(ValueError, match="needs its key"):
                make_event(kind, {}, time=NOW)
        else:
            assert make_event(kind, {}, time=NOW).key is not None


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("commit", {"branch": "a", "id": "1"}, {"branch": "b", "id": "1"}),
        ("branch.rewritten", {"branch": "a", "old": "1", "id": "2"}, {"branch": "a", "old": "3", "id": "2"}),
        ("tag.created", {"tag": "v1", "id": "1"}, {"tag": "v1", "id": "2"}),
    ],
)
def test_different_happenings_have_different_keys(
    kind: str, one: dict[str, str], other: dict[str, str]
) -> None:
    assert make_event(kind, one, time=NOW) != make_event(kind, other, time=NOW)


def test_an_event_of_the_bot_is_its_own() -> None:
    assert make_event("start", {"origin": OWN_ORIGIN}, time=NOW, key="k").own
    assert not make_event("start", {}, time=NOW, key="k").own


def test_hooks_are_kinds_too() -> None:
    assert fields_of("hook.post-receive") == ("args", "origin")
    assert fields_of("hook.") is None
    assert fields_of("nonsense") is None


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "commit", "key": "k", "time": "never", "fields": {}},
        {"kind": "nonsense", "key": "k", "time": "2026-11-20T19:30:00Z", "fields": {}},
        {"kind": "commit", "key": "k", "time": "2026-11-20T19:30:00Z", "fields": {"nope": 1}},
        {"kind": "commit", "key": "k", "time": "2026-11-20T19:30:00Z", "fields": {"branch": None}},
        {"kind": "commit", "key": 1, "time": "2026-11-20T19:30:00Z", "fields": {}},
    ],
)
def test_what_is_no_event_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        event_from_json(data)


@pytest.mark.parametrize(
    ("paths", "files", "about"),
    [
        (("docs/a.md",), 1, "docs/a.md"),
        (("a", "b", "c"), 3, "a, b, c"),
        (("a", "b", "c", "d"), 900, "a, b, c and 897 more"),
        (("a\nb\x1b[31m",), 1, "a b[31m"),
        ((), 2, "0 2 c14d"),
    ],
)
def test_changed_files_are_named_and_not_their_digest(paths: tuple[str, ...], files: int, about: str) -> None:
    event = make_event("file.changed", {"paths": paths, "files": files}, time=NOW, key="0 2 c14d")
    assert about_of(event) == about
    assert about_of(event_from_json(event_to_json(event))) == about
