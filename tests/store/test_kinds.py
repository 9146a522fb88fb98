"""The journal's reference names every kind that the program writes, and every field a record has."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import sixthbot
from sixthbot.store.kinds import KINDS
from sixthbot.store.records import MEANINGS, Record

_WRITERS = {"append", "note", "_note"}


def written_kinds() -> set[str]:
    """Return the first argument of each call that writes a record, where it is a constant, and those of `_story`."""
    found = set()
    for path in Path(sixthbot.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", getattr(node.func, "id", "")) in _WRITERS
            ):
                first = node.args[0] if len(node.args) > 1 else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
            if isinstance(node, ast.FunctionDef) and node.name == "_story" and path.name == "worker.py":
                told = (each.value for each in ast.walk(node) if isinstance(each, ast.Return))
                found |= {
                    str(each.elts[0].value)
                    for each in told
                    if isinstance(each, ast.Tuple) and isinstance(each.elts[0], ast.Constant)
                }
    return found


def test_every_kind_is_explained() -> None:
    missing = written_kinds() - set(KINDS)
    assert not missing, f"add a line to store/kinds.py for {sorted(missing)}, then ./dev docs"


def test_every_field_is_explained() -> None:
    assert [field.name for field in fields(Record)] == list(MEANINGS)
