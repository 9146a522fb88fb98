"""Runs what does a subtask, in a worktree at the branch's tip, and gives back the tree it made or why it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.actions.asked import ByRecipe, ByRepair
from sixthbot.actions.base import parse_args
from sixthbot.actions.places import env_value, how_it_ended, prepared, result_tree, run_in, task_env
from sixthbot.core.errors import GitFailed, UsageError, WorkFailed
from sixthbot.core.names import clean_line
from sixthbot.core.times import format_duration

if TYPE_CHECKING:
    from sixthbot.actions.base import Context
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.actions.places import Place
    from sixthbot.core.issues import IssueRecord, Subtask
    from sixthbot.core.names import Oid


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a subtask could not be done, as the end of a sentence that begins with who tried."""

    reason: str


def make_tree(
    ctx: Context, record: IssueRecord, branch: IssueBranch, subtask: Subtask, doer: ByRecipe | ByRepair
) -> Oid | Failure:
    """Return the tree that the doer leaves, which may be the one it began with; no commit is made."""
    try:
        with prepared(ctx, branch.tip) as place:
            if isinstance(doer, ByRecipe):
                failure = _run_recipe(ctx, record, place, subtask, doer, branch.tip)
            else:
                failure = _run_repair(ctx, place, subtask, doer, branch.tip)
            return failure or result_tree(ctx, place)
    except (GitFailed, OSError) as error:
        # a recipe can do anything to the worktree it is given, remove its `.git` for one
        detail = error.message if isinstance(error, GitFailed) else str(error)
        return Failure(f"left a worktree that cannot be read: {clean_line(detail)}")
    except WorkFailed as error:
        return Failure(f"could not run: {error.message}")


def _run_recipe(
    ctx: Context, record: IssueRecord, place: Place, subtask: Subtask, doer: ByRecipe, tip: Oid
) -> Failure | None:
    limit = doer.recipe.timeout or ctx.config.work.timeout
    ran = run_in(
        ctx,
        place.path,
        doer.recipe.run,
        env={**_recipe_env(ctx, record, subtask), "SIXTH_COMMIT": tip},
        timeout=limit.total_seconds(),
    )
    return None if ran.ok else Failure(how_it_ended(ran, limit=format_duration(limit)))


def _recipe_env(ctx: Context, record: IssueRecord, subtask: Subtask) -> dict[str, str]:
    env = {
        **task_env(ctx),
        "SIXTH_BRANCH": record.branch,
        "SIXTH_BASE": record.base,
        "SIXTH_ISSUE_ID": record.id,
        "SIXTH_ISSUE_TITLE": env_value(record.title),
        "SIXTH_SUBTASK": str(subtask.n),
        "SIXTH_SUBTASK_TEXT": env_value(subtask.text),
    }
    for key, value in (subtask.asked.args if subtask.asked else {}).items():
        env[f"SIXTH_ARG_{key.upper().replace('-', '_')}"] = env_value(value)
    return env


def _run_repair(ctx: Context, place: Place, subtask: Subtask, doer: ByRepair, tip: Oid) -> Failure | None:
    repair = doer.repair
    try:
        args = parse_args(repair.Args, subtask.asked.args if subtask.asked else {}, where=repair.name)
        if repair.with_history is not None:
            ctx.tell(f"subtask {subtask.n}: {repair.with_history(ctx, place.path, tip)}")
            return None
        listed = ctx.repo.git.run("ls-files", "-z", cwd=place.path).stdout
        files = [part.decode("utf-8", "surrogateescape") for part in listed.split(b"\0") if part]
        ctx.tell(f"subtask {subtask.n}: {repair.run(place.path, files, args)}")
    except UsageError as error:
        return Failure(f"cannot: {error.message}")
    return None
