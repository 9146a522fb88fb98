"""Forecasts what merging a branch with its base and with every other open branch of the bot would come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName
from sixthbot.git.mergeable import forecast
from sixthbot.git.refs import list_refs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

_BRANCHES = 30
_CLOSED = frozenset({IssueStatus.CANCELLED, IssueStatus.ENDED, IssueStatus.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a merge with another branch would come to: the paths that conflict, None where it could not be tried."""

    branch: str
    is_base: bool
    conflicts: tuple[str, ...] | None


def forecasts(
    git: Git,
    issues: Iterable[IssueRecord],
    *,
    branch: BranchName,
    tip: Oid,
    base: str,
    base_tip: Oid,
    changelog: str = "",
) -> tuple[list[Forecast], int]:
    """Try the merges in memory; return what they come to, the base first, and how many branches were too many to try.

    The file `changelog` does not count: every rebase writes it anew.
    """
    names = {
        record.branch: BranchName.parse(record.branch).ref
        for record in issues
        if record.branch not in {"", branch.value, base} and record.status not in _CLOSED
    }
    tips = list_refs(git, sorted(names.values())).ids if names else {}
    others = [(name, tips[ref]) for name, ref in sorted(names.items()) if ref in tips]
    ends = [(base, base_tip), *others[:_BRANCHES]]
    conflicts = forecast(git, [(end, tip) for _, end in ends])
    found = [
        Forecast(branch=name, is_base=name == base, conflicts=_told(conflicts[end, tip], changelog))
        for name, end in ends
    ]
    return found, max(len(others) - _BRANCHES, 0)


def _told(paths: tuple[str, ...] | None, changelog: str) -> tuple[str, ...] | None:
    return None if paths is None else tuple(path for path in paths if path != changelog)
