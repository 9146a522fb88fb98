"""The plan's file: one form, whatever stands in it."""

from __future__ import annotations

import tomllib

import pytest

from sixthbot.core.issues import Asked, Plan, Subtask, SubtaskStatus
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
