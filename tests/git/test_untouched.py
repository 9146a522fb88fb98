"""Nothing of the user's changes by a byte, whatever state their work is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.core.drafts import Approval, Draft, approved, draft_digest
from sixthbot.core.names import BranchName
from sixthbot.git.commits import log, merge_base, read_commit, write_commit
from sixthbot.git.diffs import numstat, patch
from sixthbot.git.rebase import Rebased, rebase_in_memory
from sixthbot.git.refs import RefMove, all_refs, checked_out, move_refs, tip
from sixthbot.git.remotes import choose_remote, push
from sixthbot.git.repository import open_repository
from sixthbot.git.trees import edit_tree, snapshot_worktree, tree_of
from sixthbot.git.worktrees import Pool
from tests.git.helpers import BOT
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, clone, make_bare, make_repo

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

BASE = BranchName.parse("main")
TOPIC = BranchName.parse("sixth/topic")


def _serialise() -> AbstractContextManager[object]:
    from contextlib import nullcontext  # noqa: PLC0415 - a lock would do as well

    return nullcontext()


def _whole_path(repo: RepoDir, pool_dir: Path) -> None:
    """Do with the git layer what an issue's whole way to the remote does."""
    opened = open_repository(repo.path, repo.git_dir)
    git = opened.git
    opened.exec_settings()
    opened.default_branch()
    start = tip(git, BASE)
    assert start is not None
    move_refs(git, [RefMove(TOPIC.ref, None, start)], message="branch")
    pool = Pool(git, pool_dir, serialise=_serialise)
    with pool.take(start) as worktree:
        (worktree.path / "by the bot").write_text("new\n")
        snapshot = snapshot_worktree(git, worktree.path)
    first = write_commit(
        git, tree=snapshot.tree, parents=[start], message="feat: x\n", author=BOT, committer=BOT
    )
    tree = edit_tree(git, snapshot.tree, {"CHANGELOG.md": b"# Changes\n"})
    second = write_commit(git, tree=tree, parents=[first], message="docs: y\n", author=BOT, committer=BOT)
    move_refs(git, [RefMove(TOPIC.ref, start, second)], message="work")
    # somebody else's commit came to the base: a ref of theirs that stands for it
    onto = write_commit(
        git, tree=edit_tree(git, tree_of(git, start), {"upstream": b"u\n"}), parents=[start], message="up\n",
        author=BOT, committer=BOT,
    )  # fmt: skip
    done = rebase_in_memory(git, branch_tip=second, upstream_base=onto, onto=onto, committer=BOT)
    assert isinstance(done, Rebased)
    move_refs(git, [RefMove(TOPIC.ref, second, done.new_tip)], message="rebase")
    with pool.take(done.new_tip) as worktree:
        assert (worktree.path / "upstream").exists()
    log(git, tip=done.new_tip, not_in=[start])
    numstat(git, start, done.new_tip)
    patch(git, start, done.new_tip)
    all_refs(git)
    checked_out(git)
    merge_base(git, onto, done.new_tip)
    target = choose_remote(git, configured="away", base=BASE)
    new_tree = read_commit(git, done.new_tip).tree
    draft = Draft(branch=TOPIC, base="main", head=done.new_tip, tree=new_tree, issue="i", title="t", text="x")
    approval = Approval(digest=draft_digest(draft, target), approved="2026-01-01T00:00:00Z")
    push(git, approved(draft, target, approval, tip=tip(git, TOPIC)), expected=None)
    move_refs(git, [RefMove(TOPIC.ref, done.new_tip, None)], message="clean up")


def _clean(repo: RepoDir) -> None:
    repo.git("status")


def _dirty(repo: RepoDir) -> None:
    repo.write({"README.md": "changed\n", "staged": "s\n", "untracked": "u\n"})
    repo.git("add", "staged")
    repo.git("stash", "--quiet", "--include-untracked")
    repo.write({"README.md": "changed again\n", "staged": "s2\n", "untracked": "u2\n"})
    repo.git("add", "staged")


