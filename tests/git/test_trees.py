from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import GitFailed, WorkFailed
from sixthbot.core.names import Oid
from sixthbot.git.trees import (
    TreeEntry,
    edit_tree,
    list_tree,
    read_blob,
    read_blobs,
    snapshot_worktree,
    tree_of,
)
from tests.git.helpers import git_of, oid, pool_of
from tests.support.repos import RepoDir, make_repo

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_written_replaced_and_taken_out(repo: RepoDir) -> None:
    git = git_of(repo)
    repo.write({"run.sh": "#!/bin/sh\n", "d/x": "x\n"})
    (repo.path / "run.sh").chmod(0o755)
    tree = tree_of(git, oid(repo.commit("more")))
    new = edit_tree(
        git, tree, {"run.sh": b"#!/bin/sh\ntrue\n", "d": b"now a file", "new/ü\n.txt": b"", "README.md": None}
    )
    assert {(entry.path, entry.mode) for entry in list_tree(git, new)} == {
        ("run.sh", "100755"), ("d", "100644"), ("new/ü\n.txt", "100644"),
    }  # fmt: skip
    assert read_blob(git, new, "d") == b"now a file"
    assert read_blob(git, tree, "d/x") == b"x\n"


def test_a_path_git_would_not_check_out_is_refused(repo: RepoDir) -> None:
    git = git_of(repo)
    tree = tree_of(git, oid(repo.head()))
    for path in ("../x", ".git/config", "/etc/passwd", "a//b", ""):
        with pytest.raises(GitFailed):
            edit_tree(git, tree, {path: b"x"})


def test_a_path_is_never_read_as_a_pattern_or_a_revision(repo: RepoDir) -> None:
    git = git_of(repo)
    head = oid(repo.commit("x", {"*": "star", ":(top)a": "magic", "-n": "option"}))
    assert read_blob(git, head, "*") == b"star"
    assert read_blob(git, head, ":(top)a") == b"magic"
    assert read_blob(git, head, "-n") == b"option"
    assert read_blob(git, head, "READ*") is None


def test_only_regular_files_are_read(repo: RepoDir) -> None:
    git = git_of(repo)
    (repo.path / "link").symlink_to("README.md")
    head = oid(repo.commit("x", {"d/f": "f"}))
    assert read_blob(git, head, "link") is None
    assert read_blob(git, head, "d") is None
    assert read_blob(git, head, "absent") is None


def test_many_blobs_come_from_one_process(repo: RepoDir) -> None:
    git = git_of(repo)
    head = oid(repo.commit("x", {f"f{n}": f"line {n}\n" * n for n in range(50)}))
    entries = list_tree(git, head)
    blobs = read_blobs(git, [entry.oid for entry in entries] + [Oid("1" * 40)])
    assert blobs[next(e.oid for e in entries if e.path == "f7")] == b"line 7\n" * 7
    assert len(blobs) == len({entry.oid for entry in entries})
    assert read_blobs(git, []) == {}


def test_a_worktree_is_taken_as_a_tree_without_what_is_ignored(repo: RepoDir, tmp_path: Path) -> None:
    git = git_of(repo)
    repo.commit("x", {".gitignore": "*.log\n", "gone": "1", "same": "1"})
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        assert snapshot_worktree(git, worktree.path).tree == tree_of(git, worktree.commit)
        RepoDir(worktree.path).write(
            {"gone": None, "new/file": "n\n", "x.log": "noise", "README.md": "other\n"}
        )
        done = snapshot_worktree(git, worktree.path)
    assert done.left_out == ()
    assert {entry.path for entry in list_tree(git, done.tree)} == {
        ".gitignore",
        "same",
        "new/file",
        "README.md",
    }
    assert repo.git("status", "--porcelain") == ""


def test_a_change_of_equal_size_in_the_same_second_is_seen(repo: RepoDir, tmp_path: Path) -> None:
    git = git_of(repo)
    repo.commit("x", {"words": "b\na\n"})
    for _ in range(5):
        with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
            (worktree.path / "words").write_text("a\nb\n")
            tree = snapshot_worktree(git, worktree.path).tree
        assert read_blob(git, tree, "words") == b"a\nb\n"


def test_a_command_cannot_hide_its_changes_in_the_index(repo: RepoDir, tmp_path: Path) -> None:
    git = git_of(repo)
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        inside = RepoDir(worktree.path)
        inside.git("update-index", "--assume-unchanged", "README.md")
        inside.write({"README.md": "hidden\n"})
        tree = snapshot_worktree(git, worktree.path).tree
    assert read_blob(git, tree, "README.md") == b"hidden\n"


def test_a_command_cannot_lead_git_to_another_repository(repo: RepoDir, tmp_path: Path) -> None:
    git = git_of(repo)
    other = make_repo(tmp_path / "other")
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        (worktree.path / ".git").write_text(f"gitdir: {other.path}/.git\n")
        (worktree.path / "new").write_text("n")
        tree = snapshot_worktree(git, worktree.path).tree
    assert read_blob(git, tree, "new") == b"n"


def test_repositories_inside_are_left_out_and_named(repo: RepoDir, tmp_path: Path) -> None:
    git = git_of(repo)
    repo.commit("x", {"lib/a.py": "1\n"})
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        make_repo(worktree.path / "full")
        make_repo(worktree.path / "empty", first_commit=False)
        RepoDir(worktree.path / "lib").git("init", "-q")
        RepoDir(worktree.path).write({"lib/a.py": "2\n", "new": "n\n"})
        done = snapshot_worktree(git, worktree.path)
    assert done.left_out == ("empty", "full")
    assert {entry.path for entry in list_tree(git, done.tree)} == {"README.md", "lib/a.py", "new"}
    assert read_blob(git, done.tree, "lib/a.py") == b"2\n"


def test_submodules_stay_as_they_were(repo: RepoDir, tmp_path: Path) -> None:
    git = git_of(repo)
    library = make_repo(tmp_path / "library")
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "sub")
    head = oid(repo.commit("with a submodule"))
    with pool_of(repo, tmp_path).take(head) as worktree:
        (worktree.path / "new").write_text("n")
        tree = snapshot_worktree(git, worktree.path).tree
    assert TreeEntry("sub", "160000", oid(library.head())) in list_tree(git, tree)


def test_what_git_cannot_keep_is_passed_over(repo: RepoDir, tmp_path: Path) -> None:
    head = oid(repo.head())
    with pool_of(repo, tmp_path).take(head) as worktree:
        os.mkfifo(worktree.path / "pipe")
        (worktree.path / "empty").mkdir()
        assert snapshot_worktree(git_of(repo), worktree.path).tree == tree_of(git_of(repo), head)


def test_what_cannot_be_added_is_a_failure_in_git_s_words(repo: RepoDir, tmp_path: Path) -> None:
    repo.commit("attributes", {".gitattributes": "*.x working-tree-encoding=UTF-16\n"})
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        (worktree.path / "bad.x").write_bytes(b"odd")
        with pytest.raises(WorkFailed, match=r"cannot be committed: .*bad\.x"):
            snapshot_worktree(git_of(repo), worktree.path)


def test_a_snapshot_of_a_thousand_files_is_quick(repo: RepoDir, tmp_path: Path) -> None:
    head = oid(repo.commit("many", {f"d{n % 20}/f{n}": f"{n}\n" for n in range(1000)}))
    with pool_of(repo, tmp_path).take(head) as worktree:
        (worktree.path / "one").write_text("1")
        began = time.process_time()
        snapshot_worktree(git_of(repo), worktree.path)
        assert time.process_time() - began < 1
