"""Forecasts what merging open branches would come to, known again by their tips: nothing is tried twice while none moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName
from sixthbot.git.mergeable import forecast
from sixthbot.git.refs import list_refs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git
    from sixthbot.store.cursors import Cursors

    Pair: TypeAlias = tuple[Oid, Oid]
    Found: TypeAlias = dict[Pair, tuple[str, ...] | None]

CURSOR = "forecast"
MOST_BRANCHES = 30
"""So many branches are compared with each other, the newest issues first: pairs grow with the square."""
_MOST_PATHS = 100
"""So many conflicting paths of a pair are told of; a pair that is known is not to say less than one that is new."""
_CLOSED = frozenset({IssueStatus.CANCELLED, IssueStatus.ENDED, IssueStatus.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBranch:
    """A branch of an open issue that has something on it; `base_tip` is None where its base is gone."""

    name: str
    tip: Oid
    base: str
    base_tip: Oid | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a merge with another branch would come to: the paths that conflict, None where it could not be tried."""

    branch: str
    is_base: bool
    conflicts: tuple[str, ...] | None


def open_branches(issues: Iterable[IssueRecord], tips: Mapping[str, Oid]) -> list[OpenBranch]:
    """Return the branches that are worth a forecast, the newest issue's first; `tips` is by full ref name."""
    found: list[OpenBranch] = []
    for record in reversed(list(issues)):
        tip, base_tip = (tips.get(f"refs/heads/{name}") for name in (record.branch, record.base))
        if record.branch and record.status not in _CLOSED and tip is not None and tip != base_tip:
            found.append(OpenBranch(name=record.branch, tip=tip, base=record.base, base_tip=base_tip))
    return found


def pair_with_base(branch: OpenBranch) -> Pair | None:
    """Return the tips to try for a branch and its base, None where that is gone."""
    return None if branch.base_tip is None else (branch.base_tip, branch.tip)


def pair_of(one: OpenBranch, other: OpenBranch) -> Pair | None:
    """Return the tips to try for two branches, whichever is named first; None where one stands on the other."""
    if one.tip == other.tip or one.base == other.name or other.base == one.name:
        return None
    first, second = sorted((one, other), key=lambda branch: branch.name)
    return first.tip, second.tip


def foresee(git: Git, cursors: Cursors, pairs: Iterable[Pair]) -> Found:
    """Return for each pair of tips the paths in conflict, from what is known; all that are not take two processes.

    None stands for a pair that git cannot try. What was found out is not kept: that is for `keep`.
    """
    known = _known(cursors)
    wanted = list(dict.fromkeys(pairs))
    new = forecast(git, [pair for pair in wanted if _key(pair) not in known])
    told = {pair: new[pair] if pair in new else known[_key(pair)] for pair in wanted}
    return {pair: None if paths is None else paths[:_MOST_PATHS] for pair, paths in told.items()}


def keep(cursors: Cursors, found: Found, conflicts: Sequence[Mapping[str, Any]]) -> None:
    """Keep what is known of pairs of tips, and the `conflicts` that `status` shows, over what was kept before."""
    pairs = {_key(pair): None if paths is None else list(paths) for pair, paths in found.items()}
    cursors.save(CURSOR, {"pairs": pairs, "conflicts": [dict(one) for one in conflicts]})


def forecasts(
    git: Git,
    cursors: Cursors,
    issues: Iterable[IssueRecord],
    *,
    branch: BranchName,
    tip: Oid,
    base: str,
    base_tip: Oid,
    changelog: str = "",
) -> tuple[list[Forecast], int]:
    """Return what merges of a branch with its base and other open branches come to, and how many were too many to try.

    The base is first, the others go by name. The file `changelog` does not count: every rebase writes it anew.
    """
    records = list(issues)
    own = OpenBranch(name=branch.value, tip=tip, base=base, base_tip=base_tip)
    names = {name for record in records for name in (record.branch, record.base) if name}
    tips = list_refs(git, sorted(BranchName.parse(name).ref for name in names)).ids if names else {}
    pairs = {
        other.name: pair
        for other in open_branches(records, tips)
        if other.name not in {own.name, base} and (pair := pair_of(own, other)) is not None
    }
    tried = sorted(list(pairs)[:MOST_BRANCHES])
    found = foresee(git, cursors, [(base_tip, tip), *(pairs[name] for name in tried)])
    told = [Forecast(branch=base, is_base=True, conflicts=without(found[base_tip, tip], changelog))]
    told += [
        Forecast(branch=name, is_base=False, conflicts=without(found[pairs[name]], changelog))
        for name in tried
    ]
    return told, len(pairs) - len(tried)


def without(paths: tuple[str, ...] | None, changelog: str) -> tuple[str, ...] | None:
    """Return the paths without the changelog's: it never conflicts for long."""
    return None if paths is None else tuple(path for path in paths if path != changelog)


def _known(cursors: Cursors) -> dict[str, tuple[str, ...] | None]:
    saved = (cursors.load(CURSOR) or {}).get("pairs")
    known: dict[str, tuple[str, ...] | None] = {}
    for key, paths in (saved if isinstance(saved, dict) else {}).items():
        if isinstance(paths, list) and all(isinstance(path, str) for path in paths):
            known[key] = tuple(paths)
    return known  # one that could not be tried is tried again


def _key(pair: Pair) -> str:
    return f"{pair[0]}..{pair[1]}"
