from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

import pytest
from git.exc import GitCommandError

from sixthbot.core.errors import GitFailed, UsageError
from sixthbot.git import run as run_module
from sixthbot.git.run import Git, Result
from tests.git.helpers import git_of
from tests.support.repos import RepoDir, make_repo

if TYPE_CHECKING:
    from pathlib import Path


def test_output_and_input_are_bytes_to_the_last_newline(repo: RepoDir) -> None:
    git = git_of(repo)
    data = b"\xff\x00 a\r\n\n\n"
    oid = git.run("hash-object", "-w", "--stdin", "--no-filters", stdin=data, write=True).text.strip()
    assert git.run("cat-file", "blob", oid).stdout == data


def test_a_large_input_and_output_do_not_block_each_other(repo: RepoDir) -> None:
    git = git_of(repo)
    data = os.urandom(3_000_000)
    oid = git.run("hash-object", "-w", "--stdin", "--no-filters", stdin=data, write=True).text.strip()
    assert git.run("cat-file", "--batch", stdin=f"{oid}\n".encode() * 5).stdout.count(data[:4000]) == 5


def test_a_failure_carries_git_s_first_line_and_status(repo: RepoDir) -> None:
    with pytest.raises(GitFailed, match=r"git cat-file failed: Not a valid object name nonsense") as caught:
        git_of(repo).run("cat-file", "blob", "nonsense")
    assert caught.value.exit_status == 128
    assert "fatal:" in caught.value.stderr


def test_a_failure_can_be_looked_at_instead(repo: RepoDir) -> None:
    done = git_of(repo).run("cat-file", "-e", "0" * 40, check=False)
    assert done.status == 1


def test_a_git_that_was_killed_has_not_said_no(repo: RepoDir) -> None:
    with pytest.raises(GitFailed, match="killed by signal 9") as caught:
        git_of(repo).run("-c", "alias.die=!kill -9 $PPID", "die", check=False)
    assert caught.value.exit_status == -9


def test_complaints_are_one_clean_line() -> None:
    done = Result(1, b"", b"warning: first\nfatal: it \x1b[31mfailed\x1b[0m\nmore\n")
    assert done.complaint == "it [31mfailed[0m"


def test_a_command_that_hangs_is_stopped(repo: RepoDir) -> None:
    began = time.monotonic()
    with pytest.raises(GitFailed, match=r"longer than 0\.3 s"):
        git_of(repo).run("-c", "alias.wait=!sleep 20", "wait", timeout=0.3)
    assert time.monotonic() - began < 10


