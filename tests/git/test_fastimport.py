from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import GitFailed
from sixthbot.git.commits import Person, compose, id_of, read_commit
from sixthbot.git.fastimport import NewCommit, PathChange, apart, can_import, import_commits
from sixthbot.git.trees import list_tree
from tests.git.helpers import BOT, git_of, oid

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

ODD = (
    'quo"te',
    "back\\slash",
    "new\nline",
    "tab\tbed",
    "caf\udce9",
    " space ",
    "ä",
    "-dash",
    ":(top)x",
    "A",
    "a",
)


def _commit(*changes: PathChange, message: str = "x\n") -> NewCommit:
    return NewCommit(message=message, author=BOT, committer=BOT, changes=changes)


def test_commits_are_those_that_would_be_written_one_by_one(repo: RepoDir) -> None:
    git, start = git_of(repo), oid(repo.head())
    latin = Person("Jos\udce9", "j@example.org", 1_600_000_000, "-0330")
    made = import_commits(
        git,
        onto=start,
        commits=[
            NewCommit(
                message="one\n\ncaf\udce9\n", author=latin, committer=BOT, changes=(PathChange("f", b"1\n"),)
            ),
            NewCommit(message="no end of line", author=BOT, committer=latin, changes=()),
        ],
    )
    tree, at = read_commit(git, made[0]).tree, start
    for new, message, author, committer in (
        (made[0], "one\n\ncaf\udce9\n", latin, BOT),
        (made[1], "no end of line", BOT, latin),
    ):
        data = compose(tree=tree, parents=[at], message=message, author=author, committer=committer)
        assert id_of(data, like=at) == new
        at = new


def test_names_of_any_bytes_are_kept_apart_also_where_the_disk_folds_case(repo: RepoDir) -> None:
    repo.git("config", "core.ignoreCase", "true")
    changes = tuple(PathChange(path, path.encode("utf-8", "surrogateescape")) for path in ODD)
    made = import_commits(git_of(repo), onto=oid(repo.head()), commits=[_commit(*changes)])
    assert {entry.path for entry in list_tree(git_of(repo), made[0])} == {"README.md", *ODD}


def test_a_folder_becomes_a_file_and_back_whatever_the_order(repo: RepoDir) -> None:
    git, start = git_of(repo), oid(repo.head())
    steps = [
        _commit(PathChange("a/b", b"1"), PathChange("a/c", b"1")),
        _commit(PathChange("a", b"2", "100755"), PathChange("a/b", None), PathChange("a/c", None)),
        _commit(PathChange("a/d", b"target", "120000"), PathChange("a", None)),
    ]
    made = import_commits(git, onto=start, commits=steps)
    listed = [[(entry.path, entry.mode) for entry in list_tree(git, one)][1:] for one in made]
    assert listed == [[("a/b", "100644"), ("a/c", "100644")], [("a", "100755")], [("a/d", "120000")]]


def test_no_ref_is_written_not_even_for_a_moment_s_lock(repo: RepoDir) -> None:
    refs = repo.git("for-each-ref")
    (repo.git_dir / "packed-refs.lock").touch()
    (repo.git_dir / "refs/sixth").mkdir()
    (repo.git_dir / "refs/sixth/import.lock").touch()
    many = [_commit(PathChange(f"f{number}", b"1")) for number in range(120)]
    made = import_commits(git_of(repo), onto=oid(repo.head()), commits=many)
    assert len(made) == 120
    assert repo.git("for-each-ref") == refs
    assert len(repo.git("rev-list", f"HEAD..{made[-1]}").split()) == 120


def test_what_it_does_not_take_is_told_and_leaves_nothing_behind(repo: RepoDir) -> None:
    missing = oid("1" * 40)
    with pytest.raises(GitFailed, match="fast-import"):
        import_commits(git_of(repo), onto=missing, commits=[_commit(PathChange("f", b"1"))])
    assert import_commits(git_of(repo), onto=missing, commits=[]) == []
    with apart(git_of(repo)) as places:  # as when we are killed before we could take its report away
        assert git_of(repo).run("fast-import", stdin=b"nonsense\n", env=places, check=False).status == 128
        assert list(Path(places["GIT_DIR"]).glob("fast_import_crash_*"))
    assert not list(repo.git_dir.glob("fast_import_crash_*"))


@pytest.mark.parametrize("path", ["a//b", "../a", "a/.", "", "a\0b"])
def test_paths_that_no_tree_should_have_are_not_imported(path: str) -> None:
    assert not can_import([_commit(PathChange(path, b""))])


def test_times_that_fast_import_reads_otherwise_are_not_imported() -> None:
    early = Person("A", "a@b", -5)
    odd = Person("A", "a@b", 5, "+2")
    for person in (early, odd):
        commit = NewCommit(message="x", author=person, committer=BOT, changes=())
        assert not can_import([commit])
    assert can_import([_commit(PathChange("a", b""))])
