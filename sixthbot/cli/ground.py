"""The doctor's checks of the ground the bot stands on: git, the file system, locks. Each looks and changes nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.cli.findings import Finding
from sixthbot.core.errors import SixthError
from sixthbot.store.mounts import NETWORK, SHARED, mounted_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.store.paths import Places

_MENDED_IN = ((2, 43, 7), (2, 44, 4), (2, 45, 4), (2, 46, 4), (2, 47, 3), (2, 48, 2), (2, 49, 1), (2, 50, 1))
"""The first git of each line without CVE-2025-48384, which runs a hook from a cloned submodule; all later lines are."""
_MANY_LOOSE = 20_000


def git_findings(version: tuple[int, ...]) -> Iterator[Finding]:
    """Say which git is used and whether a hole is known in it."""
    told = ".".join(map(str, version))
    yield Finding("ok", "git", told)
    if not is_mended(version):
        yield Finding(
            "warn", "advisory", f"git {told} may have CVE-2025-48384: a clone with submodules can run a program of its author's",
            "update git, unless your system's maintainers mended theirs (the version does not show it)",
        )  # fmt: skip


def is_mended(version: tuple[int, ...]) -> bool:
    """Tell whether a git is known to be without the hole."""
    line = next((mended for mended in _MENDED_IN if mended[:2] == version[:2]), None)
    return version >= line if line is not None else version > _MENDED_IN[-1]


def loose_objects(places: Places) -> Finding:
    """Say how many objects lie in files of their own, by one of 256 folders, as git itself counts them."""
    try:
        about = 256 * sum(1 for _ in (places.git_dir / "objects/17").iterdir())
    except OSError:
        about = 0
    if about < _MANY_LOOSE:
        return Finding("ok", "packing", "few enough in files of their own")
    return Finding(
        "note", "packing", f"about {about:,} in files of their own; packed they take a small part of the room",
        "git gc",
    )  # fmt: skip


def file_system(places: Places) -> Finding:
    """Say on what kind of file system `.sixth` lies."""
    if os.statvfs(places.sixth).f_flag & os.ST_RDONLY:
        return Finding(
            "bad",
            "file system",
            "mounted read-only: nothing can be done",
            "mount it so that it can be written to",
        )
    kind = mounted_as(places.sixth)
    if kind in NETWORK or kind in SHARED:
        what = "on the network" if kind in NETWORK else "shared with another system"
        return Finding(
            "warn", "file system", f"{kind}, {what}: locks and syncs may not hold, and file events may not come",
            "keep the repository on a local disk, and only one machine's bot at it",
        )  # fmt: skip
    return Finding("ok", "file system", kind or "of a kind that this system does not tell")


def locks_hold(places: Places) -> Finding:
    """Take a lock and see whether it holds."""
    from sixthbot.store.locks import Held  # noqa: PLC0415 - lazy, see app

    try:
        held = Held(places.locks / "doctor.lock")
    except SixthError as error:
        return Finding("bad", "locks", error.message, error.hint)
    except OSError as error:
        return Finding(
            "bad",
            "locks",
            f"none can be taken: {error.strerror}",
            "look at the owner and mode of .sixth/local",
        )
    held.release()
    return Finding("ok", "locks", "they hold")
