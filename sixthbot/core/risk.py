"""How much care a change asks for: a formula with a version, whose every term says its points and why; no judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = 1
"""Changes whenever the same facts would give other points."""

MOST = 100
_LEVELS = ((50, "high"), (20, "medium"), (0, "low"))
_LINES_A_POINT = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFacts:
    """What is known of a change.

    `lines` are those added and deleted by hand, without generated files. `hot` are changed files that the base's last
    commits changed often. `missed` of `measured` changed lines no test ran; None where nothing measured it. `sources`
    counts the changed files of code, `tests` tells whether a test changed with them. `breaks` is None where the public interface was not
    compared, `conflicts` None where nothing was forecast; else the branches it conflicts with, `base_conflict` apart.
    """

    lines: int
    hot: Sequence[str] = ()
    measured: int | None = None
    missed: int = 0
    sources: int = 0
    tests: bool = False
    breaks: int | None = None
    migrations: Sequence[str] = ()
    dependencies: Sequence[str] = ()
    base_conflict: bool = False
    conflicts: int | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a score: its `points` of `most`, and `why`. `known` is false where nothing could be counted."""

    name: str
    points: int
    most: int
    why: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class Risk:
    """A score from 0 to 100 with the terms it is the sum of."""

    terms: tuple[Term, ...]

    @property
    def score(self) -> int:
        """The sum of all terms, at most 100."""
        return min(sum(term.points for term in self.terms), MOST)

    @property
    def level(self) -> str:
        """`low`, `medium` or `high`."""
        return next(name for least, name in _LEVELS if self.score >= least)


def assess(facts: RiskFacts) -> Risk:
    """Return the score of a change; the same facts always give the same."""
    return Risk(
        (
            _term("size", facts.lines // _LINES_A_POINT, 20, f"{counted(facts.lines, 'line')} by hand"),
            _each("files that change often", facts.hot, 4, 16),
            _tests(facts),
            _interface(facts.breaks),
            _each("migrations", facts.migrations, 10, 10),
            _each("dependencies", facts.dependencies, 8, 8),
            _conflicts(facts),
        )
    )


def _term(name: str, points: int, most: int, why: str) -> Term:
    return Term(name, min(points, most), most, why)


def _each(name: str, paths: Sequence[str], points: int, most: int) -> Term:
    return _term(name, points * len(paths), most, counted(len(paths), "file") if paths else "none")


def _tests(facts: RiskFacts) -> Term:
    if facts.measured is not None:
        share = -(-20 * facts.missed // facts.measured) if facts.measured else 0
        why = f"{facts.missed} of {counted(facts.measured, 'changed line')} not run by any test"
        return _term("untested lines", share, 20, why)
    untested = 0 if facts.tests else facts.sources
    why = f"{counted(untested, 'file')} of code changed, no test" if untested else "no code changed"
    if facts.tests and facts.sources:
        why = "tests changed along"
    return _term("untested files", 4 * untested, 12, f"{why}; no coverage measured")


def _interface(breaks: int | None) -> Term:
    if breaks is None:
        return Term("broken interface", 0, 32, "not compared", known=False)
    # one is enough for somebody's code to stop working
    points = 16 + 4 * breaks if breaks else 0
    return _term("broken interface", points, 32, counted(breaks, "break") if breaks else "none")


def _conflicts(facts: RiskFacts) -> Term:
    if facts.conflicts is None:
        return Term("conflicts", 0, 28, "not forecast", known=False)
    with_base = ["with its base"] if facts.base_conflict else []
    others = [f"with {counted(facts.conflicts, 'other branch', 'other branches')}"] if facts.conflicts else []
    points = 20 * facts.base_conflict + 4 * facts.conflicts
    return _term("conflicts", points, 28, " and ".join(with_base + others) or "none forecast")
