"""The simulation's action: some subtasks, each one commit on the task's own branch, found in git before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sixthbot.actions.base import Action, Args
from sixthbot.actions.branches import commit_as_bot, move_recorded
from sixthbot.core.errors import RefMoved, TryLater, WorkFailed
from sixthbot.core.messages import build_message
from sixthbot.core.names import BranchName, Oid
from sixthbot.core.tasks import Outcome
from sixthbot.git.refs import tip

if TYPE_CHECKING:
    from sixthbot.actions.base import Context
    from tests.simulation.git import SimGit

BASE = Oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904")


class StepArgs(Args):
    """Subtasks `first` to `last`."""

    first: int
    last: int


def branch_of(task_id: str) -> BranchName:
    """Return the branch of a task."""
    return BranchName.parse(f"sixth/{task_id}")


def is_there(git: SimGit, tip: str, number: int) -> bool:
    """Tell whether a subtask is done: git knows."""
    return str(number) in git.subtasks(tip)


def _run(ctx: Context, args: StepArgs) -> Outcome:
    git, branch = cast("SimGit", ctx.repo.git), branch_of(ctx.task.id)
    made: list[Any] = []
    with ctx.repo.at_work(ctx.task.id):  # type: ignore[attr-defined]  # the simulated repository
        for number in range(args.first, args.last + 1):
            ctx.check_cancelled()
            now = tip(ctx.repo.git, branch)
            if is_there(git, now or "", number):
                continue
            if ctx.repo.unlucky():  # type: ignore[attr-defined]  # the simulated repository
                raise WorkFailed("bad luck")
            oid = commit_as_bot(
                ctx, tree=BASE, parent=now or Oid(ctx.repo.root),  # type: ignore[attr-defined]
                message=build_message("chore: part", "", [("Sixth-Subtask", str(number))]),
            )  # fmt: skip
            try:
                move_recorded(ctx, branch, old=now, new=oid, reason=f"subtask {number}")
            except RefMoved:
                raise TryLater("the branch moved", seconds=1) from None
            made.append(str(oid))
    return Outcome({"commits": made})


ACTION = Action(name="part", summary="For the simulation.", Args=StepArgs, run=_run)
