"""The step `check`: runs the repository's own commands on exactly the tree that would be pushed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from sixthbot.actions.base import Action, Context, NoArgs
from sixthbot.actions.branches import look
from sixthbot.actions.covering import measured, stamps
from sixthbot.actions.places import prepared, run_in, task_env
from sixthbot.actions.results import recorded
from sixthbot.core.checkcounts import count, to_record
from sixthbot.core.errors import WorkFailed
from sixthbot.core.names import clean_line
from sixthbot.core.tasks import Outcome
from sixthbot.core.times import format_duration
from sixthbot.git.trees import tree_of
from sixthbot.store.redact import Masked, redact, redact_command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sixthbot.actions.places import Place
    from sixthbot.core.issues import IssueRecord

_NAME_SHOWN = 100
_WHOLE = 900_000
_TAIL = 8_000
"""Characters of a command's output that are kept with its result; all of it is in the task's log."""


def run(ctx: Context, args: NoArgs) -> Outcome:  # noqa: ARG001 - every action takes its arguments
    """Run every configured check; outputs `configured`, `passed`, `tree`, `commit`, `results`, `coverage`.

    A check that fails does not fail the step: the draft says so. Results of the same commands on the same tree are
    used again when all of them passed.
    """
    record = ctx.issue()
    branch = look(ctx, record)
    commands = [list(argv) for argv in ctx.config.check.run]
    tree = tree_of(ctx.repo.git, branch.tip)
    outputs: dict[str, Any] = {
        "configured": bool(commands),
        "passed": True,
        "tree": tree,
        "commit": branch.tip,
    }
    if not commands:
        ctx.tell("no checks are configured ([check] run)")
        return Outcome({**outputs, "results": []})
    before = ctx.outputs.get("check", {})
    if before.get("tree") == tree and before.get("passed") and _commands(before) == commands:
        return Outcome({**before, "commit": branch.tip})
    ran, coverage = _run_all(ctx, record, commands, branch.tip)
    results = [{**result, "tree": tree} for result in ran]
    passed = all(result["ok"] for result in results)
    return Outcome({**outputs, "passed": passed, "results": results, "coverage": coverage})


def _commands(outputs: Any) -> list[Any]:
    return [result["argv"] for result in recorded(outputs)]


def _run_all(
    ctx: Context, record: IssueRecord, commands: Sequence[list[str]], tip: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the result of each command, and what a coverage report that they left says of the changed lines."""
    env = {
        **task_env(ctx),
        "SIXTH_COMMIT": str(tip),
        "SIXTH_BRANCH": record.branch,
        "SIXTH_BASE": record.base,
        "SIXTH_ISSUE_ID": record.id,
    }
    try:
        with prepared(ctx, tip) as place:
            before = stamps(place.path)
            results = _results(ctx, place, commands, env)
            return results, measured(ctx, place.path, record, tip, before)
    except WorkFailed as error:
        # a worktree that could not be prepared leaves every check unrun, which is a failure of each
        return [_failed(argv, error.message) for argv in commands], {}


def _results(
    ctx: Context, place: Place, commands: Sequence[list[str]], env: dict[str, str]
) -> list[dict[str, Any]]:
    """Run each command that an earlier attempt did not come to on the same tree, prepared in the same way."""
    items = ctx.items(
        list(enumerate(commands)),
        key=lambda numbered: f"{numbered[0]} {numbered[1]}",
        shown=lambda numbered: _short(redact_command(numbered[1])),
        basis=repr((place.tree, place.prepared, ctx.config.worktree, ctx.config.check)),
    )
    for _, argv in items:
        items.keep(_one(ctx, place.path, argv, env))
    return list(items.results.values())


def _one(ctx: Context, place: Path, argv: list[str], env: dict[str, str]) -> dict[str, Any]:
    ctx.check_cancelled()
    limit = ctx.config.check.timeout
    shown = _short(redact_command(argv))
    ctx.tell(Masked(f"check: {shown}"))
    try:
        ran = run_in(ctx, place, argv, env=env, timeout=limit.total_seconds())
    except WorkFailed as error:
        return _failed(argv, error.message)
    why = f"stopped after its time limit of {format_duration(limit)}" if ran.timed_out else ""
    ctx.tell(Masked(f"check: {shown}: {'passed' if ran.ok else why or f'exit status {ran.status}'}"))
    return {
        "command": shlex.join(redact(argv)),
        "argv": argv,
        "ok": ran.ok,
        "exit": ran.status,
        "duration": round(ran.duration, 3),
        "problem": why,
        "output": ran.output[-_TAIL:],
        # where only the end of a very long output was kept, what it counts may be a part
        "counts": to_record(count(ran.output) if len(ran.output) < _WHOLE else None),
    }


def _short(text: str) -> str:
    line = clean_line(text, limit=_NAME_SHOWN + 1)
    return line if len(line) <= _NAME_SHOWN else f"{line[: _NAME_SHOWN - 3].rstrip()}..."


def _failed(argv: list[str], problem: str) -> dict[str, Any]:
    return {
        "command": shlex.join(redact(argv)),
        "argv": argv,
        "ok": False,
        "exit": None,
        "duration": 0.0,
        "problem": problem,
        "output": "",
    }


ACTION = Action(
    name="check",
    summary="runs the configured check commands in a worktree, on exactly the tree that would be pushed",
    Args=NoArgs,
    run=run,
    needs_trust=True,
)
