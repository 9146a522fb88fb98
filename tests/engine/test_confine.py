from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.engine import children
from sixthbot.engine.children import ChildProcesses, child_environment
from sixthbot.engine.confine import allowed_paths, landlock_version, linked_worktrees, ruleset

if TYPE_CHECKING:
    from sixthbot.actions.base import Ran

CONFINES = sys.platform.startswith("linux")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@dataclass
class Scene:
    home: Path
    top: Path
    worktree: Path
    theirs: Path

    def cannot_confine(self) -> bool:
        """Tell whether this kernel cannot confine; a run must say so then."""
        assert self.run("true").confined == CONFINES
        return not CONFINES

    def run(self, script: str, *, writable: bool = True) -> Ran:
        runner = ChildProcesses(
            env=child_environment(os.environ),
            protected=[self.top, self.top / ".git", self.top / ".sixth", self.theirs],
        )
        names = {"TOP": str(self.top), "OTHER": str(self.home), "THEIRS": str(self.theirs)}
        return runner.run(
            ["sh", "-c", script],
            cwd=self.worktree,
            env=names,
            timeout=20,
            writable=[self.worktree] if writable else [],
        )


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    home = tmp_path / "some home"
    top, theirs = home / "src" / "repo", home / "src" / "linked"
    top.mkdir(parents=True)
    (home / ".cache").mkdir()
    git(top, "init", "-q", "-b", "main")
    (top / "file").write_text("theirs\n")
    (top / ".sixth").mkdir()
    git(top, "add", "file")
    git(top, "-c", "user.name=n", "-c", "user.email=e@x", "commit", "-q", "-m", "first")
    worktree = home / ".cache" / "bot" / "w1"
    git(top, "worktree", "add", "-q", "--detach", str(worktree))
    git(top, "worktree", "add", "-q", "--detach", str(theirs))
    return Scene(home, top, worktree, theirs)


@pytest.mark.parametrize(
    "attempt",
    [
        'echo x > "$TOP/file"',
        'echo x >> "$TOP/file"',
        'echo x > "$TOP/new"',
        'mkdir "$TOP/folder"',
        'rm "$TOP/file"',
        'mv "$TOP/file" taken',
        'mv file "$TOP/moved"',
        'ln file "$TOP/linked"',
        'ln -s /etc/passwd "$TOP/symlink"',
        'truncate -s 0 "$TOP/file"',
        'echo x > "$TOP/.git/config"',
        'echo x > "$TOP/.git/hooks/pre-commit"',
        'echo x > "$TOP/.sixth/config.toml"',
        'echo x > "$THEIRS/file"',
        'cd "$TOP" && echo x > file',
        'ln -s "$TOP" way && echo x > way/file',
        "git branch evil",
        "git config user.name evil",
        "echo more >> file; git stash",
        "git worktree prune; git update-ref refs/heads/main HEAD^{tree}",
    ],
)
def test_the_persons_tree_git_directory_and_the_bots_files_cannot_be_written(
    scene: Scene, attempt: str
) -> None:
    if scene.cannot_confine():
        return
    before = snapshot(scene.top, scene.theirs)
    ran = scene.run(attempt)
    assert ran.confined
    assert ran.status != 0
    assert snapshot(scene.top, scene.theirs) == before


def snapshot(*folders: Path) -> dict[str, bytes]:
    private = {"objects", "worktrees"}  # what git itself needs for the bot's worktree
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not private.intersection(path.parts)
    }


def test_git_works_inside_the_worktree(scene: Scene) -> None:
    if scene.cannot_confine():
        return
    script = (
        "set -e; echo more >> file; git status --short; git diff --stat; git add -A; "
        "git -c user.name=n -c user.email=e@x commit -q -m second; git log --format=%s; git rev-parse HEAD"
    )
    ran = scene.run(script)
    assert ran.status == 0, ran.output
    assert "second\nfirst" in ran.output
    assert git(scene.top, "cat-file", "-t", ran.output.split()[-1]).strip() == "commit"


