"""The plan's file: one form, whatever stands in it."""

from __future__ import annotations

import tomllib

import pytest

from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import Asked, Plan, Subtask, SubtaskStatus
from sixthbot.core.planning import plan_from
from sixthbot.store.planfile import plan_from_bytes, plan_to_bytes

LONG = Subtask(
    n=2,
    text="x" * 200,
    asked=Asked("fmt", {"a": "b c"}),
    status=SubtaskStatus.DONE,
    by="recipe fmt",
    reason="'''\n\"",
    commits=("a" * 40, "b" * 40),
    hooks=("pre-commit", "commit-msg"),
)


@pytest.mark.parametrize("subtasks", [(), (Subtask(n=1, text="a"),), (Subtask(n=1, text="a"), LONG), (LONG,)])
def test_every_subtask_is_a_table_of_its_own(subtasks: tuple[Subtask, ...]) -> None:
    data = plan_to_bytes(Plan(subtasks))
    assert data.count(b"[[subtask]]\n") == len(subtasks)
    assert b"subtask = [" not in data
    assert plan_from_bytes(data, "plan.toml").subtasks == subtasks
    assert len(tomllib.loads(data.decode()).get("subtask", [])) == len(subtasks)


@pytest.mark.parametrize(
    "do",
    ["text.sort words.txt", "a 'b", "-x", "a B=1", "a b=1 b=2", "a b=\u202e", "a ` `do: b", "a b=1 `do: c=2"],
)
def test_what_cannot_be_read_stays_as_it_was_written_and_is_never_run(do: str) -> None:
    """In an issue, in the plan that comes of it, and in that plan's file."""
    plan = plan_from(parse_issue(f"---\ndo: {do}\n---\n# T\n".encode(), "t.md"))
    for one in (plan, plan_from_bytes(plan_to_bytes(plan), "plan.toml")):
        (subtask,) = one.subtasks
        assert (subtask.asked, subtask.unread) == (None, do)
        assert subtask.reason


def test_a_request_that_quotes_make_longer_is_still_one() -> None:
    plan = plan_from(parse_issue(("---\ndo: 'a b=\"" + "''" * 490 + "\"'\n---\n# T\n").encode(), "t.md"))
    assert plan.subtasks[0].asked is not None
    assert plan_from_bytes(plan_to_bytes(plan), "plan.toml") == plan
