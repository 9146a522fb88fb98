"""The step `shell`: runs one command in a worktree at the event's commit; its output goes to the log and the task."""

from __future__ import annotations

from pydantic import Field, field_validator

from sixthbot.actions.at_event import commit_of
from sixthbot.actions.base import Action, Args, Context
from sixthbot.actions.places import env_value, how_it_ended, prepared, run_in, task_env
from sixthbot.core.errors import ConfigError, WorkFailed
from sixthbot.core.names import clean_line
from sixthbot.core.tasks import Outcome
from sixthbot.core.times import format_duration, parse_duration
from sixthbot.store.redact import Masked, redact_command

_TAIL = 8_000


class ShellArgs(Args):
    """Arguments of `shell`."""

    run: list[str] = Field(min_length=1, description="the program and its arguments; no shell looks at them")
    env: dict[str, str] = Field(default_factory=dict, description="variables to set for it")
    timeout: str = Field(
        default="", description="how long it may take, like 90s or 15m; [work] timeout if empty"
    )

    @field_validator("run")
    @classmethod
    def _has_program(cls, run: list[str]) -> list[str]:
        if not run[0] or any("\0" in word for word in run):
            raise ValueError("the first word must name a program")
        return run

    @field_validator("timeout")
    @classmethod
    def _is_duration(cls, timeout: str) -> str:
        try:
            if timeout:
                parse_duration(timeout)
        except ConfigError as error:
            raise ValueError(error.message) from None
        return timeout

    @field_validator("env")
    @classmethod
    def _has_names(cls, env: dict[str, str]) -> dict[str, str]:
        for name in env:
            if not name.isidentifier() or name.startswith(("SIXTH_", "GIT_")):
                raise ValueError(
                    f"{name!r} cannot be set: a name of letters, digits and _, not SIXTH_ or GIT_"
                )
        return env


def run(ctx: Context, args: ShellArgs) -> Outcome:
    """Run the command; outputs `exit`, `duration`, `commit` and `output` (its last part).

    Raise WorkFailed when it ends with another status than 0 or takes too long. What it changes is thrown away.
    """
    commit = commit_of(ctx)
    limit = parse_duration(args.timeout) if args.timeout else ctx.config.work.timeout
    env = {
        **{name: env_value(value) for name, value in args.env.items()},
        **task_env(ctx),
        "SIXTH_COMMIT": commit,
    }
    with prepared(ctx, commit) as place:
        ran = run_in(ctx, place.path, args.run, env=env, timeout=limit.total_seconds())
    shown = clean_line(redact_command(args.run), limit=120)
    how = "ended well" if ran.ok else how_it_ended(ran, limit=format_duration(limit))
    ctx.tell(Masked(f"{shown}: {how}"))
    if not ran.ok:
        raise WorkFailed(
            f"{shown} {how}",
            hint=f"sixthbot queue show {ctx.task.id}",
        )
    return Outcome(
        {
            "exit": ran.status,
            "duration": round(ran.duration, 3),
            "commit": commit,
            "output": ran.output[-_TAIL:],
        }
    )


ACTION = Action(
    name="shell",
    summary="runs one command in a worktree at the event's commit",
    Args=ShellArgs,
    run=run,
    needs_trust=True,
)
