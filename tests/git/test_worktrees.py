from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import GitFailed, WorkFailed
from sixthbot.core.names import Oid
from sixthbot.git.worktrees import Pool
from tests.git.helpers import git_of, oid, pool_of
from tests.support.repos import RepoDir, make_repo

if TYPE_CHECKING:
    from collections.abc import Iterator


def _files(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()} - {".git"}


def test_a_worktree_is_detached_locked_and_outside_the_repository(repo: RepoDir, tmp_path: Path) -> None:
    head = oid(repo.head())
    with pool_of(repo, tmp_path).take(head) as worktree:
        assert worktree.fresh
        assert worktree.path.parent == tmp_path / "pool"
        listing = repo.git("worktree", "list", "--porcelain")
        assert f"worktree {worktree.path}\nHEAD {head}\ndetached\nlocked sixthbot" in listing
        assert _files(worktree.path) == {"README.md"}


def test_the_next_use_gets_the_same_folder_clean_at_another_commit(repo: RepoDir, tmp_path: Path) -> None:
    repo.commit("ignore", {".gitignore": "*.log\n"})
    first, second = oid(repo.head()), oid(repo.commit("two", {"two": "2\n"}))
    pool = pool_of(repo, tmp_path)
    with pool.take(second) as worktree:
        RepoDir(worktree.path).write({"junk/x": "x", "x.log": "x", "README.md": "changed\n", "two": None})
        make_repo(worktree.path / "nested")
        place = worktree.path
    with pool.take(first) as worktree:
        assert worktree.path == place
        assert worktree.fresh
        assert _files(worktree.path) == {"README.md", ".gitignore"}
        assert (worktree.path / "README.md").read_text() == "# A small thing\n"
        assert RepoDir(worktree.path).git("status", "--porcelain", "--ignored") == ""


def test_what_set_up_left_stays_for_the_same_key_only(repo: RepoDir, tmp_path: Path) -> None:
    head = oid(repo.commit("ignore", {".gitignore": "venv/\n"}))
    pool = pool_of(repo, tmp_path)
    with pool.take(head, setup_key="a") as worktree:
        assert worktree.fresh
        RepoDir(worktree.path).write({"venv/bin": "x", "junk": "x"})
    with pool.take(head, setup_key="a") as worktree:
        assert not worktree.fresh
        assert _files(worktree.path) == {"README.md", ".gitignore", "venv"}
    with pool.take(head, setup_key="b") as worktree:
        assert worktree.fresh
        assert _files(worktree.path) == {"README.md", ".gitignore"}


def test_a_use_that_failed_is_set_up_again(repo: RepoDir, tmp_path: Path) -> None:
    pool = pool_of(repo, tmp_path)
    with pytest.raises(ZeroDivisionError), pool.take(oid(repo.head()), setup_key="a"):
        raise ZeroDivisionError
    with pool.take(oid(repo.head()), setup_key="a") as worktree:
        assert worktree.fresh


def test_two_uses_at_once_get_two_worktrees(repo: RepoDir, tmp_path: Path) -> None:
    head = oid(repo.head())
    pool = pool_of(repo, tmp_path)
    with pool.take(head) as one, pool.take(head) as other:
        assert one.path != other.path
    with pool.take(head) as again:
        assert again.path in {one.path, other.path}


def test_many_threads_at_once_each_get_their_own_and_register_one_by_one(
    repo: RepoDir, tmp_path: Path
) -> None:
    head = oid(repo.head())
    guard, inside, seen = threading.Lock(), threading.Barrier(4), set()

    @contextmanager
    def serialise() -> Iterator[None]:
        with guard:
            yield

    pool = Pool(git_of(repo), tmp_path / "pool", serialise=serialise)

    def use() -> None:
        with pool.take(head) as worktree:
            seen.add(worktree.path)
            inside.wait(30)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4


def test_a_worktree_held_by_another_process_is_left_alone_until_that_dies(
    repo: RepoDir, tmp_path: Path
) -> None:
    head = oid(repo.head())
    pool = pool_of(repo, tmp_path)
    with pool.take(head) as worktree:
        place = worktree.path
    code = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'r+'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, f"{place}.lock"], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pool.take(head) as worktree:
            assert worktree.path != place
        other.kill()
    with pool.take(head) as worktree:
        assert worktree.path == place


def _break_branch(inside: RepoDir) -> None:
    inside.git("checkout", "-q", "-b", "made-by-a-command")
    inside.commit("by a command", {"x": "x"})


def _break_rebase(inside: RepoDir) -> None:
    inside.commit("a", {"README.md": "a\n"})
    inside.git("checkout", "-q", "--detach", "HEAD~1")
    inside.commit("b", {"README.md": "b\n"})
    assert inside.try_git("rebase", "HEAD@{2}").returncode


def _break_lock(inside: RepoDir) -> None:
    git_dir = inside.git("rev-parse", "--absolute-git-dir")
    (type(inside.path)(git_dir) / "index.lock").touch()


def _break_index(inside: RepoDir) -> None:
    git_dir = inside.git("rev-parse", "--absolute-git-dir")
    (type(inside.path)(git_dir) / "index").write_bytes(b"nonsense")


def _break_hidden(inside: RepoDir) -> None:
    inside.git("update-index", "--skip-worktree", "README.md")
    inside.write({"README.md": "hidden\n"})


def _break_git_file(inside: RepoDir) -> None:
    (inside.path / ".git").unlink()


def _break_folder(inside: RepoDir) -> None:
    shutil.rmtree(inside.path)


