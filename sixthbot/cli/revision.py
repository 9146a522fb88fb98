"""Reads the one commit that a person's word for it names, safely: the word never becomes an option or a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.core.names import has_unsafe_characters, parse_oid
from sixthbot.git.commits import read_commit
from sixthbot.git.repository import open_repository

if TYPE_CHECKING:
    from sixthbot.cli.session import Session
    from sixthbot.git.commits import CommitInfo

_LONGEST = 250


def commit_named(session: Session, word: str) -> CommitInfo | None:
    """Return the commit that git knows by `word` (an id, a beginning of one, a branch, a tag), None for none."""
    if not word or len(word) > _LONGEST or has_unsafe_characters(word):
        return None
    places = session.places()
    git = open_repository(places.top, places.git_dir, durability="process").git
    try:
        named = git.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}"
        ).text.strip()
        return read_commit(git, parse_oid(named))
    except GitFailed:
        return None
