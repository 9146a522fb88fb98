"""The inbox against a real store: what is accepted, rejected, or left for another look."""

from __future__ import annotations

import importlib
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.issues import IssueStatus
from sixthbot.sources.inbox import SIZE_LIMIT, Inbox, Scan, forgotten_issues
from sixthbot.sources.intake import Intake
from sixthbot.store.open import Store, open_store
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sixthbot.core.events import Event
    from sixthbot.core.tasks import Task
    from tests.support.repos import RepoDir

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def store(repo: RepoDir) -> Store:
    places = locate(repo.path)
    initialise(places)
    return open_store(places, durability="process")


@pytest.fixture
def inbox(store: Store) -> Path:
    return store.places.inbox


def settle(store: Store) -> Scan:
    """Two looks, far enough apart for everything that nobody writes to any more."""
    source = Inbox(store)
    source.scan(now=NOW, tick=1.0)
    return source.scan(now=NOW, tick=2.0)


def test_a_settled_file_becomes_an_issue_and_an_event(store: Store, inbox: Path) -> None:
    (inbox / "login.md").write_text(
        "---\nid: login\nlabels: [bug, ui]\npriority: high\nbase: main\n---\n# Mend it\n"
    )
    scan = settle(store)
    (event,) = scan.events
    assert event.kind == "issue.added"
    assert event.key == "login"
    assert dict(event.fields) == {
        "id": "login", "title": "Mend it", "labels": ("bug", "ui"), "priority": "high", "base": "main",
        "source": "inbox", "origin": "",
    }  # fmt: skip
    assert not (inbox / "login.md").exists()
    assert store.issues.record("login").title == "Mend it"


def test_what_was_not_understood_is_told_when_the_file_is_accepted(store: Store, inbox: Path) -> None:
    (inbox / "a.md").write_text("---\nlables: bug\npriority: urgent\n---\n# A\n")
    (event,) = settle(store).events
    told = [record for record in store.journal.read() if record.kind == "issue.warning"]
    assert [(record.level, record.issue) for record in told] == [("warning", event.fields["id"])] * 2
    assert "did you mean labels?" in " ".join(record.message for record in told)
    assert "priority 'urgent' is none of" in " ".join(record.message for record in told)


def test_one_look_is_never_enough(store: Store, inbox: Path) -> None:
    (inbox / "a.md").write_text("# A\n")
    source = Inbox(store)
    first = source.scan(now=NOW, tick=1.0)
    assert (first.events, first.unsettled) == ((), ("a.md",))
    assert first.next_look is not None
    assert 0 < first.next_look <= 0.06
    assert source.scan(now=NOW, tick=1.0 + first.next_look).events


def test_a_file_renamed_in_is_taken_at_the_first_look(store: Store, inbox: Path) -> None:
    (inbox / "a.MD").write_text("# A\n")
    (inbox / "b.md").write_text("# B\n")
    scan = Inbox(store).scan(now=NOW, tick=1.0, renamed={"a.MD"})
    assert [event.fields["title"] for event in scan.events] == ["A"]
    assert scan.unsettled == ("b.md",)


def test_a_file_that_grows_is_looked_at_again(store: Store, inbox: Path) -> None:
    source = Inbox(store)
    (inbox / "a.md").write_text("# A")
    source.scan(now=NOW, tick=1.0)
    (inbox / "a.md").write_text("# A whole title\n")
    assert source.scan(now=NOW, tick=2.0).unsettled == ("a.md",)
    (event,) = source.scan(now=NOW, tick=3.0).events
    assert event.fields["title"] == "A whole title"


def test_a_file_that_is_open_for_writing_is_left_however_long_it_rests(store: Store, inbox: Path) -> None:
    with (inbox / "a.md").open("w") as file:
        file.write("# Half a ti")
        file.flush()
        scan = settle(store)
        assert (scan.events, scan.unsettled) == ((), ("a.md",))
        assert scan.next_look is not None
    assert settle(store).events


