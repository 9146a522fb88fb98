"""Struck once at every write of the main path, in six ways, a life ends as one that nothing ever struck."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pkgutil
from pathlib import Path

import pytest

import sixthbot
from sixthbot.store.atomic import WRITE_POINTS
from tests.crash.life import GIT_WRITES, MODES
from tests.support.warm import forked

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "sixthbot").rglob("*.py"))


def declared_points() -> set[str]:
    for module in pkgutil.walk_packages(sixthbot.__path__, "sixthbot."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    named = {
        node.args[0].value
        for tree in map(parsed, SOURCES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "point"
        and isinstance(node.args[0], ast.Constant)
    }
    # tests of the store declare points of their own, perhaps in this very process
    ours = {name for name in WRITE_POINTS if not name.startswith("test.")}
    assert {str(name) for name in named} >= ours
    return {str(name) for name in named}


def git_writes() -> set[str]:
    """Return the git commands that are called with `write=True`, or are known to write."""
    found = set()
    for node in (node for path in (ROOT / "sixthbot/git").glob("*.py") for node in ast.walk(parsed(path))):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run"
        ):
            continue
        command = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        writes = any(keyword.arg == "write" for keyword in node.keywords)
        if isinstance(command, str) and (writes or command in GIT_WRITES):
            found.add(f"git {command}")
    return found


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@pytest.mark.timeout(400)  # five whole lives side by side with all other tests
@pytest.mark.parametrize("mode", MODES)
def test_a_life_struck_at_every_write_ends_as_it_should(tmp_path: Path, mode: str) -> None:
    status, out, err = forked(
        "tests.crash.__main__", ["life", str(tmp_path), mode], cwd=ROOT, env=os.environ, seconds=390
    )
    assert status == 0, (out + err)[-6000:]
    visited = set(json.loads(out.splitlines()[-1]))
    if mode != "written":  # renames, removals and appended lines have no moment between
        assert declared_points() | git_writes() <= visited, "a write path that no step of tests/crash goes"
