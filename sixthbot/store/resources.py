"""Where rules and templates are found: the user's repository, then the installed package, then the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.core.errors import ConfigError, Refused
from sixthbot.store.atomic import read_small
from sixthbot.store.shipped import read_shipped_rule_files, shipped_folder
from sixthbot.store.tomlfile import SIZE_LIMIT

if TYPE_CHECKING:
    from sixthbot.store.paths import Places
    from sixthbot.store.trust import Trust

__all__ = ["read_shipped_rule_files", "read_template", "shipped_folder", "shipped_templates"]


def shipped_templates() -> list[str]:
    """Return the names of the templates that there are."""
    return sorted(path.name for path in shipped_folder("templates").iterdir() if path.is_file())


def read_template(places: Places | None, name: str, trust: Trust | None) -> tuple[str, str]:
    """Return a template's text and where it comes from, as a path below the repository or "shipped".

    The repository's own counts when its bytes are trusted. Raises ConfigError for a name that no template has.
    """
    if not name or Path(name).name != name:
        raise ConfigError(f"not a template's name: {name[:80]!r}")
    if places is not None and trust is not None:
        own = _trusted(places, name, trust)
        if own is not None:
            return own, f".sixth/templates/{name}"
    try:
        data = (shipped_folder("templates") / name).read_bytes()
    except FileNotFoundError:
        known = ", ".join(shipped_templates())
        raise ConfigError(f"there is no template {name!r}", hint=f"there are {known}") from None
    return data.decode("utf-8"), "shipped"


def _trusted(places: Places, name: str, trust: Trust) -> str | None:
    path = f".sixth/templates/{name}"
    try:
        data = read_small(places.templates_dir / name, SIZE_LIMIT)
    except (OSError, Refused):
        return None  # what cannot be read safely is named by `trust` and `doctor`
    if not trust.is_trusted(path, data):
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8") from None
