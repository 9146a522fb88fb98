"""The house's limits that no linter knows: a file is one idea, a function tells one level of story."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "sixthbot"
FILE = 400
FUNCTION = 60
# a `def`, and more lines that are blank, deeper, or end its signature: only with such a one is a file worth parsing
MAY_BE_LONG = re.compile(
    rf"^(?P<in>[ ]*)(?:async )?def .*\n(?:(?:[ \t]*|(?P=in)[ )].*)\n){{{FUNCTION},}}", re.MULTILINE
)


def too_long(text: str) -> list[str]:
    """Return what of a module's text is longer than agreed."""
    lines = text.count("\n")
    found = [f"{lines} lines"] if lines > FILE else []
    if MAY_BE_LONG.search(text):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                found += [f"{node.name} at {node.lineno}: {size} lines"] if size > FUNCTION else []
    return found


def test_no_file_and_no_function_is_longer_than_agreed() -> None:
    long = {
        str(path.relative_to(PACKAGE)): found
        for path in PACKAGE.rglob("*.py")
        if (found := too_long(path.read_text()))
    }
    assert long == {}, f"a file has at most {FILE} lines, a function {FUNCTION}"


def test_what_is_longer_by_one_line_is_found() -> None:
    body = "\n".join("        x = 1" for _ in range(FUNCTION - 4))
    method = (
        f"class A:\n    async def long(\n        self,\n    ) -> None:\n{body}\n\n    def short(self): ...\n"
    )
    assert too_long(method) == []
    assert too_long(method.replace("self,", "self,\n        other,")) == []
    longer = method.replace("self,", "self,\n        other,\n        third,")
    assert too_long(longer) == [f"long at 2: {FUNCTION + 1} lines"]
    assert too_long("x = 1\n" * (FILE + 1)) == [f"{FILE + 1} lines"]
