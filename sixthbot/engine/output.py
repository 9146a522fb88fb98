"""What foreign programs print: the last part kept, made safe to show on a terminal and in a text. Bytes in, text out."""

from __future__ import annotations

import re

# every alternative is bounded or made of one repeated class, so that hostile output costs linear time
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|[ -/]{0,4}[0-~])"
)
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def clean_output(data: bytes) -> str:
    """Return printed bytes as text without escape sequences, control and bidirectional characters.

    Bytes that are no UTF-8 become replacement characters; of a line that was drawn over with carriage returns only
    the last state stays, as a terminal would show it.
    """
    text = _ESCAPE.sub("", data.decode("utf-8", errors="replace"))
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _UNSAFE.sub("", "\n".join(lines))


class Tail:
    """Keeps the last `limit` bytes of a stream, in at most about three times that memory."""

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, 1)
        self._data = bytearray()
        self.cut = False

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._data += data
        if len(self._data) > 2 * self._limit + len(data):
            self._trim()

    def text(self) -> str:
        """Return what is kept as clean text; a cut is said in its first line."""
        self._trim()
        text = clean_output(bytes(self._data))
        return f"[only the last {self._limit} bytes are kept]\n{text}" if self.cut else text

    def _trim(self) -> None:
        if len(self._data) > self._limit:
            del self._data[: -self._limit]
            self.cut = True
