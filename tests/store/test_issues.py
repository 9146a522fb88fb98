from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.errors import ConfigError, InvalidName, Refused, UsageError, WorkFailed
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import Asked, IssueRecord, IssueStatus, Plan, Subtask, SubtaskStatus
from sixthbot.core.names import BranchName, has_unsafe_characters
from sixthbot.store.atomic import observe
from sixthbot.store.issues import Issues
from sixthbot.store.planfile import plan_from_bytes, plan_to_bytes
from tests.store.support import SEARCH, START, Crash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TEXT = b"# Tidy the notes\n\n- [ ] Sort `do: sort-words`\n- [x] Look\n"


@pytest.fixture(autouse=True)
def nobody_observes() -> Iterator[None]:
    yield
    observe(None)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def issues(tmp_path: Path, inbox: Path) -> Issues:
    return Issues(tmp_path / "issues", inbox / "rejected", "process")


def drop(inbox: Path, data: bytes = TEXT, name: str = "login.md") -> Path:
    path = inbox / name
    path.write_bytes(data)
    return path


def accept(issues: Issues, path: Path) -> IssueRecord:
    data = path.read_bytes()
    return issues.accept(path, data, parse_issue(data, path.name), now=START)


def test_an_accepted_issue_is_all_there_and_the_inbox_is_empty(issues: Issues, inbox: Path) -> None:
    record = accept(issues, drop(inbox))
    assert record.id.startswith("tidy-the-notes-")
    assert (record.title, record.file_name, record.status) == ("Tidy the notes", "login.md", IssueStatus.OPEN)
    assert issues.record(record.id) == record
    assert issues.list() == [record]
    assert issues.issue_text(record.id) == TEXT
    one, two = issues.plan(record.id).subtasks
    assert (one.asked, one.status) == (Asked("sort-words"), SubtaskStatus.OPEN)
    assert (two.status, two.by) == (SubtaskStatus.DONE, "issue")
    assert os.listdir(inbox) == []  # noqa: PTH208


def test_the_same_bytes_dropped_again_are_another_issue(issues: Issues, inbox: Path) -> None:
    assert accept(issues, drop(inbox)).id != accept(issues, drop(inbox)).id
    assert len(issues.list()) == 2


def test_an_id_in_use_is_refused_and_the_file_stays(issues: Issues, inbox: Path) -> None:
    data = b"---\nid: mine\n---\nDo it\n"
    assert accept(issues, drop(inbox, data)).id == "mine"
    with pytest.raises(Refused, match="mine is in use"):
        accept(issues, drop(inbox, data))
    assert (inbox / "login.md").read_bytes() == data


