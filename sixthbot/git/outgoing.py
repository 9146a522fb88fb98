"""What a push would send: the commits of its range and the lines each of them adds, read within bounds.

Every commit counts for itself: what one adds and the next takes away is sent all the same.
"""

from __future__ import annotations

import codecs
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.names import Oid, parse_oid
from sixthbot.core.text import is_oid
from sixthbot.git.commits import log
from sixthbot.git.trees import SUBMODULE, read_blobs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.run import Git

_LARGEST = 16 * 1024 * 1024
"""Bytes of a file from which on it is not read but named."""
_BATCH = 32 * 1024 * 1024
"""Bytes of files that are in memory at the same time."""
_LOOKED_AT = 8000
_COMMITS = 2000
"""Commits whose changes are asked for with one git process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What a commit adds to a file. `numbers` are the lines of the file that `text` is made of, from 1.

    A `binary` file counts as one whole. One that is too large to be read has the `size` it has, and no text.
    """

    commit: Oid
    path: str
    text: str
    numbers: Sequence[int]
    binary: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    commit: Oid
    path: str
    new: Oid
    old: tuple[Oid, ...]


def outgoing(git: Git, head: Oid, *, known: Sequence[Oid]) -> list[CommitInfo]:
    """Return the commits that a push of `head` sends to a place that has `known`, oldest first."""
    return log(git, tip=head, not_in=known)


def added_lines(git: Git, commits: Sequence[CommitInfo]) -> Iterator[Added]:
    """Yield what each commit adds to each file: lines that none of its parents has in that file.

    A renamed file is compared with what it was; a merge adds what it has beyond all its parents.
    """
    changes = _changes(git, [commit.id for commit in commits])
    sizes = _sizes(git, {blob for change in changes for blob in (change.new, *change.old)})
    batch: list[_Change] = []
    weight = 0
    for change in changes:
        size = sizes.get(change.new, 0)
        if size > _LARGEST:
            yield Added(commit=change.commit, path=change.path, text="", numbers=(), binary=True, size=size)
            continue
        weight += size + sum(sizes.get(blob, 0) for blob in change.old)
        batch.append(change)
        if weight > _BATCH:
            yield from _added(git, batch, sizes)
            batch, weight = [], 0
    yield from _added(git, batch, sizes)


def _changes(git: Git, commits: Sequence[Oid]) -> list[_Change]:
    changes: list[_Change] = []
    for start in range(0, len(commits), _COMMITS):
        asked = "".join(f"{commit}\n" for commit in commits[start : start + _COMMITS])
        done = git.run(
            "diff-tree", "--stdin", "-r", "-c", "-M", "--root", "--raw", "-z", "--no-abbrev", "--no-ext-diff",
            "--no-textconv", stdin=asked.encode(), timeout=600,
        )  # fmt: skip
        changes += _parsed(done.text)
    return changes


def _parsed(text: str) -> Iterator[_Change]:
    """Read `COMMIT NUL (:modes oids status NUL path NUL)*`, with two paths for a rename, a colon for each parent."""
    commit, fields = Oid(""), iter(text.split("\0"))
    for field in fields:
        head = field.lstrip("\n")
        if not head:
            continue
        if not head.startswith(":"):
            commit = parse_oid(head)
            continue
        parents = len(head) - len(head.lstrip(":"))
        words = head.lstrip(":").split(" ")
        modes, oids, status = words[: parents + 1], words[parents + 1 : 2 * parents + 2], words[-1]
        path = next(fields)
        if parents == 1 and status[0] in "RC":
            path = next(fields)
        if modes[-1] in {"000000", SUBMODULE}:
            continue
        old = tuple(
            Oid(oid)
            for oid, mode in zip(oids, modes[:-1], strict=False)
            if mode not in {"000000", SUBMODULE} and is_oid(oid)
        )
        if oids[parents] not in old:
            yield _Change(commit, path, Oid(oids[parents]), old)


def _sizes(git: Git, blobs: set[Oid]) -> dict[Oid, int]:
    if not blobs:
        return {}
    asked = "".join(f"{blob}\n" for blob in sorted(blobs)).encode()
    done = git.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked, timeout=600)
    lines = (line.partition(" ") for line in done.lines)
    return {Oid(blob): int(size) for blob, _, size in lines if size.isdigit()}


def _added(git: Git, changes: Sequence[_Change], sizes: Mapping[Oid, int]) -> Iterator[Added]:
    wanted = {blob for change in changes for blob in (change.new, *change.old)}
    blobs = read_blobs(git, [blob for blob in sorted(wanted) if sizes.get(blob, _LARGEST + 1) <= _LARGEST])
    for change in changes:
        text, binary = decoded(blobs.get(change.new, b""))
        if binary:
            yield Added(commit=change.commit, path=change.path, text=text, numbers=(), binary=True)
            continue
        before = Counter[str]()
        for blob in change.old:
            if blob in blobs:
                before |= Counter(decoded(blobs[blob])[0].split("\n"))
        lines, numbers = [], []
        for number, line in enumerate(text.split("\n"), start=1):
            if before[line]:
                before[line] -= 1
            else:
                lines.append(line)
                numbers.append(number)
        if lines:
            yield Added(commit=change.commit, path=change.path, text="\n".join(lines), numbers=numbers)


def decoded(data: bytes) -> tuple[str, bool]:
    """Return a file's text and whether it is no text: UTF-16 is read as such, other bytes stand for themselves."""
    start = data[:_LOOKED_AT]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), False
    for encoding, offset in (("utf-16-le", 1), ("utf-16-be", 0)):
        half = start[offset::2]
        if len(start) >= 8 and half.count(0) > len(half) * 0.7 and b"\0" not in start[1 - offset :: 2]:  # noqa: PLR2004
            return data.decode(encoding, "replace"), False
    if b"\0" in start:
        return data.decode("latin-1"), True
    return data.decode("utf-8", "surrogateescape"), False
