"""What an action is: a name, checked arguments and one function; and all that an action may use while it runs.

No action touches the queue, reads the clock or starts a process by itself: what it needs is in its Context.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sixthbot.actions.progress import Item, Items
from sixthbot.core.errors import ConfigError, NeedsPerson, UsageError
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sixthbot.actions.progress import Progress, Saved
    from sixthbot.core.events import Event
    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.names import Oid
    from sixthbot.core.rules import Rule
    from sixthbot.core.tasks import Outcome, Task
    from sixthbot.git.repository import Repository
    from sixthbot.git.worktrees import Pool
    from sixthbot.llm.port import Writer
    from sixthbot.store.config import Config
    from sixthbot.store.open import Store


class Args(BaseModel):
    """Base of all arguments: unknown names are errors, values are not changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=10_000)


class NoArgs(Args):
    """For actions that take none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a child process ended.

    `status` is its exit status, None when it was killed for taking too long. `output` is what it printed, both
    streams in one, only the last part when that was long, safe to show. `duration` is in seconds. `confined`
    tells whether the kernel kept it from writing outside the folders it was given. `usage` is what it and its children
    took, as `store.records.Record` tells it; empty when nobody counted.
    """

    status: int | None
    timed_out: bool
    output: str
    duration: float
    confined: bool = False
    usage: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with status 0."""
        return self.status == 0


class Processes(Protocol):
    """Runs foreign programs, each in a process group of its own."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout: float | None,
        writable: Sequence[Path] = (),
        output_limit: int = 1_000_000,
    ) -> Ran:
        """Run `argv` to its end and return how it ended.

        `env` is added to the environment of the bot's own start. `timeout` is in seconds, None for none.
        `writable` are the folders it may write to, besides those nobody protects. `output_limit` is in bytes.
        Raise WorkFailed when the program cannot be started and Cancelled when the task is stopped meanwhile.
        """
        ...


