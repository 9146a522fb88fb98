"""Many commits at once through one `git fast-import`: it writes objects and never a ref, an index or a work tree."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.core.names import Oid, parse_oid
from sixthbot.git.commits import stamp
from sixthbot.git.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sixthbot.git.commits import Person
    from sixthbot.git.run import Git

_REF = b"refs/sixth/import"
"""What the stream calls its branch. At the end of the stream it is reset, so that git never writes a ref."""
_CASE_KEPT = {
    "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.ignoreCase", "GIT_CONFIG_VALUE_0": "false",
}  # fmt: skip
"""Else it would fold paths that trees keep apart, where the disk of the work tree does."""
_MODES = frozenset({"100644", "100755", "120000", "160000"})
_ZONE = re.compile(r"[+-][0-9]{4}")
_BAD_PARTS = frozenset({"", ".", ".."})
_QUOTED = re.compile(rb'[\x00-\x1f"\\\x7f]')


@dataclass(frozen=True, slots=True)
class PathChange:
    """One path of a new commit: `content` is the id of a blob (of a submodule's commit), or bytes; None deletes it."""

    path: str
    content: Oid | bytes | None
    mode: str = "100644"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommit:
    """A commit to be made: what changes against its parent, which is the commit before it in the sequence."""

    message: str
    author: Person
    committer: Person
    changes: tuple[PathChange, ...]


def can_import(commits: Sequence[NewCommit]) -> bool:
    """Tell whether fast-import takes these commits as they are; where not, they are to be made one by one."""
    return all(
        _is_plain(commit.author)
        and _is_plain(commit.committer)
        and all(_is_importable(change) for change in commit.changes)
        for commit in commits
    )


def import_commits(git: Git, *, onto: Oid, commits: Sequence[NewCommit]) -> list[Oid]:
    """Write the commits one on the other, the first on `onto`; return their ids, in order. No ref is moved.

    They survive what the repository's durability says once a ref is moved to them (see `refs.move_refs`). They are
    not signed. Raise GitFailed when git does not take one; what was written by then is nobody's and goes with the
    next `git gc`.
    """
    if not commits:
        return []
    with apart(git) as places:
        done = git.run(
            "fast-import", "--quiet", "--done", "--date-format=raw-permissive",
            stdin=b"".join(_stream(onto, commits)), env={**_CASE_KEPT, **places}, write=True, timeout=600,
        )  # fmt: skip
    ids = [parse_oid(line) for line in done.text.split()]
    if len(ids) != len(commits):
        raise GitFailed(f"git fast-import made {len(ids)} of {len(commits)} commits")
    return ids


def _stream(onto: Oid, commits: Sequence[NewCommit]) -> Iterator[bytes]:
    start = b"from %s\n" % onto.encode()
    for number, commit in enumerate(commits, 1):
        yield b"commit %s\nmark :%d\nauthor %s\ncommitter %s\n" % (
            _REF, number, _bytes(stamp(commit.author)), _bytes(stamp(commit.committer)),
        )  # fmt: skip
        yield _data(_bytes(commit.message.replace("\0", "")))
        yield start
        start = b""
        # first what goes: a folder may become a file, or a file a folder
        for change in sorted(commit.changes, key=lambda one: one.content is not None):
            yield _change(change)
        yield b"get-mark :%d\n" % number
    # a branch that was reset to nothing is one that fast-import does not write, and takes no lock for
    yield b"reset %s\n\ndone\n" % _REF


def _change(change: PathChange) -> bytes:
    path = _quote(_bytes(change.path))
    if change.content is None:
        return b"D %s\n" % path
    if isinstance(change.content, bytes):
        return b"M %s inline %s\n%s" % (change.mode.encode(), path, _data(change.content))
    return b"M %s %s %s\n" % (change.mode.encode(), change.content.encode(), path)


def _data(data: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(data), data)


def _quote(path: bytes) -> bytes:
    return b'"%s"' % _QUOTED.sub(lambda match: b"\\%03o" % match[0][0], path)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_plain(person: Person) -> bool:
    return person.when_epoch >= 0 and _ZONE.fullmatch(person.tz) is not None


def _is_importable(change: PathChange) -> bool:
    return change.mode in _MODES and "\0" not in change.path and _BAD_PARTS.isdisjoint(change.path.split("/"))


@contextmanager
def apart(git: Git) -> Iterator[Mapping[str, str]]:
    """Let fast-import find objects and refs where they are, and write its report on its own failure somewhere else.

    It would write it into the git directory, where it stays if we are killed at that moment.
    """
    with scratch_folder() as folder:
        (folder / "HEAD").write_text("ref: refs/heads/none\n", "ascii")
        # as in a linked worktree: where the refs are, git reads in the file, whatever the variable says
        (folder / "commondir").write_bytes(os.fsencode(git.git_dir) + b"\n")
        yield {"GIT_DIR": str(folder), "GIT_COMMON_DIR": str(git.git_dir)}
