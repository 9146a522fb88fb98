"""A repository that came from somebody else, with a record of every program of theirs that ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.person import Person

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


@pytest.fixture
def victim(repo: RepoDir, remote: RepoDir) -> Person:
    """Return somebody who has just cloned a repository; nothing in it is trusted, nothing is set up."""
    repo.commit("docs: words", {"words.txt": "pear\napple\n"})
    repo.git("push", "--quiet", "origin", "main")
    return Person(repo)
