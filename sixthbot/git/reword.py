"""Writes a branch's commits anew with another message for one of them; trees and authors stay, no ref is moved."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.git.commits import compose, id_of, write_composed
from sixthbot.git.rebase import Rebased

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.commits import CommitInfo, Person
    from sixthbot.git.run import Git
    from sixthbot.git.signing import Sign


def reword(
    git: Git,
    commits: Sequence[CommitInfo],
    *,
    which: Oid,
    message: str,
    committer: Person,
    sign: Sign | None = None,
) -> Rebased:
    """Return the branch with `message` on the commit `which`; `commits` are its own, oldest first.

    What stands before it stays as it is, what follows gets new parents and the same trees; with `sign` all of
    them are signed.
    """
    mapping: dict[Oid, Oid] = {}
    written: list[bytes] = []
    at = which
    for commit in commits:
        parents = [mapping.get(parent, parent) for parent in commit.parents]
        if commit.id != which and parents == list(commit.parents):
            mapping[commit.id] = at = commit.id
            continue
        text = message if commit.id == which else commit.body
        data = compose(
            tree=commit.tree, parents=parents, message=text, author=commit.author, committer=committer
        )
        data = sign(data) if sign is not None else data
        mapping[commit.id] = at = id_of(data, like=commit.id)
        written.append(data)
    if written and write_composed(git, written)[-1] != at:
        raise GitFailed("git gave a reworded commit another id than its bytes have")
    return Rebased(new_tip=at, mapping=MappingProxyType(mapping))
