"""The changelog file: it only ever gains lines, and a second run gains none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.changelogfile import HEADER, RST_HEADER, find_changelog, update, update_bytes
from sixthbot.core.errors import WorkFailed

RENDERED = "### Added\n\n- New (i-1)\n\n### Fixed\n\n- Mended\n  at last (i-1)\n"


def is_kept(old: str, new: str) -> bool:
    """Whether all lines of the old text are in the new one, in order and to the byte but for the last line's end."""
    left = iter(new.split("\n"))
    return all(line in left for line in old.split("\n"))


def test_no_file_becomes_one_that_keeps_a_changelog() -> None:
    for nothing in (None, "", " \n"):
        assert update(nothing, RENDERED) == f"{HEADER}\n## [Unreleased]\n\n{RENDERED}"


def test_items_join_the_groups_that_are_there_and_new_groups_go_to_their_place() -> None:
    old = (
        "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Old\n\n### Security\n- s\n\n"
        "## [1.0.0] - 2020-01-01\n\n### Added\n- First\n\n[1.0.0]: http://x\n"
    )
    assert update(old, RENDERED) == (
        "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Old\n- New (i-1)\n\n"
        "### Fixed\n\n- Mended\n  at last (i-1)\n\n### Security\n- s\n\n"
        "## [1.0.0] - 2020-01-01\n\n### Added\n- First\n\n[1.0.0]: http://x\n"
    )


def test_an_item_that_a_person_moved_or_wrapped_is_not_added_again() -> None:
    old = "## [Unreleased]\n\n### Changed\n\n* New\n  (i-1)\n* Mended at last (i-1)\n"
    assert update(old, RENDERED) == old


SHAPES = {
    "only a title": "# Changelog\n\nIntro.\n",
    "no last newline": "# Changelog\n\n## 1.0\n- x",
    "empty section": "# C\n\n## [Unreleased]\n\n## [1.0.0]\n- x\n",
    "no blank lines": "# C\n## Unreleased\n## 1.0\n- x\n",
    "bold groups": "# C\n\n## 1.2.0\n\n* x\n\n**Fixed**\n\n* y",
    "crlf": "# C\r\n\r\n## 1.0\r\n- x\r\n",
    "crlf with section": "# C\r\n\r\n## [Unreleased]\r\n\r\n### Added\r\n\r\n- x\r\n\r\n## 1.0\r\n- x\r\n",
    "rst": "Changelog\n=========\n\n1.2 (2020-01-01)\n----------------\n\n* foo\n\n1.1\n---\n* bar\n",
    "rst with overlines": "=========\nChangelog\n=========\n\n.. _v1:\n\n1.2\n~~~\n\n* foo\n",
    "rst without a title": "1.2\n###\n\n* foo\n\n1.1\n###\n\n* bar\n",
    "gnu": "2020-01-01  Ann  <a@b>\n\n\t* foo.c: bar\n",
    "a plain list": "# Changes\n\n- did a\n- did b\n",
    "releases on the first level": "# 2.0.0 (2020)\n\n### Bug Fixes\n* a\n\n# 1.0.0\n",
    "links at the end": "# C\n\n## [Unreleased]\n- q\n\n[Unreleased]: http://x\n",
    "in code and comments": "# C\n\n```\n## [Unreleased]\n```\n<!--\n## [Unreleased]\n-->\n\n## [1.0]\n",
    "a fence that stays open": "# C\n\n```\ncode\n",
    "bom": "\ufeff# C\n",
    "other headings": "# C\n\n## Notes\n\nhey\n",
    "anchors": '# C\n\n<a name="1.0"></a>\n## 1.0\n',
    "section last": "## [Unreleased]\n### Fixed\n- x",
    "prose": "We changed things.\n\nThen more.\n",
    "section in prose": "# C\n\n## Unreleased\n\nNothing yet.\n\n## 0.1\n",
    "setext": "C\n=\n\nUnreleased\n----------\n\n* x\n\n1.0\n---\n\n* y\n",
}


@pytest.mark.parametrize("old", SHAPES.values(), ids=SHAPES.keys())
def test_any_shape_of_file_gains_the_items_once_and_loses_nothing(old: str) -> None:
    new = update(old, RENDERED)
    assert is_kept(old, new)
    assert new.count("New (i-1)") == 1
    assert new.count("nreleased") - old.count("nreleased") in {0, 1}
    assert update(new, RENDERED) == new
    assert "\n\n\n" not in new
    if "\r\n" in old:
        assert new.count("\n") == new.count("\r\n")


@pytest.mark.parametrize("old", SHAPES.values(), ids=SHAPES.keys())
def test_published_sections_stay_as_they_are_to_the_byte(old: str) -> None:
    published = next(
        (old[old.index(mark) :] for mark in ("## [1.", "## 1.", "1.2", "# 2.0", "1.0\n") if mark in old), ""
    )
    assert update(old, RENDERED).endswith(published)


def test_the_new_section_has_the_form_of_the_others() -> None:
    rst = update(SHAPES["rst"], RENDERED)
    assert "Unreleased\n----------\n\n**Added**\n\n* New (i-1)\n" in rst
    assert rst.index("Unreleased") < rst.index("1.2 (2020")
    assert "## Unreleased\n\n**Added**\n\n* New" in update(SHAPES["bold groups"], RENDERED)
    assert update(SHAPES["releases on the first level"], RENDERED).startswith(
        "# Unreleased\n\n### Added\n\n* New"
    )


