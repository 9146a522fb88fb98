"""Changelogs in fragments."""

from __future__ import annotations

import pytest

from sixthbot.core.fragments import fragments_tool


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"pyproject.toml": b"[tool.towncrier]\ndirectory = 'changes'\n"}, ("towncrier", "changes")),
        ({"towncrier.toml": b"[tool.towncrier]\n"}, ("towncrier", "newsfragments")),
        ({"pyproject.toml": b"[tool.scriv]\n"}, ("scriv", "changelog.d")),
        ({".changeset/config.json": b"{}"}, ("changesets", ".changeset")),
        ({"pyproject.toml": b"[tool.ruff]\n"}, None),
        ({"pyproject.toml": b"[tool"}, None),
        ({"pyproject.toml": b"tool = 3\n"}, None),
        ({}, None),
    ],
)
def test_the_tool_is_known_by_its_files(files: dict[str, bytes], wanted: tuple[str, str] | None) -> None:
    assert fragments_tool(files, files.get) == wanted