@pytest.mark.parametrize("own_id", [b"", b"---\nid: mine\n---\n"])
@pytest.mark.parametrize("links", [1, 2])
def test_accepting_goes_on_after_a_crash_anywhere_with_the_same_id(
    tmp_path: Path, own_id: bytes, links: int
) -> None:
    at, ids = 1, set()
    while True:
        inbox = tmp_path / str(at)
        inbox.mkdir()
        issues = Issues(inbox / "issues", inbox / "rejected", "process")
        path = drop(inbox, own_id + TEXT)
        if links == 2:
            os.link(path, inbox / "other name")
        os.utime(path, ns=(1, 1))
        left = [at]

        def bomb(_point: str, _moment: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Crash

        observe(bomb)
        try:
            accept(issues, path)
        except Crash:
            pass
        else:
            break
        finally:
            observe(None)
        if path.exists():
            accept(issues, path)
        (record,) = issues.list()
        assert issues.issue_text(record.id) == own_id + TEXT
        assert len(issues.plan(record.id).subtasks) == 2
        assert not path.exists()
        ids.add(record.title)
        at += 1
    assert at > 6
    assert ids == {"Tidy the notes"}


def test_a_hard_linked_file_is_taken_by_its_bytes(issues: Issues, inbox: Path, tmp_path: Path) -> None:
    path = drop(inbox)
    os.link(path, tmp_path / "elsewhere")
    record = accept(issues, path)
    (tmp_path / "elsewhere").write_bytes(b"changed")
    assert issues.issue_text(record.id) == TEXT
    assert not path.exists()


def test_a_file_that_changed_since_it_was_read_is_not_taken(issues: Issues, inbox: Path) -> None:
    path = drop(inbox)
    issue = parse_issue(TEXT, path.name)
    path.write_bytes(b"something else")
    with pytest.raises(WorkFailed, match="changed while it was read"):
        issues.accept(path, TEXT, issue, now=START)
    assert path.read_bytes() == b"something else"


def test_a_rejected_file_is_kept_with_its_reason_also_on_a_clash(issues: Issues, inbox: Path) -> None:
    for number in range(3):
        issues.reject(drop(inbox, b"%d" % number), f"reason {number}")
    rejected = inbox / "rejected"
    for number, name in enumerate(("login.md", "login.md.1", "login.md.2")):
        assert (rejected / name).read_bytes() == b"%d" % number
        assert (rejected / f"{name}.reason.txt").read_text() == f"reason {number}\n"


def test_a_rejection_that_was_cut_off_leaves_no_reason_without_its_file(issues: Issues, inbox: Path) -> None:
    source = inbox / "bad.md"
    source.write_bytes(b"bad")

    def crash(point: str, moment: str) -> None:
        if (point, moment) == ("issue.reject", "before"):
            raise Crash

    observe(crash)
    with pytest.raises(Crash):
        issues.reject(source, "it is bad")
    observe(None)
    assert issues.reject(source, "it is bad").name == "bad.md"
    assert sorted(path.name for path in (inbox / "rejected").iterdir()) == ["bad.md", "bad.md.reason.txt"]


def test_links_pipes_and_endless_names_are_rejected_as_they_are(
    issues: Issues, inbox: Path, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_text("mine")
    (inbox / "link.md").symlink_to(tmp_path / "victim")
    os.mkfifo(inbox / "pipe.md")
    drop(inbox, b"x", "é" * 126 + ".md")
    for path in list(inbox.iterdir()):
        target = issues.reject(path, "because")
        assert os.path.lexists(target)
        assert not os.path.lexists(path)
    assert (inbox / "rejected" / "link.md").is_symlink()
    assert (tmp_path / "victim").read_text() == "mine"
    with pytest.raises(FileNotFoundError):
        issues.reject(inbox / "gone.md", "because")
    assert len(list((inbox / "rejected").iterdir())) == 6


def test_records_are_saved_and_unknown_keys_kept(issues: Issues, inbox: Path, tmp_path: Path) -> None:
    record = accept(issues, drop(inbox))
    path = tmp_path / "issues" / record.id / "issue.toml"
    path.write_text('mine = "kept"\n' + path.read_text())
    changed = replace(
        record, status=IssueStatus.IN_REVIEW, branch="sixth/x", base="main", base_commit="a" * 40,
        accepted_tips=("b" * 40, "c" * 40),
    )  # fmt: skip
    assert issues.change_record(record.id, lambda _: changed) == changed
    assert issues.record(record.id) == changed
    assert 'mine = "kept"' in path.read_text()
    assert issues.find_by_branch(BranchName.parse("sixth/x")) == changed
    assert issues.find_by_branch("sixth/y") is None
    plan = Plan((Subtask(n=1, text="x", status=SubtaskStatus.WAITING, reason="why"),))
    assert issues.change_plan(record.id, lambda _: plan) == plan == issues.plan(record.id)


def test_an_id_is_found_by_a_prefix_that_fits_only_one(issues: Issues, inbox: Path) -> None:
    for name in ("abc", "abd", "ab"):
        accept(issues, drop(inbox, b"---\nid: " + name.encode() + b"\n---\nx\n"))
    assert issues.resolve("ab") == "ab"
    assert issues.resolve("abc") == "abc"
    for wrong in ("a", "", "x", "../ab"):
        with pytest.raises(UsageError):
            issues.resolve(wrong)


def test_what_is_missing_or_damaged_is_said(issues: Issues, inbox: Path, tmp_path: Path) -> None:
    record = accept(issues, drop(inbox))
    folder = tmp_path / "issues" / record.id
    with pytest.raises(UsageError, match="no such issue"):
        issues.record("nothing")
    with pytest.raises(InvalidName):
        issues.record("../x")
    (folder / "plan.toml").write_text("[[subtask]]\nn = 1\nstatus = 'gone'\n")
    with pytest.raises(ConfigError, match=r"plan.toml: subtask 1: status must be one of open"):
        issues.plan(record.id)
    (folder / "issue.toml").write_text("id = ")
    with pytest.raises(ConfigError, match=r"issue.toml:1: not TOML"):
        issues.record(record.id)
    assert issues.list() == []
    assert list(issues.damaged()) == [record.id]


def test_a_record_that_is_no_plain_file_stops_no_other_issue(
    issues: Issues, inbox: Path, tmp_path: Path
) -> None:
    sound, odd = accept(issues, drop(inbox)), accept(issues, drop(inbox, b"# Another\n"))
    path = tmp_path / "issues" / odd.id / "issue.toml"
    path.rename(tmp_path / "elsewhere")
    makers: tuple[Callable[[], object], ...] = (
        path.mkdir,
        lambda: os.mkfifo(path),
        lambda: path.symlink_to(tmp_path / "elsewhere"),
    )
    for number, make in enumerate(makers):
        make()
        assert issues.list() == [sound]
        assert list(issues.damaged()) == [odd.id]
        with pytest.raises(ConfigError, match=rf"issues/{odd.id}/issue.toml: issue.toml is "):
            issues.record(odd.id)
        path.rename(tmp_path / f"away-{number}")


@pytest.mark.parametrize(
    "boxes",
    [
        "".join(f"- [ ] step {n} `do: fill with={'x' * 470}`\n" for n in range(500)),
        f"- [ ] wait {'.' * 190} and\n- [ ] do it `do: fill with={'a.' * 400}`\n",
    ],
    ids=["as long as an issue may be", "many dots in one line"],
)
def test_the_plan_of_every_issue_that_is_taken_can_be_read(issues: Issues, inbox: Path, boxes: str) -> None:
    path = drop(inbox, f"# Much\n\n{boxes}".encode())
    wanted = parse_issue(path.read_bytes(), path.name).subtasks
    assert issues.plan(accept(issues, path).id).subtasks == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "nothing else"), ("[[subtask]]", "n must be"), ("[[subtask]]\nn = 0", "n must be"),
        ("[[subtask]]\nn = true", "n must be"), ("[[subtask]]\nn = 1\n[[subtask]]\nn = 1", "two subtasks"),
        ("[[subtask]]\nn = 1\nwhat = 1", "unknown key 'what'"), ("[[subtask]]\nn = 1\ntext = 1", "text must be text"),
        ("[[subtask]]\nn = 1\ndo = 1", "do must be text"),
        ("[[subtask]]\nn = 1\ncommits = [1]", "commits must be"), ("subtask = 1", "nothing else"),
        ("subtask = [1]", "not a table"),
    ],
)  # fmt: skip
def test_a_broken_plan_names_the_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_from_bytes(text.encode(), "plan.toml")


