from __future__ import annotations

import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from sixthbot.actions import registry
from sixthbot.core.errors import ConfigError
from sixthbot.core.rules import Rule, StepSpec


def rule(*steps: tuple[str, dict[str, Any]]) -> Rule:
    do = tuple(StepSpec(use, MappingProxyType(args)) for use, args in steps)
    return Rule(name="r", on=("commit",), do=do, origin="x", digest="")


@pytest.mark.parametrize("name", registry.names())
def test_every_action_of_the_table_is_there_and_says_what_it_does(name: str) -> None:
    action = registry.get(name)
    assert action.name == name
    assert action.summary
    assert all(field.description for field in action.Args.model_fields.values())


@pytest.mark.parametrize("name", registry.askable_names())
def test_every_repair_of_the_table_is_there(name: str) -> None:
    repair = registry.find_repair(name)
    assert repair is not None
    assert (repair.name, bool(repair.summary)) == (name, True)


def test_every_action_is_held_to_know_no_other() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (apart,) = (one["modules"] for one in contracts if one["type"] == "independence")
    assert set(apart) == {registry.get(name).run.__module__ for name in registry.names()}


def test_an_unknown_action_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="no such action: 'chekc'") as caught:
        registry.get("chekc")
    assert caught.value.hint == "did you mean 'check'?"


def test_good_steps_have_no_problems() -> None:
    assert (
        registry.check_steps(rule(("shell", {"run": ["true"]}), ("check", {}), ("notify", {"text": "x"})))
        == []
    )


def test_every_bad_step_is_named() -> None:
    problems = registry.check_steps(
        rule(
            ("shell", {}),
            ("shel", {}),
            ("push", {"branch": "x"}),
            ("check", {"runn": 1}),
            ("report", {"insight": "x"}),
        )
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "do, step 1 (shell)",
        "do, step 2 (shel)",
        "do, step 3 (push)",
        "do, step 4 (check)",
        "do, step 5 (report)",
    ]
    assert "'run' is missing" in problems[0]
    assert "did you mean 'shell'" in problems[1]
    assert "cannot stand in a rule" in problems[2]


def test_the_list_names_arguments_and_what_may_be_asked_for() -> None:
    infos = {info.name: info for info in registry.describe()}
    assert set(infos) == {*registry.names(), *registry.askable_names()}
    assert [one.name for one in infos["shell"].arguments] == ["run", "env", "timeout"]
    assert infos["shell"].arguments[0].required
    assert infos["format.whitespace"].askable
    assert not infos["push"].in_rules
    assert not any(infos[name].askable for name in registry.names())
