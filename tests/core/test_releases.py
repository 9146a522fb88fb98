"""Which commits belong to which release."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.releases import HistoryCommit, releases_of
from sixthbot.core.versions import Version, parse_tag


def version(tag: str) -> Version:
    found = parse_tag(tag)
    assert found is not None
    return found


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[HistoryCommit], dict[str, Version]]:
    """Draw a history, newest first, in which each commit has up to two parents among the older ones, and tags."""
    size = draw(st.integers(1, 25))
    commits = []
    for number in range(size):
        parents = draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)) if number else []
        commits.append(HistoryCommit(str(number), [str(parent) for parent in parents], number, "feat: x"))
    tagged = draw(st.lists(st.integers(0, size - 1), max_size=5, unique=True))
    return commits[::-1], {str(at): version(f"v1.{at}.0") for at in tagged}


def test_a_clock_that_ran_backwards_makes_no_older_release_newer() -> None:
    commits = [
        HistoryCommit("c", ["b"], 7, "fix: z"),
        HistoryCommit("b", ["a"], 5, "fix: y"),
        HistoryCommit("a", [], 9, "x"),
    ]
    releases = releases_of(commits, {"a": version("v1.0.0"), "b": version("v1.1.0")})
    assert [[one.id for one in release.commits] for release in releases] == [["c"], ["b"], ["a"]]


def reachable(commits: list[HistoryCommit], start: str) -> set[str]:
    parents = {commit.id: commit.parents for commit in commits}
    seen, left = set(), [start]
    while left:
        at = left.pop()
        if at not in seen:
            seen.add(at)
            left += parents[at]
    return seen


@given(histories())
def test_each_commit_is_in_the_oldest_release_that_has_it(
    drawn: tuple[list[HistoryCommit], dict[str, Version]],
) -> None:
    commits, tagged = drawn
    releases = releases_of(commits, tagged)
    assert sorted(one.id for release in releases for one in release.commits) == sorted(
        one.id for one in commits
    )
    for release in releases:
        for commit in release.commits:
            having = [int(tip) for tip in tagged if commit.id in reachable(commits, tip)]
            assert (release.version is None) == (not having)
            if release.version is not None:
                assert release.version == tagged[str(min(having))]


@given(histories())
def test_releases_come_newest_first_and_their_commits_oldest_first(
    drawn: tuple[list[HistoryCommit], dict[str, Version]],
) -> None:
    releases = releases_of(*drawn)
    assert releases[0].version is None
    epochs = [release.epoch for release in releases[1:]]
    assert epochs == sorted(epochs, reverse=True)
    for release in releases:
        numbers = [commit.epoch for commit in release.commits]
        assert numbers == sorted(numbers)