words = st.text(st.characters(codec="utf-8"), max_size=30)
printable = words.filter(lambda text: not has_unsafe_characters(text))


@SEARCH
@given(
    st.lists(
        st.builds(
            Subtask,
            n=st.integers(1, 500),
            text=words,
            asked=st.none()
            | st.builds(
                Asked,
                st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True),
                st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), printable, max_size=5),
            ),
            status=st.sampled_from(SubtaskStatus),
            by=words,
            reason=words,
            commits=st.lists(words).map(tuple),
        ),
        unique_by=lambda subtask: subtask.n,
    )
)
def test_a_plan_comes_back_as_it_was_written(subtasks: list[Subtask]) -> None:
    plan = Plan(tuple(subtasks))
    assert plan_from_bytes(plan_to_bytes(plan), "plan.toml") == plan


@SEARCH
@given(st.binary(max_size=300))
def test_any_bytes_are_a_plan_or_a_readable_error(data: bytes) -> None:
    with suppress(ConfigError):
        plan_from_bytes(data, "plan.toml")


def test_changes_from_many_sides_are_all_kept(issues: Issues, inbox: Path) -> None:
    record = accept(issues, drop(inbox))
    boxes = Plan(tuple(Subtask(n=n, text="x") for n in range(1, 41)))
    issues.change_plan(record.id, lambda _: boxes)

    def settle(n: int) -> None:
        def tick(now: Plan) -> Plan:
            return now.with_subtask(replace(now.get(n), status=SubtaskStatus.DONE))

        issues.change_plan(record.id, tick)
        issues.change_record(
            record.id, lambda now: replace(now, accepted_tips=(*now.accepted_tips, f"{n:040}"))
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(settle, range(1, 41)))
    assert issues.plan(record.id).next_open() is None
    assert len(set(issues.record(record.id).accepted_tips)) == 40


def test_a_file_that_changed_while_it_was_read_leaves_no_issue_behind(issues: Issues, inbox: Path) -> None:
    path = drop(inbox)
    path.write_bytes(TEXT + b"more\n")
    with pytest.raises(WorkFailed):
        issues.accept(path, TEXT, parse_issue(TEXT, path.name), now=START)
    assert issues.list() == []


def test_a_file_edited_after_a_crash_takes_its_own_id_up_again(issues: Issues, inbox: Path) -> None:
    text = b"---\nid: mine\n---\nx\n"
    path = drop(inbox, text)

    def die(where: str, moment: str) -> None:
        if (where, moment) == ("issue.take", "before"):
            raise Crash

    observe(die)
    with pytest.raises(Crash):
        accept(issues, path)
    observe(None)
    path.write_bytes(text + b"and more\n")
    assert accept(issues, path).id == "mine"
    assert issues.issue_text("mine") == text + b"and more\n"