def test_groups_of_a_file_whose_groups_are_underlined_are_underlined_too() -> None:
    old = "=====\nLog\n=====\n\nx 1.6 (2025-05-15)\n==================\n\nBug Fixes\n---------\n\n- y\n"
    new = update(old, RENDERED, rst=True)
    assert "\n\nUnreleased\n==========\n\nAdded\n-----\n\n- New (i-1)\n\nFixed\n-----\n\n- Mended\n" in new
    assert update(new, RENDERED, rst=True) == new
    more = update(new, "### Added\n\n- More\n", rst=True)
    assert "Added\n-----\n\n- New (i-1)\n- More\n\nFixed" in more


@pytest.mark.parametrize(
    ("heading", "below"), [("dev", ""), ("[Next]", ""), ("Version 2.0.0", "Unreleased\n\n"), ("2.0", "*Unreleased*\n\n")]
)  # fmt: skip
def test_a_section_for_what_comes_next_under_another_name_is_used(heading: str, below: str) -> None:
    old = f"## {heading}\n\n{below}- x\n\n## 1.0\n\nReleased 2020-01-01\n\n- y\n"
    new = update(old, RENDERED)
    assert new.lower().count("unreleased") == old.lower().count("unreleased")
    assert new.startswith(f"## {heading}\n\n{below}- x\n\n### Added\n\n- New (i-1)\n")
    assert new.endswith("\n\n## 1.0\n\nReleased 2020-01-01\n\n- y\n")


def test_the_gap_behind_a_bullet_is_that_of_the_file() -> None:
    new = update("## 1.0\n\n-   One\n    thing\n", RENDERED)
    assert "-   New (i-1)\n" in new
    assert "-   Mended\n    at last (i-1)\n" in new


def test_items_in_restructuredtext_read_as_they_were_meant() -> None:
    rendered = "- **core:** Take `a_b` and x_ and *y* and \\<b> (:issue:`5`, ``z``)\n"
    new = update(None, rendered, rst=True)
    assert new.startswith(RST_HEADER)
    assert "- **core:** Take ``a_b`` and x\\_ and \\*y\\* and <b> (:issue:`5`, ``z``)\n" in new
    assert update(new, rendered, rst=True) == new


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], "CHANGELOG.md"),
        (["README.md", "CHANGELOG_OLD.md", "CHANGELOG.html"], "CHANGELOG.md"),
        (["CHANGES.rst", "README.rst"], "CHANGES.rst"),
        (["history.md", "NEWS"], "history.md"),
        (["CHANGELOG.rst", "CHANGES.md", "Changelog.md"], "Changelog.md"),
        (["CHANGELOG", "CHANGELOG.txt"], "CHANGELOG.txt"),
        (["RELEASE_NOTES.txt"], "RELEASE_NOTES.txt"),
    ],
)
def test_the_changelog_of_a_repository_is_found_by_its_name(names: list[str], found: str) -> None:
    assert find_changelog(names) == found


def test_a_template_may_render_what_it_likes() -> None:
    own = "## [Unreleased]\n\nA sentence.\n\n### Odd group\n* one\n  - nested\n* two\n"
    new = update("# C\n\n## 1.0\n", own)
    assert new == (
        "# C\n\n## Unreleased\n\nA sentence.\n\n### Odd group\n\n- one\n  - nested\n- two\n\n## 1.0\n"
    )
    assert update(new, own) == new


def test_nothing_to_say_changes_nothing() -> None:
    assert update("# C\r\nx", " \n") == "# C\r\nx"
    assert update(None, "### Added\n") == ""


PIECES = [
    "# C\n", "## [Unreleased]\n", "## 1.0\n", "### Added\n", "### Fixed\n", "**Added**\n", "- x\n", "* New (i-1)\n",
    "  more\n", "\n", "text\n", "=====\n", "-----\n", "```\n", "<!--\n", "-->\n", "[a]: b\n", "Unreleased\n", "1.2\n",
    "<a name=x>\n", ".. _x:\n", "\t- y\n", "\u2028", "tail", "---\n", "- \n", "- New\n", "##\n", "\x0c\n", "\r",
]  # fmt: skip
OLD = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
NEW = st.lists(
    st.tuples(st.sampled_from(["Added", "Fixed", "Odd", "Security"]), st.lists(st.sampled_from(["a", "New (i-1)", "x", "b c"]), min_size=1, unique=True)),
    max_size=4,
    unique_by=lambda group: group[0],
).map(lambda groups: "\n".join(f"### {name}\n\n" + "".join(f"- {item}\n" for item in items) for name, items in groups))  # fmt: skip


@given(OLD, NEW)
def test_a_second_run_changes_nothing_and_no_line_is_ever_lost(old: str, rendered: str) -> None:
    new = update(old, rendered)
    if old.strip():
        assert is_kept(old, new)
    assert update(new, rendered) == new
    in_rst = update(old, rendered, rst=True)
    assert update(in_rst, rendered, rst=True) == in_rst


@given(st.binary(max_size=60))
def test_bytes_that_are_no_text_are_kept_or_refused(noise: bytes) -> None:
    data = b"# C\n\n## 1.0\n" + noise
    if b"\0" in data:
        with pytest.raises(WorkFailed):
            update_bytes(data, RENDERED)
    else:
        assert update_bytes(data, RENDERED).endswith(data[len(b"# C\n\n") :])


def test_a_file_in_utf_16_is_refused() -> None:
    with pytest.raises(WorkFailed, match="not UTF-8"):
        update_bytes("# C".encode("utf-16"), RENDERED)


def test_a_large_file_costs_little() -> None:
    release = "## [1.{}.0] - 2020-01-01\n\n### Added\n\n" + "- a thing happened in the code\n" * 20 + "\n"
    old = "# C\n\n" + "".join(release.format(n) for n in range(1000))
    start = time.process_time()
    assert update(old, RENDERED).endswith(old[len("# C\n\n") :])
    assert time.process_time() - start < 1
