"""What commits bring: the paths that each of a range changes, with one git call for hundreds of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.conventional import parse_subject
from sixthbot.core.names import Oid

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


def changes_of(git: Git, commits: Sequence[CommitInfo]) -> dict[Oid, Change]:
    """Return the change of each commit; a merge's is against its first parent, a first commit's against nothing."""
    if not commits:
        return {}
    asked = "".join(" ".join((commit.id, *commit.parents[:1])) + "\n" for commit in commits)
    done = git.run(
        "diff-tree", "--stdin", "-r", "-z", "--root", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv",
        stdin=asked.encode(),
    )  # fmt: skip
    return {commit.id: Change() for commit in commits} | _parse(os.fsdecode(done.stdout))


def _parse(text: str) -> dict[Oid, Change]:
    """Read `id NUL (added TAB deleted TAB path NUL)*` over and over."""
    changes: dict[Oid, Change] = {}
    current = Change()
    for token in text.split("\0")[:-1]:
        added, tab, rest = token.partition("\t")
        if not tab:
            current = changes.setdefault(Oid(token), Change())
            continue
        deleted, _, path = rest.partition("\t")
        current.paths.append(path)
        current.added += int(added) if added != "-" else 0  # git writes - for a binary file
        current.deleted += int(deleted) if deleted != "-" else 0
    return changes


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
