"""`changelog`: printed from the history, compared with the file, written into it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sixthbot.actions.full_changelog import RELEASE_TEMPLATE, Wanted, read_changelog, render
from sixthbot.core.changelog import Style, entries_from
from sixthbot.core.names import parse_oid
from sixthbot.core.releases import HistoryCommit
from sixthbot.git.run import Git
from sixthbot.store.changelogcache import ChangelogCache
from sixthbot.store.paths import locate
from sixthbot.store.resources import read_template
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

_START = 1_699_920_000  # 2023-11-14
_DAY = 86_400


@pytest.fixture
def released(repo: RepoDir) -> RepoDir:
    """Return a repository with two releases and something after them."""
    repo.commit("feat: words", {"words.txt": "a\n"}, date=_START - 4 * _DAY)
    repo.git("tag", "v1.0.0")
    repo.commit("feat(core)!: other words", {"core/words.txt": "a\n"}, date=_START + -3 * _DAY)
    repo.commit("chore: tidy", {"b": "b\n"}, date=_START + -2 * _DAY)
    repo.git("tag", "--annotate", "--message", "two", "v2.0.0")
    repo.commit("fix: a crash (#7)", {"words.txt": "b\n"}, date=_START + -1 * _DAY)
    return repo


def test_it_prints_every_release_of_any_repository(released: RepoDir) -> None:
    said = sixthbot("changelog", cwd=released.path)
    assert said.code == 0
    assert (
        said.out.split("keepachangelog.com/en/1.1.0/).\n")[1]
        == """
## [Unreleased]

### Fixed

