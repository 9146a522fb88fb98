"""Text from outside as it may be shown or kept: what could steer a terminal made visible, passwords in addresses masked."""

from __future__ import annotations

import re

from sixthbot.core.text import has_unsafe_characters

MASK = "***"
# a password may hold an @ of its own: the last one before the path is the one that counts
_USERINFO = r"([a-z][a-z0-9+.-]{0,20}://)[^\s/?#]{1,400}@"


def masked(text: str) -> str:
    """Return `text` with the user names and passwords in its addresses replaced by `***`."""
    return re.sub(_USERINFO, rf"\1{MASK}@", text, flags=re.IGNORECASE)


def visible(text: str) -> str:
    """Return text of many lines with whatever could steer a terminal made visible: `^[`, `<U+202E>`."""
    return text.translate(_VISIBLE)


class _Visible(dict[int, str]):
    """A translation table that is filled as characters are met, so that long text stays fast."""

    def __missing__(self, code: int) -> str:
        self[code] = shown = _one(chr(code))
        return shown


_VISIBLE = _Visible()


def _one(char: str) -> str:
    code = ord(char)
    if char in "\n\t" or not has_unsafe_characters(char):
        return char
    if code < 32:  # noqa: PLR2004 - the C0 controls, in the caret form that less and git use
        return "^" + chr(code + 64)
    return "^?" if code == 127 else f"<U+{code:04X}>"  # noqa: PLR2004 - DEL
