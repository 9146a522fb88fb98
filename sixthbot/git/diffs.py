"""Differences between two commits: counts, paths and patches, without programs that the repository names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-abbrev")
_TWO_PATHS = ("R", "C")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What happened to one file. `status` is git's letter (A, M, D, R, C, T); `old_path` only for R and C.

    `added` and `deleted` count lines; both are None for a binary file.
    """

    path: str
    old_path: str = ""
    added: int | None
    deleted: int | None
    status: str
    binary: bool


def numstat(git: Git, old: Oid | None, new: Oid) -> list[FileChange]:
    """Return the files that differ from `old` to `new`, in git's order; `old` None means from nothing."""
    done = git.run("diff-tree", "-r", "-z", "-M", "--raw", "--numstat", *_PLAIN, *_ends(old, new))
    fields = iter(done.text.split("\0"))
    letters: dict[str, str] = {}
    changes = []
    for head in fields:
        if head.startswith(":"):
            letter = head.rsplit(" ", 1)[1][:1]
            path = next(fields)
            letters[next(fields) if letter in _TWO_PATHS else path] = letter
        elif head:
            added, deleted, path = head.split("\t", 2)
            old_path = "" if path else next(fields)
            path = path or next(fields)
            binary = added == "-"
            changes.append(
                FileChange(
                    path=path,
                    old_path=old_path,
                    added=None if binary else int(added),
                    deleted=None if binary else int(deleted),
                    status=letters.get(path, "M"),
                    binary=binary,
                )
            )
    return changes


def range_paths(git: Git, old: Oid | None, new: Oid) -> list[str]:
    """Return the paths that differ from `old` to `new`; a renamed file counts with both."""
    done = git.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", *_PLAIN, *_ends(old, new))
    return done.text.split("\0")[:-1]


def patch(git: Git, old: Oid | None, new: Oid, *, color: bool = False, limit: int | None = None) -> bytes:
    """Return the patch from `old` to `new`, cut after the last whole line within `limit` bytes."""
    done = git.run(
        "diff-tree", "-r", "-p", "-M", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", *_PLAIN,
        f"--color={'always' if color else 'never'}", *_ends(old, new), timeout=300,
    )  # fmt: skip
    if limit is None or len(done.stdout) <= limit:
        return done.stdout
    return done.stdout[: done.stdout.rfind(b"\n", 0, limit) + 1]


def _ends(old: Oid | None, new: Oid) -> tuple[str, ...]:
    return ("--root", "--no-commit-id", new) if old is None else (old, new)
