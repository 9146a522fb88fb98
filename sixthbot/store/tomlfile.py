"""TOML that others wrote: capped before it is parsed, errors with file and line; and TOML that the bot writes."""

from __future__ import annotations

import re

from sixthbot.core.errors import ConfigError
from sixthbot.core.text import clean_line
from sixthbot.core.tomlvalues import has_huge_number, without_texts

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SIZE_LIMIT = 256 << 10
"""No file that people write for the bot is longer, in bytes."""

OWN_LIMIT = 8 * SIZE_LIMIT
"""No record or plan of an issue is longer, in bytes: what an issue file says comes back quoted, with more beside it."""

_DOT_LIMIT = 200
_AT_LINE = r"\(at line (\d+), column \d+\)"


def parse_toml(data: bytes, name: str, *, limit: int = SIZE_LIMIT) -> dict[str, Any]:
    """Return the tables of a TOML file of at most `limit` bytes; ConfigError with `name` and line where it is none."""
    import tomllib  # noqa: PLC0415 - where nothing is open, `status` reads no TOML

    if len(data) > limit:
        raise ConfigError(f"{name} is longer than {limit >> 10} KiB")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8") from None
    if number := _line_of_dots(text):
        raise ConfigError(f"{name}:{number}: more than {_DOT_LIMIT} dots in one line")
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        match = re.search(_AT_LINE, str(error))
        reason = clean_line(re.sub(_AT_LINE, "", str(error)))
        where = f"{name}:{match[1] if match else text.count(chr(10)) + 1}"
        raise ConfigError(f"{where}: not TOML: {reason}", hint="see https://toml.io") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply") from None
    if has_huge_number(tables):
        raise ConfigError(f"{name}: a number in it has more than 64 bits")
    return tables


def _line_of_dots(text: str) -> int:
    """Return the line with too many dots outside of texts, 0 for none: the parser takes time by the square of a key's parts."""
    if all(line.count(".") <= _DOT_LIMIT for line in text.split("\n")):
        return 0
    bare = enumerate(without_texts(text).split("\n"), 1)
    return next((number for number, line in bare if line.count(".") > _DOT_LIMIT), 0)


def dump_toml(data: Mapping[str, Any]) -> bytes:
    """Return tables as the bytes of a TOML file; a text that is no Unicode loses what is not."""
    import tomli_w  # noqa: PLC0415 - only writers need it

    return tomli_w.dumps(data).encode("utf-8", "replace")