def test_foreign_git_variables_do_not_reach_git(
    repo: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repo(tmp_path / "other", first_commit=False)
    for name, value in {
        "GIT_DIR": str(other.path / ".git"),
        "GIT_WORK_TREE": str(other.path),
        "GIT_INDEX_FILE": str(tmp_path / "nowhere"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "objects"),
        "GIT_NAMESPACE": "elsewhere",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_PARAMETERS": "'core.bare=true'",
        "GIT_TRACE": "1",
        "GIT_CEILING_DIRECTORIES": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    done = Git(repo.path / ".git").run("rev-parse", "HEAD", "--is-bare-repository")
    monkeypatch.undo()
    assert done.text.split() == [repo.head(), "false"]
    assert done.stderr == b""


def test_no_hook_and_no_monitor_runs(repo: RepoDir, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    script = f"#!/bin/sh\necho \"$0\" >> '{trace}'\n"
    for name in ("reference-transaction", "post-index-change", "post-checkout", "pre-commit"):
        hook = repo.path / ".git/hooks" / name
        hook.write_text(script)
        hook.chmod(0o755)
    monitor = tmp_path / "monitor"
    monitor.write_text(script)
    monitor.chmod(0o755)
    repo.git("config", "core.fsmonitor", str(monitor))
    git = git_of(repo)
    git.run("update-ref", "refs/heads/x", repo.head(), write=True)
    git.run("ls-files", "-z")
    seen = trace.read_text() if trace.exists() else ""
    assert "reference-transaction" not in seen
    assert "monitor" not in seen


def test_nothing_is_asked_and_nothing_leaves_unless_told(repo: RepoDir) -> None:
    done = git_of(repo).run("ls-remote", str(repo.path), check=False)
    assert done.status
    assert b"not allowed" in done.stderr
    assert git_of(repo).run("ls-remote", str(repo.path), network=True).status == 0
    done = git_of(repo).run("ls-remote", "ext::true", check=False, network=True)
    assert b"not allowed" in done.stderr


def test_writes_are_synced_only_when_power_cuts_count(repo: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    real = run_module.execute

    def watch(args: list[str], **rest: object) -> Result:
        commands.append(list(args))
        return real(args, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(run_module, "execute", watch)
    Git(repo.git_dir, durability="power").run("write-tree", write=True)
    Git(repo.git_dir, durability="power").run("rev-parse", "HEAD")
    Git(repo.git_dir, durability="process").run("write-tree", write=True)
    syncs = [[part for part in command if part.startswith("core.fsync")] for command in commands]
    assert syncs == [["core.fsync=all,-index"], [], ["core.fsync=none"]]


def test_a_folder_that_is_no_worktree_of_it_is_refused(repo: RepoDir, tmp_path: Path) -> None:
    other = make_repo(tmp_path / "other")
    with pytest.raises(GitFailed, match="not a worktree"):
        git_of(repo).run("status", cwd=other.path)


def test_a_full_disk_is_an_error_in_one_line(repo: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(GitFailed, match="git write-tree cannot run: No space left on device"):
        git_of(repo).run("write-tree")


def test_a_repository_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="is not there"):
        Git(tmp_path / "gone").run("rev-parse", "HEAD")


def test_a_git_that_is_too_old_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        version_info = (2, 30, 1)

    monkeypatch.setattr("git.cmd.Git", Old)
    run_module._git_class.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"git 2\.30\.1, which is too old") as caught:
            run_module._git_class()
    finally:
        run_module._git_class.cache_clear()
    assert "2.38" in caught.value.hint


def test_a_git_that_is_killed_as_it_tells_its_version_is_an_error_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed:
        @property
        def version_info(self) -> tuple[int, ...]:
            raise GitCommandError("git version", -9)

    monkeypatch.setattr("git.cmd.Git", Killed)
    run_module._git_class.cache_clear()
    try:
        with pytest.raises(GitFailed, match="git --version does not work"):
            run_module._git_class()
    finally:
        run_module._git_class.cache_clear()


def test_a_git_that_cannot_be_started_is_said_and_is_no_mistake_of_ours(tmp_path: Path) -> None:
    """Also where the folder goes away between the look and the start: a thread that saves must survive that."""
    with pytest.raises(GitFailed, match="git version cannot run"):
        run_module.execute(["version"], cwd=tmp_path, env={"PATH": "/nowhere"})


def test_a_git_that_runs_while_the_repository_is_moved_makes_nothing_anew(repo: RepoDir) -> None:
    started = git_of(repo).start("fast-import", "--quiet", write=True)
    process = started.proc
    assert process.stdin is not None
    process.stdin.write(
        b"commit refs/sixth/state\ncommitter a <a@b> 1 +0000\ndata 1\nx\nM 100644 inline f\ndata 1\ny\n"
    )
    process.stdin.flush()
    until = time.monotonic() + 20
    while not list(repo.git_dir.glob("objects/pack/tmp_pack_*")):
        assert time.monotonic() < until
        time.sleep(0.01)
    away = repo.path.rename(repo.path.with_name("away"))
    process.communicate()
    assert process.returncode == 0
    assert not repo.path.exists()
    assert RepoDir(away).tip("refs/sixth/state")
