"""Where all branches and tags are, as one value to compare with a stored one; and a cheap look whether any moved."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.names import Oid
from sixthbot.git.refs import all_refs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sixthbot.git.run import Git

HEADS = "refs/heads/"
TAGS = "refs/tags/"

_RACY_NS = 1_000_000_000
"""Files changed less than this before a look could change again without a new time."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Full ref names of branches and tags with what they point to; for an annotated tag the thing that was tagged."""

    refs: Mapping[str, Oid] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def under(self, prefix: str) -> dict[str, Oid]:
        """Return the refs whose names begin with `prefix`."""
        return {ref: tip for ref, tip in self.refs.items() if ref.startswith(prefix)}

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"refs": dict(self.refs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Snapshot | None:
        """Read back what `to_json` wrote; None for anything else."""
        refs = data.get("refs")
        if not isinstance(refs, dict) or not all(isinstance(tip, str) for tip in refs.values()):
            return None
        return cls(MappingProxyType({str(ref): Oid(tip) for ref, tip in refs.items()}))


def take_snapshot(git: Git, git_dir: Path, *, before: Snapshot | None = None) -> Snapshot:
    """Read all branches and tags with one git call.

    A ref of `before` that is gone is looked for once more, and one whose file is there but unreadable keeps its old
    value: packing refs or a torn file must never look like a branch that somebody deleted.
    """
    refs = _read(git)
    missing = set(before.refs) - set(refs) if before is not None else set()
    if before is not None and missing:
        refs = (
            _read(git) | {ref: before.refs[ref] for ref in missing if os.path.lexists(git_dir / ref)} | refs
        )
    return Snapshot(MappingProxyType(refs))


def _read(git: Git) -> dict[str, Oid]:
    refs = all_refs(git)
    refs.pop("HEAD", None)
    return refs


@dataclass(frozen=True, slots=True)
class RefsMark:
    """Times of all that changes when a ref does. Two equal ones that are `safe` mean that no ref moved."""

    stamps: tuple[tuple[str, int, int, int], ...]
    newest: int

    def safe(self, now_ns: int) -> bool:
        """Whether everything is older than the clock's resolution at `now_ns`, nanoseconds of the epoch."""
        return now_ns - self.newest > _RACY_NS


def refs_mark(git_dir: Path) -> RefsMark:
    """Look at packed-refs and at every folder and file of loose refs, without starting git."""
    stamps = [
        (path, found.st_ino, found.st_mtime_ns, found.st_size)
        for path, found in (*_stat(git_dir / "packed-refs"), *_walk(git_dir / "refs"))
    ]
    return RefsMark(tuple(sorted(stamps)), max((stamp[2] for stamp in stamps), default=0))


def _stat(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    try:
        yield str(path), path.stat()
    except OSError:
        return


def _walk(top: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every folder: a loose ref is always written by renaming a file into its folder, which changes that."""
    yield from _stat(top)
    for folder, folders, _ in os.walk(top):
        for name in folders:
            yield from _stat(top / folder / name)


def branches_in_use(git_dir: Path) -> frozenset[str]:
    """Return the full names of branches that are checked out, in the main work tree or a linked one, without git."""
    heads = [git_dir / "HEAD"]
    with suppress(OSError):
        heads += [Path(entry.path) / "HEAD" for entry in os.scandir(git_dir / "worktrees")]
    return frozenset(branch for head in heads if (branch := _branch_of(head)))


def _branch_of(head: Path) -> str:
    try:
        text = os.fsdecode(head.read_bytes()[:4096])
    except OSError:
        return ""
    return text.removeprefix("ref:").strip() if text.startswith("ref:") else ""
