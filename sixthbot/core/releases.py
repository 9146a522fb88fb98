"""Releases: which commits belong to which tagged version, with one pass over a history and nothing but ids."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sixthbot.core.versions import Version


class HistoryCommit(NamedTuple):
    """A commit as a changelog needs it: `epoch` in seconds is when it was committed, `body` its whole message."""

    id: str
    parents: Sequence[str]
    epoch: int
    body: str

    @property
    def subject(self) -> str:
        """The first line of its message."""
        body = self.body
        return (body.lstrip("\n") if body.startswith("\n") else body).partition("\n")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What came with one version; `version` None is what is not released yet. Commits are in order, oldest first.

    `epoch` is when the tagged commit was made, in seconds; 0 for what is not released.
    """

    version: Version | None
    epoch: int
    commits: tuple[HistoryCommit, ...]


def releases_of(history: Sequence[HistoryCommit], tagged: Mapping[str, Version]) -> list[Release]:
    """Return the releases of a history, what is not released first, then the newest version first.

    `history` is newest first and no commit comes before one of its children. `tagged` maps commits to versions. A
    commit belongs to the oldest version that has it.
    """
    marks = [commit for commit in history if commit.id in tagged]
    when = {commit.id: commit.epoch for commit in marks}
    if any(before.epoch < after.epoch for before, after in pairwise(marks)):
        when = _corrected(history)
    # stable: at the same second children stay first
    marks.sort(key=lambda commit: when[commit.id], reverse=True)
    rank = {commit.id: at for at, commit in enumerate(marks, start=1)}
    found: list[list[HistoryCommit]] = [[] for _ in range(len(marks) + 1)]
    inherited: dict[str, int] = {}
    for commit in history:
        at = inherited.pop(commit.id, 0)
        own = rank.get(commit.id, 0)
        at = max(at, own)
        for parent in commit.parents:
            if inherited.get(parent, -1) < at:
                inherited[parent] = at
        found[at].append(commit)
    unreleased = Release(version=None, epoch=0, commits=tuple(reversed(found[0])))
    return [
        unreleased,
        *(
            Release(version=tagged[mark.id], epoch=mark.epoch, commits=tuple(reversed(commits)))
            for mark, commits in zip(marks, found[1:], strict=True)
        ),
    ]


def _corrected(history: Sequence[HistoryCommit]) -> dict[str, int]:
    """Return when each commit was made by clocks that never run backwards along a line of history.

    The "corrected commit date" of git's own commit-graph (Documentation/technical/commit-graph.txt).
    """
    found: dict[str, int] = {}
    for commit in reversed(history):
        when = commit.epoch
        for parent in commit.parents:
            when = max(when, found.get(parent, -1) + 1)
        found[commit.id] = when
    return found


def only(releases: Iterable[Release], wanted: frozenset[str]) -> list[Release]:
    """Return the releases with none but the wanted commits, such as those that touch one folder."""
    return [
        Release(
            version=release.version,
            epoch=release.epoch,
            commits=tuple(commit for commit in release.commits if commit.id in wanted),
        )
        for release in releases
    ]
