"""Turns evidence into values for the PR template: plain words and safe markdown, in an order that never depends on chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.actions.markdown import code, inline
from sixthbot.core.filekinds import FileKind
from sixthbot.core.risk import MOST, VERSION
from sixthbot.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.actions.evidence import Delta, Evidence
    from sixthbot.actions.forecasting import Forecast
    from sixthbot.git.diffs import FileChange

_FILES_SHOWN = 60
_SHOWN = 20
_LINES_SHOWN = 12
_GROUPS = (("Source", FileKind.SOURCE), ("Tests", FileKind.TEST), ("Documents", FileKind.DOCS))
_COLLAPSED = (("generated", FileKind.GENERATED), ("lock", FileKind.LOCK))


def file_values(files: Sequence[FileChange], kinds: Mapping[str, FileKind]) -> dict[str, Any]:
    """Return the changed files: in groups, generated and lock files as one line each, and all of them as they come."""
    groups = []
    room = _FILES_SHOWN
    for name, kind in _GROUPS:
        here = [change for change in files if kinds[change.path] is kind]
        if here:
            shown = here[:room]
            groups.append(
                {
                    "name": name,
                    "count": counted(len(here), "file"),
                    "added": _sum(here, "added"),
                    "deleted": _sum(here, "deleted"),
                    "files": [_file(change) for change in shown],
                    "left_out": len(here) - len(shown),
                }
            )
            room -= len(shown)
    collapsed = [
        {
            "name": name,
            "count": counted(len(here), f"{name} file"),
            "added": _sum(here, "added"),
            "deleted": _sum(here, "deleted"),
            "names": _named([change.path for change in here], 5),
        }
        for name, kind in _COLLAPSED
        if (here := [change for change in files if kinds[change.path] is kind])
    ]
    return {
        "file_groups": groups,
        "collapsed": collapsed,
        "files": [_file(change) for change in files[:_FILES_SHOWN]],
        "files_left_out": max(len(files) - _FILES_SHOWN, 0),
        "file_count": len(files),
        "added": _sum(files, "added"),
        "deleted": _sum(files, "deleted"),
    }


def evidence_values(evidence: Evidence) -> dict[str, Any]:
    """Return everything else: risk, public interface, coverage, complexity, forecast and how to take it back."""
    api, operation = evidence.api, evidence.operation
    return {
        "risk": {
            "score": evidence.risk.score,
            "most": MOST,
            "level": evidence.risk.level,
            "formula": VERSION,
            "terms": [
                {"name": term.name, "points": term.points, "most": term.most, "why": inline(term.why)}
                for term in evidence.risk.terms
                if term.known
            ],
            "nothing": [term.name for term in evidence.risk.terms if term.known and not term.points],
            "unknown": [f"{term.name} ({term.why})" for term in evidence.risk.terms if not term.known],
            "hot": [
                f"{code(path)} ({counted(times, 'time')})" for path, times in sorted(evidence.hot.items())
            ],
        },
        "api": {
            "packages": [code(name) for name in api.packages],
            "breaks": api.breaks or 0,
            "changes": [
                {
                    "name": code(change.name),
                    "kind": change.kind,
                    "breaking": change.breaking,
                    "detail": code(change.detail) if change.detail else "",
                }
                for change in sorted(api.changes, key=lambda one: (not one.breaking, one))[:_SHOWN]
            ],
            "left_out": max(len(api.changes) - _SHOWN, 0),
        },
        "coverage": _coverage(evidence),
        "complexity": _complexity(evidence.deltas),
        "forecast": [_forecast(one) for one in evidence.forecasts],
        "undo": None
        if operation is None
        else {
            "id": code(operation.id),
            "command": code(f"sixthbot undo {operation.id}"),
            "reason": inline(operation.reason),
            "before": next((old or "" for _, old, _ in operation.refs), ""),
            "backup": next((code(ref) for ref, _, _ in operation.backups()), ""),
        },
    }


def _coverage(evidence: Evidence) -> dict[str, Any] | None:
    coverage = evidence.coverage
    if coverage is None:
        return None
    missed = [
        f"{code(path)} line {', '.join(map(str, lines[:_LINES_SHOWN]))}"
        + (f" and {len(lines) - _LINES_SHOWN} more" if len(lines) > _LINES_SHOWN else "")
        for path, lines in sorted(coverage.missed.items())
    ]
    return {
        "file": code(evidence.coverage_file),
        "measured": coverage.measured,
        "ran": coverage.measured - coverage.missed_count,
        "missed": missed[:_SHOWN],
        "left_out": max(len(missed) - _SHOWN, 0),
    }


def _complexity(deltas: Sequence[Delta]) -> dict[str, Any]:
    shown = [
        f"{code(delta.where)}: {delta.old or 'new'} -> {delta.new or 'gone'}" for delta in deltas[:_SHOWN]
    ]
    return {
        "changed": len(deltas),
        "sum": sum(delta.new - delta.old for delta in deltas),
        "shown": shown,
        "left_out": max(len(deltas) - _SHOWN, 0),
    }


def _forecast(one: Forecast) -> dict[str, Any]:
    return {
        "branch": code(one.branch),
        "is_base": one.is_base,
        "tried": one.conflicts is not None,
        "clean": one.conflicts == (),
        "paths": _named(one.conflicts or (), 5),
    }


def _named(paths: Sequence[str], most: int) -> str:
    shown = ", ".join(code(path) for path in paths[:most])
    return f"{shown} and {len(paths) - most} more" if len(paths) > most else shown


def _sum(files: Sequence[FileChange], name: str) -> int:
    return sum(getattr(change, name) or 0 for change in files)


def _file(change: FileChange) -> dict[str, Any]:
    return {
        "path": code(change.path),
        "old_path": code(change.old_path) if change.old_path else "",
        "status": change.status,
        "binary": change.binary,
        "added": change.added or 0,
        "deleted": change.deleted or 0,
    }
