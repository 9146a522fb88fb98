from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixthbot.core.errors import GitFailed, InvalidName, RefMoved
from sixthbot.core.names import BranchName
from sixthbot.git.refs import RefMove, all_refs, checked_out, head_ref, move_refs, tip
from sixthbot.git.renames import renamed_to
from sixthbot.git.run import Git
from tests.git.helpers import git_of, oid
from tests.support.repos import RepoDir

TOPIC = BranchName.parse("sixth/topic")
PIECES = st.sampled_from(
    [
        *"ab-./@{}~^:?*[]\\ %\t\n\r\0\x1b\x7f\u202e\u200bé\udce9",
        "..",
        "@{-1}",
        ".lock",
        "--",
        "-x",
        "HEAD",
        "refs/heads/",
    ]
)
"""What names are made of that git refuses, takes for an option or a revision, or that lead out of a folder."""


def test_a_branch_is_made_moved_and_deleted_with_its_old_value(repo: RepoDir) -> None:
    git = Git(repo.git_dir, durability="power")
    first, second = oid(repo.head()), oid(repo.commit("two", {"a": "1"}))
    assert tip(git, TOPIC) is None
    move_refs(git, [RefMove(TOPIC.ref, None, first)], message="make\nit")
    assert tip(git, TOPIC) == first
    move_refs(git, [RefMove(TOPIC.ref, first, second)], message="move")
    assert tip(git, TOPIC) == second
    assert "make it" in repo.git("reflog", "sixth/topic")
    move_refs(git, [RefMove(TOPIC.ref, second, None)], message="delete")
    assert tip(git, TOPIC) is None


