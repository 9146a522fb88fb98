"""Trees: read by id, edited and taken from a worktree through a private index; the user's index is never opened."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed, WorkFailed
from sixthbot.core.names import Oid, clean_line, parse_oid
from sixthbot.git.run import failure
from sixthbot.git.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sixthbot.git.run import Git, Result

REGULAR, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"
_NO_COMMITS = re.compile(r"^error: '(.*)/' does not have a commit checked out$", re.MULTILINE)
_NESTED_LIMIT = 50


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file, link or submodule of a tree: `mode` as git writes it, `oid` of the blob (or the submodule's commit)."""

    path: str
    mode: str
    oid: Oid


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a worktree holds, as a tree. `left_out` names repositories that stand in it and are no submodules."""

    tree: Oid
    left_out: tuple[str, ...] = ()


def tree_of(git: Git, commit: Oid) -> Oid:
    """Return the tree of a commit."""
    return parse_oid(git.run("rev-parse", "--verify", f"{commit}^{{tree}}").text.strip())


def list_tree(git: Git, tree: Oid) -> list[TreeEntry]:
    """Return everything below a tree or a commit's tree, in git's order."""
    return _entries(git.run("ls-tree", "-r", "-z", "--full-tree", tree))


def read_blob(git: Git, tree: Oid, path: str) -> bytes | None:
    """Return a regular file's bytes in a tree or a commit's tree; None when there is none of that path."""
    entry = _entry(git, tree, path)
    if entry is None or entry.mode not in {REGULAR, EXECUTABLE}:
        return None
    return git.run("cat-file", "blob", entry.oid).stdout


def read_blobs(git: Git, oids: Sequence[Oid]) -> dict[Oid, bytes]:
    """Return many blobs by id with one git process; those that are missing are left out."""
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    data = git.run("cat-file", "--batch", stdin=asked).stdout if oids else b""
    found: dict[Oid, bytes] = {}
    at = 0
    while at < len(data):
        end = data.index(b"\n", at)
        name, *rest = data[at:end].decode().split()
        at = end + 1
        if len(rest) == 2:  # noqa: PLR2004 - "id type size"; "id missing" has one word after the id
            size = int(rest[1])
            found[Oid(name)] = data[at : at + size]
            at += size + 1
    return found


def write_blob(git: Git, data: bytes) -> Oid:
    """Write a blob to the byte, through no filter, and return its id."""
    done = git.run("hash-object", "-t", "blob", "-w", "--stdin", "--no-filters", stdin=data, write=True)
    return parse_oid(done.text.strip())


def edit_tree(git: Git, tree: Oid, changes: Mapping[str, bytes | None]) -> Oid:
    """Return the tree with files written (bytes) or taken out (None). An existing file keeps its mode.

    Raise GitFailed for a path that git would not check out.
    """
    lines = []
    for path, data in changes.items():
        if data is None:
            lines.append(f"0 {'0' * len(tree)} 0\t{path}\0")
            continue
        entry = _entry(git, tree, path)
        mode = entry.mode if entry is not None and entry.mode == EXECUTABLE else REGULAR
        lines.append(f"{mode} {write_blob(git, data)} 0\t{path}\0")
    given = "".join(lines).encode("utf-8", "surrogateescape")
    with _private_index() as index:
        git.run("read-tree", tree, index=index)
        done = git.run("update-index", "--add", "--replace", "-z", "--index-info", index=index, stdin=given)
        if done.stderr.startswith(b"Ignoring path"):  # which git takes for a success
            raise GitFailed(f"not a path for a file: {done.complaint.removeprefix('Ignoring path ')!r}")
        return _write_tree(git, index)


def snapshot_worktree(git: Git, worktree: Path) -> Snapshot:
    """Return what a worktree of the bot holds now, ignored files left out, submodules as they were.

    The worktree's own index is not used: what ran there could have told it to overlook files.
    """
    with _private_index() as index:
        _start_index(git, worktree, index)
        left_out = _add_all(git, worktree, index)
        left_out |= _drop_nested(git, worktree, index)
        return Snapshot(_write_tree(git, index), tuple(sorted(left_out)))


def pristine_index(worktree: Path) -> Path:
    """Return where the pool keeps the index of a worktree as it was just after its checkout."""
    return worktree.with_name(worktree.name + ".index")


def pristine_commit(worktree: Path) -> Path:
    """Return where the pool keeps the id of the commit that a worktree was checked out at."""
    return worktree.with_name(worktree.name + ".commit")


@contextmanager
def _private_index() -> Iterator[Path]:
    with scratch_folder() as folder:
        yield folder / "index"


def _start_index(git: Git, worktree: Path, index: Path) -> None:
    kept = pristine_index(worktree)
    try:
        state = kept.stat()
        shutil.copyfile(kept, index)
        # git reads a file again unless it is older than the index: the copy must not look younger than it is
        os.utime(index, ns=(state.st_atime_ns, state.st_mtime_ns))
    except FileNotFoundError:
        commit = pristine_commit(worktree).read_text("utf-8").strip()
        git.run("read-tree", commit, index=index)


def _add_all(git: Git, worktree: Path, index: Path) -> set[str]:
    """Put everything into the index; return folders left out because they are repositories without a commit."""
    left_out: set[str] = set()
    while True:
        excluded = [f":(top,exclude,literal){name}" for name in sorted(left_out)]
        paths = [":/", *excluded] if excluded else []
        done = git.run(
            "add", "--all", "--", *paths,
            cwd=worktree, index=index, env={"GIT_LITERAL_PATHSPECS": "0"}, check=False, write=True, timeout=600,
        )  # fmt: skip
        if done.status == 0:
            return left_out
        empty = set(_NO_COMMITS.findall(done.stderr.decode("utf-8", "surrogateescape"))) - left_out
        if not empty or len(left_out) > _NESTED_LIMIT:
            raise _cannot_add(done)
        left_out |= empty


def _cannot_add(done: Result) -> WorkFailed:
    error = failure("add", done)
    return WorkFailed(
        f"what was left in the worktree cannot be committed: {done.complaint}", hint=clean_line(error.hint)
    )


def _drop_nested(git: Git, worktree: Path, index: Path) -> set[str]:
    """Put submodules back as they were and take other repositories out; return the latter."""
    commit = pristine_commit(worktree).read_text("utf-8").strip()
    done = git.run(
        "diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", commit, index=index
    )
    fields = done.text.split("\0")
    lines, nested = [], set()
    for head, path in zip(fields[0:-1:2], fields[1::2], strict=False):
        old_mode, new_mode, old, _, _ = head.removeprefix(":").split(" ")
        if old_mode == SUBMODULE:
            lines.append(f"{old_mode} {old} 0\t{path}\0")
        elif new_mode == SUBMODULE:
            nested.add(path)
            kept = old_mode != "000000"
            lines.append(f"{old_mode if kept else '0'} {old} 0\t{path}\0")
    if lines:
        given = "".join(lines).encode("utf-8", "surrogateescape")
        git.run("update-index", "--add", "--replace", "-z", "--index-info", index=index, stdin=given)
    return nested


def _write_tree(git: Git, index: Path) -> Oid:
    # never mktree: it does not sync what it writes
    return parse_oid(git.run("write-tree", index=index, write=True).text.strip())


def _entry(git: Git, tree: Oid, path: str) -> TreeEntry | None:
    if not path or "\0" in path:
        raise GitFailed(f"not a path: {clean_line(path, limit=80)!r}")
    found = _entries(git.run("ls-tree", "-z", "--full-tree", tree, "--", path))
    return next((entry for entry in found if entry.path == path), None)


def _entries(done: Result) -> list[TreeEntry]:
    entries = []
    for line in done.text.split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, _, oid = head.split(" ")
        entries.append(TreeEntry(path, mode, Oid(oid)))
    return entries
