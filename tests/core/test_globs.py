"""Globs as git has them."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.globs import name_matches, path_matches, text_matches


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("src/a/b.py", "src/**/*.py", True),
        ("src/b.py", "src/**/*.py", True),
        ("src/b.txt", "src/**/*.py", False),
        ("src/a/b.py", "src/*.py", False),
        ("x/README.md", "README.md", True),
        ("x/README.md", "/README.md", False),
        ("README.md", "/README.md", True),
        ("docs/a/b", "docs/", True),
        ("docs", "docs/**", False),
        ("docs/a", "docs/**", True),
        ("a/gen_x.py", "**/gen_*", True),
        ("a/b/c", "**", True),
        ("a[1].py", "a[[]1].py", True),
        ("ab", "a[!c]", True),
        ("ac", "a[!c]", False),
        ("a5", "a[0-9]", True),
        ("a[", "a[", True),
        ("a*", r"a\*", True),
        ("ab", r"a\*", False),
        ("A.py", "a.py", False),
        ("a/x/b/y/c", "a/**/b/**/c", True),
        ("a/c", "a/**/b/**/c", False),
    ],
)
def test_paths_are_matched_as_in_gitignore(path: str, pattern: str, *, expected: bool) -> None:
    assert path_matches(path, pattern) is expected


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("feature/a/b", "feature/**", True),
        ("feature/a/b", "feature/*", False),
        ("feature", "feature/**", False),
        ("x/main", "main", False),
        ("main", "*", True),
        ("a/b", "*", False),
    ],
)
def test_names_are_matched_whole(name: str, pattern: str, *, expected: bool) -> None:
    assert name_matches(name, pattern) is expected


def test_in_plain_text_a_star_matches_everything() -> None:
    assert text_matches("feat: a/b", "feat*")
    assert not text_matches("feat: a/b", "fix*")


@given(st.text("ab/.[", max_size=12), st.text("ab*?.", max_size=8))
def test_plain_text_globs_agree_with_the_standard_library(text: str, pattern: str) -> None:
    assert text_matches(text, pattern) is fnmatch.fnmatchcase(text, pattern)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_pattern_fails(text: str, pattern: str) -> None:
    for matches in (path_matches, name_matches, text_matches):
        assert matches(text, pattern) in {True, False}


def test_hostile_patterns_are_not_slow() -> None:
    start = time.process_time()
    assert not path_matches("a" * 4000, "*a" * 50 + "b")
    assert not path_matches("/".join(["a" * 10] * 400), "**/" + "*a/**/" * 30 + "b")
    assert not text_matches("a" * 4000, "*a" * 50 + "b")
    assert time.process_time() - start < 2
