"""Digests over the parts of a draft: what an approval binds. `status` loads this, so it knows of texts only."""

from __future__ import annotations

import hashlib

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CONTENT = ("head", "tree", "branch", "base", "title", "text")


def parts_digest(sort: bytes, parts: Iterable[str]) -> str:
    """Return the SHA-256, in hex, over the parts of something of that sort: no two lists of parts give the same bytes."""
    digest = hashlib.sha256(b"sixthbot %b\0" % sort)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def content_digest(parts: Mapping[str, str]) -> str:
    """Return the digest over what a draft's own file says, but for its status: its front matter, and its `text`."""
    return parts_digest(b"draft 1", (parts[name] for name in _CONTENT))
