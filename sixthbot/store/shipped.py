"""Where the rules and templates that came with this sixthbot are; loads next to nothing."""

from __future__ import annotations

from pathlib import Path

from sixthbot.core.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder(name: str) -> Path:
    """Return the folder `rules` or `templates` that came with this sixthbot.

    A wheel carries them inside the package, an editable install leaves them beside it. Raises ConfigError when
    neither is there.
    """
    for folder in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise ConfigError(f"the shipped {name} are missing", hint="install sixthbot again")


def read_shipped_rule_files() -> list[tuple[str, bytes]]:
    """Return the names and bytes of the shipped rule files, sorted by name."""
    return [(path.name, path.read_bytes()) for path in sorted(shipped_folder("rules").glob("*.toml"))]
