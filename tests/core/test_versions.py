"""Versions in tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.versions import newest, next_version, parse_tag, release_tags


@pytest.mark.parametrize(
    ("tag", "prefix", "numbers", "pre"),
    [
        ("v1.2.3", "v", (1, 2, 3), ""),
        ("1.2", "", (1, 2), ""),
        ("core@2.0.0", "core@", (2, 0, 0), ""),
        ("packages/core/v1.2.3", "packages/core/v", (1, 2, 3), ""),
        ("release-1.2.0", "release-", (1, 2, 0), ""),
        ("v1.2.0-rc.1", "v", (1, 2, 0), "rc.1"),
        ("1.2.0rc1", "", (1, 2, 0), "rc1"),
        ("1.2.0.post1", "", (1, 2, 0, 1), ""),
        ("v1.2.3+build.5", "v", (1, 2, 3), ""),
    ],
)
def test_a_tag_that_names_a_version(tag: str, prefix: str, numbers: tuple[int, ...], pre: str) -> None:
    found = parse_tag(tag)
    assert found is not None
    assert (found.prefix, found.numbers, found.pre) == (prefix, numbers, pre)
    assert found.prefix + found.name == tag


@pytest.mark.parametrize("tag", ["", "latest", "v2", "nightly-build", "1.2.3 4", "v1.2.3\n"])
def test_other_tags_are_none(tag: str) -> None:
    assert parse_tag(tag) is None


@given(st.text(max_size=400))
def test_any_text_is_judged(tag: str) -> None:
    found = parse_tag(tag)
    assert found is None or found.prefix + found.name == tag


def test_the_order_is_that_of_semantic_versioning() -> None:
    order = [
        "v0.9",
        "v1.0.0-alpha",
        "v1.0.0-alpha.1",
        "v1.0.0-rc.2",
        "v1.0.0-rc.10",
        "v1.0.0",
        "v1.0.0.post1",
        "v1.0.1",
    ]
    parsed = [parse_tag(tag) for tag in reversed(order)]
    versions = sorted((one for one in parsed if one), key=lambda version: version.order)
    assert [version.tag for version in versions] == order
    assert newest(versions) == versions[-1]


def test_plain_tags_are_releases_and_others_only_with_their_folder_or_template() -> None:
    tags = ["v1.0.0", "core@2.0.0", "ui@3.0.0", "core@2.1.0", "latest"]
    assert list(release_tags(tags)) == ["v1.0.0"]
    assert list(release_tags(tags, paths=["packages/core"])) == ["core@2.0.0", "core@2.1.0"]
    assert list(release_tags(tags, paths=["docs"])) == ["v1.0.0"]
    found = release_tags(tags, template="ui@{version}")
    assert [version.name for version in found.values()] == ["3.0.0"]
    assert list(release_tags(["core-1.0.0", "core-1.1.0"])) == ["core-1.0.0", "core-1.1.0"]
    assert release_tags(["a-1.0.0", "b-1.1.0"]) == {}


@pytest.mark.parametrize(
    ("last", "breaking", "groups", "wanted"),
    [
        (None, False, {"Added"}, "0.1.0"),
        ("v1.2.3", False, {"Fixed"}, "v1.2.4"),
        ("v1.2.3", False, {"Fixed", "Added"}, "v1.3.0"),
        ("v1.2.3", True, {"Fixed"}, "v2.0.0"),
        ("v0.2.3", True, {"Fixed"}, "v0.3.0"),
        ("v1.2.0-rc.1", True, {"Fixed"}, "v1.2.0"),
        ("v1.2.3", False, set(), "v1.2.3"),
        ("core@1.2", False, {"Changed"}, "core@1.2.1"),
    ],
)
def test_what_comes_next(last: str | None, groups: set[str], wanted: str, *, breaking: bool) -> None:
    version = parse_tag(last) if last else None
    assert next_version(version, breaking=breaking, groups=groups) == wanted