def test_folders_of_moved_refs_and_their_reflogs_are_synced_after_the_move(
    repo: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        assert repo.tip(TOPIC.value)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    move_refs(Git(repo.git_dir), [RefMove(TOPIC.ref, None, oid(repo.head()))], message="x")
    refs, logs = f"{repo.path}/.git/refs", f"{repo.path}/.git/logs/refs"
    noted = [f"{logs}/heads/sixth/topic", f"{logs}/heads/sixth", f"{logs}/heads", logs]
    assert synced == [f"{refs}/heads/sixth", f"{refs}/heads", refs, *noted]
    synced.clear()
    move_refs(git_of(repo), [RefMove("refs/heads/x", None, oid(repo.head()))], message="x")
    assert synced == []


def test_where_git_keeps_no_reflogs_none_is_synced(repo: RepoDir) -> None:
    repo.git("config", "core.logAllRefUpdates", "false")
    shutil.rmtree(repo.git_dir / "logs")
    git = Git(repo.git_dir, durability="power")
    move_refs(git, [RefMove(TOPIC.ref, None, oid(repo.head()))], message="x")
    move_refs(git, [RefMove(TOPIC.ref, oid(repo.head()), None)], message="x")
    assert not (repo.git_dir / "logs").exists()


def test_a_ref_that_moved_stops_the_whole_transaction(repo: RepoDir) -> None:
    git = git_of(repo)
    first, second = oid(repo.head()), oid(repo.commit("two", {"a": "1"}))
    moves = [RefMove("refs/heads/new", None, first), RefMove("refs/heads/main", first, first)]
    with pytest.raises(RefMoved, match="refs/heads/main is at"):
        move_refs(git, moves, message="x")
    assert repo.tip("new") == ""
    assert repo.tip("main") == second


def test_a_branch_that_exists_already_is_not_made_again(repo: RepoDir) -> None:
    first = oid(repo.head())
    with pytest.raises(RefMoved):
        move_refs(git_of(repo), [RefMove("refs/heads/main", None, first)], message="x")


def test_a_branch_below_another_is_refused_with_a_hint(repo: RepoDir) -> None:
    repo.git("branch", "sixth")
    git = git_of(repo)
    with pytest.raises(GitFailed, match="cannot make the branch") as caught:
        move_refs(git, [RefMove(TOPIC.ref, None, oid(repo.head()))], message="x")
    assert "rename" in caught.value.hint


def test_a_lock_left_behind_is_named(repo: RepoDir) -> None:
    (repo.path / ".git/refs/heads/main.lock").touch()
    new = oid(repo.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", stdin="x"))
    with pytest.raises(GitFailed, match=r"main\.lock") as caught:
        move_refs(git_of(repo), [RefMove("refs/heads/main", oid(repo.head()), new)], message="x")
    assert "delete that .lock" in caught.value.hint


def test_a_symbolic_branch_is_not_followed(repo: RepoDir) -> None:
    repo.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    head = oid(repo.head())
    new = oid(repo.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", stdin="x"))
    move_refs(git_of(repo), [RefMove("refs/heads/alias", head, new)], message="x")
    assert (repo.tip("main"), repo.tip("alias")) == (head, new)


def test_all_refs_has_branches_peeled_tags_and_head(repo: RepoDir) -> None:
    head = repo.head()
    repo.git("tag", "-a", "v1", "-m", "one")
    repo.git("branch", "ümläut/x")
    repo.git("pack-refs", "--all")
    assert all_refs(git_of(repo)) == dict.fromkeys(
        ("HEAD", "refs/heads/main", "refs/heads/ümläut/x", "refs/tags/v1"), head
    )


def test_an_unborn_branch_has_a_name_and_no_commit(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    repo = RepoDir(tmp_path / "new")
    repo.git("init", "-q", "-b", "start")
    assert all_refs(git_of(repo)) == {}
    assert head_ref(git_of(repo)) == "refs/heads/start"


def test_checked_out_finds_linked_worktrees_and_rebases_under_way(repo: RepoDir, tmp_path: Path) -> None:
    repo.commit("base", {"a": "1\n"})
    repo.git("branch", "other")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side", {"a": "2\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"a": "3\n"})
    linked = tmp_path / "linked tree"
    repo.git("worktree", "add", "-q", str(linked), "side")
    assert checked_out(git_of(repo)) == {"refs/heads/main": repo.path, "refs/heads/side": linked}
    assert RepoDir(linked).try_git("rebase", "main").returncode == 1
    assert checked_out(git_of(repo))["refs/heads/side"] == linked
    repo.git("checkout", "-q", "other")
    assert RepoDir(repo.path).try_git("rebase", "--onto", "main", "main~1").returncode in {0, 1}
    shutil.rmtree(linked)
    assert checked_out(git_of(repo))["refs/heads/side"] == linked


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(PIECES, min_size=1, max_size=5).map("".join), min_size=100, max_size=200))
def test_git_takes_every_name_that_is_taken_for_one_as_just_that(repo: RepoDir, texts: list[str]) -> None:
    names = []
    for text in texts:
        with suppress(InvalidName):
            names.append(BranchName.parse(text))
    assert all(name.value.isprintable() and name.value[0] not in "-./" for name in names)
    assert all("/" not in name.file_stem and name.file_stem not in {".", ".."} for name in names)
    # one git for all of them: it stops at the first that it does not take
    asked = "".join(f"verify {name.ref}\0{'0' * 40}\0" for name in dict.fromkeys(names))
    git_of(repo).run("update-ref", "--stdin", "-z", stdin=asked.encode("utf-8", "surrogateescape"))


def test_a_subject_that_tells_of_a_rename_is_none(repo: RepoDir) -> None:
    gone = BranchName("sixth/topic")
    repo.commit(f"renamed {gone.ref} to refs/heads/main", {"a": "1\n"})
    repo.commit(f"Branch: renamed {gone.ref} to refs/heads/main", {"a": "2\n"})
    assert renamed_to(git_of(repo), gone, at=None) is None
    repo.git("branch", gone.value)
    repo.git("branch", "-m", gone.value, "mine/better")
    assert renamed_to(git_of(repo), gone, at=None) == BranchName("mine/better")
