"""Subjects in conventional form, and reverts."""

from __future__ import annotations

import pytest

from sixthbot.core.conventional import Parsed, Reverted, parse_revert, parse_subject


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("feat: add x", Parsed("feat", "", breaking=False, description="add x")),
        ("Fix(login)!: it", Parsed("fix", "login", breaking=True, description="it")),
        ("core: values, names", Parsed("core", "", breaking=False, description="values, names")),
        ("Merge branch 'x'", Parsed("", "", breaking=False, description="Merge branch 'x'")),
        ("feat:no space", Parsed("", "", breaking=False, description="feat:no space")),
        ("feat(): x", Parsed("", "", breaking=False, description="feat(): x")),
        ("http://x", Parsed("", "", breaking=False, description="http://x")),
        ("", Parsed("", "", breaking=False, description="")),
    ],
)
def test_a_subject_falls_into_its_parts(subject: str, expected: Parsed) -> None:
    assert parse_subject(subject) == expected


def test_a_footer_makes_a_change_breaking() -> None:
    parsed = parse_subject("feat: x", "feat: x\n\nBREAKING CHANGE: the old way is gone\n")
    assert parsed.breaking
    assert parsed.note == "the old way is gone"


@pytest.mark.parametrize(
    ("subject", "body", "expected"),
    [
        ('Revert "feat: x"', f"This reverts commit {'a' * 40}.", Reverted("a" * 40, "feat: x")),
        ("revert: feat: x", "", Reverted("", "feat: x")),
        ("feat: x", f"This reverts commit {'a' * 40}.", None),
        ("Revert the change", "", None),
    ],
)
def test_a_revert_names_what_it_takes_back(subject: str, body: str, expected: Reverted | None) -> None:
    assert parse_revert(subject, body) == expected


def test_long_hostile_subjects_cost_little() -> None:
    for text in ("a" * 200_000, "(" * 200_000, "a(" + "b" * 200_000, " " * 200_000, 'Revert "' * 50_000):
        parse_subject(text, text)
        parse_revert(text, text)