def _break_registration(inside: RepoDir) -> None:
    shutil.rmtree(inside.git("rev-parse", "--absolute-git-dir"))


def _break_rights(inside: RepoDir) -> None:
    inside.write({"cache/mod/file": "x"})
    (inside.path / "cache/mod").chmod(0o500)
    (inside.path / "cache").chmod(0o500)


@pytest.mark.parametrize(
    "damage",
    [
        _break_branch, _break_rebase, _break_lock, _break_index, _break_hidden, _break_git_file, _break_folder,
        _break_registration, _break_rights,
    ],
)  # fmt: skip
def test_whatever_a_command_did_the_next_use_is_clean(repo: RepoDir, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    head = oid(repo.head())
    pool = pool_of(repo, tmp_path)
    with pool.take(head) as worktree:
        damage(RepoDir(worktree.path))
    made = repo.tip("made-by-a-command")
    with pool.take(head) as worktree:
        inside = RepoDir(worktree.path)
        assert inside.head() == head
        assert inside.git("status", "--porcelain", "--ignored") == ""
        assert (inside.path / "README.md").read_text() == "# A small thing\n"
        assert inside.try_git("symbolic-ref", "HEAD").returncode
    assert repo.tip("made-by-a-command") == made
    assert repo.git("fsck", "--no-dangling") == ""


def test_a_process_killed_while_it_used_one_leaves_it_usable(repo: RepoDir, tmp_path: Path) -> None:
    head = oid(repo.head())
    code = (
        "import os, sys\nfrom contextlib import nullcontext\nfrom pathlib import Path\n"
        "from sixthbot.git.run import Git\nfrom sixthbot.git.worktrees import Pool\n"
        "pool = Pool(Git(Path(sys.argv[1])), Path(sys.argv[2]), serialise=nullcontext)\n"
        "with pool.take(sys.argv[3], setup_key='k') as tree:\n"
        "    (tree.path / 'README.md').write_text('half')\n    os.kill(os.getpid(), 9)\n"
    )
    where = os.getcwd()  # noqa: PTH109 - as text for the child
    done = subprocess.run(
        [sys.executable, "-c", code, str(repo.git_dir), str(tmp_path / "pool"), head],
        env={**os.environ, "PYTHONPATH": where}, check=False,
    )  # fmt: skip
    assert done.returncode == -9
    with pool_of(repo, tmp_path).take(head, setup_key="k") as worktree:
        assert worktree.fresh
        assert (worktree.path / "README.md").read_text() == "# A small thing\n"


def test_a_cleared_cache_is_unregistered_and_only_that(repo: RepoDir, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "mine"))
    shutil.rmtree(tmp_path / "mine")
    pool = pool_of(repo, tmp_path)
    with pool.take(oid(repo.head())) as worktree:
        place = worktree.path
    assert pool.prune_own() == []
    shutil.rmtree(tmp_path / "pool")
    assert pool.prune_own() == [place]
    assert str(tmp_path / "mine") in repo.git("worktree", "list", "--porcelain")


def test_a_worktree_that_is_made_anew_meanwhile_is_no_leftover(repo: RepoDir, tmp_path: Path) -> None:
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        place = worktree.path
    shutil.rmtree(place)

    @contextmanager
    def after_somebody_else() -> Iterator[None]:
        with pool_of(repo, tmp_path).take(oid(repo.head())):
            yield

    pool = Pool(git_of(repo), tmp_path / "pool", serialise=after_somebody_else)
    assert pool.prune_own() == []
    assert _files(place) == {"README.md"}


def test_a_commit_that_is_not_there_is_an_error_and_blocks_nothing(repo: RepoDir, tmp_path: Path) -> None:
    pool = pool_of(repo, tmp_path)
    with pytest.raises(GitFailed), pool.take(Oid("1" * 40)):
        raise AssertionError
    with pool.take(oid(repo.head())) as worktree:
        assert _files(worktree.path) == {"README.md"}


def test_a_folder_that_cannot_be_made_is_said(repo: RepoDir, tmp_path: Path) -> None:
    (tmp_path / "pool").write_text("a file")
    with (
        pytest.raises(WorkFailed, match="no worktree can be prepared"),
        pool_of(repo, tmp_path).take(oid(repo.head())),
    ):
        raise AssertionError


def test_a_path_with_spaces_and_odd_letters_works(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "my répo")
    with pool_of(repo, tmp_path / "the cäche").take(oid(repo.head())) as worktree:
        assert (worktree.path / "README.md").exists()


def test_a_sparse_main_worktree_does_not_make_the_pool_s_sparse(repo: RepoDir, tmp_path: Path) -> None:
    head = oid(repo.commit("two", {"a/x": "1", "b/y": "2"}))
    repo.git("sparse-checkout", "set", "a")
    with pool_of(repo, tmp_path).take(head) as worktree:
        assert (worktree.path / "b/y").exists()
    with pool_of(repo, tmp_path).take(head) as worktree:
        assert (worktree.path / "b/y").exists()


def test_a_filter_that_would_download_is_told_not_to(repo: RepoDir, tmp_path: Path) -> None:
    repo.commit("feat: large", {".gitattributes": "*.bin filter=lfs\n", "a.bin": "a pointer\n"})
    with Path(os.environ["GIT_CONFIG_GLOBAL"]).open("a") as settings:
        settings.write(
            '[filter "lfs"]\n\tsmudge = "cat > /dev/null; echo $GIT_LFS_SKIP_SMUDGE"\n\tclean = cat\n'
        )
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        assert (worktree.path / "a.bin").read_text() == "1\n"
