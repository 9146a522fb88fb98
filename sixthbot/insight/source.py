"""Python source as text, in the encoding that it names itself; runs and imports none of it."""

from __future__ import annotations

import io
import tokenize


def source_text(data: bytes) -> str:
    """Return source as text, without its byte order mark; raise SyntaxError or ValueError for what is in no encoding."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)
