"""From an issue to its plan: the checkboxes as they stand, or the whole issue as one subtask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.checkboxes import read_do
from sixthbot.core.doline import kept
from sixthbot.core.issues import Plan, Subtask, SubtaskStatus

if TYPE_CHECKING:
    from sixthbot.core.issues import Issue


def plan_from(issue: Issue) -> Plan:
    """Return the first plan of an issue; ticked boxes are done by "issue".

    Without checkboxes the issue itself is subtask 1 and asks for what its `do` says. A `do` that cannot be read
    makes the subtask wait for a person, with the reason.
    """
    if issue.subtasks:
        return Plan(issue.subtasks)
    asked, problem = read_do(issue.do) if issue.do else (None, "")
    if problem:
        waiting = Subtask(
            n=1,
            text=issue.title,
            status=SubtaskStatus.WAITING,
            by="person",
            reason=problem,
            unread=kept(issue.do),
        )
        return Plan((waiting,))
    return Plan((Subtask(n=1, text=issue.title, asked=asked),))
