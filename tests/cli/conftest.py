"""Repositories for the command line's tests: initialised, and with an issue that waits for a person."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.support import sixthbot
from tests.support.repos import RepoDir, make_bare, make_repo, push_to

if TYPE_CHECKING:
    from tests.support.stages import Ground, Stages

CONFIG = f"""\
[recipes.sort-words]
run = ["{sys.executable}", "-c", "p = 'words.txt'; t = sorted(open(p)); open(p, 'w').writelines(t)"]

[check]
run = [["{sys.executable}", "-c", "print(open('words.txt').read())"]]
"""

ISSUE = """\
# Tidy the words

- [ ] Sort the list `do: sort-words`
- [ ] Rename the file by hand
"""

BRANCH = "sixth/tidy-the-words"


def make_waiting(ground: Ground) -> None:
    home = make_repo(ground.folder / "repo")
    push_to(home, make_bare(ground.folder / "remote.git"))
    assert sixthbot("init", cwd=home.path).code == 0
    home.commit("feat: words", {"words.txt": "pear\napple\n"})
    (home.path / ".sixth/config.toml").write_text(CONFIG, encoding="utf-8")
    assert sixthbot("trust", "--yes", cwd=home.path).code == 0
    issue = "+++\nid = 'tidy'\n+++\n" + ISSUE
    (home.path / ".sixth/inbox/tidy.md").write_text(issue, encoding="utf-8")
    assert sixthbot("run", cwd=home.path).code == 0


def make_draft(ground: Ground) -> None:
    home = ground.folder / "repo"
    assert sixthbot("done", "tidy", cwd=home).code == 0
    assert sixthbot("run", cwd=home).code == 0


@pytest.fixture
def repo(request: pytest.FixtureRequest, stages: Stages, ground: Ground) -> RepoDir:
    """Return a repository on branch `main`: with a README, or already what a fixture of the same test makes of it."""
    path = ground.folder / "repo"
    if "drafted" in request.fixturenames:
        stages.lay(ground, make_waiting, make_draft)
    elif "waiting" in request.fixturenames:
        stages.lay(ground, make_waiting)
    else:
        return make_repo(path)
    return RepoDir(path)


@pytest.fixture
def remote(ground: Ground, repo: RepoDir) -> RepoDir:
    """Return a bare repository that `repo` knows as `origin`, with `main` pushed and set as its upstream."""
    path = ground.folder / "remote.git"
    return RepoDir(path) if path.exists() else push_to(repo, make_bare(path))


@pytest.fixture
def home(repo: RepoDir) -> RepoDir:
    """Return a repository that the bot is at home in."""
    if not (repo.path / ".sixth").exists():
        assert sixthbot("init", cwd=repo.path).code == 0
    return repo


@pytest.fixture
def waiting(home: RepoDir, remote: RepoDir) -> RepoDir:
    """Return a repository whose one issue, `tidy`, waits for a person to do subtask 2; it has the remote `origin`."""
    return home


@pytest.fixture
def drafted(waiting: RepoDir) -> RepoDir:
    """Return that repository with the issue done and its draft waiting for review."""
    return waiting