def test_reading_the_tree_and_writing_elsewhere_stay_free(scene: Scene) -> None:
    if scene.cannot_confine():
        return
    script = (
        'set -e; cat "$TOP/file"; echo x > "$OTHER/.cache/new"; mkdir -p "$OTHER/.cache/tool/deep"; '
        'mv "$OTHER/.cache/new" "$OTHER/.cache/tool/deep/"; echo y > "$TMPDIR/t"; mktemp; echo z > /dev/null; '
        'mv "$TMPDIR/t" here; mkdir sub; mv here sub/; rm -r sub'
    )
    ran = scene.run(script)
    assert ran.status == 0, ran.output
    assert (scene.home / ".cache/tool/deep/new").read_text() == "x\n"


def test_without_a_worktree_nothing_of_the_repository_is_writable(scene: Scene) -> None:
    if scene.cannot_confine():
        return
    assert scene.run("echo x > file").status == 0  # the worktree lies in a folder nobody protects
    assert scene.run("git add -A", writable=False).status != 0


def test_new_entries_beside_the_repository_can_be_made(scene: Scene) -> None:
    if scene.cannot_confine():
        return
    ran = scene.run('echo x > "$TOP/../beside" && cat "$TOP/../beside"')
    assert (ran.status, ran.output.strip()) == (0, "x")


@pytest.mark.parametrize("attempt", ['echo x > "$TOP/file"', 'rm "$TOP/file"', 'echo x > "$TOP/../beside"'])
def test_landlock_stands_in_where_no_namespace_is_granted(
    scene: Scene, attempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to make read-only is what the leash sees then; the last attempt is Landlock's documented limit."""
    if landlock_version() < 2:
        return
    monkeypatch.setattr(children, "fenced_paths", lambda *_: ([], []))
    ran = scene.run(attempt)
    assert ran.confined
    assert "Permission denied" in ran.output
    assert scene.run("git status && git add -A").status == 0


def test_a_repository_that_holds_the_bots_worktree_too_is_protected_around_it(scene: Scene) -> None:
    """Somebody keeps their whole home in git."""
    if scene.cannot_confine():
        return
    inner = scene.top / "cache" / "w"
    git(scene.top, "worktree", "add", "-q", "--detach", str(inner))
    scene.worktree = inner
    ran = scene.run('echo x > new && git add -A && ! echo x > "$TOP/new"')
    assert ran.status == 0, ran.output
    assert (inner / "new").read_text() == "x\n"
    assert not (scene.top / "new").exists()


def test_the_worker_itself_stays_free(scene: Scene) -> None:
    if scene.cannot_confine():
        return
    scene.run("true")
    (scene.top / "still mine").write_text("yes")


def test_a_command_cannot_free_itself(scene: Scene) -> None:
    if scene.cannot_confine():
        return
    script = 'sudo -n true 2>/dev/null; mount --bind "$TOP" . ; chroot / sh -c "echo x > \\"$TOP/file\\""'
    scene.run(script)
    assert (scene.top / "file").read_text() == "theirs\n"


def test_everything_beside_the_way_is_allowed_and_nothing_on_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "repo" / "inner").mkdir(parents=True)
    (tmp_path / "a" / "sibling").mkdir()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "repo")
    (tmp_path / "b").mkdir()
    repo = tmp_path / "a" / "repo"
    found = {Path(path) for path in allowed_paths([repo, repo / "inner"], [repo / "inner"])}
    below = {path for path in found if tmp_path in path.parents}
    assert below == {tmp_path / "a" / "sibling", tmp_path / "b", repo / "inner"}
    assert not any(path == parent for path in found for parent in repo.parents)


def test_linked_worktrees_are_found(scene: Scene) -> None:
    assert set(linked_worktrees(scene.top / ".git")) == {scene.worktree, scene.theirs}


def test_a_ruleset_is_closed_after_use(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with ruleset([tmp_path], []) as handle:
        assert (handle is not None) == (landlock_version() >= 2)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