def _conflict(repo: RepoDir) -> None:
    repo.git("checkout", "-q", "-b", "mine")
    repo.commit("mine", {"README.md": "mine\n"})
    repo.commit("mine 2", {"m": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("theirs", {"README.md": "theirs\n"})


def _mid_rebase(repo: RepoDir) -> None:
    _conflict(repo)
    repo.git("checkout", "-q", "mine")
    assert repo.try_git("rebase", "main").returncode == 1


def _mid_merge(repo: RepoDir) -> None:
    _conflict(repo)
    assert repo.try_git("merge", "mine").returncode == 1


def _mid_pick(repo: RepoDir) -> None:
    _conflict(repo)
    assert repo.try_git("cherry-pick", "mine~1").returncode == 1


def _mid_bisect(repo: RepoDir) -> None:
    first = repo.head()
    for number in range(4):
        repo.commit(f"c{number}", {"c": f"{number}\n"})
    repo.git("bisect", "start", "HEAD", first)


def _detached(repo: RepoDir) -> None:
    repo.git("checkout", "-q", "--detach")
    repo.commit("loose", {"loose": "1\n"})


def _submodule(repo: RepoDir) -> None:
    library = make_repo(repo.path.parent / "library")
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "sub")
    repo.commit("with a submodule")
    RepoDir(repo.path / "sub").commit("ahead", {"x": "1\n"})


def _odd_settings(repo: RepoDir) -> None:
    hooks = repo.path / ".git/hooks"
    for name in ("pre-commit", "post-checkout", "reference-transaction", "pre-push", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{repo.path}/hook-ran-{name}'\n")
        (hooks / name).chmod(0o755)
    for key, value in {
        "core.fsmonitor": "true", "core.untrackedCache": "true", "core.splitIndex": "true", "commit.gpgSign": "true",
        "user.useConfigOnly": "true", "merge.conflictStyle": "diff3", "core.autocrlf": "input",
        "extensions.worktreeConfig": "true", "gc.auto": "1", "core.sparseCheckout": "true",
    }.items():  # fmt: skip
        repo.git("-c", "core.hooksPath=/dev/null", "config", key, value)


def _packed(repo: RepoDir) -> None:
    repo.git("gc", "--quiet")


STATES = [
    _clean, _dirty, _mid_rebase, _mid_merge, _mid_pick, _mid_bisect, _detached, _submodule, _odd_settings, _packed,
]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_the_whole_path_leaves_the_user_s_state_to_the_byte(
    repo: RepoDir, tmp_path: Path, state: Callable[[RepoDir], None]
) -> None:
    away = make_bare(tmp_path / "away.git")
    repo.git("remote", "add", "away", str(away.path))
    state(repo)
    before = fingerprint(repo.path)
    _whole_path(repo, tmp_path / "pool")
    assert fingerprint(repo.path) == before
    assert away.subjects("sixth/topic")[-2:] == ["feat: x", "docs: y"]
    assert repo.try_git("fsck", "--no-dangling").returncode == 0


def test_a_linked_worktree_of_the_user_is_left_alone_too(repo: RepoDir, tmp_path: Path) -> None:
    away = make_bare(tmp_path / "away.git")
    repo.git("remote", "add", "away", str(away.path))
    linked = RepoDir(tmp_path / "linked")
    repo.git("worktree", "add", "-q", "-b", "side", str(linked.path))
    linked.write({"README.md": "dirty\n", "new": "n\n"})
    linked.git("add", "new")
    before = fingerprint(repo.path), fingerprint(linked.path)
    _whole_path(repo, tmp_path / "pool")
    assert (fingerprint(repo.path), fingerprint(linked.path)) == before


def test_a_shallow_clone_is_left_alone_and_stays_shallow(repo: RepoDir, tmp_path: Path) -> None:
    for number in range(3):
        repo.commit(f"c{number}", {"c": f"{number}\n"})
    shallow = RepoDir(tmp_path / "shallow")
    RepoDir(tmp_path).git("clone", "-q", "--depth=2", f"file://{repo.path}", str(shallow.path))
    away = clone(repo, tmp_path / "away.git", "--bare")
    shallow.git("remote", "add", "away", str(away.path))
    before = fingerprint(shallow.path)
    _whole_path(shallow, tmp_path / "pool")
    assert fingerprint(shallow.path) == before


def test_a_submodule_works_as_a_repository_of_its_own(repo: RepoDir, tmp_path: Path) -> None:
    _submodule(repo)
    sub = RepoDir(repo.path / "sub")
    away = make_bare(tmp_path / "away.git")
    sub.git("remote", "add", "away", str(away.path))
    before = fingerprint(repo.path), fingerprint(sub.path)
    _whole_path(sub, tmp_path / "pool")
    assert (fingerprint(repo.path), fingerprint(sub.path)) == before