- A crash (#7)

## [2.0.0] - 2023-11-12

### Added

- **Breaking:** **core:** Other words

## [1.0.0] - 2023-11-10

### Added

- Words
"""
    )
    assert not (released.path / ".sixth").exists()
    assert released.git("status", "--porcelain") == ""


def test_parts_of_it(released: RepoDir) -> None:
    unreleased = "## [Unreleased]\n\n### Fixed\n\n- A crash (#7)\n"
    assert sixthbot("changelog", "--unreleased", cwd=released.path).out == unreleased
    assert sixthbot("changelog", "--since", "v2.0.0", cwd=released.path).out == unreleased
    assert "Other words" in sixthbot("changelog", "--since", "1.0.0", cwd=released.path).out
    assert sixthbot("changelog", "--next-version", cwd=released.path).out == "v2.0.1\n"
    below = sixthbot("changelog", "--path", "core", cwd=released.path).out
    assert "Other words" in below
    assert "crash" not in below
    data = json.loads(sixthbot("changelog", "--json", cwd=released.path).out)
    assert data["schema"] == 1
    assert [one["tag"] for one in data["releases"]] == ["v2.0.0", "v1.0.0"]
    assert data["unreleased"][0]["description"] == "A crash (#7)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--check", "--write"], "do not go together"),
        (["--unreleased", "--since", "v1"], "do not go together"),
        (["--since", "v7.0.0"], "is no release in this history"),
        (["--since", "--exec=x"], "is no release in this history"),
        (["--path", "../x"], "leads out of the work tree"),
        (["--path", "."], "leave it out"),
        (["--path", "nosuch"], "no commit ever changed anything there"),
        (["--path=-x*"], "no commit ever changed anything there"),
        (["--check", "--unreleased"], "neither --unreleased nor --since"),
    ],
)
def test_what_cannot_be_asked(released: RepoDir, options: list[str], words: str) -> None:
    said = sixthbot("changelog", *options, cwd=released.path)
    assert said.code == 2
    assert words in said.err


@pytest.mark.parametrize(
    ("when", "heading"),
    [
        ("99999999999999 +0000", "## [3.0.0]"),
        ("", "## [3.0.0] - 1970-01-01"),
        ("soon", "## [3.0.0] - 1970-01-01"),
    ],
)
def test_a_commit_of_no_time_or_one_beyond_all_calendars_is_listed(
    released: RepoDir, when: str, heading: str
) -> None:
    tree, parent = (released.git("rev-parse", what) for what in ("HEAD^{tree}", "HEAD"))
    stamp = f"Ada <ada@example.org> {when}"
    data = f"tree {tree}\nparent {parent}\nauthor {stamp}\ncommitter {stamp}\n\nfeat: from afar\n"
    commit = released.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=data)
    released.git("tag", "v3.0.0", commit)
    released.git("reset", "--quiet", "--hard", commit)
    said = sixthbot("changelog", cwd=released.path)
    assert said.code == 0
    assert f"\n{heading}\n\n### Added\n\n- From afar\n" in said.out


def test_a_repository_without_commits_says_so(tmp_path: Path) -> None:
    from tests.support.repos import RepoDir  # noqa: PLC0415 - the only test that makes one

    empty = RepoDir(tmp_path)
    empty.git("init", "--quiet")
    said = sixthbot("changelog", cwd=tmp_path)
    assert (said.code, "no commit yet" in said.err) == (2, True)


def test_check_and_write_agree_and_published_sections_stay(released: RepoDir) -> None:
    text = "# Changelog\n\n## [Unreleased]\n\n## [2.0.0] - 2023-11-12\n\n- In  my own words  \n"
    released.commit("docs(changelog): begin", {"CHANGELOG.md": text})
    assert sixthbot("changelog", "--check", cwd=released.path).code == 0  # what came before is not missed
    released.commit("fix: another crash", {"words.txt": "c\n"})
    said = sixthbot("changelog", "--check", cwd=released.path)
    assert said.code == 1
    assert "CHANGELOG.md lacks 1 entry under Unreleased" in said.out
    assert "- Another crash" in said.out
    assert sixthbot("changelog", "--write", cwd=released.path).code == 0
    after = (released.path / "CHANGELOG.md").read_text()
    assert after == text.replace("## [2.0.0]", "### Fixed\n\n- Another crash\n\n## [2.0.0]", 1)
    assert sixthbot("changelog", "--check", cwd=released.path).code == 0
    assert sixthbot("changelog", "--write", cwd=released.path).code == 0
    assert (released.path / "CHANGELOG.md").read_text() == after


def test_a_commit_that_changes_the_file_speaks_for_itself(released: RepoDir) -> None:
    released.commit(
        "docs(changelog): begin", {"CHANGELOG.md": "## Unreleased\n\n- A crash (#7)\n\n## 2.0.0\n\n- B\n"}
    )
    released.commit(
        "feat: a menu",
        {"menu": "1\n", "CHANGELOG.md": "## Unreleased\n\n- A crash (#7)\n- Menus!\n\n## 2.0.0\n\n- B\n"},
    )
    said = sixthbot("changelog", "--check", cwd=released.path)
    assert (said.code, said.out) == (0, "CHANGELOG.md says what there is to say\n")


def test_a_tag_makes_a_section_of_what_stood_under_unreleased(released: RepoDir) -> None:
    released.commit(
        "docs(changelog): begin", {"CHANGELOG.md": "## [Unreleased]\n\n- Crash\n\n## [2.0.0]\n\n- B\n"}
    )
    released.git("tag", "v2.0.1")
    released.commit("feat: a menu", {"menu": "1\n"})
    assert sixthbot("changelog", "--write", cwd=released.path).code == 0
    assert (released.path / "CHANGELOG.md").read_text() == (
        "## [Unreleased]\n\n### Added\n\n- A menu\n\n## [2.0.1]\n\n- Crash\n\n## [2.0.0]\n\n- B\n"
    )


def test_a_changelog_of_fragments_is_left_to_its_tool(released: RepoDir) -> None:
    released.commit("build: towncrier", {"pyproject.toml": "[tool.towncrier]\n"})
    for option in ("--check", "--write"):
        said = sixthbot("changelog", option, cwd=released.path)
        assert said.code == 2
        assert "made by towncrier from the files in newsfragments" in said.err
    assert sixthbot("changelog", cwd=released.path).code == 0


def test_a_link_in_the_files_place_is_not_followed(released: RepoDir, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("mine\n")
    (released.path / "CHANGELOG.md").symlink_to(outside)
    said = sixthbot("changelog", "--write", cwd=released.path)
    assert (said.code, "is not a plain file" in said.err) == (2, True)
    assert outside.read_text() == "mine\n"


def test_what_is_remembered_changes_nothing_but_the_work(released: RepoDir) -> None:
    assert sixthbot("init", cwd=released.path).code == 0
    git, cache = Git(released.path / ".git"), ChangelogCache(locate(released.path))
    wanted = _wanted()

    def both() -> None:
        tip = parse_oid(released.head())
        remembered = read_changelog(git, tip, wanted, cache)
        fresh = read_changelog(git, tip, wanted)
        assert remembered.page() == fresh.page()
        assert remembered.last == fresh.last

    both()
    released.commit("feat: a menu", {"menu": "1\n"})
    both()
    released.commit('Revert "feat: a menu"', {"menu": None})
    both()
    released.git("tag", "v2.1.0")
    both()
    released.commit("fix: more", {"more": "1\n"})
    released.git("tag", "v2.1.1")
    both()
    released.git("tag", "--delete", "v1.0.0")
    both()
    released.git("reset", "--hard", "--quiet", "HEAD~2")
    both()
    (released.path / ".sixth/local/cache/changelog.json").write_text('{"key": 1}')
    both()


def _wanted() -> Wanted:
    text, origin = read_template(None, RELEASE_TEMPLATE, None)
    return Wanted(style=Style(), tag="", paths=(), template=text, template_origin=origin)


def test_the_shipped_template_and_what_stands_for_it_are_the_same() -> None:
    commits = [
        HistoryCommit("a" * 40, [], 1, "feat!: x"),
        HistoryCommit("b" * 40, [], 2, "fix(a): y `{{ 7 * 7 }}`"),
    ]
    entries, wanted = entries_from(commits), _wanted()
    filled = Wanted(
        style=wanted.style,
        tag="",
        paths=(),
        template=wanted.template,
        template_origin="a copy of the shipped one",
    )
    for found, date in ((entries, "2026-01-01"), (entries[:1], ""), ((), "2026-01-01"), ((), "")):
        assert render("1.0", "v1.0", date, found, wanted) == render("1.0", "v1.0", date, found, filled)
