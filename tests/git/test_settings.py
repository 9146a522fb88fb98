from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.git.rebase import Rebased, rebase_in_memory
from sixthbot.git.trees import snapshot_worktree
from tests.git.helpers import BOT, git_of, oid, pool_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


def test_settings_that_name_programs_are_listed_sorted_and_only_those_of_the_repository(
    repo: RepoDir, sealed: Path
) -> None:
    (sealed / "gitconfig").write_text('[filter "mine"]\n\tclean = cat\n')
    assert git_of(repo).executable_settings() == b""
    repo.git("config", "merge.x.driver", "sh -c 'a\nb'")
    repo.git("config", "filter.Lfs.clean", "git lfs clean")
    repo.git("config", "core.hooksPath", ".husky")
    repo.git("config", "user.name", "Ada")
    repo.git("config", "alias.st", "status --short")
    repo.git("config", "alias.sh", "!sh")
    repo.git("config", "core.fsmonitor", "true")
    repo.git("config", "submodule.s.update", "rebase")
    repo.git("config", "gpg.ssh.defaultKeyCommand", "keys")
    repo.git("config", "remote.a.url", "ext::sh -c id")
    repo.git("config", "remote.b.url", "https://example.org/x")
    assert git_of(repo).executable_settings() == (
        b"alias.sh\0!sh\0filter.Lfs.clean\0git lfs clean\0gpg.ssh.defaultkeycommand\0keys\0merge.x.driver\0sh -c 'a\nb'\0remote.a.url\0ext::sh -c id\0"
    )


def test_a_file_system_monitor_counts_when_it_names_a_program(repo: RepoDir) -> None:
    repo.git("config", "core.fsmonitor", ".git/hooks/fsmonitor-watchman")
    assert git_of(repo).executable_settings() == b"core.fsmonitor\0.git/hooks/fsmonitor-watchman\0"


def test_included_files_count_and_are_read_again_each_time(repo: RepoDir) -> None:
    git = git_of(repo)
    repo.git("config", "include.path", "../shared.cfg")
    only_include = git.executable_settings()
    assert only_include == b"include.path\0../shared.cfg\0"
    (repo.path / "shared.cfg").write_text('[filter "x"]\n\tclean = evil\n')
    assert git.executable_settings() == b"filter.x.clean\0evil\0" + only_include


def _evil_filter(repo: RepoDir, trace: Path) -> None:
    repo.commit("attributes", {".gitattributes": "*.txt filter=evil\n", "a.txt": "a\n"})
    for part in ("clean", "smudge"):
        repo.git("config", f"filter.evil.{part}", f"sh -c 'echo {part} >> \"{trace}\"; tr a-z A-Z'")
    repo.git("config", "filter.evil.required", "true")


def test_an_untrusted_filter_never_runs(repo: RepoDir, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    _evil_filter(repo, trace)
    git = git_of(repo)
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        assert (worktree.path / "a.txt").read_text() == "a\n"
        (worktree.path / "b.txt").write_text("b\n")
        tree = snapshot_worktree(git, worktree.path).tree
    assert not trace.exists(), trace.read_text()
    assert repo.show(tree, "b.txt") == "b\n"


def test_a_trusted_filter_runs_until_its_settings_change(repo: RepoDir, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    _evil_filter(repo, trace)
    pool = pool_of(repo, tmp_path)
    pool._git.trust_settings(pool._git.executable_settings())
    with pool.take(oid(repo.head())) as worktree:
        assert (worktree.path / "a.txt").read_text() == "A\n"
    assert trace.read_text().split() == ["smudge"]
    repo.git("config", "filter.evil.smudge", f"sh -c 'echo other >> \"{trace}\"; cat'")
    repo.commit("more", {"b.txt": "b\n"})
    with pool.take(oid(repo.head())) as worktree:
        assert (worktree.path / "b.txt").read_text() == "B\n"  # as committed, through the person's own git
    assert "other" not in trace.read_text().splitlines()[1:-1]


def test_an_untrusted_merge_driver_is_replaced_by_git_s_own_merge(repo: RepoDir, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    base = repo.commit("base", {".gitattributes": "*.txt merge=evil\n", "a.txt": "1\n2\n3\n4\n5\n"})
    repo.git("checkout", "-q", "-b", "side")
    side = repo.commit("side", {"a.txt": "1\n2\n3\n4\nfive\n"})
    repo.git("checkout", "-q", "main")
    main = repo.commit("main", {"a.txt": "one\n2\n3\n4\n5\n"})
    repo.git("config", "merge.evil.driver", f"sh -c 'echo ran >> \"{trace}\"'")
    done = rebase_in_memory(
        git_of(repo), branch_tip=oid(side), upstream_base=oid(main), onto=oid(main), committer=BOT
    )
    assert base
    assert isinstance(done, Rebased)
    assert repo.show(done.new_tip, "a.txt") == "one\n2\n3\n4\nfive\n"
    assert not trace.exists()
