"""What commits bring: the paths that each of a range changes, with one git call for hundreds of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.conventional import parse_subject
from sixthbot.core.names import Oid
from sixthbot.git.commits import NUMBERS, read_with_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sixthbot.core.names import BranchName
    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.run import Git


@dataclass(slots=True)
class Change:
    """What one commit changes against its first parent. A renamed file counts with both of its paths."""

    paths: list[str] = field(default_factory=list)
    added: int = 0
    deleted: int = 0

    def count(self, token: str) -> None:
        """Take in `added TAB deleted TAB path` of one file."""
        added, _, rest = token.partition("\t")
        deleted, _, path = rest.partition("\t")
        self.paths.append(path)
        self.added += int(added) if added != "-" else 0  # git writes - for a binary file
        self.deleted += int(deleted) if deleted != "-" else 0


def changes_of(git: Git, commits: Sequence[CommitInfo]) -> dict[Oid, Change]:
    """Return the change of each commit; a merge's is against its first parent, a first commit's against nothing."""
    if not commits:
        return {}
    asked = "".join(" ".join((commit.id, *commit.parents[:1])) + "\n" for commit in commits)
    done = git.run("diff-tree", "--stdin", "--root", *NUMBERS, stdin=asked.encode())
    return {commit.id: Change() for commit in commits} | _parse(os.fsdecode(done.stdout))


def _parse(text: str) -> dict[Oid, Change]:
    """Read `id NUL (added TAB deleted TAB path NUL)*` over and over."""
    changes: dict[Oid, Change] = {}
    current = Change()
    for token in text.split("\0")[:-1]:
        if "\t" not in token:
            current = changes.setdefault(Oid(token), Change())
        else:
            current.count(token)
    return changes


@dataclass(frozen=True, slots=True)
class WholeCommit:
    """A commit together with what it changes."""

    info: CommitInfo
    change: Change


def read_whole(git: Git, commit: Oid) -> WholeCommit | None:
    """Return a commit and its change with one git call; None when git has no commit of that id."""
    found = read_with_numbers(git, commit)
    if found is None:
        return None
    info, numbers = found
    change = Change()
    for token in numbers:
        change.count(token)
    return WholeCommit(info, change)


def commit_fields(branch: BranchName, commit: CommitInfo, change: Change, *, origin: str) -> dict[str, Any]:
    """Return the fields of a `commit` event."""
    parsed = parse_subject(commit.subject, commit.body)
    return {
        "branch": branch.value,
        "id": commit.id,
        "author": commit.author.name,
        "email": commit.author.email,
        "subject": commit.subject,
        "type": parsed.type,
        "scope": parsed.scope,
        "paths": tuple(change.paths),
        "files": len(change.paths),
        "added": change.added,
        "deleted": change.deleted,
        "merge": len(commit.parents) > 1,
        "origin": origin,
    }
