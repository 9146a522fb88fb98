"""Foresees conflicts: each open branch of the bot against its base and every other, before anything is tried."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from sixthbot.actions.forecasts import foresee, keep
from sixthbot.core.issues import IssueStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.core.names import Oid
    from sixthbot.engine.services import Services

_CLOSED = frozenset({IssueStatus.CANCELLED, IssueStatus.ENDED, IssueStatus.REJECTED})
_MOST = 30
"""So many branches are compared with each other, the newest issues first: pairs grow with the square."""
_PATHS = 10


class Foresight:
    """Remembers where branches were at the last look. A look at nothing new costs nothing; else one process."""

    def __init__(self) -> None:
        self._seen: Mapping[str, Oid] | None = None

    def look(self, services: Services, tips: Mapping[str, Oid]) -> None:
        """Compare the open branches where one of `tips`, all branches by full ref name, has moved."""
        if self._seen == tips:
            return
        pairs = _pairs(services, tips)
        found = foresee(services.repo.git, services.store.cursors, [pair for _, _, _, pair in pairs])
        changelog = services.loaded.config.changelog.file or "CHANGELOG.md"
        conflicts: list[dict[str, Any]] = []
        for branch, other, is_base, pair in pairs:
            # every rebase writes the changelog anew
            paths = [path for path in found[pair] or () if path != changelog]
            if paths:
                shown = paths[:_PATHS]
                conflicts.append(
                    {
                        "branch": branch,
                        "with": other,
                        "is_base": is_base,
                        "paths": shown,
                        "more": len(paths) - len(shown),
                    }
                )
        keep(services.store.cursors, found, conflicts)
        self._seen = dict(tips)


def _pairs(services: Services, tips: Mapping[str, Oid]) -> list[tuple[str, str, bool, tuple[Oid, Oid]]]:
    """Return (branch, other branch, whether that is its base, their tips) for all that are worth a try."""
    pairs: list[tuple[str, str, bool, tuple[Oid, Oid]]] = []
    open_now: list[tuple[str, str, Oid]] = []
    for record in reversed(services.store.issues.list()):
        if record.branch and record.status not in _CLOSED and f"refs/heads/{record.branch}" in tips:
            tip, base = tips[f"refs/heads/{record.branch}"], tips.get(f"refs/heads/{record.base}")
            if tip == base:
                continue  # nothing is on it yet
            open_now.append((record.branch, record.base, tip))
            if base is not None:
                pairs.append((record.branch, record.base, True, (base, tip)))
    for (one, its_base, tip), (other, other_base, other_tip) in combinations(sorted(open_now[:_MOST]), 2):
        if other != its_base and one != other_base and tip != other_tip:
            pairs.append((one, other, False, (tip, other_tip)))
    return pairs
