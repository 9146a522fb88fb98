"""The step `health`: runs the repository's type check or tests on the default branch and keeps how that went.

It runs only what trusted settings name, and nothing where nothing changed since the last time. A result is news for
`status`, no failure of the task: nobody wants a red queue because a test is red.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from sixthbot.actions.at_event import commit_of
from sixthbot.actions.base import Action, Args, Context
from sixthbot.actions.places import how_it_ended, prepared, run_in, task_env
from sixthbot.core.errors import Refused, WorkFailed
from sixthbot.core.names import clean_line, short_hash
from sixthbot.core.tasks import Outcome
from sixthbot.core.times import format_duration, format_time
from sixthbot.git.trees import tree_of
from sixthbot.store.atomic import make_dirs, point, read_small, write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SAVE = point("health.save")
_LIMIT = 1 << 20
_RUNS = 30
_TAIL = 6_000
_TYPE_CHECKERS = frozenset(
    {"mypy", "dmypy", "pyright", "basedpyright", "pyre", "pytype", "pyrefly", "ty", "tsc", "flow", "sorbet"}
)


class HealthArgs(Args):
    """Arguments of `health`."""

    job: Literal["types", "tests"] = Field(description="which commands: `[health] types` or `[health] tests`")


def run(ctx: Context, args: HealthArgs) -> Outcome:
    """Run the job's commands; outputs `job`, `ok` (None where skipped), `summary` and `commit`.

    The commands are those under `[health]`, else the ones under `[check]` that are, or are not, a type checker's. The
    result lies in `.sixth/artifacts/health/`, as JSON with the last thirty runs and as a page.
    """
    commands = commands_for(args.job, ctx.config.health.types, ctx.config.health.tests, ctx.config.check.run)
    before = _load(ctx, args.job)
    if not ctx.trusted:
        return _skipped(ctx, args.job, before, "the repository's settings are not trusted: sixthbot trust")
    if not commands:
        hint = f"no {_WORDS[args.job]} is configured: [health] {args.job}, or [check] run"
        return _skipped(ctx, args.job, before, hint)
    commit = commit_of(ctx)
    mark = short_hash(tree_of(ctx.repo.git, commit), json.dumps(commands), digits=16)
    if before.get("mark") == mark and before.get("ok") is True:
        ctx.tell(f"{args.job}: nothing changed since they were last fine")
        return Outcome({"job": args.job, "ok": True, "summary": "nothing changed", "commit": commit})
    results = _run_all(ctx, commands, commit)
    failed = [result for result in results if not result["ok"]]
    summary = failed[0]["summary"] if failed else f"{len(results)} of {len(results)} passed"
    now = format_time(ctx.clock())
    latest = {"time": now, "commit": commit, "ok": not failed, "summary": summary}
    runs = before.get("runs")
    runs = [*(runs if isinstance(runs, list) else []), latest][-_RUNS:]
    _write(ctx, args.job, {"schema": 1, "job": args.job, "mark": mark, **latest, "runs": runs})
    page = _folder(ctx) / f"{args.job}.md"
    write_file(page, _page(args.job, latest, results).encode(), point=_SAVE, durability=ctx.store.durability)
    ctx.store.journal.append(
        "health.failed" if failed else "health.passed",
        f"{args.job}: {summary}",
        level="warning" if failed else "info",
        task=ctx.task.id,
        commit=commit,
    )
    return Outcome({"job": args.job, "ok": not failed, "summary": summary, "commit": commit})


_WORDS = {"types": "type check", "tests": "test command"}


def commands_for(
    job: str, types: Sequence[Sequence[str]], tests: Sequence[Sequence[str]], check: Sequence[Sequence[str]]
) -> list[list[str]]:
    """Return what a job runs: its own commands, else those of the draft's checks that are of its kind."""
    own = types if job == "types" else tests
    if own:
        return [list(argv) for argv in own]
    return [list(argv) for argv in check if _checks_types(argv) is (job == "types")]


def _checks_types(argv: Sequence[str]) -> bool:
    """Tell whether a command is a type checker, also behind `python -m`, `uv run` and the like."""
    words = {word.rpartition("/")[2] for word in argv[:4]}
    return bool(words & _TYPE_CHECKERS)


def _skipped(ctx: Context, job: str, before: dict[str, Any], reason: str) -> Outcome:
    ctx.tell(f"{job}: skipped: {reason}")
    if before.get("ok") is not None or before.get("summary") != reason:
        kept = {"runs": before["runs"]} if isinstance(before.get("runs"), list) else {}
        result = {"schema": 1, "job": job, "ok": None, "time": format_time(ctx.clock()), "summary": reason}
        _write(ctx, job, {**result, **kept})
    return Outcome({"job": job, "ok": None, "summary": reason, "commit": ""})


def _run_all(ctx: Context, commands: Sequence[list[str]], commit: Any) -> list[dict[str, Any]]:
    try:
        with prepared(ctx, commit) as place:
            return [_one(ctx, place.path, argv, commit) for argv in commands]
    except WorkFailed as error:
        return [{"command": "[worktree] setup", "ok": False, "summary": error.message, "output": ""}]


def _one(ctx: Context, place: Path, argv: list[str], commit: str) -> dict[str, Any]:
    ctx.check_cancelled()
    limit = ctx.config.health.timeout
    shown = clean_line(shlex.join(argv), limit=120)
    try:
        env = {**task_env(ctx), "SIXTH_COMMIT": commit}
        ran = run_in(ctx, place, argv, env=env, timeout=limit.total_seconds())
    except WorkFailed as error:
        return {"command": shown, "ok": False, "summary": error.message, "output": ""}
    ended = "passed" if ran.ok else how_it_ended(ran, limit=format_duration(limit))
    return {"command": shown, "ok": ran.ok, "summary": f"{shown} {ended}", "output": ran.output[-_TAIL:]}


def _page(job: str, latest: dict[str, Any], results: Sequence[dict[str, Any]]) -> str:
    verdict = "passed" if latest["ok"] else "failed"
    lines = [f"# {job}: {verdict}", "", f"{latest['time']}, commit {latest['commit']}", ""]
    for result in results:
        lines += [f"## {'passed' if result['ok'] else 'failed'}: {result['command']}", ""]
        lines += [f"    {line}" for line in result["output"].splitlines()] + [""]
    return "\n".join(lines)


def _folder(ctx: Context) -> Path:
    return ctx.store.places.artifacts / "health"


def _load(ctx: Context, job: str) -> dict[str, Any]:
    try:
        data = json.loads(read_small(_folder(ctx) / f"{job}.json", _LIMIT))
    except (OSError, ValueError, RecursionError, Refused):
        return {}  # none yet, or a damaged one: the job is done again
    return data if isinstance(data, dict) else {}


def _write(ctx: Context, job: str, result: dict[str, Any]) -> None:
    make_dirs(_folder(ctx))
    text = json.dumps(result, indent=1).encode("ascii") + b"\n"
    write_file(_folder(ctx) / f"{job}.json", text, point=_SAVE, durability=ctx.store.durability)


ACTION = Action(
    name="health",
    summary="runs the type check or the tests on the default branch, if anything changed, and keeps the result",
    Args=HealthArgs,
    run=run,
)
