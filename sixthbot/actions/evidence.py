"""What a draft is held against besides issue, plan and checks: each read from git objects or records, none from a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sixthbot.actions.complexity import measure_file
from sixthbot.actions.forecasting import forecasts
from sixthbot.core.coverage import ChangedLines
from sixthbot.core.errors import UsageError
from sixthbot.core.filekinds import FileKind, is_dependency, is_migration, kind_of
from sixthbot.core.risk import RiskFacts, assess
from sixthbot.git.attributes import generated_paths
from sixthbot.git.churn import churn
from sixthbot.git.trees import list_tree, read_blobs
from sixthbot.insight.api import ApiReport, compare_api

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.actions.base import Context
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.actions.forecasting import Forecast
    from sixthbot.core.names import Oid
    from sixthbot.core.risk import Risk
    from sixthbot.git.diffs import FileChange
    from sixthbot.store.operations import Operation

_HOT = 10
"""A file is hot when at least that many of the base's last commits changed it."""

_NOT_BY_HAND = frozenset({FileKind.GENERATED, FileKind.LOCK})
_CODE = (".py", ".js", ".ts", ".tsx", ".jsx", ".go", ".rs", ".java", ".kt", ".c", ".cc", ".cpp", ".cs", ".rb", ".php",
         ".swift", ".scala", ".sh", ".ex", ".exs", ".dart", ".lua", ".pl")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A function whose complexity is another: 0 stands for a function that was, or is, not there."""

    where: str
    old: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All of it. `left_out` counts open branches that no conflict was forecast with, for there are too many."""

    kinds: Mapping[str, FileKind] = field(hash=False)
    hot: Mapping[str, int] = field(hash=False)
    api: ApiReport
    deltas: tuple[Delta, ...]
    forecasts: tuple[Forecast, ...]
    left_out: int
    coverage: ChangedLines | None
    coverage_file: str
    operation: Operation | None
    risk: Risk


def collect(
    ctx: Context,
    branch: IssueBranch,
    files: Sequence[FileChange],
    *,
    start: Oid,
    changelog: str,
    checks: Mapping[str, Any],
) -> Evidence:
    """Read everything; `start` is the commit that the branch's own work begins after, `checks` the outputs of `check`."""
    git = ctx.repo.git
    generated = generated_paths(git, list_tree(git, branch.tip), [change.path for change in files])
    kinds = {change.path: kind_of(change.path, generated=change.path in generated) for change in files}
    api = compare_api(git, start, branch.tip, _touched(files, kinds))
    often = churn(git, start)
    hot = {
        change.path: often[change.old_path or change.path]
        for change in files
        if kinds[change.path] is FileKind.SOURCE and often[change.old_path or change.path] >= _HOT
    }
    expected, left_out = forecasts(
        git,
        ctx.store.cursors,
        ctx.store.issues.list(),
        branch=branch.name,
        tip=branch.tip,
        base=branch.base.value,
        base_tip=branch.base_tip,
        changelog=changelog,
    )
    coverage = read_coverage(checks.get("coverage"))
    facts = _risk_facts([one for one in files if one.path != changelog], kinds, api, expected, coverage, hot)
    return Evidence(
        kinds=kinds,
        hot=hot,
        api=api,
        deltas=tuple(_deltas(ctx, files, kinds)),
        forecasts=tuple(expected),
        left_out=left_out,
        coverage=coverage,
        coverage_file=str((checks.get("coverage") or {}).get("file", "")) if coverage else "",
        operation=_operation(ctx, branch),
        risk=assess(facts),
    )


def is_code(path: str) -> bool:
    """Tell whether a path names something that tests could run."""
    return path.endswith(_CODE)


def read_coverage(raw: object) -> ChangedLines | None:
    """Read back what the step `check` left of a coverage report; None where it left none, or its record is damaged."""
    values = raw if isinstance(raw, dict) else {}
    measured, missed = values.get("measured"), values.get("missed")
    if not isinstance(measured, int) or not isinstance(missed, dict):
        return None
    sound = {
        str(path): tuple(line for line in lines if isinstance(line, int))
        for path, lines in missed.items()
        if isinstance(lines, list | tuple)
    }
    return ChangedLines(measured=measured, missed=sound)


def _touched(files: Sequence[FileChange], kinds: Mapping[str, FileKind]) -> list[str]:
    paths = [change.path for change in files if kinds[change.path] is FileKind.SOURCE]
    return paths + [change.old_path for change in files if change.old_path]


def _risk_facts(
    files: Sequence[FileChange],
    kinds: Mapping[str, FileKind],
    api: ApiReport,
    expected: Sequence[Forecast],
    coverage: ChangedLines | None,
    hot: Mapping[str, int],
) -> RiskFacts:
    paths = [change.path for change in files]
    source = [path for path in paths if kinds[path] is FileKind.SOURCE and is_code(path)]
    with_tests = any(kinds[path] is FileKind.TEST for path in paths)
    by_hand = [change for change in files if kinds[change.path] not in _NOT_BY_HAND]
    tried = [one for one in expected if one.conflicts is not None]
    return RiskFacts(
        lines=sum((change.added or 0) + (change.deleted or 0) for change in by_hand),
        hot=sorted(hot),
        measured=None if coverage is None else coverage.measured,
        missed=0 if coverage is None else coverage.missed_count,
        sources=len(source),
        tests=with_tests,
        breaks=api.breaks,
        migrations=[path for path in paths if is_migration(path)],
        dependencies=[path for path in paths if is_dependency(path)],
        base_conflict=any(one.conflicts and one.is_base for one in tried),
        conflicts=sum(bool(one.conflicts) and not one.is_base for one in tried) if tried else None,
    )


def _deltas(ctx: Context, files: Sequence[FileChange], kinds: Mapping[str, FileKind]) -> list[Delta]:
    """Return the functions whose complexity changed, those that grew most first; files that do not parse say nothing."""
    changed = [one for one in files if one.path.endswith(".py") and kinds[one.path] is FileKind.SOURCE]
    oids = [oid for one in changed for oid in (one.old, one.new) if oid is not None]
    blobs = read_blobs(ctx.repo.git, list(dict.fromkeys(oids)))
    found = []
    for one in changed:
        old, new = _measured(one.path, blobs, one.old), _measured(one.path, blobs, one.new)
        if old is None or new is None:
            continue
        found += [
            Delta(where=f"{one.path}:{name}", old=old.get(name, 0), new=new.get(name, 0))
            for name in sorted(old.keys() | new.keys())
            if old.get(name, 0) != new.get(name, 0)
        ]
    return sorted(found, key=lambda delta: (delta.old - delta.new, delta.where))


def _measured(path: str, blobs: Mapping[Oid, bytes], oid: Oid | None) -> dict[str, int] | None:
    if oid is None:
        return {}
    data = blobs.get(oid)
    found = None if data is None else measure_file(path, data)
    return None if found is None else {one.name: one.complexity for one in found}


def _operation(ctx: Context, branch: IssueBranch) -> Operation | None:
    """Return the last operation that put the branch where it is, None when a person did."""
    try:
        operations = ctx.store.operations.list()
    except UsageError:
        return None
    ref = branch.name.ref
    return next(
        (
            one
            for one in reversed(operations)
            if any(name == ref and new == branch.tip for name, _, new in one.refs)
        ),
        None,
    )
