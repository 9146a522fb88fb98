"""Forged and damaged state: every command still ends in words, nothing hangs, and what is the user's stays as it is."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli.support import sixthbot
from tests.hostile.forgeries import FORGERIES
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, make_bare, make_repo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stages import Ground, Stages

CONFIG = '[recipes.sort-words]\nrun = ["sort", "-o", "words.txt", "words.txt"]\n[check]\nrun = [["true"]]\n'
COMMANDS = (
    ("status",), ("status", "--json"), ("queue", "list"), ("queue", "list", "--all", "--json"), ("issue", "list"),
    ("issue", "list", "--json"), ("issue", "show", "tidy"), ("plan", "tidy"), ("draft",), ("review",), ("log", "-n", "0"),
    ("log", "-n", "0", "--json"), ("why", "tidy"), ("rules", "list"), ("run",), ("status",), ("done", "tidy"),
    ("approve", "sixth/tidy"), ("push", "sixth/tidy"),
)  # fmt: skip
ABOUT_RULES = (
    ("status",), ("status", "--json"), ("rules", "list"), ("rules", "show", "work on an issue"), ("rules", "check"), ("run",),
)  # fmt: skip
# what could steer a terminal: a control character, one of eight bits, one that turns text around
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def make_draft(ground: Ground) -> None:
    repo = make_repo(ground.folder / "repo")
    repo.commit("docs: words", {"words.txt": "pear\napple\n"})
    repo.git("remote", "add", "origin", str(make_bare(ground.folder / "remote.git").path))
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / ".sixth/config.toml").write_text(CONFIG)
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    issue = "---\nid: tidy\n---\n# Tidy\n\n- [ ] sort `do: sort-words`\n"
    (repo.path / ".sixth/inbox/tidy.md").write_text(issue)
    assert sixthbot("run", cwd=repo.path).code == 0
    assert sixthbot("review", cwd=repo.path).code == 0


@pytest.fixture
def drafted(stages: Stages, ground: Ground) -> RepoDir:
    """Return a repository with an issue `tidy` whose draft waits for review."""
    stages.lay(ground, make_draft)
    return RepoDir(ground.folder / "repo")


@pytest.mark.parametrize("kind", FORGERIES)
def test_forged_state_ends_in_words_and_touches_nothing_of_the_users(
    drafted: RepoDir, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what misses something of `.sixth` waits so long for whoever may be taking all of it away, which nobody does here
    monkeypatch.setattr("sixthbot.store.presence._REMOVAL", 0.0)
    monkeypatch.setattr("sixthbot.engine.saving._REMOVAL", 0.0)
    home, kept = drafted.path / ".sixth", tmp_path / "kept"
    shutil.copytree(home, kept, symlinks=True)
    before, refs = fingerprint(drafted.path), drafted.git("for-each-ref", "refs/heads/main", "refs/tags")
    for name, forge in FORGERIES[kind].items():
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        forge(home)
        for command in ABOUT_RULES if kind == "traces" else COMMANDS:
            said = sixthbot(*command, cwd=drafted.path)
            told = f"{name}: {' '.join(command)}: {said}"
            assert "unexpected" not in said.err, told
            assert "Traceback" not in said.out + said.err, told
            assert STEERS.search(said.out + said.err) is None, told
            assert 0 <= said.code <= 5, told
            assert said.code != 1 or said.out or said.err, told
    assert fingerprint(drafted.path) == before
    assert drafted.git("for-each-ref", "refs/heads/main", "refs/tags") == refs
    assert {path.name for path in tmp_path.iterdir()} <= {"repo", "kept", "remote.git"}
