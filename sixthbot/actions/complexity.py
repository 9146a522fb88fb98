"""Measures how tangled Python functions are (cyclomatic complexity by radon) and writes it down as a page."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.actions.markdown import code
from sixthbot.insight.source import source_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sixthbot.core.names import Oid

_SIZE_LIMIT = 1_000_000
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function or method: its file, line, qualified name and number of independent paths."""

    path: str
    line: int
    name: str
    complexity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """What was measured. `worst` has every function, the most complex first; `unread` the files that do not parse."""

    files: tuple[str, ...]
    unread: tuple[str, ...]
    worst: tuple[Function, ...]

    @property
    def average(self) -> float:
        """The mean over all functions, 0 for none."""
        return sum(one.complexity for one in self.worst) / len(self.worst) if self.worst else 0.0


def measure_file(path: str, data: bytes) -> list[Function] | None:
    """Measure one source; None for a file that is no Python of this version. Nothing is imported."""
    try:
        return list(_functions(path, data))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def summed_up(files: Mapping[str, Sequence[Function] | None]) -> Complexity:
    """Put together what was measured of each file."""
    functions = [one for found in files.values() for one in found or ()]
    functions.sort(key=lambda one: (-one.complexity, one.path, one.line))
    return Complexity(
        files=tuple(path for path, found in files.items() if found is not None),
        unread=tuple(path for path, found in files.items() if found is None),
        worst=tuple(functions),
    )


def page(result: Complexity, commit: Oid) -> str:
    """Return the result as markdown; it names the commit, and nothing of it depends on the day."""
    summary = f"{len(result.files)} Python files at `{commit}`, {len(result.worst)} functions"
    lines = ["# Complexity", "", f"{summary}, mean complexity {result.average:.1f}.", ""]
    if result.worst:
        lines += ["| complexity | function | where |", "|---:|---|---|"]
        lines += [
            f"| {one.complexity} | {code(one.name)} | {code(f'{one.path}:{one.line}').replace('|', '&#124;')} |"
            for one in result.worst[:_SHOWN]
        ]
        lines.append("")
    if result.unread:
        lines += [
            "Not read, because they do not parse:",
            "",
            *(f"- {code(path)}" for path in result.unread),
            "",
        ]
    return "\n".join(lines)


def _functions(path: str, data: bytes) -> Iterator[Function]:
    from radon.complexity import cc_visit  # noqa: PLC0415 - only where something is measured

    if len(data) > _SIZE_LIMIT:
        raise ValueError("too long to measure")
    text = source_text(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in somebody's source are not ours to report
        blocks = cc_visit(text)
    for found in blocks:
        if hasattr(found, "is_method"):
            yield Function(path=path, line=found.lineno, name=found.fullname, complexity=found.complexity)
