"""A release in a changelog file."""

from __future__ import annotations

import pytest

from sixthbot.core.changelogrelease import Published, not_in_file, publish

FILE = """\
# Changelog

## [Unreleased]

### Added

- A thing in my own words
- A later thing

## [1.0.0] - 2026-01-01

- Everything

[unreleased]: https://example.com/r/compare/v1.0.0...HEAD
[1.0.0]: https://example.com/r/releases/v1.0.0
"""
NEW = [
    Published(name="1.2.0", tag="v1.2.0", date="2026-03-03", rendered="### Fixed\n\n- A crash\n"),
    Published(name="1.1.0", tag="v1.1.0", date="2026-02-02"),
]


def test_releases_newer_than_those_in_the_file_are_missing() -> None:
    old = Published(name="1.0.0", tag="v1.0.0", date="2026-01-01")
    older = Published(name="0.9.0", tag="v0.9.0", date="2025-01-01")
    assert not_in_file(FILE, [*NEW, old, older]) == NEW
    assert not_in_file(FILE, [old, older]) == []
    assert not_in_file("# Changelog\n\n- text\n", NEW) == []
    assert not_in_file(FILE, [Published(name="0.0", tag="v0.0", date="x")]) == []


def test_a_release_of_no_known_day_gets_a_heading_without_one() -> None:
    for file in (FILE, "# Changelog\n\n## [Unreleased]\n"):
        said = publish(file, [Published(name="2.0.0", tag="v2.0.0", date="")], later=set())
        assert "\n## [2.0.0]\n" in said


def test_what_stood_under_unreleased_gets_the_oldest_new_heading() -> None:
    assert (
        publish(FILE, NEW, later={"- A later thing"})
        == """\
# Changelog

## [Unreleased]

## [1.2.0] - 2026-03-03

### Fixed

- A crash

## [1.1.0] - 2026-02-02

### Added

- A thing in my own words

## [1.0.0] - 2026-01-01

- Everything

[unreleased]: https://example.com/r/compare/v1.2.0...HEAD
[1.2.0]: https://example.com/r/compare/v1.1.0...v1.2.0
[1.1.0]: https://example.com/r/compare/v1.0.0...v1.1.0
[1.0.0]: https://example.com/r/releases/v1.0.0
"""
    )


@pytest.mark.parametrize(
    ("heading", "wanted"),
    [
        ("## v1.0.0 (2026-01-01)", "## v1.1.0 (2026-02-02)"),
        ("## 1.0.0", "## 1.1.0"),
        ("## [v1.0.0] - 2026-01-01", "## [v1.1.0] - 2026-02-02"),
        ("Version 1.0.0\n-------------", "1.1.0\n-----"),
    ],
)
def test_headings_are_written_as_the_file_writes_them(heading: str, wanted: str) -> None:
    unreleased = "Unreleased\n----------" if "\n" in heading else "## Unreleased"
    text = f"{unreleased}\n\n- A\n\n{heading}\n\n- B\n"
    assert publish(text, NEW[1:]) == f"{unreleased}\n\n{wanted}\n\n- A\n\n{heading}\n\n- B\n"


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff" + FILE.replace("\n", "\r\n")
    after = publish(text, NEW)
    assert after.startswith("\ufeff# Changelog\r\n")
    assert after.count("\n") == after.count("\r\n")
    assert publish(text, []) == text
