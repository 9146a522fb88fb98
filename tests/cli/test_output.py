"""Printing: paint, alignment, cleaning; and the report of a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.cli import app
from sixthbot.cli.output import clean_text, next_lines, one_line, paint, plural, table, unpaint, width
from sixthbot.cli.times import ago
from sixthbot.core.names import has_unsafe_characters
from sixthbot.core.times import parse_time
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


@given(st.text())
def test_cleaned_text_holds_nothing_that_steers_a_terminal(text: str) -> None:
    assert not has_unsafe_characters(clean_text(text).replace("\n", "").replace("\t", ""))


@given(st.text(alphabet=st.characters(exclude_characters="\x1b")))
def test_paint_comes_off_again(text: str) -> None:
    assert unpaint(paint(text, "bold", "red")) == text


@given(st.text(), st.integers(4, 50))
def test_one_line_is_one_short_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line


@given(
    st.lists(st.tuples(*[st.text(st.sampled_from("ab 日\u0301"), max_size=60)] * 3), min_size=1),
    st.integers(40, 90),
)
def test_a_table_fits_a_terminal(rows: list[tuple[str, str, str]], columns: int) -> None:
    painted = [(paint(first, "red"), *rest) for first, *rest in rows]
    cut = table(painted, columns=columns).split("\n")
    assert all(width(line) <= columns for line in cut)
    assert table(painted, columns=1000) == table(painted)


def test_ids_are_never_cut_and_reasons_have_room(waiting: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("NO_COLOR", "1")
    (task,) = sixthbot("queue", "list", "--json", cwd=waiting.path).json["tasks"]
    _, line, below = sixthbot("queue", "list", cwd=waiting.path, terminal=True).out.splitlines()
    assert line.startswith(task["id"] + "  ")
    assert below == f"  tidy: {task['reason']}"[:67].rstrip() + "..." or below == f"  tidy: {task['reason']}"
    rows = [("an-id-that-is-long-1a2b3c", "x" * 60, "y" * 60)]
    (cut,) = table(rows, columns=50, whole=(0,)).splitlines()
    assert cut.startswith("an-id-that-is-long-1a2b3c  ")
    assert width(cut) <= 50
    (cut,) = table(rows, columns=20, whole=(0, 1, 2)).splitlines()
    assert cut == "  ".join(rows[0])


def test_the_longest_cell_is_cut_on_a_terminal_and_nowhere_else(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    title = "A title that goes on and on, " * 4
    (home.path / ".sixth/inbox/long.md").write_text(f"# {title}\n")
    sixthbot("run", cwd=home.path)
    # an id that is longer than the rest can make up for stays whole
    ids = [issue["id"] for issue in sixthbot("issue", "list", "--json", cwd=home.path).json["issues"]]
    for command in (["issue", "list"], ["queue", "list"], ["rules", "list"], ["config", "show", "--origin"]):
        cut = sixthbot(*command, cwd=home.path, terminal=True).out
        assert all(
            len(line) <= 60 for line in cut.splitlines() if not line.startswith(("off ", "issue ", ids[0]))
        ), command
        assert "..." in cut or command[0] == "config"
    assert title.strip() in sixthbot("issue", "list", cwd=home.path).out


def test_a_table_is_aligned_by_what_a_terminal_shows() -> None:
    text = table([("a", "x"), (paint("bb", "red"), "y"), ("日本", "z")], head=("n", "v"))
    lines = [unpaint(line) for line in text.splitlines()]
    assert lines == ["n     v", "a     x", "bb    y", "日本  z"]
    assert {width(line[: line.index(line[-1])]) for line in lines[1:]} == {6}
    assert table([]) == ""


def test_a_command_in_a_hint_gets_a_line_of_its_own() -> None:
    assert [unpaint(line) for line in next_lines("commit it, then: sixthbot done x")] == [
        "next: commit it, then:",
        "      sixthbot done x",
    ]
    assert next_lines("") == []


def test_counts_and_times_read_as_people_say_them() -> None:
    now = parse_time("2026-11-20T12:00:00Z")
    assert [plural(1, "task"), plural(2, "task")] == ["1 task", "2 tasks"]
    assert ago("2026-11-20T12:00:00Z", now) == "just now"
    assert ago("2026-11-20T11:57:00Z", now) == "3 min ago"
    assert ago("2026-11-20T12:00:30Z", now) == "in 30 s"
    assert ago("soon", now) == "soon"


def test_a_mistake_of_the_program_becomes_a_report_and_one_line(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("wrong\nturn")

    monkeypatch.setattr("sixthbot.store.queue.Queue.all", fail)
    said = sixthbot("queue", "list", "--token=abc123", cwd=home.path)
    assert said.code == 2
    said = sixthbot("queue", "list", "--lane", "low", cwd=home.path)
    assert (said.code, said.out) == (1, "")
    first, second = said.err.splitlines()
    assert first == "error: unexpected failure, a mistake of sixthbot's: RuntimeError: wrong turn"
    (report,) = (home.path / ".sixth/local/logs").glob("bug-*.txt")
    assert second == f"hint: the report to send is {report}"
    text = report.read_text()
    assert "Traceback (most recent call last)" in text
    assert f"command: sixthbot -C {home.path} queue list --lane low\n" in text


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left"), 1)])
def test_an_interrupt_and_a_full_disk_are_said_in_a_line(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: list[str]) -> object:
        raise error

    monkeypatch.setattr(app, "_run", fail)
    said = sixthbot("anything")
    assert (said.code, said.out) == (code, "")
    assert len(said.err.splitlines()) == (1 if code == 130 else 2)
