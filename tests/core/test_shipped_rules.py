"""The rules in the package: each is of the language and described, and examples are off."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sixthbot.core.matching import check_rule
from sixthbot.core.rules import Rule, StepSpec

FILES = sorted(Path(__file__).parents[2].joinpath("rules").glob("*.toml"))


def rules_of(file: Path) -> list[dict[str, Any]]:
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    assert set(tables) <= {"rule", "test"}
    return list(tables["rule"])


def as_tuple(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_shipped_rule_is_of_the_language_and_described(file: Path) -> None:
    for table in rules_of(file):
        rule = Rule(
            name=table["name"],
            on=as_tuple(table["on"]),
            do=tuple(StepSpec(step["use"]) for step in table["do"]),
            origin="shipped",
            digest="",
            when={name: as_tuple(value) for name, value in table.get("when", {}).items()},
            condition=table.get("if", ""),
            key=table.get("key", ""),
        )
        assert check_rule(rule) == []
        assert table["description"].endswith(".")
        if rule.name.startswith("example"):
            assert table["enabled"] is False


def test_names_are_used_once_and_the_main_job_is_on() -> None:
    tables = [table for file in FILES for table in rules_of(file)]
    names = [table["name"] for table in tables]
    assert len(set(names)) == len(names)
    job = next(table for table in tables if table["name"] == "work on an issue")
    assert job.get("enabled", True)
    steps = [step["use"] for step in job["do"]]
    assert steps == ["branch", "plan", "work", "rebase", "changelog", "check", "describe", "review"]
