"""What TOML's own rules say of values and the parser lets through: whole numbers have 64 bits."""

from __future__ import annotations

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from typing import Any

_LIMIT = 1 << 63


def has_huge_number(value: Any) -> bool:
    """Tell whether there is a whole number of more than 64 bits anywhere in a parsed document.

    Python refuses to turn a very long one into text, wherever that is tried first.
    """
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            rest += one.values()
        elif isinstance(one, list):
            rest += one
        elif isinstance(one, int) and not -_LIMIT <= one < _LIMIT:
            return True
    return False
