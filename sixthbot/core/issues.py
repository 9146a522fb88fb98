"""Issues and their plans: what a person asked for, and the subtasks it falls into."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import UsageError
from sixthbot.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.core.names import Oid


@dataclass(frozen=True, slots=True)
class Asked:
    """What a subtask asks for with a `do:` span: a recipe or askable action by name, with its arguments."""

    name: str
    args: Mapping[str, str] = field(default_factory=dict, hash=False)


class SubtaskStatus(StrEnum):
    """Where a subtask stands."""

    OPEN = "open"
    WAITING = "waiting"
    FAILED = "failed"
    DONE = "done"


DROPPED = "its commit was dropped in review"
"""The reason of a subtask that is settled, because a person took what was done for it out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """One item of a plan. `n` counts from 1 in document order and is never reused.

    `text` is the item without its box and without its `do:` span. `by` says who did it or should:
    "recipe NAME", "action NAME", "person" or "issue" (ticked when it came). `reason` says why it waits or failed.
    `unread` is what it asks for as it was written, where that cannot be read and so is in no `asked`.
    `commits` are full ids, empty when nothing changed; `hooks` the git hooks that let its commit pass.
    """

    n: int
    text: str
    asked: Asked | None = None
    status: SubtaskStatus = SubtaskStatus.OPEN
    by: str = ""
    reason: str = ""
    commits: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    unread: str = ""

    @property
    def settled(self) -> bool:
        """Whether nothing more is to be done for it."""
        return self.status is SubtaskStatus.DONE

    @property
    def dropped(self) -> bool:
        """Whether it was done, and a person took that out again."""
        return self.settled and self.reason == DROPPED


@dataclass(frozen=True, slots=True)
class Plan:
    """The subtasks of one issue, in document order."""

    subtasks: tuple[Subtask, ...]

    def get(self, n: int) -> Subtask:
        """Return subtask `n`; raise UsageError when the plan has none of that number."""
        for subtask in self.subtasks:
            if subtask.n == n:
                return subtask
        raise UsageError(
            f"there is no subtask {n}", hint=f"the plan has {counted(len(self.subtasks), 'subtask')}"
        )

    def with_subtask(self, subtask: Subtask) -> Plan:
        """Return the plan with the subtask of the same number replaced."""
        self.get(subtask.n)
        return replace(self, subtasks=tuple(subtask if old.n == subtask.n else old for old in self.subtasks))

    def waiting(self) -> tuple[Subtask, ...]:
        """Return the subtasks that wait for a person."""
        return tuple(subtask for subtask in self.subtasks if subtask.status is SubtaskStatus.WAITING)

    def next_open(self) -> Subtask | None:
        """Return the first subtask that is not settled, or None when all are."""
        return next((subtask for subtask in self.subtasks if not subtask.settled), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A parsed issue file. Values are as the file gave them, checked and cleaned; `body` is untrusted text.

    `priority` is a lane's name or empty. `not_before` is as the file has it, and can be read. `extra` keeps keys the contract does not know. `warnings` say, one
    line each, what could not be read. `subtasks` are as parsed; how far they are is the plan's business.
    """

    title: str
    body: str
    subtasks: tuple[Subtask, ...]
    id: str = ""
    priority: str = ""
    labels: tuple[str, ...] = ()
    base: str = ""
    branch: str = ""
    depends: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    do: str = ""
    agent: str = ""
    intensity: str = ""
    min_budget: str = ""
    max_budget: str = ""
    due: str = ""
    not_before: str = ""
    source: str = ""
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    warnings: tuple[str, ...] = ()

    @property
    def warning(self) -> str:
        """All warnings as one line, empty when the whole file was understood."""
        return "; ".join(self.warnings)


class IssueStatus(StrEnum):
    """Where an issue stands, for lists and pages."""

    OPEN = "open"
    WAITING_FOR_PERSON = "waiting-for-person"
    IN_REVIEW = "in-review"
    APPROVED = "approved"
    REJECTED = "rejected"
    PUSHED = "pushed"
    CANCELLED = "cancelled"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRecord:
    """What the bot knows of an accepted issue besides its text: one `.sixth/issues/<id>/issue.toml`.

    `branch` and `base` are short names, `base_commit` the commit the branch was made at; empty before the branch
    exists. `stands_on` is the id of the issue whose branch is the base, empty for an issue that stands on no other;
    `came_into` the branch that it came into in the end. `accepted_tips` are tips of the branch, written by people, that
    the bot may build on. `depends` are the ids that were meant where the issue's own `depends` gave their beginnings.
    """

    id: str
    title: str
    received: str
    file_name: str
    status: IssueStatus = IssueStatus.OPEN
    branch: str = ""
    base: str = ""
    base_commit: str = ""
    stands_on: str = ""
    came_into: str = ""
    accepted_tips: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of an issue's branch: it came into `into`, or was deleted (`into` empty); `tip` is the commit it was at."""

    branch: str
    tip: Oid
    into: str = ""
