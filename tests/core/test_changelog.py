"""Entries from commits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sixthbot.core.changelog import GROUPS, Style, entries_from, sections


@dataclass(frozen=True)
class Commit:
    """As much of a commit as is read."""

    id: str
    subject: str
    text: str = ""
    parents: tuple[str, ...] = ("p",)

    @property
    def body(self) -> str:
        return f"{self.subject}\n\n{self.text}"


def commit_id(digit: str) -> str:
    return digit * 40


def lines(*commits: Commit, issue: str = "") -> dict[str, list[str]]:
    found = sections(entries_from(commits, issue=issue))
    return {section.group: [entry.line for entry in section.entries] for section in found}


@pytest.mark.parametrize(
    ("subject", "group", "line"),
    [
        ("feat: new button.", "Added", "- New button"),
        ("feat(ui): new button", "Added", "- **ui:** New button"),
        ("feat(ui)!: new button", "Added", "- **Breaking:** **ui:** New button"),
        ("fix: crash", "Fixed", "- Crash"),
        ("fix(security): hole", "Security", "- **security:** Hole"),
        ("security: hole", "Security", "- Hole"),
        ("feat: remove the old API", "Removed", "- Remove the old API"),
        ("chore: drop Python 3.9", "Removed", "- Drop Python 3.9"),
        ("deprecate: old names", "Deprecated", "- Old names"),
        ("refactor: deprecate old names", "Deprecated", "- Deprecate old names"),
        ("fix: remove a stray comma", "Fixed", "- Remove a stray comma"),
        ("docs: explain", "Changed", "- Explain"),
        ("core: values", "Changed", "- **core:** Values"),
        ("Tidy up", "Changed", "- Tidy up"),
        ("feat: iPhone view", "Added", "- iPhone view"),
        ("feat: `x` works", "Added", "- `x` works"),
        ("feat: <!-- swallow", "Added", "- \\<!-- swallow"),
        ("feat: `<b>` is <b>", "Added", "- `<b>` is \\<b>"),
    ],
)
def test_a_subject_becomes_a_line_in_its_group(subject: str, group: str, line: str) -> None:
    assert lines(Commit(commit_id("a"), subject)) == {group: [line]}


def test_the_issue_is_the_trailers_else_the_given_one() -> None:
    own = Commit(commit_id("a"), "feat: x", "Sixth-Issue: tidy-1\n")
    other = Commit(commit_id("b"), "feat: y")
    assert lines(own, other, issue="i-9") == {"Added": ["- X (tidy-1)", "- Y (i-9)"]}


def test_merges_the_changelog_itself_and_intermediate_commits_are_left_out() -> None:
    assert (
        lines(
            Commit(commit_id("a"), "Merge branch 'x'", parents=("p", "q")),
            Commit(commit_id("b"), "docs(changelog): say what changed"),
            Commit(commit_id("c"), "fixup! feat: x"),
            Commit(commit_id("d"), ""),
        )
        == {}
    )


def test_groups_come_in_their_order_and_breaking_changes_first() -> None:
    found = lines(
        Commit(commit_id("a"), "security: s"),
        Commit(commit_id("b"), "fix: f"),
        Commit(commit_id("c"), "feat: a"),
        Commit(commit_id("d"), "feat!: b"),
        Commit(commit_id("e"), "perf: p"),
    )
    assert list(found) == [group for group in GROUPS if group in found]
    assert found["Added"] == ["- **Breaking:** B", "- A"]


def test_commits_that_say_the_same_are_one_entry() -> None:
    (entry,) = entries_from([Commit(commit_id("a"), "fix: x"), Commit(commit_id("b"), "fix!: x")])
    assert entry.commits == (commit_id("a"), commit_id("b"))
    assert entry.breaking


def revert_of(digit: str, commit: Commit) -> Commit:
    return Commit(commit_id(digit), f'Revert "{commit.subject}"', f"This reverts commit {commit.id}.")


def test_a_commit_and_its_revert_cancel() -> None:
    first = Commit(commit_id("a"), "feat: x")
    revert = revert_of("b", first)
    assert lines(first, revert) == {}
    assert lines(first, revert, revert_of("c", revert)) == {"Added": ["- X"]}
    assert lines(first, Commit(commit_id("d"), "revert: feat: x")) == {}


def test_of_two_equal_subjects_only_the_reverted_commit_goes() -> None:
    first, second = Commit(commit_id("a"), "feat: x"), Commit(commit_id("b"), "feat: x")
    (entry,) = entries_from([first, second, revert_of("c", first)])
    assert entry.commits == (second.id,)


def test_a_revert_of_something_older_is_told() -> None:
    old = Commit(commit_id("a"), "feat(ui): x")
    assert lines(revert_of("b", old)) == {"Removed": ["- **ui:** Revert: X"]}


@pytest.mark.parametrize(
    ("subject", "group"),
    [
        ("Add a button", "Added"),
        ("Fixes the crash on start", "Fixed"),
        ("parser: fix a crash", "Fixed"),
        ("Deleted the old API", "Removed"),
        ("CVE-2026-1: check the length", "Changed"),
        ("Speed up the search", "Changed"),
    ],
)
def test_a_subject_in_no_form_goes_by_its_verb(subject: str, group: str) -> None:
    assert list(lines(Commit(commit_id("a"), subject))) == [group]


@pytest.mark.parametrize(
    "subject",
    [
        "WIP", "wip: x", "Merge branch 'main' into x", "Release 1.2.0", "v1.2.0", "Bump version to 2", "Start version 8.5.0",
        "Update the changelog", "Add changelog entry", "Add tests for the parser", "Fix typos", "fix lint", "...",
        "Initial commit",
    ],
)  # fmt: skip
def test_what_only_tells_about_the_work_is_no_entry(subject: str) -> None:
    assert lines(Commit(commit_id("a"), subject)) == {}


def test_hidden_types_show_only_what_breaks() -> None:
    commits = (
        Commit(commit_id("a"), "chore: tidy"),
        Commit(commit_id("b"), "ci!: another runner"),
        Commit(commit_id("c"), 'Revert "test: more"'),
        Commit(commit_id("d"), "feat: button"),
    )
    found = [entry.line for entry in entries_from(commits, style=Style())]
    assert found == ["- **Breaking:** Another runner", "- Button"]


def test_a_line_of_its_own_keeps_a_commit_out() -> None:
    assert lines(Commit(commit_id("a"), "feat: inner thing", "Why.\n\nChangelog: none\n")) == {}


def test_a_squashed_commit_gives_an_entry_for_each_subject_it_lists() -> None:
    text = "* feat(ui): a button\n* fix: a crash\n* wip\n\nfeat: and a menu\nnot: this\n  fix: nor this\n"
    conventional = Commit(commit_id("a"), "feat: the menu (#3)", text)
    assert lines(conventional) == {
        "Added": ["- The menu (#3)", "- **ui:** A button", "- And a menu"],
        "Fixed": ["- A crash"],
    }
    titled = Commit(commit_id("a"), "The menu (#3)", text)
    assert lines(titled) == {"Added": ["- **ui:** A button", "- And a menu"], "Fixed": ["- A crash"]}


def test_what_breaks_is_said_in_the_words_of_its_footer() -> None:
    text = "Why.\n\nBREAKING CHANGE: call `b`\n  and not `a`\nRefs: #2\n"
    assert lines(Commit(commit_id("a"), "feat: names", text)) == {
        "Added": ["- **Breaking:** Names. Call `b` and not `a`"]
    }


def test_issues_and_numbers_become_links_where_it_is_known_where_they_lead() -> None:
    style = Style(issue_url="https://example.com/i/{id}")
    commit = Commit(commit_id("a"), "fix: crash of `#1` (#12)", "Sixth-Issue: login one\n")
    assert [entry.line for entry in entries_from([commit], style=style)] == [
        "- Crash of `#1` ([#12](https://example.com/i/12)) ([login one](https://example.com/i/login%20one))"
    ]


def test_a_picture_in_a_subject_is_none_in_the_file() -> None:
    assert lines(Commit(commit_id("a"), "feat: x ![a](http://example.com/a.png)")) == {
        "Added": ["- X \\![a](http://example.com/a.png)"]
    }


def test_many_reverts_by_subject_take_time_in_proportion() -> None:
    commits = [Commit(f"{number:040x}", "feat: same") for number in range(3000)]
    commits += [Commit(f"{number:040x}", 'Revert "feat: same"') for number in range(3000, 6000)]
    assert entries_from(commits) == ()
