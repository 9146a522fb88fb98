"""Where the rules and templates that came with this sixthbot are; loads next to nothing."""

from __future__ import annotations

import os

from sixthbot.core.errors import ConfigError

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def shipped_folder(name: str) -> Path:
    """Return the folder `rules` or `templates` that came with this sixthbot.

    A wheel carries them inside the package, an editable install leaves them beside it. Raises ConfigError when
    neither is there.
    """
    from pathlib import Path  # noqa: PLC0415 - `status` does without

    return Path(_folder(name))


def _folder(name: str) -> str:
    for folder in (f"{_PACKAGE}/_shipped/{name}", f"{os.path.dirname(_PACKAGE)}/{name}"):
        if os.path.isdir(folder):
            return folder
    raise ConfigError(f"the shipped {name} are missing", hint="install sixthbot again")


def read_shipped_rule_files() -> list[tuple[str, bytes]]:
    """Return the names and bytes of the shipped rule files, sorted by name."""
    folder = _folder("rules")
    names = sorted(name for name in os.listdir(folder) if name.endswith(".toml"))
    return [(name, _bytes(f"{folder}/{name}")) for name in names]


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
