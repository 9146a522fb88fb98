"""What TOML's own rules say that the parser lets through: whole numbers have 64 bits; and a document without its texts."""

from __future__ import annotations

import re

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from typing import Any

_LIMIT = 1 << 63
# strings, closed or not, and comments: everything of TOML in which a dot or a bracket means nothing.
# Each alternative consumes what it began, so the whole stays linear on hostile text.
_TEXT = (
    r'"""(?:[^\\]|\\.)*?(?:"""|\Z)' r"|'''.*?(?:'''|\Z)" r'|"(?:[^"\\\n]|\\[^\n])*(?:"|\\?(?=\n)|\\?\Z)' r"|'[^'\n]*'?" r"|\#[^\n]*"
)  # fmt: skip


def without_texts(document: str) -> str:
    """Return a TOML document with an empty text for each of its texts and comments; lines stay where they are."""
    return re.sub(_TEXT, lambda found: '""' + "\n" * found[0].count("\n"), document, flags=re.DOTALL)


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
