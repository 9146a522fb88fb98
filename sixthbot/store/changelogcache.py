"""What was read of the history for the changelog, so that one more commit costs one more commit. Lost, it is read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.store.atomic import point
from sixthbot.store.jsonfile import load_json, save_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.store.paths import Places

_SAVE = point("changelog.cache")


class ChangelogCache:
    """One file in `.sixth/local/cache`; `key` says for what settings and templates it holds."""

    def __init__(self, places: Places) -> None:
        self._path = places.local / "cache" / "changelog.json"

    def load(self, key: str) -> dict[str, Any] | None:
        """Return what was saved under that key, None when it is another one's or there is nothing."""
        found = load_json(self._path)
        return found if found is not None and found.get("key") == key else None

    def save(self, key: str, data: Mapping[str, Any]) -> None:
        """Save it over what was there."""
        save_json(self._path, {**data, "key": key}, point=_SAVE, durability="process")
