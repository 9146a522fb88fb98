"""Of the journal `why` parses what it needs, and says what it would say had it parsed all of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixthbot.cli import chain
from sixthbot.cli.output import Output
from sixthbot.cli.session import Session
from sixthbot.core.errors import UsageError
from sixthbot.core.events import event_to_json, make_event
from sixthbot.core.tasks import Done
from sixthbot.store import records
from sixthbot.store.open import open_store
from sixthbot.store.past import remember
from sixthbot.store.records import about
from sixthbot.store.taskfile import encode, file_name
from sixthbot.store.taskfiles import TaskFiles
from tests.store.support import SEARCH, START, home, make_task

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from sixthbot.store.open import Store

COMMITS = ("a" * 40, "b" * 40)
EVENTS = tuple(
    make_event(
        "commit", {"branch": f"sixth/x{number % 2}", "id": COMMITS[number % 2]}, time=START, key=str(number)
    )
    for number in range(3)
)
TASKS = tuple(
    make_task(number, events=EVENTS[number : number + 2], issue=("", "one", "two")[number])
    for number in range(3)
)
NAMES = (
    *(task.id for task in TASKS), "t", "t00", *(event.id for event in EVENTS), EVENTS[0].id[:6],
    "one", "two", "sixth/x0", "sixth/x1", "sixth", *COMMITS, COMMITS[0][:7],
)  # fmt: skip

some = st.sampled_from
told = st.one_of(
    st.tuples(st.just("event"), some(EVENTS), st.lists(some(TASKS), max_size=2)),
    st.tuples(some(("task.made", "task.claimed", "commit.made", "task.succeeded")), some(TASKS), some(("", *COMMITS))),
    st.tuples(st.just("task.retired"), some(TASKS), st.none()),
    st.tuples(st.just("issue.ended"), some(("one", "two")), some(("", *COMMITS))),
)  # fmt: skip


class Asking(Session):
    """A session over a store that is not one of a whole repository."""

    def __init__(self, store: Store) -> None:
        super().__init__(start=store.places.top, out=Output(color_out=False, color_err=False))
        self.kept = store

    def store(self) -> Store:
        return self.kept


def tell(store: Store, kind: str, about_what: Any, more: Any) -> None:
    say = partial(store.journal.append, kind, "in words")
    if kind == "event":
        data = {"event": event_to_json(about_what), "tasks": [task.id for task in more], "verdicts": []}
        say(event=about_what.id, data=data)
    elif kind == "task.retired":
        remember(store.journal, replace(about_what, state=Done("succeeded")))
    elif kind == "issue.ended":
        say(issue=about_what, commit=more or None)
    else:
        say(**about(about_what), commit=more or None)


def answer(store: Store, wanted: str) -> tuple[Any, ...]:
    try:
        found = chain.find_chain(Asking(store), wanted)
    except UsageError as error:
        return (error.message, error.hint)
    return (found, chain.chain_json(found))


def nothing(_session: Session, _known: object, wanted: str) -> chain.Chain:
    raise UsageError(f"git would be asked for {wanted}")


def test_what_is_left_out_belongs_to_nothing_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(home(tmp_path), durability="process")
    monkeypatch.setattr(chain, "_by_trailer", nothing)
    most = chain._MOST_WORDS

    @settings(SEARCH, max_examples=15)
    @given(lines=st.lists(told, min_size=6, max_size=20), there=st.sets(some(TASKS), max_size=1))
    def holds(lines: list[tuple[str, Any, Any]], there: set[Task]) -> None:
        for path in (*store.journal.paths(), *store.places.queue.glob("ready/*/*.json")):
            path.unlink()
        for task in there:
            (store.places.queue / "ready/normal" / file_name(task)).write_bytes(encode(task))
        for line in lines:
            tell(store, *line)
        for wanted in NAMES:
            monkeypatch.setattr(chain, "_MOST_WORDS", most)
            said = answer(store, wanted)
            monkeypatch.setattr(chain, "_MOST_WORDS", 0)  # which has all of it read
            assert said == answer(store, wanted), wanted
        monkeypatch.setattr(chain, "_MOST_WORDS", most)

    holds()


def test_lines_about_other_things_are_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(home(tmp_path), durability="process")
    for number in range(50):
        tell(store, "task.made", make_task(100 + number), "")
    tell(store, "event", EVENTS[0], [TASKS[0]])
    tell(store, "task.made", TASKS[0], "")
    parsed: set[bytes] = set()
    plain = records.parse_line

    def parse(line: bytes) -> records.Record | None:
        parsed.add(line)
        return plain(line)

    monkeypatch.setattr(records, "parse_line", parse)
    found = chain.find_chain(Asking(store), TASKS[0].id)
    assert [record.kind for record in found.events] == ["event"]
    assert len(parsed) == 2


@pytest.mark.parametrize("wanted", [TASKS[1].id, "sixth/x1"])
def test_a_task_that_moves_while_the_journal_is_read_is_told_where_it_is_and_each_file_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    store = open_store(home(tmp_path), durability="process")
    store.queue.put(TASKS[1])
    tell(store, "event", EVENTS[1], [TASKS[1]])
    tell(store, "task.made", TASKS[1], "")
    plain, mentions = records.parse_line, TaskFiles.mentions
    read: list[tuple[str, frozenset[bytes]]] = []

    def parse(line: bytes) -> records.Record | None:
        store.queue.claim("w1")
        return plain(line)

    def look(files: TaskFiles, path: str, words: Collection[bytes]) -> bool:
        read.append((path, frozenset(words)))
        return mentions(files, path, words)

    monkeypatch.setattr(records, "parse_line", parse)
    monkeypatch.setattr(TaskFiles, "mentions", look)
    found = chain.find_chain(Asking(store), wanted)
    assert ([task.state.name for task in found.tasks], found.unread) == (["running"], {})
    assert len(read) == len(set(read))
