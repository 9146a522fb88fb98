"""What a draft claims and what it does not: a list of boxes that only records tick, and what nobody has verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.actions.markdown import code, inline
from sixthbot.actions.results import recorded
from sixthbot.core.filekinds import FileKind
from sixthbot.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.actions.facts import Draftable


def checklist(of: Draftable) -> list[dict[str, Any]]:
    """Return the boxes: those that a record answers, ticked or open as it says, then those for people, always open."""
    boxes = [{"text": text, "done": done} for text, done in _answered(of)]
    return boxes + [{"text": inline(text), "done": False} for text in of.manual]


def _answered(of: Draftable) -> Iterator[tuple[str, bool]]:
    evidence = of.evidence
    settled = sum(one.settled and not one.dropped for one in of.plan.subtasks)
    yield f"{settled} of {counted(len(of.plan.subtasks), 'subtask')} done", settled == len(of.plan.subtasks)
    results = recorded(of.checks)
    passed = bool(results) and of.same_tree and all(result["ok"] for result in results)
    yield "Checks passed on the tree of this draft", passed
    source = any(kind is FileKind.SOURCE for kind in evidence.kinds.values())
    if source:
        yield "Tests changed along with the source", FileKind.TEST in evidence.kinds.values()
    if evidence.coverage is not None:
        yield "Tests run every changed line that can run", not evidence.coverage.missed_count
    if evidence.api.packages:
        yield "The public interface keeps its callers", not evidence.api.breaks and not evidence.api.unread
    base = next((one for one in evidence.forecasts if one.is_base), None)
    if base is not None:
        yield f"Merges into {code(of.branch.base.value)} without a conflict", base.conflicts == ()
    if of.changelog:
        yield f"{code(of.changelog)} says what changed", True


def not_verified(of: Draftable) -> list[str]:
    """Return, as markdown, what nobody and nothing has verified; never empty."""
    missing = [*_unchecked(of), *_unmeasured(of)]
    people = [str(one.n) for one in of.plan.subtasks if one.by == "person" and one.settled]
    if people:
        missing.append(f"What people say they finished was taken at their word: subtask {', '.join(people)}.")
    unchanged = [
        str(one.n) for one in of.plan.subtasks if one.settled and not one.commits and one.by != "issue"
    ]
    if unchanged:
        missing.append(f"No commit stands for subtask {', '.join(unchanged)}.")
    ticked = [str(one.n) for one in of.plan.subtasks if one.by == "issue"]
    if ticked:
        missing.append(f"Ticked in the issue when it came: subtask {', '.join(ticked)}.")
    missing += [f"Too large to be looked at for secrets: {code(name)}." for name in of.scan.unread]
    missing += [inline(line) for line in of.custom]
    if of.issue.warnings:
        told = "; ".join(inline(warning) for warning in of.issue.warnings)
        missing.append(f"Not all of the issue file was understood: {told}.")
    missing.append("Whether the change does what the issue means: that is the reviewer's part.")
    return missing


def _unchecked(of: Draftable) -> Iterator[str]:
    results = recorded(of.checks)
    if not results:
        yield "No check commands are configured, so nothing was run on this tree."
    elif not of.same_tree:
        yield "The checks ran on another tree than this one."
    for result in results:
        if result["exit"] is None:
            yield f"{code(str(result['command']))} did not run to its end."
        counts = result["counts"]
        if counts is not None and counts.type_errors:
            yield "Which type errors are new: the check did not run on the base."


def _unmeasured(of: Draftable) -> Iterator[str]:
    evidence = of.evidence
    source = any(kind is FileKind.SOURCE for kind in evidence.kinds.values())
    if source and evidence.coverage is None:
        yield "Whether tests run the changed lines: no check left a coverage report."
    api = evidence.api
    if api.reason:
        yield f"The public interface was not compared: {inline(api.reason)}."
    if api.unread:
        shown = ", ".join(code(path) for path in api.unread[:5])
        more = f" and {len(api.unread) - 5} more" if len(api.unread) > 5 else ""  # noqa: PLR2004 - a line's worth
        yield f"Not Python that can be read, so not compared: {shown}{more}."
    untried = [code(one.branch) for one in evidence.forecasts if one.conflicts is None]
    if untried:
        yield f"No conflict could be forecast with {', '.join(untried[:5])}."
    if evidence.left_out:
        yield f"No conflict was forecast with {counted(evidence.left_out, 'more open branch', 'more open branches')}."