@pytest.mark.parametrize("name", [".hidden.md", "a.md~", "a.tmp", ".a.md.swp", "notes.txt", "README"])
def test_ignored_names_stay_where_they_are(store: Store, inbox: Path, name: str) -> None:
    (inbox / name).write_text("# A\n")
    (inbox / "folder.md").mkdir()
    scan = settle(store)
    assert (scan.events, scan.rejected, scan.unsettled) == ((), (), ())
    assert (inbox / name).read_text() == "# A\n"


def reason(store: Store, name: str) -> str:
    """The reason that lies beside a rejected file, which must lie there too."""
    assert os.path.lexists(store.places.rejected / name)
    return (store.places.rejected / f"{name}.reason.txt").read_text()


def test_a_link_is_rejected_without_a_look_behind_it(store: Store, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("# Secret\n")
    (inbox / "link.md").symlink_to(tmp_path / "secret")
    (inbox / "loose.md").symlink_to(tmp_path / "absent")
    scan = Inbox(store).scan(now=NOW, tick=1.0)
    assert {name for name, _ in scan.rejected} == {"link.md", "loose.md"}
    assert "link" in reason(store, "link.md")
    assert (tmp_path / "secret").read_text() == "# Secret\n"


def test_a_pipe_is_rejected_and_never_opened(store: Store, inbox: Path) -> None:
    os.mkfifo(inbox / "pipe.md")
    assert Inbox(store).scan(now=NOW, tick=1.0).rejected[0][0] == "pipe.md"
    assert "regular file" in reason(store, "pipe.md")


@pytest.mark.parametrize("size", [SIZE_LIMIT + 1, 50_000_000])
def test_a_file_that_is_too_big_is_rejected_with_both_sizes(store: Store, inbox: Path, size: int) -> None:
    (inbox / "big.md").write_bytes(b"x" * size)
    settle(store)
    assert str(size) in reason(store, "big.md")
    assert str(SIZE_LIMIT) in reason(store, "big.md")


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"   \n\n", "empty"), (b"\xff\xfe# a", "UTF-8"), (b"# a\0b", "")],
)
def test_content_that_is_no_text_is_rejected(store: Store, inbox: Path, content: bytes, word: str) -> None:
    (inbox / "bad.md").write_bytes(content)
    assert settle(store).events == ()
    assert word.lower() in reason(store, "bad.md").lower()


@pytest.mark.parametrize("name", [b"line\nbreak.md", b"bell\x07.md", b"\xff\xfe.md"])
def test_a_name_that_no_person_could_type_is_rejected(store: Store, inbox: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(inbox), name), "wb") as file:  # noqa: PTH118, PTH123 - a name of bytes
        file.write(b"# A\n")
    scan = settle(store)
    assert scan.events == ()
    assert "name" in scan.rejected[0][1]
    assert not list(inbox.glob("*.md"))


def test_a_file_that_may_not_be_read_is_rejected_and_the_others_go_on(store: Store, inbox: Path) -> None:
    (inbox / "good.md").write_text("# Good\n")
    (inbox / "closed.md").write_text("# Closed\n")
    (inbox / "closed.md").chmod(0)
    if os.geteuid() == 0:  # root may read everything: look with somebody else's eyes
        try:
            os.chown(inbox / "good.md", 65534, 65534)
        except OSError:
            pytest.skip("there is no other user here whose eyes to look with")
        for path in [store.places.sixth, *store.places.sixth.rglob("*")]:
            if path.name != "closed.md":
                os.chown(path, 65534, 65534)
        for parent in inbox.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        importlib.import_module("ctypes")  # which is loaded late, and may not be readable for those eyes
        os.seteuid(65534)
    try:
        scan = settle(store)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
    assert [event.fields["title"] for event in scan.events] == ["Good"]
    assert scan.rejected[0][0] == "closed.md"
    assert "cannot be read" in reason(store, "closed.md")


