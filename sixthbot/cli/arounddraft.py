"""What `status` finds out about an open draft beyond its file: where its branch is, and whether its approval holds."""

from __future__ import annotations

from sixthbot.core.errors import SixthError
from sixthbot.store.afoot import tip_of

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sixthbot.store.paths import Places


def around_draft(places: Places, draft: Mapping[str, Any]) -> dict[str, Any]:
    """Return `tip`, where the branch is, `here`, whether the draft's commit is, and `void`, why its approval is; or empty."""
    tip = tip_of(places, draft["branch"])
    return {
        "tip": tip,
        "here": tip == draft["head"] or _is_here(places, draft),
        "void": _void(places, draft),
    }


def _is_here(places: Places, draft: Mapping[str, Any]) -> bool:
    """Ask git, which is only done in doubt: a draft seldom lags behind its branch."""
    from sixthbot.git.refs import has_object  # noqa: PLC0415 - see above
    from sixthbot.git.repository import open_repository  # noqa: PLC0415 - as above

    try:
        return has_object(open_repository(places.top, places.git_dir).git, draft["head"])
    except SixthError:
        return True  # git cannot be asked, and `doctor` says why: that is no news of the commit


def _void(places: Places, draft: Mapping[str, Any]) -> str:
    if draft["status"] != "approved":
        return ""
    from sixthbot.store.glanceapproved import why_void  # noqa: PLC0415 - few drafts are approved and not pushed

    return why_void(places, draft)
