"""Folders and paths that rules about files ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.filechanges import MOST_PATHS, asked_for, covers, folder_of, folders_of
from sixthbot.core.globs import path_matches
from sixthbot.core.rules import Rule, StepSpec


def rule(*paths: str, on: str = "file.changed") -> Rule:
    when = {"paths": paths} if paths else {}
    return Rule(name="r", on=(on,), do=(StepSpec("notify"),), origin="", digest="", when=when)


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("src/**/*.py", "src"), ("src/app/*.py", "src/app"), ("src/", "src"), ("/docs/x.md", "docs"), ("*.py", ""),
        ("**/x/*.py", ""), ("a/../b/*", "a"), ("a/[bc]/d", "a"), ("a//b/c", "a"), ("README.md", ""),
    ],
)  # fmt: skip
def test_the_folder_of_a_pattern(pattern: str, folder: str) -> None:
    assert folder_of(pattern) == folder


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), min_size=1, max_size=4).map("/".join),
    st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map("/".join),
)
def test_what_a_pattern_matches_is_in_its_folder(pattern: str, path: str) -> None:
    if path_matches(path, pattern):
        assert covers((folder_of(pattern),), path)


def test_folders_below_others_are_not_named_again_and_other_rules_do_not_count() -> None:
    assert folders_of([rule("src/**", "src/app/*.py", "docs/*"), rule("lib/*", on="commit")]) == (
        "docs",
        "src",
    )
    assert folders_of([rule("src/**"), rule()]) == ("",)
    assert folders_of([rule("src/**", on="commit")]) is None


def test_of_too_many_paths_each_rule_finds_some_of_its_own() -> None:
    paths = [f"a/{number:06}" for number in range(3 * MOST_PATHS)] + ["z/last", ".sixth/config.toml", "other"]
    named, count = asked_for(paths, [rule("a/**"), rule("z/*")])
    assert count == 3 * MOST_PATHS + 1
    assert len(named) == MOST_PATHS
    assert "z/last" in named
    assert asked_for(["b", "a", "c"], [rule("a"), rule("b")]) == (["a", "b"], 2)
