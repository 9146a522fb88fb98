"""The state ref: files in a tree that no work tree has, read and added to with plumbing; nothing there is ever changed.

Knows nothing of what the files mean. No HEAD, index, work tree or hook is touched: new files come in with one
`fast-import` on top of the old tree, whose cost does not grow with what is there.
"""

from __future__ import annotations

import re
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.core.names import Oid, clean_line, parse_oid
from sixthbot.core.text import is_oid
from sixthbot.git.fastimport import apart
from sixthbot.git.refs import RefMove, move_refs, resolve
from sixthbot.git.trees import REGULAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sixthbot.git.run import Git

STATE = "refs/sixth/state"
_SAVING = "refs/sixth/saving"
_OPS = re.compile(r"ops/(a[0-9a-f]{12})/[0-9]{6}/[0-9]{9}-[0-9a-f]{16}\.jsonl")
_BATCH_LIMIT = 64 << 20
"""Bytes of one file of operations, and of one content, that are read at most."""
_IMPORT_TIMEOUT = 600.0
_LOCK_AGE = 5.0
"""Seconds; git holds the lock of a ref for milliseconds, a person's git as well."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One file of operations: whose it is, its blob, and its path."""

    actor: str
    oid: Oid
    path: str


class StateRef:
    """The state of one repository. Writing is for one process at a time; the caller holds a lock for that."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def tip(self) -> Oid | None:
        """Return the commit that the state is at, None when nothing was ever saved; starts git only for packed refs."""
        try:
            text = (self._git.git_dir / STATE).read_text("ascii").strip()
        except (OSError, ValueError):
            text = ""
        return Oid(text) if is_oid(text) else resolve(self._git, STATE)

    def batches(self, commit: Oid) -> list[Batch]:
        """Return the files of operations in a state, those of other shapes and sizes left out."""
        done = self._git.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", "ops")
        found = []
        for line in done.text.split("\0")[:-1]:
            head, _, path = line.partition("\t")
            mode, _, oid, size = head.split()
            match = _OPS.fullmatch(path)
            if match and mode == REGULAR and size.isdigit() and int(size) <= _BATCH_LIMIT:
                found.append(Batch(match[1], Oid(oid), path))
        return found

    def files(self, commit: Oid) -> dict[str, Oid]:
        """Return every regular file in a state by path."""
        done = self._git.run("ls-tree", "-r", "-z", "--full-tree", commit)
        lines = (line.partition("\t") for line in done.text.split("\0")[:-1])
        return {path: Oid(head.split()[2]) for head, _, path in lines if head.startswith(REGULAR)}

    def read_batches(self, batches: Sequence[Batch]) -> Iterator[tuple[Batch, bytes]]:
        """Yield files of operations with their bytes."""
        found = self._read([batch.oid for batch in batches])
        for batch in batches:
            if (data := found.get(batch.oid)) is not None:
                yield batch, data

    def contents(self, commit: Oid, hashes: Iterable[str], *, limit: int) -> dict[str, bytes]:
        """Return contents by their SHA-256; those that are missing or longer than `limit` bytes are left out."""
        wanted = list(dict.fromkeys(hashes))
        if not wanted:
            return {}
        asked = "".join(f"{commit}:{blob_path(one)}\n" for one in wanted).encode()
        done = self._git.run(
            "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", stdin=asked
        )
        oids: dict[str, Oid] = {}
        for one, line in zip(wanted, done.lines, strict=True):
            words = line.split()
            if len(words) == 3 and words[1] == "blob" and int(words[2]) <= limit:  # noqa: PLR2004 - else "... missing"
                oids[one] = Oid(words[0])
        found = self._read(list(oids.values()))
        return {one: found[oid] for one, oid in oids.items() if oid in found}

    def _read(self, oids: Sequence[Oid]) -> dict[Oid, bytes]:
        from sixthbot.git.trees import read_blobs  # noqa: PLC0415 - kept out of the fast path of a save

        return read_blobs(self._git, list(dict.fromkeys(oids)))

    def roots(self, commit: Oid) -> frozenset[Oid]:
        """Return the first commits of a state: one, or more where somebody joined strangers by hand."""
        done = self._git.run("rev-list", "--max-parents=0", commit)
        return frozenset(parse_oid(line) for line in done.text.split())

    def saved_at(self, commit: Oid) -> int:
        """Return when a state was saved, in seconds of the epoch."""
        done = self._git.run("log", "-1", "--format=%ct", "--no-show-signature", commit)
        return int(done.text.strip() or 0)

    def add(
        self,
        files: Mapping[str, bytes],
        *,
        old: Oid | None,
        now: datetime,
        message: str,
        parents: Sequence[Oid] | None = None,
        linked: Mapping[str, Oid] | None = None,
    ) -> Oid:
        """Put files on top of the first of `parents` (default: `old`) and move the state there from `old`.

        `linked` are files whose blobs are there already. Returns once that survives what the repository's durability
        says. Raise RefMoved when the state is not at `old`, GitFailed for anything else; then it is where it was.
        """
        above = ([old] if old is not None else []) if parents is None else list(parents)
        for ref in (STATE, _SAVING):
            _remove_stale_lock(self._git.git_dir / f"{ref}.lock")
        stream = _stream(files, linked or {}, above, now=now, message=message)
        with apart(self._git) as places:
            self._git.run(
                "fast-import", "--quiet", "--force", "--done", "--date-format=raw",
                stdin=stream, env=places, write=True, timeout=_IMPORT_TIMEOUT,
            )  # fmt: skip
        new = resolve_loose(self._git, _SAVING)
        if new is None:
            raise GitFailed(f"git fast-import left no {_SAVING}")
        # what fast-import wrote to stays: taking it away would lock the packed refs, which are the user's, too
        move_refs(self._git, [RefMove(STATE, old, new)], message="sixthbot: save")
        return new

    def move(self, old: Oid | None, new: Oid) -> None:
        """Move the state to a commit that is there already; raise RefMoved when it is not at `old`."""
        move_refs(self._git, [RefMove(STATE, old, new)], message="sixthbot: sync")


def _remove_stale_lock(path: Path) -> None:
    """Remove what a killed git left; the caller's lock, which its gits share, says that none of ours is at work."""
    try:
        found = path.lstat()
    except OSError:
        return
    if stat.S_ISREG(found.st_mode) and abs(time.time() - found.st_mtime) > _LOCK_AGE:
        path.unlink(missing_ok=True)


