"""Repositories for the command line's tests: initialised, and with an issue that waits for a person."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

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


@pytest.fixture
def home(repo: RepoDir) -> RepoDir:
    """Return a repository that the bot is at home in."""
    assert sixthbot("init", cwd=repo.path).code == 0
    return repo


@pytest.fixture
def waiting(home: RepoDir, remote: RepoDir) -> RepoDir:
    """Return a repository whose one issue, `tidy`, waits for a person to do subtask 2; it has the remote `origin`."""
    home.commit("feat: words", {"words.txt": "pear\napple\n"})
    (home.path / ".sixth/config.toml").write_text(CONFIG, encoding="utf-8")
    assert sixthbot("trust", "--yes", cwd=home.path).code == 0
    issue = "+++\nid = 'tidy'\n+++\n" + ISSUE
    (home.path / ".sixth/inbox/tidy.md").write_text(issue, encoding="utf-8")
    assert sixthbot("run", cwd=home.path).code == 0
    return home


@pytest.fixture
def drafted(waiting: RepoDir) -> RepoDir:
    """Return that repository with the issue done and its draft waiting for review."""
    assert sixthbot("done", "tidy", cwd=waiting.path).code == 0
    assert sixthbot("run", cwd=waiting.path).code == 0
    return waiting
