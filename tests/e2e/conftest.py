"""A person with a repository, its remote, and the bot set up in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.person import Person

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


@pytest.fixture
def person(repo: RepoDir, remote: RepoDir) -> Person:
    """Somebody whose repository has a word list, recipes they trust, and a remote."""
    repo.commit("docs: a word list", {"words.txt": "pear\napple\nfig\n"})
    repo.git("push", "--quiet", "origin", "main")
    someone = Person(repo)
    someone.settle_in()
    return someone
