"""The step `notify`: calls the configured program with a text; without one, the text goes to the log."""

from __future__ import annotations

from pydantic import Field

from sixthbot.actions.base import Action, Args, Context
from sixthbot.actions.places import env_value, how_it_ended, task_env
from sixthbot.actions.templating import fill
from sixthbot.core.errors import WorkFailed
from sixthbot.core.events import EventKind
from sixthbot.core.names import clean_line
from sixthbot.core.tasks import Outcome
from sixthbot.core.times import format_duration

_TEMPLATE = "notify.txt.j2"


class NotifyArgs(Args):
    """Arguments of `notify`."""

    text: str = Field(default="", description="what to say; made from the event if empty")


def run(ctx: Context, args: NotifyArgs) -> Outcome:
    """Call `[notify] run` with the text as its last argument and in SIXTH_TEXT; outputs `notified` and `text`.

    Raise WorkFailed when the program fails or takes longer than `notify.timeout`.
    """
    text = args.text or _said(ctx)
    command = ctx.config.notify.run
    if not command and ctx.event.own and ctx.event.kind == EventKind.DRAFT_READY:
        ctx.note(
            "progress", clean_line(text), level="debug"
        )  # the log has it already: the draft waits for a person
    else:
        ctx.tell(clean_line(text))
    if not command:
        return Outcome({"notified": False, "text": text})
    limit = ctx.config.notify.timeout
    ran = ctx.processes.run(
        [*command, env_value(text, limit=4000)],
        cwd=ctx.store.places.local,
        env={**task_env(ctx), "SIXTH_TEXT": env_value(text)},
        timeout=limit.total_seconds(),
    )
    if not ran.ok:
        raise WorkFailed(
            f"notify.run {how_it_ended(ran, limit=format_duration(limit))}",
            hint="sixthbot config show notify",
        )
    return Outcome({"notified": True, "text": text})


def _said(ctx: Context) -> str:
    fields = {name: _plain(value) for name, value in ctx.event.fields.items()}
    values = {"event": ctx.event.kind, "fields": fields, "rule": ctx.rule.name, "task": ctx.task.id}
    return " ".join(fill(ctx, _TEMPLATE, values).split())


def _plain(value: object) -> str:
    return clean_line(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))


ACTION = Action(
    name="notify",
    summary="calls the configured program with a text, when a person should know something",
    Args=NotifyArgs,
    run=run,
    needs_trust=True,
)
