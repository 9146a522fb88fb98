"""`init`: what it makes, what it leaves alone, and the hook shims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.cli.hooks import VERBS
from tests.cli.support import sixthbot
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


def test_init_says_what_it_made_and_what_to_do_next(repo: RepoDir) -> None:
    said = sixthbot("init", cwd=repo.path)
    assert said.code == 0
    assert said.out == (
        "made .sixth/\n"
        "made .sixth/README.md\n"
        "made .sixth/config.toml\n"
        "made entries in .git/info/exclude\n"
        "stored the baseline: 1 branch or tag\n"
    )
    assert said.err == (
        "next: name recipes and checks in .sixth/config.toml, then: sixthbot trust\n"
        "      then sixthbot watch, and drop an issue file into .sixth/inbox/ (or sixthbot new 'TITLE')\n"
    )
    seen = repo.git("status", "--porcelain", "--untracked-files=all")
    assert seen.split() == ["??", ".sixth/config.toml"]


def test_init_again_changes_nothing(home: RepoDir) -> None:
    (home.path / ".sixth/config.toml").write_text("[bot]\nworkers = 1\n")
    sixthbot("trust", "--yes", cwd=home.path)
    before = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    said = sixthbot("init", cwd=home.path)
    assert (said.code, said.out) == (0, f"sixthbot is at home in {home.path}\n")
    after = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    assert after == before


def test_init_touches_nothing_of_the_persons(repo: RepoDir) -> None:
    repo.write({"half.txt": "done\n"})
    repo.git("add", "half.txt")
    before = fingerprint(repo.path)
    sixthbot("init", "--hooks", cwd=repo.path)
    sixthbot("init", "--no-hooks", cwd=repo.path)
    assert fingerprint(repo.path) == before


def test_init_outside_a_repository_or_in_a_bare_one_exits_3(tmp_path: Path, remote: RepoDir) -> None:
    (tmp_path / "plain").mkdir()
    assert sixthbot("init", cwd=tmp_path / "plain").code == 3
    said = sixthbot("init", cwd=remote.path)
    assert said.code == 3
    assert "bare" in said.err


def test_init_refuses_a_repository_that_tracks_the_bots_own_files(repo: RepoDir) -> None:
    repo.commit("chore: smuggle", {".sixth/queue/ready/high/x.json": "{}"})
    said = sixthbot("init", cwd=repo.path)
    assert said.code == 4
    assert said.err.startswith("error: this repository tracks .sixth/queue/ready/high/x.json, ")


def test_init_refuses_a_sixth_folder_that_is_a_link(repo: RepoDir, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (repo.path / ".sixth").symlink_to(tmp_path / "elsewhere")
    assert sixthbot("init", cwd=repo.path).code == 4
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_command_before_init_says_to_init(repo: RepoDir) -> None:
    said = sixthbot("queue", cwd=repo.path)
    assert said.code == 3
    assert said.err.endswith("hint: sixthbot init\n")


def test_a_hook_shim_leaves_a_note_on_every_commit_also_in_a_linked_worktree(
    home: RepoDir, tmp_path: Path
) -> None:
    said = sixthbot("init", "--hooks", cwd=home.path)
    assert said.out.startswith("hooks: post-commit, post-checkout, post-merge, post-rewrite\n")
    notes = home.path / ".sixth/local/notes"
    home.commit("feat: one", {"one": "1"})
    assert [note.read_text() for note in notes.iterdir()] == ["on-commit\n"]
    home.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    assert sum(note.name.startswith("on-checkout") for note in notes.iterdir()) == 1
    assert not (tmp_path / "side/.sixth/local").exists()


def test_a_hook_that_was_there_runs_on_with_its_arguments_and_input(home: RepoDir) -> None:
    hook = home.path / ".git/hooks/post-rewrite"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\necho "$1" >rewritten\ncat >>rewritten\n')
    hook.chmod(0o755)
    sixthbot("init", "--hooks", cwd=home.path)
    old = home.commit("feat: one", {"one": "1"})
    home.git("commit", "--quiet", "--amend", "--message", "feat: two")
    assert (home.path / "rewritten").read_text() == f"amend\n{old} {home.head()}\n"


def test_taking_the_hooks_out_puts_back_what_was_there_to_the_byte(home: RepoDir) -> None:
    folder = home.path / ".git/hooks"
    folder.mkdir(exist_ok=True)
    (folder / "post-commit").write_bytes(b"#!/bin/sh\n# \xff mine\n")
    (folder / "post-merge").symlink_to("nowhere")
    before = {path.name: (path.lstat().st_mode, path.lstat().st_ino) for path in folder.iterdir()}
    sixthbot("init", "--hooks", cwd=home.path)
    again = sixthbot("init", "--hooks", cwd=home.path)
    assert again.out.startswith("hooks: all are there\n")
    said = sixthbot("init", "--no-hooks", cwd=home.path)
    assert said.out.startswith("hooks: post-commit, post-checkout, post-merge, post-rewrite as before\n")
    assert {path.name: (path.lstat().st_mode, path.lstat().st_ino) for path in folder.iterdir()} == before
    assert (folder / "post-commit").read_bytes() == b"#!/bin/sh\n# \xff mine\n"
    assert sixthbot("init", "--no-hooks", cwd=home.path).out.startswith("hooks: none of ours were there\n")


def test_a_hook_that_somebody_changed_since_stays(home: RepoDir) -> None:
    folder = home.path / ".git/hooks"
    folder.mkdir(exist_ok=True)
    (folder / "post-commit").write_text("#!/bin/sh\n# first\n")
    sixthbot("init", "--hooks", cwd=home.path)
    (folder / "post-commit").write_text("#!/bin/sh\n# changed\n")
    refused = sixthbot("init", "--hooks", cwd=home.path)
    assert refused.code == 4
    said = sixthbot("init", "--no-hooks", cwd=home.path)
    assert (folder / "post-commit").read_text() == "#!/bin/sh\n# changed\n"
    assert (folder / "post-commit.before-sixthbot").read_text() == "#!/bin/sh\n# first\n"
    assert "post-commit was changed since, so it stays" in said.err


@pytest.mark.parametrize("verb", VERBS.values())
def test_the_hook_verbs_have_help(verb: str) -> None:
    said = sixthbot(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"Usage: sixthbot {verb} [OPTIONS] [ARGS]..." in said.out
