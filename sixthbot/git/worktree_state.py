"""What of the person's work tree differs from its HEAD, as git sees it: ignored files are not there. Never writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sixthbot.git.run import Git

_STATUS = (
    "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all",
)  # fmt: skip
_FIELDS_BEFORE_PATH = {"1": 8, "u": 10, "?": 1}
_UNBORN = "(initial)"
NOTHING = ""
"""The id of what is not there."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The commit that is checked out, empty before the first one, and the paths that differ from it or are new."""

    head: str
    paths: tuple[str, ...]


def look(git: Git, top: Path, folders: Sequence[str], *, timeout: float = 600) -> Seen:
    """Compare the work tree at `top` with its HEAD, below some folders only; none for all of it.

    Raise GitFailed when git cannot, such as in the middle of a write by another git.
    """
    place = {"GIT_WORK_TREE": str(top)}
    fields = git.run(*_STATUS, "--", *folders, env=place, timeout=timeout).text.split("\0")[:-1]
    head, paths = "", []
    for field in fields:
        if field.startswith("# branch.oid "):
            head = field.removeprefix("# branch.oid ").replace(_UNBORN, "")
        elif (before := _FIELDS_BEFORE_PATH.get(field[:1])) is not None:
            paths.append(field.split(" ", before)[before])
    return Seen(head, tuple(sorted(paths)))


def changed_between(git: Git, old: str, new: str, folders: Sequence[str]) -> dict[str, str]:
    """Return the paths below some folders that differ between two commits, each with the id of its new content."""
    if old == new or not old or not new:
        return {}
    named = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", old, new)
    fields = git.run(*named, "--", *folders, check=False, timeout=600).text.split("\0")[:-1]
    found = {}
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        _, _, before, after, letter = head.split(" ")
        if before != after:
            found[path] = NOTHING if letter == "D" else after
    return found


def contents_at(git: Git, commit: str, paths: Iterable[str]) -> dict[str, str]:
    """Return the ids of what some paths hold at a commit, `NOTHING` for what it does not have."""
    wanted = list(paths)
    if not wanted or not commit:
        return dict.fromkeys(wanted, NOTHING)
    asked = b"".join(f"{commit}:{path}".encode("utf-8", "surrogateescape") + b"\0" for path in wanted)
    said = git.run("cat-file", "--batch-check=%(objectname)", "-z", stdin=asked, check=False).text
    # a missing one is answered with its name, which may hold anything, and " missing"
    return _answers(said, commit, wanted)


def _answers(said: str, commit: str, wanted: Sequence[str]) -> dict[str, str]:
    found = {}
    at = 0
    for path in wanted:
        missing = f"{commit}:{path} missing\n"
        if said.startswith(missing, at):
            found[path] = NOTHING
            at += len(missing)
        else:
            end = said.find("\n", at)
            found[path] = said[at:end]
            at = end + 1
    return found
