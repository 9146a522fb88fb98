"""Tells whether the bot is at home in a repository: what its home has, whether it is all there, whether links lead out.

Writes nothing.
"""

from __future__ import annotations

import os
import stat

from sixthbot.core.errors import HomeGone, NoRepository, Refused

TYPE_CHECKING = False  # see paths: `status` loads this
if TYPE_CHECKING:
    from sixthbot.store.paths import Places

COMPONENTS = (
    "config.toml", "rules", "templates", "inbox", "inbox/rejected", "issues", "checkpoints", "drafts", "artifacts",
    "journal", "operations",
    "queue", "queue/ready", "queue/ready/critical", "queue/ready/high", "queue/ready/normal", "queue/ready/low",
    "queue/waiting", "queue/running", "queue/parked", "queue/failed", "queue/done", "queue/paused",
    "local", "local/config.toml", "local/notes", "local/logs", "local/locks", "local/workers", "local/cursors",
    "local/cache", "local/cancel", "local/traces", "local/progress",
)  # fmt: skip
"""What the bot keeps below `.sixth`; none of them may be a symbolic link."""

FOLDERS = tuple(name for name in COMPONENTS if not name.endswith(".toml"))
"""The components that are folders."""

HOME_MARK = ".home"
"""In `.sixth` a file that goes when the folder is cleaned; its twin in the git directory stays."""


def require_initialised(places: Places) -> None:
    """Check that `sixthbot init` was run here and that nothing of `.sixth` leads out of it.

    Raises NoRepository when it was not, HomeGone when it was and `.sixth`, or a part without which nothing can be done,
    has been taken away since (or comes back just now, as with `git stash pop`, which takes a moment), Refused when
    `.sixth` or one of its components is a symbolic link.
    """
    refuse_links(places)
    if home_is_gone(places):
        raise HomeGone(
            f"{places.home} was taken away", hint="sixthbot init brings back what the state ref has of it"
        )
    if not (os.path.isdir(f"{places.home}/queue") and os.path.isdir(f"{places.home}/local")):
        if os.path.exists(f"{places.git_home}/sixth/home"):
            raise HomeGone(f"a part of {places.home} was taken away", hint="sixthbot init makes it anew")
        raise NoRepository(
            f"sixthbot is not initialised in {os.path.dirname(places.home)}", hint="sixthbot init"
        )


def home_is_gone(places: Places) -> bool:
    """Tell whether the bot was at home here and `.sixth`, all of it or its core, has been taken away since."""
    if os.path.lexists(f"{places.home}/{HOME_MARK}") and os.path.isdir(f"{places.home}/queue"):
        return False
    return os.path.exists(f"{places.git_home}/sixth/home")


def home_stamp(places: Places) -> tuple[int, int]:
    """Return what tells this `.sixth` from another one in its place, cheaply; zeros while it is not whole."""
    if home_is_gone(places):
        return (0, 0)
    try:
        mark = os.lstat(f"{places.home}/{HOME_MARK}")
    except OSError:
        return (0, 0)
    return (mark.st_ino, mark.st_mtime_ns)


def refuse_links(places: Places) -> None:
    """Raise Refused when `.sixth` or one of its components is a symbolic link."""
    for name in ("", *COMPONENTS, "queue/.moving", HOME_MARK):
        path = f"{places.home}/{name}".rstrip("/")
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(mode):
            raise Refused(
                f"{f'.sixth/{name}'.rstrip('/')} is a symbolic link: the bot would write somewhere else",
                hint="remove the link; sixthbot init makes the folder",
            )
