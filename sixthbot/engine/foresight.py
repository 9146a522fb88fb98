"""Foresees conflicts: each open branch of the bot against its base and every other, before anything is tried."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from sixthbot.actions.changelog_places import changelog_file
from sixthbot.actions.forecasting import (
    MOST_BRANCHES,
    foresee,
    keep,
    open_branches,
    pair_of,
    pair_with_base,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.engine.services import Services

_PATHS = 10


class Foresight:
    """Remembers where branches were at the last look. A look at nothing new costs nothing; else two processes."""

    def __init__(self) -> None:
        self._seen: Mapping[str, Oid] | None = None

    def look(self, services: Services, tips: Mapping[str, Oid]) -> None:
        """Compare the open branches where one of `tips`, all branches by full ref name, has moved."""
        if self._seen == tips:
            return
        pairs = _pairs(services, tips)
        found = foresee(services.repo.git, services.store.cursors, [pair for _, _, _, pair in pairs])
        changelog = _changelog(services, [pair for pair, paths in found.items() if paths])
        conflicts: list[dict[str, Any]] = []
        for branch, other, is_base, pair in pairs:
            paths = without(found[pair], changelog)
            if paths:
                shown = list(paths[:_PATHS])
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


def _changelog(services: Services, conflicting: Sequence[tuple[Oid, Oid]]) -> str:
    """Return the changelog's name, which is asked for only where something conflicts."""
    named = services.loaded.config.changelog.file
    if named or not conflicting:
        return named
    return changelog_file(services.repo.git, conflicting[0][0])


def _pairs(services: Services, tips: Mapping[str, Oid]) -> list[tuple[str, str, bool, tuple[Oid, Oid]]]:
    """Return (branch, other branch, whether that is its base, their tips) for all that are worth a try."""
    branches = open_branches(services.store.issues.list(), tips)
    with_base = [(one, pair) for one in branches if (pair := pair_with_base(one)) is not None]
    pairs = [(one.name, one.base, True, pair) for one, pair in with_base]
    among = sorted(branches[:MOST_BRANCHES], key=lambda branch: branch.name)
    for one, other in combinations(among, 2):
        pair = pair_of(one, other)
        if pair is not None:
            pairs.append((one.name, other.name, False, pair))
    return pairs
