"""Journal, checkpoints, cursors, operations, notes: what the bot writes down."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.cli.follow import Follower
from sixthbot.core.errors import UsageError
from sixthbot.store import operations as operations_module
from sixthbot.store.actor import actor_id
from sixthbot.store.checkpoints import Checkpoints, StepRecord
from sixthbot.store.cursors import Cursors
from sixthbot.store.journal import Journal, redact, redact_text
from sixthbot.store.notes import clear_notes, list_notes
from sixthbot.store.operations import Operation, Operations, operation_id
from sixthbot.store.records import at_level, count_torn, naming
from sixthbot.store.tail import lines_backwards
from sixthbot.store.unchanged import Unchanged
from tests.store.support import SEARCH, START, home
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def journal(tmp_path: Path, clock: FixedClock) -> Journal:
    return Journal(tmp_path / "journal", tmp_path / "local", durability="power", clock=clock)


def test_records_come_back_in_order_and_numbered(journal: Journal, clock: FixedClock) -> None:
    for number in range(5):
        clock.advance(1)
        journal.append("task.claimed", f"no {number}", task=f"t{number}", data={"n": number})
    records = list(journal.read())
    assert [record.n for record in records] == [1, 2, 3, 4, 5]
    assert records[0].time == "2026-01-02T03:04:06.000Z"
    assert (records[2].kind, records[2].task, records[2].data) == ("task.claimed", "t2", {"n": 2})
    assert list(journal.read(newest_first=True)) == records[::-1]
    assert [record.n for record in journal.read(where=lambda record: record.task == "t3")] == [4]
    line = journal.path.read_bytes().splitlines()[0]
    assert json.loads(line).keys() == {"time", "actor", "n", "kind", "level", "message", "task", "data"}


def test_a_long_file_is_closed_and_the_order_and_numbers_go_on(
    journal: Journal, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.store.journal.SEGMENT", 1000)
    other = Journal(tmp_path / "journal", tmp_path / "local", durability="process", clock=clock)
    follower, followed = Follower(journal), []
    for number in range(60):
        clock.advance(1)
        (journal, other)[number % 2].append("x", f"no {number}")
        if number % 7 == 0:
            followed += follower.fresh()
    followed += follower.fresh()
    assert [record.n for record in followed] == list(range(1, 61))
    assert len(journal.paths()) > 4
    assert [record.n for record in journal.read()] == list(range(1, 61))
    assert [record.n for record in journal.read(newest_first=True)] == list(range(60, 0, -1))
    again = Journal(tmp_path / "journal", tmp_path / "local", durability="process", clock=clock)
    journal.path.unlink()
    last = max(record.n for record in again.read())
    assert again.append("x", "after the one that grew is gone").n == last + 1
    assert journal.append("x", "and again").n == 60, "after the last that this process wrote itself, 59"
    later = [path for path in journal.paths() if path.name.count(".") > 1]
    assert [json.loads(path.read_bytes().splitlines()[0])["n"] for path in later] == [
        int(path.name.split(".")[1]) for path in later
    ]


def test_who_follows_is_told_nothing_twice_when_a_file_comes_back(
    journal: Journal, clock: FixedClock
) -> None:
    journal.append("x", "before it looked")
    follower = Follower(journal)
    told: list[str] = []

    def tell(*messages: str) -> None:
        for message in messages:
            clock.advance(1)
            journal.append("x", message)
        told.extend(record.message for record in follower.fresh())

    tell("a", "b")
    for number in range(3):
        whole, path = journal.path.read_bytes(), journal.path
        path.rename(path.with_name("kept"))  # so that its inode is not that of the next one
        tell(f"begun anew {number}")
        begun = path.read_bytes()
        path.rename(path.with_name("kept, too"))
        path.write_bytes(whole + begun)
        tell()
        tell(f"after it came back {number}")
    expected = [f"{what} {number}" for number in range(3) for what in ("begun anew", "after it came back")]
    assert told == ["a", "b", *expected]


def test_who_begins_to_follow_does_without_a_file_that_goes_at_that_moment(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append("x", "before it looked")
    gone = journal.path.with_name("gone.jsonl")
    there = [journal.path, gone]
    monkeypatch.setattr(journal, "paths", lambda: there)
    follower = Follower(journal)
    journal.append("x", "after")
    assert [record.message for record in follower.fresh()] == ["after"]


def test_closed_files_are_compressed_but_for_the_newest_and_read_as_before(
    journal: Journal, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.store.journal.SEGMENT", 1000)
    for number in range(60):
        clock.advance(1)
        journal.append("x", f"no {number}", task=f"t{number}")
    told, before = list(journal.read()), journal.paths()
    assert [path.name.count(".") for path in before].count(1) == 1
    oldest = min(before, key=lambda path: path.name.count("."))
    plain = oldest.read_bytes()
    packs = 0
    while journal.pack():
        packs += 1
        assert list(journal.read()) == told
    assert packs == len(before) - 2
    assert journal.paths() == before[-3:-1]  # by name the very first file stands last
    assert list(journal.read(newest_first=True)) == told[::-1]
    assert [record.n for record in journal.read(worth=naming(["t3"]))] == [4, *range(31, 41)]
    packed = oldest.with_name(f"{oldest.name}.gz")
    assert gzip.decompress(packed.read_bytes()) == plain
    oldest.write_bytes(plain)  # its process died before it removed it, or it came back from the state
    assert list(journal.read()) == told
    reading = journal.read()
    assert journal.pack()
    assert not oldest.exists()
    assert list(reading) == told  # also where it was compressed between the look and the reading
    assert count_torn(packed) == 0
    monkeypatch.setattr("sixthbot.store.records.UNPACKED_LIMIT", 500)  # bytes of what may be a bomb
    assert len(list(journal.read())) < 60
    assert count_torn(packed) > 0
    monkeypatch.undo()
    packed.write_bytes(packed.read_bytes()[:-100])
    assert count_torn(packed) > 0
    assert [record.n for record in journal.read()][-40:] == list(range(21, 61))
    assert journal.append("x", "goes on").n == 61


def test_a_torn_or_foreign_line_is_passed_over(journal: Journal) -> None:
    journal.append("one", "1")
    with journal.path.open("ab") as file:
        file.write(b'\xff\n[]\n{"n": 1}\n{"time": "2026')
    journal.append("two", "2")
    assert [record.kind for record in journal.read()] == ["one", "two"]
    assert [record.kind for record in journal.read(newest_first=True)] == ["two", "one"]
    assert [record.n for record in journal.read()] == [1, 2]


def test_several_actors_are_read_as_one_story(journal: Journal, clock: FixedClock) -> None:
    for number in range(6):
        clock.advance(1)
        record = journal.append("x", str(number))
        if number % 2:
            other = journal.path.with_name("a000000000000.jsonl")
            with other.open("a") as file:
                file.write(
                    json.dumps(
                        {**json.loads(journal.path.read_bytes().splitlines()[-1]), "message": f"{number}b"}
                    )
                    + "\n"
                )
        assert record.n == number + 1
    assert [record.message for record in journal.read()] == ["0", "1b", "1", "2", "3b", "3", "4", "5b", "5"]


def test_a_field_that_no_record_has_is_a_mistake_of_the_caller(journal: Journal) -> None:
    with pytest.raises(TypeError, match="no field 'tsk'"):
        journal.append("x", "", tsk="t1")


def test_processes_that_append_at_once_number_without_gaps(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom sixthbot.store.journal import Journal\n"
        "from sixthbot.store.clock import now\nroot = Path(sys.argv[1])\n"
        "journal = Journal(root / 'journal', root / 'local', durability='process', clock=now)\n"
        "for number in range(100): journal.append('x', 'y' * 500)\n"
    )
    first = Journal(tmp_path / "journal", tmp_path / "local", durability="process", clock=FixedClock())
    first.append("x", "")
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert [record.n for record in sorted(first.read(), key=lambda record: record.n)] == list(range(1, 302))


def test_a_copied_folder_is_another_actor(tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    name = actor_id(local)
    assert actor_id(local) == name
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "actor").write_bytes((local / "actor").read_bytes())
    assert actor_id(copy) != name
    (local / "actor").write_text("torn")
    assert actor_id(local) != name


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["curl", "--token", "s3cret", "x"], ["curl", "--token", "***", "x"]),
        (["x", "--api-key=abc", "-v"], ["x", "--api-key=***", "-v"]),
        (["x", "--github-token", "abc"], ["x", "--github-token", "***"]),
        (["git", "push", "https://ada:pw@host/x.git"], ["git", "push", "https://***@host/x.git"]),
        (["env", "AWS_SECRET_ACCESS_KEY=abc", "run"], ["env", "AWS_SECRET_ACCESS_KEY=***", "run"]),
        (["-H", "Authorization: Bearer abc.def"], ["-H", "Authorization: Bearer ***"]),
        (["x", "ghp_" + "a" * 36], ["x", "***"]),
        (["pytest", "-q", "tests/test_token.py", "-k", "password"], ["pytest", "-q", "tests/test_token.py", "-k", "password"]),
        (["sort", "-o", "words.txt"], ["sort", "-o", "words.txt"]),
    ],
)  # fmt: skip
def test_secrets_are_masked_and_the_rest_is_not(argv: list[str], expected: list[str]) -> None:
    assert redact(argv) == expected


def test_secrets_do_not_reach_the_journal(journal: Journal) -> None:
    journal.append("x", "pushed to https://u:hush@host/", argv=["x", "--password", "hush"])
    assert b"hush" not in journal.path.read_bytes()


def test_masking_takes_no_longer_for_hostile_text() -> None:
    for text in ("a-" * 50_000, "://" * 50_000, "token" * 20_000, "a://" + "x" * 200_000, "-" * 200_000):
        assert len(redact_text(text)) > 10


@SEARCH
@given(
    st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=20),
    st.integers(1, 9),
)
def test_lines_are_the_same_from_both_ends(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], block: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sixthbot.store.tail._BLOCK", block)
        assert [line for line in lines_backwards(path) if line] == [line for line in lines[::-1] if line]


# checkpoints


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", "power")


def test_finished_steps_are_remembered(checkpoints: Checkpoints) -> None:
    assert checkpoints.load("t1") == {}
    steps = {
        n: StepRecord(use, {"n": n, "x": ["é"]}, "2026") for n, use in enumerate(("branch", "work", "check"))
    }
    for index, record in steps.items():
        checkpoints.save("t1", index, record)
    assert checkpoints.load("t1") == steps
    checkpoints.drop_from("t1", "nothing")
    assert checkpoints.load("t1") == steps
    checkpoints.drop_from("t1", "work")
    assert list(checkpoints.load("t1")) == [0]
    checkpoints.clear("t1")
    checkpoints.clear("t1")
    assert checkpoints.load("t1") == {}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"steps": 1}',
        b'{"steps": {"x": {}}}',
        b'{"steps": {"0": {"use": 1}}}',
        b"[" * 10**5,
    ],
)
def test_a_torn_checkpoint_is_none_and_kept(checkpoints: Checkpoints, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "checkpoints").mkdir()
    for number in range(2):
        (tmp_path / "checkpoints" / "t1.json").write_bytes(data)
        assert checkpoints.load("t1") == {}
        kept = tmp_path / "checkpoints" / ("t1.json.damaged" + (".1" if number else ""))
        assert kept.read_bytes() == data
    checkpoints.save("t1", 0, StepRecord("branch", {}, "2026"))
    assert len(checkpoints.load("t1")) == 1
    with pytest.raises(ValueError, match="not a task id"):
        checkpoints.load("../t1")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (b'{"level":"error"}', True),
        (b'{"level":"info"}', False),
        (b'{"level": "info"}', True),  # not as we write it, so it is looked at closely
        (b'{"level":"from tomorrow"}', True),
        (b'{"level":"error","data":{"level":"info"}}', True),
        (b'{"level":"info","message":"\\"level\\":\\"error\\""}', False),
    ],
)
def test_a_line_of_a_lower_level_needs_no_parsing_and_any_other_does(line: bytes, *, wanted: bool) -> None:
    assert at_level(("warning", "error"), ("debug", "info"))(line) is wanted


@given(st.text(max_size=8), st.text(max_size=8))
def test_what_a_line_names_is_found_as_it_is_written_there(before: str, name: str) -> None:
    line = json.dumps({"event": before + name, "n": 1}, separators=(",", ":")).encode()
    assert naming(["no such", name])(line)
    assert not naming(["no such"])(line)


# cursors


def test_cursors_are_kept_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    cursors = Cursors(tmp_path / "cursors", "process")
    assert cursors.load("refs") is None
    cursors.save("refs", {"refs/heads/main": "a" * 40})
    assert cursors.load("refs") == {"refs/heads/main": "a" * 40}
    (tmp_path / "cursors" / "refs.json").write_text("{")
    assert cursors.load("refs") is None
    assert (tmp_path / "cursors" / "refs.json.damaged").exists()


# operations


def operation(number: int = 0, new: str | None = "b" * 40) -> Operation:
    refs = (("refs/heads/x", "a" * 40, new),)
    clock = FixedClock(START)
    now = clock.advance(number)
    return Operation(
        id=operation_id(now, refs), time="2026-01-02T03:04:06Z", task="t1", reason="work", refs=refs
    )


def test_operations_are_recorded_before_and_after(tmp_path: Path) -> None:
    operations = Operations(tmp_path / "operations", "power")
    assert operations.list() == []
    assert operations.tips_written("refs/heads/x") == set()
    one, two = operation(1), operation(2, "c" * 40)
    operations.begin(two)
    operations.begin(one)
    assert operations.list() == [one, two]
    operations.finish(one.id)
    operations.revert(two.id)
    assert operations.list() == [replace(one, state="done"), replace(two, state="reverted")]
    assert operations.tips_written("refs/heads/x") == {"b" * 40, "c" * 40}
    assert operations.tips_written("refs/heads/y") == set()
    Operations(tmp_path / "operations", "power").begin(operation(3, "d" * 40))
    assert operations.tips_written("refs/heads/x") == {"b" * 40, "c" * 40, "d" * 40}
    operations.begin(operation(4, None))
    assert len(operations.tips_written("refs/heads/x")) == 3


def refusing(path: Path, limit: int) -> bytes:
    raise OSError(5, "Input/output error", f"{path} {limit}")


def test_one_that_is_begun_is_known_also_where_all_records_were_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, beside = tmp_path / "operations", tmp_path / "begun"
    operations = Operations(folder, "process", beside)
    over, reverted, begun = operation(1), operation(2, "c" * 40), operation(3, "d" * 40)
    for one in (over, reverted, begun):
        operations.begin(one)
    operations.finish(over.id)
    operations.revert(reverted.id)
    assert operations.begin_again() == [], "it is recorded"
    shutil.rmtree(folder)
    with monkeypatch.context() as failing:
        failing.setattr(operations_module, "read_small", refusing)
        assert operations.begin_again() == []
    (beside / "torn.json").write_bytes(b"\0" * 20)
    (beside / "other.json").write_bytes((beside / f"{begun.id}.json").read_bytes())
    again = Operations(folder, "process", beside)
    assert again.begin_again() == [begun]
    assert again.list() == [begun]
    assert [path.stem for path in beside.iterdir()] == [begun.id]
    again.finish(begun.id)
    assert list(beside.iterdir()) == []


def test_an_operation_that_is_missing_or_damaged_is_said(tmp_path: Path) -> None:
    operations = Operations(tmp_path, "process")
    for wrong in ("x", "../x", ""):
        with pytest.raises(UsageError, match="no such operation"):
            operations.get(wrong)


@pytest.mark.parametrize(
    ("harm", "kept"),
    [
        ({}, "x.json.damaged"),
        ({"id": "y"}, "x.json.damaged"),
        ({"state": "gone"}, "x.json.damaged"),
        ({"refs": [["refs/heads/../x", None, None]]}, "x.json.damaged"),
        ({"refs": 5}, "x.json.damaged"),
        ({"time": "soon"}, "x.json.damaged"),
        ({"schema": 2, "refs": 5}, "x.json"),
    ],
)
def test_an_operation_that_cannot_be_used_lies_aside_and_a_newer_one_stays(
    tmp_path: Path, harm: dict[str, Any], kept: str
) -> None:
    operations = Operations(tmp_path, "process")
    operations.begin(replace(operation(), id="x"))
    whole = json.loads((tmp_path / "x.json").read_text())
    data = json.dumps({**whole, **harm} if harm else {"id": "x"})
    (tmp_path / "x.json").write_text(data)
    assert operations.tips_written("refs/heads/x") == set()
    assert operations.list() == []
    with pytest.raises(UsageError, match="no such operation"):
        operations.finish("x")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(kept, data)]


# notes


def test_notes_are_read_in_order_and_unfinished_ones_left(tmp_path: Path) -> None:
    places = home(tmp_path)
    assert list_notes(places) == ([], False)
    for age, (name, text) in enumerate(
        {"on-commit-9": b"on-commit\n", "on-merge-0": b"on-merge\n\xff\n"}.items()
    ):
        (places.notes / name).write_bytes(text)
        os.utime(places.notes / name, ns=(age, age))
    (places.notes / ".on-commit-2.tmp").write_text("half")
    (places.notes / "on-commit-3").write_text("on-com")
    (places.notes / "folder").mkdir()
    (places.notes / "link").symlink_to(tmp_path)
    os.mkfifo(places.notes / "pipe")
    notes, more = list_notes(places)
    assert more
    assert [(note.verb, note.lines[1:]) for note in notes[:2]] == [
        ("on-commit", ()),
        ("on-merge", ("\ufffd",)),
    ]
    clear_notes(places, notes)
    assert sorted(path.name for path in places.notes.iterdir()) == [
        ".on-commit-2.tmp",
        "folder",
        "on-commit-3",
    ]
    os.utime(places.notes / "on-commit-3", ns=(1, 1))  # its hook was cut off long ago
    (note,), more = list_notes(places)
    assert (note.lines, note.verb, more) == ((), "on-commit", False)


def test_a_flood_of_notes_is_taken_in_parts(tmp_path: Path) -> None:
    places = home(tmp_path)
    for number in range(7):
        (places.notes / f"on-commit-{number}").write_text("on-commit\n")
    notes, more = list_notes(places, most=5)
    assert (len(notes), more) == (5, True)


def test_a_look_at_all_operations_reads_only_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = Operations(tmp_path / "operations", "process")
    old = [
        Operation(id=f"op-{number:02}", time="2026-01-02T03:04:05.000Z", task="", reason="", refs=())
        for number in range(20)
    ]
    for operation in old:
        operations.begin(operation)
    time.sleep(0.1)
    assert operations.list() == old
    read, load = [], operations._load

    def loaded(name: str) -> Operation | None:
        read.append(name)
        return load(name)

    operations.finish("op-07")
    monkeypatch.setattr(operations, "_load", loaded)
    assert [one.id for one in operations.list() if one.state == "done"] == ["op-07"]
    assert read == ["op-07"]


def test_a_file_that_changes_twice_in_a_tick_is_read_anew(tmp_path: Path) -> None:
    seen: Unchanged[str] = Unchanged()
    path = tmp_path / "x"
    for text in ("one", "two", "six"):
        path.write_text(text)
        assert seen.get(path, path.read_text) == text
    path.unlink()
    with pytest.raises(FileNotFoundError):
        seen.get(path, path.read_text)