def test_an_id_in_use_is_rejected_with_the_reason(store: Store, inbox: Path) -> None:
    (inbox / "a.md").write_text("---\nid: one\n---\n# First\n")
    settle(store)
    (inbox / "b.md").write_text("---\nid: one\n---\n# Second\n")
    assert settle(store).events == ()
    assert "in use" in reason(store, "b.md")
    assert store.issues.record("one").title == "First"


def test_the_same_bytes_dropped_again_are_a_new_issue(store: Store, inbox: Path) -> None:
    ids = set()
    for _ in range(2):
        (inbox / "a.md").write_text("# Again\n")
        (event,) = settle(store).events
        ids.add(event.fields["id"])
    assert len(ids) == 2


def test_a_hard_link_is_accepted_by_its_bytes(store: Store, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("---\nid: one\n---\n# One\n")
    os.link(tmp_path / "other.md", inbox / "a.md")
    assert settle(store).events
    (tmp_path / "other.md").write_text("changed")
    assert store.issues.issue_text("one").startswith(b"---")


def test_files_are_taken_in_the_order_in_which_they_were_written(store: Store, inbox: Path) -> None:
    for number, name in enumerate(("c.md", "a.md", "b.md")):
        (inbox / name).write_text(f"# {name}\n")
        os.utime(inbox / name, (number, number))
    assert [event.fields["title"] for event in settle(store).events] == ["c.md", "a.md", "b.md"]


def test_a_flood_is_taken_in_turns(store: Store, inbox: Path) -> None:
    for number in range(10):
        (inbox / f"{number}.md").write_text(f"# {number}\n")
    source = Inbox(store)
    source.scan(now=NOW, tick=1.0)
    answers = iter([False, False, False, True])
    scan = source.scan(now=NOW, tick=2.0, enough=lambda: next(answers))
    assert (len(scan.events), scan.more) == (3, True)
    rest = source.scan(now=NOW, tick=3.0)
    assert (len(rest.events), rest.more) == (7, False)


def test_a_store_that_takes_nothing_leaves_the_file_and_says_so(store: Store, inbox: Path) -> None:
    (inbox / "a.md").write_text("# A\n")
    store.places.issues.rmdir()
    store.places.issues.write_text("a file where the folder should be")
    scan = settle(store)
    assert (scan.events, scan.rejected) == ((), ())
    assert scan.problems[0].startswith("inbox/a.md: ")
    assert (inbox / "a.md").read_text() == "# A\n"


def test_an_inbox_that_is_missing_is_empty(store: Store, inbox: Path) -> None:
    (inbox / "rejected").rmdir()
    inbox.rmdir()
    assert settle(store) == Scan()


def test_issues_that_nothing_was_done_about_are_found_again(store: Store, inbox: Path) -> None:
    (inbox / "a.md").write_text("---\nid: one\n---\n# One\n")
    (event,) = settle(store).events
    assert forgotten_issues(store, known=(), now=NOW) == [event]
    assert forgotten_issues(store, known={"one"}, now=NOW) == []


def test_of_what_no_rule_wanted_only_open_issues_are_remembered(store: Store, inbox: Path) -> None:
    admitted: list[str] = []

    def admit(events: Sequence[Event]) -> list[Task]:
        admitted.extend(str(event.fields["id"]) for event in events)
        return []

    def new() -> Intake:
        return Intake(store, admit=admit, end=lambda _: None, interrupted=lambda: False)

    for name in ("one", "two", "three"):
        (inbox / f"{name}.md").write_text(f"---\nid: {name}\n---\n# {name}\n")
    new().let_in(store, settle(store).events)
    store.issues.change_record("two", lambda record: replace(record, status=IssueStatus.CANCELLED))
    shutil.rmtree(store.places.issues / "three")
    new().begin(store, NOW)
    assert store.cursors.load("inbox") == {"unwanted": ["one"]}
    assert sorted(admitted) == ["one", "three", "two"], "what was remembered is not let in again"