def stash_holds(git: Git, path: str) -> bool:
    """Tell whether the newest stash has a path among its untracked files."""
    done = git.run("ls-tree", "--full-tree", "refs/stash^3", "--", path, check=False)
    return done.status == 0 and bool(done.stdout)


def blob_path(digest: str) -> str:
    """Return where in the tree the content of a SHA-256 is."""
    return f"blobs/{digest[:2]}/{digest[2:]}"


def resolve_loose(git: Git, ref: str) -> Oid | None:
    """Return where a ref is that was just written and so lies in a file of its own."""
    try:
        text = (git.git_dir / ref).read_text("ascii").strip()
    except (OSError, ValueError):
        return resolve(git, ref)
    return Oid(text) if is_oid(text) else None


def _stream(
    files: Mapping[str, bytes],
    linked: Mapping[str, Oid],
    parents: Sequence[Oid],
    *,
    now: datetime,
    message: str,
) -> bytes:
    """Return what fast-import reads. Paths are of this program's own making, or came out of a tree that git accepted."""
    said = clean_line(message, limit=200).encode("utf-8", "replace") + b"\n"
    parts = [
        b"feature done\n",
        f"reset {_SAVING}\n\n".encode() if not parents else b"",
        f"commit {_SAVING}\ncommitter sixthbot <sixthbot@localhost> {int(now.timestamp())} +0000\n".encode(),
        b"data %d\n%s" % (len(said), said),
        *(f"{'merge' if number else 'from'} {parent}\n".encode() for number, parent in enumerate(parents)),
    ]
    for path, oid in linked.items():
        parts.append(f"M {REGULAR} {oid} {_quoted(path)}\n".encode("utf-8", "surrogateescape"))
    for path, data in files.items():
        parts.append(f"M {REGULAR} inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
    parts.append(b"done\n")
    return b"".join(parts)


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
