"""Coverage reports as text: which lines of which files tests ran, as coverage.py, Cobertura and lcov write it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from sixthbot.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("coverage.json", "coverage.xml", "lcov.info", "coverage/lcov.info")
"""Where test programs leave their reports, in the order they are looked for."""


@dataclass(frozen=True, slots=True)
class FileLines:
    """The lines of one file that could run, and those of them that did not."""

    ran: frozenset[int]
    missed: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLines:
    """Of the changed lines that could run: how many there are, and which no test ran, by file."""

    measured: int
    missed: Mapping[str, tuple[int, ...]] = field(hash=False)

    @property
    def missed_count(self) -> int:
        """How many no test ran."""
        return sum(map(len, self.missed.values()))


def parse_coverage(name: str, data: bytes) -> dict[str, FileLines]:
    """Read a report by the name of its file; UsageError where it is none."""
    try:
        if name.endswith(".json"):
            return _json(json.loads(data))
        return _cobertura(data) if name.endswith(".xml") else _lcov(data.decode("utf-8", "replace"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, expat.ExpatError):
        raise UsageError(f"{name} is no coverage report that can be read") from None


def on_changed_lines(
    report: Mapping[str, FileLines], changed: Mapping[str, frozenset[int]]
) -> ChangedLines | None:
    """Hold a report against the changed lines of each file; None when it knows none of the changed files."""
    measured, missed, known = 0, {}, False
    for path, lines in sorted(changed.items()):
        found = _lines_of(report, path)
        if found is None:
            continue
        known = True
        measured += len(lines & (found.ran | found.missed))
        if not_run := lines & found.missed:
            missed[path] = tuple(sorted(not_run))
    return ChangedLines(measured=measured, missed=missed) if known else None


def _lines_of(report: Mapping[str, FileLines], path: str) -> FileLines | None:
    """Find a file by its path, or by the only name in the report that its path ends with, or that ends with it."""
    if path in report:
        return report[path]
    near = [name for name in report if path.endswith(f"/{name}") or name.endswith(f"/{path}")]
    return report[near[0]] if len(near) == 1 else None


def _json(data: Mapping[str, Mapping[str, Mapping[str, list[int]]]]) -> dict[str, FileLines]:
    return {
        path: FileLines(
            frozenset(map(int, found["executed_lines"])), frozenset(map(int, found["missing_lines"]))
        )
        for path, found in data["files"].items()
    }


def _cobertura(data: bytes) -> dict[str, FileLines]:
    """Read it as a stream; a report that declares entities is refused, since they can grow without end."""
    hits: dict[str, dict[int, int]] = {}
    at: list[str] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if tag == "class":
            at.append(attributes["filename"])
        elif tag == "line" and at:
            lines, number = hits.setdefault(at[-1], {}), int(attributes["number"])
            lines[number] = max(lines.get(number, 0), int(attributes["hits"]))

    def end(tag: str) -> None:
        if tag == "class":
            at.pop()

    def refuse(*_: object) -> None:
        raise ValueError("entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = begin, end, refuse
    parser.Parse(data, True)  # noqa: FBT003 - expat's own signature
    return {path: _split(lines) for path, lines in hits.items()}


def _lcov(text: str) -> dict[str, FileLines]:
    found: dict[str, dict[int, int]] = {}
    path = ""
    for line in text.splitlines():
        if line.startswith("SF:"):
            path = line[3:]
        elif line.startswith("DA:") and path:
            number, hits = line[3:].split(",")[:2]
            found.setdefault(path, {})[int(number)] = int(hits)
    if not found:
        raise ValueError("no lines")
    return {path: _split(lines) for path, lines in found.items()}


def _split(hits: Mapping[int, int]) -> FileLines:
    return FileLines(
        frozenset(line for line, count in hits.items() if count),
        frozenset(line for line, count in hits.items() if not count),
    )
