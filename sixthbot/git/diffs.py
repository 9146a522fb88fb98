"""Differences between two commits: counts, paths and patches, without programs that the repository names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.names import Oid

if TYPE_CHECKING:
    from sixthbot.git.run import Git

_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-abbrev")
_TWO_PATHS = ("R", "C")
_UNKNOWN = ("", "", "", "", "M")
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What happened to one file. `status` is git's letter (A, M, D, R, C, T); `old_path` only for R and C.

    `added` and `deleted` count lines; both are None for a binary file. `old` and `new` are the blobs (of a submodule the
    commits), None where there is none.
    """

    path: str
    old_path: str = ""
    added: int | None
    deleted: int | None
    status: str
    binary: bool
    old: Oid | None = None
    new: Oid | None = None


def numstat(git: Git, old: Oid | None, new: Oid) -> list[FileChange]:
    """Return the files that differ from `old` to `new`, in git's order; `old` None means from nothing."""
    done = git.run("diff-tree", "-r", "-z", "-M", "--raw", "--numstat", *_PLAIN, *_ends(old, new))
    fields = iter(done.text.split("\0"))
    heads: dict[str, list[str]] = {}
    changes = []
    for head in fields:
        if head.startswith(":"):
            parts = head.split(" ")
            path = next(fields)
            heads[next(fields) if parts[4][:1] in _TWO_PATHS else path] = parts
        elif head:
            added, deleted, path = head.split("\t", 2)
            old_path = "" if path else next(fields)
            path = path or next(fields)
            binary = added == "-"
            _, _, before, after, letter = heads.get(path, _UNKNOWN)
            changes.append(
                FileChange(
                    path=path,
                    old_path=old_path,
                    added=None if binary else int(added),
                    deleted=None if binary else int(deleted),
                    status=letter[:1],
                    binary=binary,
                    old=_there(before),
                    new=_there(after),
                )
            )
    return changes


def _there(oid: str) -> Oid | None:
    return Oid(oid) if oid.strip("0") else None


def added_lines(git: Git, old: Oid, new: Oid) -> dict[str, frozenset[int]]:
    """Return the numbers of the lines that `new` has and `old` has not, by path; files with odd names are left out."""
    done = git.run(
        "diff-tree", "-r", "-p", "-U0", "-M", "--src-prefix=a/", "--dst-prefix=b/", *_PLAIN, old, new
    )
    found: dict[str, set[int]] = {}
    path, left = "", 0
    for line in done.text.split("\n"):
        if left and line.startswith(("+", "-")):
            left -= 1  # of a hunk: what stands in it is no header, whatever it looks like
        elif line.startswith("+++ "):
            path = line.removeprefix("+++ b/").rstrip("\t") if line.startswith("+++ b/") else ""
        elif match := _HUNK.match(line):
            count = int(match[2] or 1)
            left = count + int(line.split(" ")[1].partition(",")[2] or 1)
            if path and count:
                found.setdefault(path, set()).update(range(int(match[1]), int(match[1]) + count))
    return {name: frozenset(lines) for name, lines in found.items()}


def patch(git: Git, old: Oid | None, new: Oid) -> bytes:
    """Return the patch from `old` to `new`, without colour."""
    done = git.run(
        "diff-tree", "-r", "-p", "-M", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", *_PLAIN,
        "--color=never", *_ends(old, new), timeout=300,
    )  # fmt: skip
    return done.stdout


def beginning(patch: bytes, limit: int) -> bytes:
    """Return the whole lines of a patch that are within `limit` bytes."""
    return patch if len(patch) <= limit else patch[: patch.rfind(b"\n", 0, limit) + 1]


def range_diff(git: Git, old: tuple[Oid, Oid], new: tuple[Oid, Oid], *, limit: int = 20_000_000) -> bytes:
    """Return how a series of commits differs from an older one, each given as the commit before it and its tip."""
    done = git.run(
        "range-diff", "--no-color", "--no-ext-diff", "--no-textconv",
        f"{old[0]}..{old[1]}", f"{new[0]}..{new[1]}", timeout=300,
    )  # fmt: skip
    return done.stdout[:limit]


def _ends(old: Oid | None, new: Oid) -> tuple[str, ...]:
    return ("--root", "--no-commit-id", new) if old is None else (old, new)


def stat_text(git: Git, old: Oid, new: Oid) -> str:
    """Return the summary of what differs, as `git diff --stat` prints it for people."""
    return git.run("diff-tree", "-r", "-M", "--stat=76", "--summary", *_PLAIN, old, new).text
