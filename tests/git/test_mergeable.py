from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.git import mergeable
from sixthbot.git.attributes import attribute_files, lent
from sixthbot.git.mergeable import conflicts_between, forecast
from tests.git.helpers import git_of, oid
from tests.git.histories import make_sides
from tests.support.repos import make_repo

if TYPE_CHECKING:
    import pytest

    from tests.support.repos import RepoDir


def _three(repo: RepoDir) -> tuple[str, str, str]:
    """Make `one` and `two`, which conflict, and `three`, which goes with both."""
    repo.commit("base", {"a\nb": "1\n", "c": "1\n"})
    tips = []
    for files in ({"a\nb": "one\n"}, {"a\nb": "two\n"}, {"c": "three\n"}):
        repo.git("checkout", "-q", "--detach", "main")
        tips.append(repo.commit("change", files))
    repo.git("checkout", "-q", "main")
    return tips[0], tips[1], tips[2]


def test_many_pairs_are_told_with_one_process_and_leave_no_object(repo: RepoDir) -> None:
    one, two, three = map(oid, _three(repo))
    before = sorted(repo.git_dir.rglob("objects/**/*"))
    found = forecast(git_of(repo), [(one, two), (one, three), (three, two), (one, two)])
    assert found == {(one, two): ("a\nb",), (one, three): (), (three, two): ()}
    assert sorted(repo.git_dir.rglob("objects/**/*")) == before
    assert forecast(git_of(repo), []) == {}


def test_one_that_cannot_be_tried_spoils_no_other(repo: RepoDir) -> None:
    one, two, three = map(oid, _three(repo))
    gone = oid("1" * 40)
    found = forecast(git_of(repo), [(one, two), (gone, two), (one, three)])
    assert found == {(one, two): ("a\nb",), (gone, two): None, (one, three): ()}


def test_an_older_git_tells_the_same(repo: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = map(oid, _three(repo))
    pairs = [(one, two), (one, three)]
    new = forecast(git_of(repo), pairs)
    monkeypatch.setattr(mergeable, "git_version", lambda: (2, 38, 1))
    assert forecast(git_of(repo), pairs) == new


def test_histories_without_a_common_commit_are_tried_too(repo: RepoDir) -> None:
    main = oid(repo.head())
    repo.git("checkout", "-q", "--orphan", "other")
    other = oid(repo.commit("another", {"README.md": "else\n"}))
    assert forecast(git_of(repo), [(main, other), (main, main)]) == {
        (main, other): ("README.md",), (main, main): (),
    }  # fmt: skip


def test_a_forecast_is_what_a_merge_then_comes_to() -> None:
    seen = set()
    for seed in range(8):
        with tempfile.TemporaryDirectory() as folder:
            repo = make_repo(Path(folder) / "repo")
            make_sides(repo, random.Random(seed))  # noqa: S311 - histories, not secrets
            told = conflicts_between(git_of(repo), oid(repo.tip("main")), oid(repo.tip("side")))
            repo.git("checkout", "-q", "-f", "main")
            done = repo.try_git("merge", "--no-edit", "--quiet", "side")
            assert bool(told) == bool(done.returncode), (seed, told, done.stdout)
            seen.add(bool(told))
    assert seen == {True, False}


def test_attributes_are_those_of_the_first_commit_and_never_of_a_work_tree(repo: RepoDir) -> None:
    one, two, _ = map(oid, _three(repo))
    repo.git("checkout", "-q", "--detach", one)
    with_union = oid(
        repo.commit("attributes", {"d/.gitattributes": "x\n", ".gitattributes": "* merge=union\n"})
    )
    repo.git("checkout", "-q", "main")
    pairs = [(one, two), (with_union, two)]
    told = {(one, two): ("a\nb",), (with_union, two): ()}
    assert forecast(git_of(repo), pairs) == told
    for text in ("* merge=union\n", "* -merge\n"):
        repo.write({".gitattributes": text})
        assert forecast(git_of(repo), pairs) == told
        assert [forecast(git_of(repo), [pair])[pair] for pair in pairs] == [*told.values()]


def test_attribute_files_come_to_the_byte_and_stay_in_their_folder(repo: RepoDir, tmp_path: Path) -> None:
    commit = oid(
        repo.commit(
            "a", {"a/b\nc/.gitattributes": "* -text\n\tx y\r\n", ".gitattributes": "a -text", "e/x": "1\n"}
        )
    )
    found = attribute_files(git_of(repo), [commit, commit])
    assert found == {
        commit: ((".gitattributes", b"a -text\n"), ("a/b\nc/.gitattributes", b"* -text\n\tx y\r\n"))
    }
    forged = (
        ("../.gitattributes", b"out"),
        (".gitattributes", b"1"),
        (".gitattributes/.gitattributes", b"2"),
    )
    with lent(forged) as folder:
        assert [path.name for path in folder.iterdir()] == [".gitattributes"]
        assert not (folder.parent / ".gitattributes").exists()
