"""Many inbox files accepted and rejected at once: as each alone, with few syncs, and nothing lost at any moment."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import Refused, SixthError, WorkFailed
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import IssueRecord
from sixthbot.store import disk
from sixthbot.store.atomic import observe
from sixthbot.store.issues import Dropped, Issues
from tests.store.support import START, Crash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@pytest.fixture(autouse=True)
def nobody_observes() -> Iterator[None]:
    yield
    observe(None)
    disk.use(None)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def issues(tmp_path: Path, inbox: Path) -> Issues:
    return Issues(tmp_path / "issues", inbox / "rejected", "power")


def drop(inbox: Path, name: str, text: str) -> Dropped:
    path = inbox / f"{name}.md"
    path.write_text(text)
    return Dropped(path, path.read_bytes(), parse_issue(path.read_bytes(), path.name))


def ids(outcomes: Sequence[IssueRecord | SixthError | OSError]) -> list[str]:
    return [one.id if isinstance(one, IssueRecord) else type(one).__name__ for one in outcomes]


def test_each_becomes_what_it_would_have_become_alone(issues: Issues, inbox: Path) -> None:
    files = [
        drop(inbox, f"f{number}", f"---\nid: i{number}\n---\n# {number}\n- [ ] x\n") for number in range(20)
    ]
    files.append(drop(inbox, "again", "---\nid: i3\n---\n# The same id\n"))
    changed = drop(inbox, "changed", "---\nid: changed\n---\n# Before\n")
    changed.path.write_text("after")
    os.link(files[5].path, inbox.parent / "other name")
    outcomes = issues.accept_many([*files, changed], now=START)
    assert ids(outcomes[:20]) == [f"i{number}" for number in range(20)]
    assert isinstance(outcomes[20], Refused)
    assert isinstance(outcomes[21], WorkFailed)
    assert sorted(path.name for path in inbox.iterdir()) == ["again.md", "changed.md"]
    assert issues.issue_text("i7") == files[7].data
    assert issues.plan("i7").subtasks[0].text == "x"
    (inbox.parent / "other name").write_text("changed later")
    assert issues.issue_text("i5") == files[5].data


class Counting(disk.Disk):
    """Counts what is asked of the disk to be safe."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync_many(self, paths: Sequence[disk.StrPath]) -> None:
        self.syncs += 1

    def sync(self, descriptor: int) -> None:
        self.syncs += 1


def test_a_hundred_share_three_syncs_and_so_do_rejected_ones(issues: Issues, inbox: Path) -> None:
    files = [drop(inbox, f"f{number}", f"# {number}\n") for number in range(100)]
    counting = Counting()
    disk.use(counting)
    issues.accept_many(files, now=START)
    assert counting.syncs == 3
    bad = [(drop(inbox, f"bad{number}", "x").path, f"reason {number}") for number in range(100)]
    moved = issues.reject_many(bad)
    assert counting.syncs == 6
    files = [drop(inbox, f"g{number}", f"# {number}\n") for number in range(2)]
    issues.accept_many(files, now=START, sync_later=True)
    assert counting.syncs == 8
    issues.sync_taken()  # their tasks come first
    issues.sync_taken()
    assert counting.syncs == 9
    assert moved == [inbox / "rejected" / f"bad{number}.md" for number in range(100)]
    assert (inbox / "rejected" / "bad42.md.reason.txt").read_text() == "reason 42\n"


def test_names_that_are_taken_get_others(issues: Issues, inbox: Path) -> None:
    issues.reject_many([(drop(inbox, name, "x").path, "first") for name in "abc"])
    moved = issues.reject_many([(drop(inbox, name, "y").path, "second") for name in "bcd"])
    assert [path.name for path in moved if not isinstance(path, Exception)] == ["b.md.1", "c.md.1", "d.md"]
    assert (inbox / "rejected" / "b.md.1.reason.txt").read_text() == "second\n"


@pytest.mark.parametrize("at", range(40))
def test_after_a_crash_at_any_write_the_same_files_become_the_same_issues(
    issues: Issues, inbox: Path, at: int
) -> None:
    files = [drop(inbox, f"f{number}", f"# {number}\n") for number in range(4)]
    left = at

    def strike(_point: str, _moment: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Crash

    observe(strike)
    with suppress(Crash):
        issues.accept_many(files, now=START)
    observe(None)
    again = [
        Dropped(one.path, one.path.read_bytes(), parse_issue(one.path.read_bytes(), one.path.name))
        for one in files
        if one.path.exists()
    ]
    assert not [one for one in issues.accept_many(again, now=START) if not isinstance(one, IssueRecord)]
    assert not list(inbox.glob("*.md"))
    assert sorted(record.title for record in issues.list()) == ["0", "1", "2", "3"]
    assert all(issues.plan(record.id).subtasks for record in issues.list())


class Full(disk.Disk):
    """Takes no more than so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, descriptor: int, data: memoryview) -> int:
        if len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(data)
        return super().write(descriptor, data)

    def remove(self, path: disk.StrPath) -> None:
        self.room += os.stat(path).st_size  # noqa: PTH116 - a path of either kind
        super().remove(path)


def test_a_disk_that_fills_up_keeps_in_the_inbox_what_it_has_no_room_for(issues: Issues, inbox: Path) -> None:
    files = [drop(inbox, f"f{number}", f"---\nid: i{number}\n---\n# {number}\n") for number in range(10)]
    disk.use(Full(2000))
    outcomes = issues.accept_many(files, now=START)
    refused = [file for file, one in zip(files, outcomes, strict=True) if isinstance(one, OSError)]
    assert 0 < len(refused) < 10
    assert sorted(inbox.glob("*.md")) == sorted(file.path for file in refused)
    disk.use(None)
    assert ids(issues.accept_many(refused, now=START)) == [f"i{file.path.stem[1:]}" for file in refused]
