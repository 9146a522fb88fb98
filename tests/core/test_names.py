"""Names that reach git, the disk or a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.errors import InvalidName
from sixthbot.core.names import (
    BranchName,
    branch_for,
    clean_line,
    has_unsafe_characters,
    is_null,
    parse_issue_id,
    parse_oid,
    short_hash,
    slug,
)

HOSTILE = st.text(st.characters(), max_size=300)


@given(HOSTILE, st.integers(min_value=1, max_value=250))
def test_a_clean_line_is_one_printable_line_within_its_limit(text: str, limit: int) -> None:
    line = clean_line(text, limit=limit)
    assert len(line) <= limit
    assert not has_unsafe_characters(line)
    assert line == line.strip()
    assert len(line.splitlines()) <= 1
    assert clean_line(line, limit=limit) == line


def test_a_clean_line_is_found_behind_much_white_space() -> None:
    assert clean_line(" " * 200_000 + "x") == "x"


def test_control_bidi_and_zero_width_characters_are_taken_out() -> None:
    assert clean_line("a\u202eb\u200bc\x1b[31m\td\u2028e") == "abc[31m d e"


@given(HOSTILE)
def test_a_slug_has_only_words_and_hyphens(text: str) -> None:
    result = slug(text)
    assert re.fullmatch(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*)?", result)
    assert len(result) <= 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tidy the notes", "tidy-the-notes"),
        ("Ünïcode, Straße!", "unicode-strae"),
        ("  --x--  ", "x"),
        ("漢字", ""),
        ("a" * 80, "a" * 50),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_a_slug_reads_like_its_text(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(HOSTILE, st.sets(st.sampled_from(["sixth/a", "sixth/tidy", "sixth/issue-x", "sixth/tidy/more"])))
def test_a_branch_name_is_valid_short_and_free(title: str, taken: set[str]) -> None:
    name = branch_for(prefix="sixth", title=title, issue_id="tidy-1a2b3c", taken=taken)
    assert re.fullmatch(r"sixth/[a-z0-9-]{1,54}", name.value)
    assert name.value not in taken
    assert not any(other.startswith(name.value + "/") for other in taken)
    assert BranchName.parse(name.value) == name


def test_a_taken_branch_name_gets_a_hash_that_stays_the_same() -> None:
    first = branch_for(prefix="sixth", title="Tidy", issue_id="i1", taken=())
    second = branch_for(prefix="sixth", title="Tidy", issue_id="i1", taken={first.value})
    assert first.value == "sixth/tidy"
    assert second.value == f"sixth/tidy-{short_hash('i1')}"
    assert branch_for(prefix="sixth", title="Tidy", issue_id="i1", taken={"sixth/tidy/x"}) == second


def test_a_title_without_words_is_named_after_the_issue() -> None:
    assert branch_for(prefix="sixth", title="漢字", issue_id="A.1", taken=()).value == "sixth/issue-a-1"


def test_a_branch_template_places_the_slug() -> None:
    name = branch_for(
        prefix="bot", title="word " * 40, issue_id="i", taken=(), template="{prefix}/{slug}/work"
    )
    assert name.value.startswith("bot/word-word")
    assert name.value.endswith("/work")
    assert len(name.value) <= 60


@pytest.mark.parametrize(
    "text",
    [
        "", "HEAD", "@", "-x", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a..b", "a@{1}", "a//b", "/a",
        "a/", "a.", ".a", "a/.b", "a.lock", "a.lock/b", "a\n", "a\x7f", "a\u202eb", "x" * 241, "a/" * 90 + "b",
    ],
)  # fmt: skip
def test_a_branch_name_that_git_refuses_or_could_misread_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        BranchName.parse(text)


@pytest.mark.parametrize("text", ["main", "feature/x.y", "ünïcode", "a@b", "refs/x", "v1.0-rc", "a-"])
def test_an_ordinary_branch_name_is_accepted(text: str) -> None:
    name = BranchName.parse(text)
    assert BranchName.of_ref(name.ref) == name
    assert "/" not in name.file_stem


def test_file_stems_of_different_branches_differ() -> None:
    assert BranchName.parse("a/b").file_stem != BranchName.parse("a%2Fb").file_stem


@pytest.mark.parametrize("text", ["", "-a", ".a", "a..b", "a/b", "a b", "x" * 65, "a\n", "ü"])
def test_an_unusable_issue_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_issue_id(text)


def test_object_ids_are_full_and_in_lower_case() -> None:
    assert parse_oid("a" * 40) == "a" * 40
    assert is_null("0" * 40)
    for text in ("a" * 39, "A" * 40, "HEAD", "g" * 40, "a" * 40 + "\n"):
        with pytest.raises(InvalidName):
            parse_oid(text)


def test_an_id_that_is_a_word_stays_in_the_title_it_is_a_part_of() -> None:
    named = branch_for(prefix="sixth", title="Tidy the words", issue_id="tidy", taken=())
    assert named.value == "sixth/tidy-the-words"
    assert branch_for(prefix="sixth", title="tidy: words", issue_id="tidy", taken=()).value == "sixth/words"
    assert branch_for(prefix="sixth", title="A-2 Live", issue_id="A-2", taken=()).value == "sixth/live"
