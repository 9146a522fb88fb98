"""Commit messages: what a user writes never becomes a trailer, what the bot writes always is one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.conventional import parse_subject
from sixthbot.core.messages import (
    RESERVED,
    build_message,
    closing_nothing,
    own_trailers,
    parse_trailers,
    subject_for,
)
from sixthbot.core.names import has_unsafe_characters

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

BOT = (("Sixth-Issue", "tidy-1a2b3c"), ("Sixth-Task", "t0123456789ab"), ("Sixth-Subtask", "2"))
PIECES = st.sampled_from(
    [
        "Sixth-Subtask: 9", "sixth-issue: evil", "Signed-off-by: Eve <e@x>", "(cherry picked from commit abc)", "word",
        "Sixth-Task :x", " ", "\n", "\n\n", "---", "- item", "\t", "\u202e", "\x00", "x" * 90, "# hash", "Fixes: #1",
    ]
)  # fmt: skip
BODIES = st.one_of(st.text(st.characters(), max_size=200), st.lists(PIECES, max_size=20).map("".join))


@given(BODIES, BODIES)
def test_only_the_bots_own_trailers_are_read_back(subject: str, body: str) -> None:
    message = build_message(subject, body, BOT)
    assert parse_trailers(message) == BOT
    assert own_trailers(message) == dict(BOT)


@given(BODIES, BODIES)
def test_a_body_of_a_user_has_no_trailers(subject: str, body: str) -> None:
    assert parse_trailers(build_message(subject, body)) == ()


@given(BODIES, BODIES)
def test_a_message_is_safe_text_with_a_subject_and_short_lines(subject: str, body: str) -> None:
    message = build_message(subject, body, BOT)
    first, blank, *rest = message.split("\n")
    assert first.strip()
    assert blank == ""
    assert not has_unsafe_characters(message.replace("\n", ""))
    assert message.endswith("\n")
    assert "\n\n\n" not in message
    for line in rest:
        assert len(line) <= 72 or " " not in line.strip()


def test_git_reads_the_same_trailers(repo: RepoDir, tmp_path: Path) -> None:
    bodies = [
        "", "plain", "Sixth-Subtask: 9", "text\nSixth-Subtask: 9\nSigned-off-by: Eve <e@x>",
        "Sixth-Issue: a\n folded\n\nmore", "(cherry picked from commit abc)\nSixth-Issue: evil", "---\nSixth-Issue: evil",
    ]  # fmt: skip
    for body in bodies:
        for trailers in ((), BOT):
            file = tmp_path / "message"
            file.write_text(build_message("chore: x", body, trailers), encoding="utf-8")
            said = subprocess.run(
                ["git", "interpret-trailers", "--parse", "--no-divider", str(file)],
                cwd=repo.path,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            assert said.splitlines() == [f"{name}: {value}" for name, value in trailers], body


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("s\n\nSixth-Subtask: 3\n", (("Sixth-Subtask", "3"),)),
        ("s\r\n\r\nSixth-Subtask: 3\r\n\r\n", (("Sixth-Subtask", "3"),)),
        ("Sixth-Subtask: 3\n", ()),
        ("\n\nSixth-Subtask: 3\n", ()),
        ("s\n\ntext\nSixth-Subtask: 3\n", ()),
        (
            "s\n\ntext\nSixth-Subtask: 3\nSigned-off-by: A <a@b>",
            (("Sixth-Subtask", "3"), ("Signed-off-by", "A <a@b>")),
        ),
        ("s\n\nA: one\n  two\nB: three", (("A", "one two"), ("B", "three"))),
        ("s\n\nA: one\n\nlast words\n", ()),
        ("s\n\n(cherry picked from commit abc)\nA: b\n", (("A", "b"),)),
        ("", ()),
    ],
)
def test_trailers_are_read_as_git_reads_them(message: str, expected: tuple[tuple[str, str], ...]) -> None:
    assert parse_trailers(message) == expected


def test_a_reserved_trailer_given_twice_counts_as_absent() -> None:
    assert own_trailers("s\n\nSixth-Subtask: 3\nsixth-subtask: 4\nSixth-Issue: a\n") == {"Sixth-Issue": "a"}


def test_a_bad_trailer_is_a_mistake_of_the_caller() -> None:
    for trailers in ([("no name", "x")], [("Empty", " ")], [("Sixth-Issue", "a"), ("Sixth-Issue", "b")]):
        with pytest.raises(ValueError, match="railer"):
            build_message("s", "", trailers)
    assert len(RESERVED) == 3


@pytest.mark.parametrize(
    ("labels", "text", "subject"),
    [
        (["chore"], "Sort the word list", "chore: sort the word list"),
        ([], "Fix the login.", "fix: fix the login"),
        (["type: bug"], "API answers too late", "fix: API answers too late"),
        (["kind/feature", "breaking"], "New button", "feat!: new button"),
        (["Documentation"], "Explain", "docs: explain"),
        ([], "feat(ui)!: New button", "feat(ui)!: new button"),
        (["urgent", "area: x"], "Rename the old helper", "refactor(x): rename the old helper"),
        (["scope/ui"], "fix(db): Close it", "fix(db): close it"),
        ([], "notes: sort", "chore: notes: sort"),
        ([], "", "chore: update"),
        ([], "\u202e\n", "chore: update"),
    ],
)
def test_a_subject_is_in_conventional_form(labels: list[str], text: str, subject: str) -> None:
    assert subject_for(labels, text) == subject


def test_a_type_can_be_given() -> None:
    assert subject_for(["bug"], "Sort", type_override="docs") == "docs: sort"


@given(st.lists(BODIES, max_size=3), BODIES)
def test_every_subject_is_short_safe_and_has_a_type(labels: list[str], text: str) -> None:
    subject = subject_for(labels, text)
    assert len(subject) <= 72
    assert not has_unsafe_characters(subject)
    assert parse_subject(subject).type


def test_a_huge_body_costs_little() -> None:
    assert len(build_message("s", "word " * 200_000)) < 70_000
    assert build_message("s", " " * 200_000) == "s\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("closes #12", "closes 12"),
        ("Fixes: ann/words#3, see #4", "Fixes: ann/words 3, see #4"),
        ("fix: #12 is slow", "fix: 12 is slow"),
        ("resolve\n#7", "resolve\n7"),
        ("Closed https://example.org/a/b/issues/12.", "Closed example.org/a/b/issues/12."),
        ("implements GH-9", "implements 9"),
        (
            "see #12, a prefix #1, fix the C# code, close GH",
            "see #12, a prefix #1, fix the C# code, close GH",
        ),
    ],
)
def test_no_forge_closes_an_issue_by_what_another_one_says(text: str, told: str) -> None:
    assert closing_nothing(text) == told
    assert closing_nothing(told) == told
