"""Tells for `status` why an approval holds no longer, as far as that can be told from files: git is not asked.

Where the draft would go now is for git and the settings to say, so what changed there is told by `draft list` and `push`.
"""

from __future__ import annotations

import json

from sixthbot.core.draftparts import content_digest
from sixthbot.core.errors import Refused
from sixthbot.core.text import branch_file_stem
from sixthbot.store.reading import read_small

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.store.paths import Places

_LIMIT = 64 << 10


def why_void(places: Places, draft: Mapping[str, str]) -> str:
    """Return why a draft that shows an approval has none that holds; empty where nothing tells against it."""
    path = places.data_dir / "approvals" / f"{branch_file_stem(draft['branch'])}.json"
    try:
        approval = json.loads(read_small(path, _LIMIT))
    except FileNotFoundError:
        return "nobody approved it on this machine"
    except (OSError, ValueError, RecursionError, Refused):
        return "its approval cannot be read"
    content = approval.get("content") if isinstance(approval, dict) else None
    # older programs wrote none
    changed = bool(content) and content != content_digest(draft)
    return "it was changed after it was approved" if changed else ""
