"""What merges would come to, known again by the tips: nothing is tried twice while neither of two branches moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.git.mergeable import forecast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git
    from sixthbot.store.cursors import Cursors

CURSOR = "forecast"
_MOST_PATHS = 100
"""So many conflicting paths of a pair are kept."""


def foresee(
    git: Git, cursors: Cursors, pairs: Iterable[tuple[Oid, Oid]]
) -> dict[tuple[Oid, Oid], tuple[str, ...] | None]:
    """Return for each pair of tips the paths in conflict, from what is known; what is not takes one process in all.

    None stands for a pair that git cannot try. What was found out is not kept: that is for `keep`.
    """
    known = _known(cursors)
    wanted = list(dict.fromkeys(pairs))
    new = forecast(git, [pair for pair in wanted if _key(pair) not in known])
    return {pair: new[pair] if pair in new else known[_key(pair)] for pair in wanted}


def keep(
    cursors: Cursors,
    found: Mapping[tuple[Oid, Oid], tuple[str, ...] | None],
    conflicts: Sequence[Mapping[str, Any]],
) -> None:
    """Keep what is known of pairs of tips, and the `conflicts` that `status` shows, over what was kept before."""
    pairs = {
        _key(pair): None if paths is None else list(paths[:_MOST_PATHS]) for pair, paths in found.items()
    }
    cursors.save(CURSOR, {"pairs": pairs, "conflicts": [dict(one) for one in conflicts]})


def _known(cursors: Cursors) -> dict[str, tuple[str, ...] | None]:
    saved = (cursors.load(CURSOR) or {}).get("pairs")
    known: dict[str, tuple[str, ...] | None] = {}
    for key, paths in (saved if isinstance(saved, dict) else {}).items():
        if isinstance(paths, list) and all(isinstance(path, str) for path in paths):
            known[key] = tuple(paths)
    return known  # one that could not be tried is tried again


def _key(pair: tuple[Oid, Oid]) -> str:
    return f"{pair[0]}..{pair[1]}"
