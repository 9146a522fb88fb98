"""Cursors: what a source saw last, so that what is new is found by comparing, also after the bot was off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.store.atomic import Durability, point
from sixthbot.store.jsonfile import load_json, save_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SAVE = point("cursor.save")


class Cursors:
    """One JSON file for each cursor; names are the sources' own, never a user's text."""

    def __init__(self, folder: Path, durability: Durability) -> None:
        self._folder = folder
        self._durability: Durability = durability

    def load(self, name: str) -> dict[str, Any] | None:
        """Return what was saved; None when nothing was, or the file is damaged (it is kept aside)."""
        return load_json(self._folder / f"{name}.json")

    def save(self, name: str, data: Mapping[str, Any]) -> None:
        """Save a cursor (JSON values) over the last one."""
        save_json(self._folder / f"{name}.json", data, point=_SAVE, durability=self._durability)