class Note(Protocol):
    """Writes a journal record about the task at hand; `fields` are those of `store.records.Record`."""

    def __call__(self, kind: str, message: str, *, level: str = "info", **fields: Any) -> None:
        """Write it; None for a field that does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """All that an action may use.

    `event` is the task's last event. `outputs` holds what earlier steps of this task left, by action name.
    `tell` shows a line of progress. `note` writes a journal record about this task, as `Journal.append` does, with the
    fields that say which one it is. `trusted` is false while the repository's settings wait for its owner's trust;
    the config then holds defaults, and `untrusted` names what waits. `writer` gives the language model to write with, or None. `check_cancelled`
    raises Cancelled once the task is to stop. `progress` shows how far the step is; a step of many items uses `items`,
    which shows it by itself.
    """

    repo: Repository
    pool: Pool
    store: Store
    config: Config
    task: Task
    rule: Rule
    event: Event
    outputs: Mapping[str, Mapping[str, Any]]
    processes: Processes
    clock: Callable[[], datetime]
    tell: Callable[[str], None]
    note: Note
    trusted: bool
    writer: Callable[[], Writer | None]
    check_cancelled: Callable[[], None]
    progress: Progress
    saved_items: Callable[[str], Saved]
    untrusted: tuple[str, ...] = ()

    def items(
        self,
        things: Sequence[Item],
        *,
        key: Callable[[Item], str],
        basis: str = "",
        shown: Callable[[Item], str] = str,
    ) -> Items[Item]:
        """Return the items of a step that works through many, which goes on where an earlier attempt was cut off.

        `key` names an item and all its result depends on, `basis` what all results depend on besides the step's
        arguments, such as the commit. `shown` is what a person reads while an item is at hand. One step has one such
        list. Iterating raises Cancelled once the task is to stop.
        """
        return Items(
            things,
            key=key,
            shown=shown,
            saved=self.saved_items(basis),
            progress=self.progress,
            check=self.check_cancelled,
        )

    def issue(self) -> IssueRecord:
        """Return the record of the issue this task works on; raise UsageError when it has none."""
        if not self.task.issue:
            raise UsageError(
                f"rule {self.rule.name}: this action works on an issue, and the event {self.event.kind} brings none",
                hint="use it in a rule with on = 'issue.added'",
            )
        return self.store.issues.record(self.task.issue)


ArgsT = TypeVar("ArgsT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Generic[ArgsT]):
    """One kind of step. `run` is safe to repeat: what is already there is found and not done again.

    `in_rules` tells whether rules may use it; `needs_trust` that it reads settings that count only once trusted,
    or runs commands. `holds` tells, of an issue's id and the outputs of a run that is over, whether what it left is still
    there; the step is done again where not. Checkpoints can be newer than an issue's files, once `.sixth` was brought back.
    """

    name: str
    summary: str
    Args: type[ArgsT]
    run: Callable[[Context, ArgsT], Outcome]
    in_rules: bool = True
    askable: bool = False
    needs_trust: bool = False
    holds: Callable[[Store, str, Mapping[str, Any]], bool] | None = None

    def still_holds(self, store: Store, issue_id: str, outputs: Mapping[str, Any]) -> bool:
        """Tell whether a finished step need not be done again."""
        return self.holds is None or not issue_id or self.holds(store, issue_id, outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(Generic[ArgsT]):
    """A built-in repair that an issue may ask for by name (`do: NAME key=value`).

    `run` gets a worktree of the bot's own, the tracked files in it as paths relative to that, and the arguments; it
    changes files in place and returns one line saying what it did. `with_history`, where there is one, is called
    instead, with the context, the worktree and the commit it is at: for what is known from the history only.
    """

    name: str
    summary: str
    Args: type[ArgsT]
    run: Callable[[Path, Sequence[str], ArgsT], str]
    with_history: Callable[[Context, Path, Oid], str] | None = None


def run_step(action: Action[Any], ctx: Context, raw: Mapping[str, Any]) -> Outcome:
    """Check the arguments and the trust that `action` needs, then run it.

    Raise ConfigError for bad arguments, NeedsPerson("untrusted") without trust, and what the action raises.
    """
    args = parse_args(action.Args, raw, where=f"rule {ctx.rule.name}: {action.name}")
    if action.needs_trust:
        require_trust(ctx, f"the step {action.name}")
    ctx.check_cancelled()
    return action.run(ctx, args)


def require_trust(ctx: Context, what: str) -> None:
    """Raise NeedsPerson("untrusted") unless the repository's settings are trusted; `what` needs them."""
    if not ctx.trusted:
        held = (
            ", ".join(clean_line(path, limit=80) for path in ctx.untrusted[:3])
            or "this repository's settings"
        )
        raise NeedsPerson(
            f"{what} goes by {held}, which nobody has trusted yet",
            kind="untrusted",
            hint="sixthbot trust --show, then sixthbot trust",
        )


def parse_args(model: type[ArgsT], raw: Mapping[str, Any], *, where: str) -> ArgsT:
    """Return checked arguments; raise ConfigError naming every wrong one, with `where` before it."""
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        problems = "; ".join(args_problems(model, error))
        raise ConfigError(f"{where}: {problems}") from None


def args_problems(model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return one line for each wrong argument, with a suggestion for names that do not exist."""
    import difflib  # noqa: PLC0415 - only when something is wrong

    lines = []
    for item in error.errors(include_url=False):
        name = ".".join(str(part) for part in item["loc"])[:80]
        if item["type"] == "extra_forbidden":
            close = difflib.get_close_matches(name, model.model_fields, n=1)
            known = ", ".join(model.model_fields) or "none"
            tail = f"did you mean {close[0]!r}?" if close else f"it takes {known}"
            lines.append(f"no argument {name!r}, {tail}")
        elif item["type"] == "missing":
            lines.append(f"the argument {name!r} is missing")
        else:
            lines.append(f"argument {name!r}: {item['msg'].lower()}")
    return lines
