"""The hook verbs: one note, nothing but os and sys, exit 0 always."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sixthbot.__main__ import HOOK_VERBS
from tests.support.repos import RepoDir, clone, make_bare, make_repo

ROOT = Path(__file__).parents[2]


def call(*args: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sixthbot", *args],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def initialised(repo: RepoDir) -> Path:
    notes = repo.path / ".sixth/local/notes"
    notes.mkdir(parents=True)
    return notes


def silent(done: subprocess.CompletedProcess[str]) -> bool:
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("verb", HOOK_VERBS)
def test_a_hook_verb_leaves_one_whole_note_and_says_nothing(repo: RepoDir, verb: str) -> None:
    notes = initialised(repo)
    assert silent(call(verb, "one", "two words", cwd=repo.path))
    (note,) = notes.iterdir()
    assert not note.name.startswith(".")
    assert note.read_text() == f"{verb}\none\ntwo words\n"


def test_a_hook_verb_imports_nothing_but_the_package_itself(repo: RepoDir) -> None:
    initialised(repo)
    program = (
        "import os, sys; before = set(sys.modules); sys.argv = ['sixthbot', 'on-commit'];"
        "os._exit = lambda code: sys.exit(print(code, sorted(set(sys.modules) - before)));"
        "from sixthbot.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0 ['sixthbot', 'sixthbot.__main__']\n"


def test_the_note_of_a_linked_worktree_goes_to_the_main_one(repo: RepoDir, tmp_path: Path) -> None:
    notes = initialised(repo)
    repo.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side/deep").mkdir()
    assert silent(call("on-commit", cwd=tmp_path / "side/deep"))
    assert len(list(notes.iterdir())) == 1
    assert not (tmp_path / "side/.sixth").exists()


def test_a_note_from_a_subfolder_and_with_dash_c_reaches_the_repository(
    repo: RepoDir, tmp_path: Path
) -> None:
    notes = initialised(repo)
    (repo.path / "a/b").mkdir(parents=True)
    assert silent(call("on-commit", cwd=repo.path / "a/b"))
    assert silent(call("-C", str(repo.path / "a"), "on-commit", cwd=tmp_path))
    assert len(list(notes.iterdir())) == 2


@pytest.mark.parametrize("linked", [False, True])
def test_a_real_hook_leaves_a_note_of_a_real_commit(repo: RepoDir, tmp_path: Path, *, linked: bool) -> None:
    notes = initialised(repo)
    hook = repo.path / ".git/hooks/post-commit"
    hook.write_text(
        f'#!/bin/sh\nexec env PYTHONPATH="{ROOT}" "{sys.executable}" -m sixthbot on-commit "$GIT_DIR"\n'
    )
    hook.chmod(0o755)
    place = repo
    if linked:
        repo.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
        place = RepoDir(tmp_path / "side")
    place.write({"new.txt": "x\n"})
    place.git("add", "new.txt")
    place.git("commit", "--quiet", "-m", "feat: new")
    assert len(list(notes.iterdir())) == 1


@pytest.mark.parametrize("git_dir", [".git", "absolute"])
def test_git_dir_in_the_environment_names_the_repository(repo: RepoDir, git_dir: str, tmp_path: Path) -> None:
    notes = initialised(repo)
    absolute = git_dir == "absolute"
    where = str(repo.path / ".git") if absolute else ".git"
    assert silent(call("on-commit", cwd=tmp_path if absolute else repo.path, env={"GIT_DIR": where}))
    assert len(list(notes.iterdir())) == 1


def test_a_submodule_is_a_repository_of_its_own(repo: RepoDir, tmp_path: Path) -> None:
    outer_notes = initialised(repo)
    inner = make_repo(tmp_path / "inner")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(inner.path), "inner")
    notes = initialised(RepoDir(repo.path / "inner"))
    assert silent(call("on-commit", cwd=repo.path / "inner"))
    assert silent(
        call("on-commit", cwd=repo.path / "inner", env={"GIT_DIR": str(repo.path / ".git/modules/inner")})
    )
    assert len(list(notes.iterdir())) == 2
    assert not list(outer_notes.iterdir())


def test_where_nothing_is_initialised_nothing_happens(repo: RepoDir, tmp_path: Path) -> None:
    assert silent(call("on-commit", cwd=repo.path))
    assert silent(call("on-commit", cwd=tmp_path))
    assert silent(call("-C", str(tmp_path / "absent"), "on-commit", cwd=tmp_path))
    assert silent(call("on-commit", cwd=make_bare(tmp_path / "bare.git").path))
    assert not (repo.path / ".sixth").exists()


def test_a_disk_that_cannot_be_written_is_no_trouble_for_the_commit(repo: RepoDir) -> None:
    notes = initialised(repo)
    notes.rmdir()
    notes.write_text("a file where the folder should be")
    assert silent(call("on-commit", cwd=repo.path))
    assert notes.read_text() == "a file where the folder should be"


@pytest.mark.parametrize("part", [".sixth", ".sixth/local", ".sixth/local/notes"])
def test_nothing_is_written_through_a_link_that_a_clone_brought_along(
    repo: RepoDir, tmp_path: Path, part: str
) -> None:
    trap = tmp_path / "trap"
    (trap / "local/notes").mkdir(parents=True)
    target = trap / Path(part).relative_to(".sixth")
    (repo.path / part).parent.mkdir(parents=True, exist_ok=True)
    (repo.path / part).symlink_to(target)
    copy = clone(repo, tmp_path / "copy")
    (copy.path / part).parent.mkdir(parents=True, exist_ok=True)
    (copy.path / part).symlink_to(target)
    assert silent(call("on-commit", cwd=copy.path))
    assert not [path for path in trap.rglob("*") if path.is_file()]
