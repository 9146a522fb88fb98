"""Merges trees without a work tree: one `git merge-tree` for all commits of a rebase; no ref and no index."""

from __future__ import annotations

import os
import select
import shutil
import time
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sixthbot.core.names import Oid, parse_oid
from sixthbot.git.commits import compose, id_of
from sixthbot.git.run import git_version
from sixthbot.git.scratch import quoted_folder, scratch_folder

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.run import Git, Started

BATCH = (2, 39)
"""The first git whose merge-tree takes many pairs on its stdin."""
_FLUSHES = (2, 49)
"""The first git whose merge-tree answers before its stdin ends; older ones are made to by `stdbuf`."""
_PATIENCE = 600.0
_FIRST_PATIENCE = 20.0
"""Seconds for the answer to a merge of nothing: a git that has not answered by then keeps its answers to itself."""
_FIELDS = 3
"""A clean merge is answered with a status, a tree and an empty field."""

_unheard: set[tuple[int, ...]] = set()
"""Versions that did not answer in this process."""


class NoAnswer(Exception):
    """Git cannot be spoken with; the merges are to be made one process each."""


class Merger:
    """Brings commits onto trees in a conversation with one `git merge-tree`."""

    def __init__(self, started: Started, objects: Path) -> None:
        self._started = started
        self._process = started.proc
        self._objects = objects

    def bring(self, commit: CommitInfo, tree: Oid) -> Oid | None:
        """Return the tree of `commit` brought onto `tree`, None where they conflict; then ask for nothing more.

        merge-tree finds the base by itself, and before 2.40 it cannot be told: so a commit is made that has our tree
        and the same parent. It lies beside the repository, for the length of the conversation.
        """
        ours = compose(
            tree=tree,
            parents=commit.parents[:1],
            message="stand-in\n",
            author=commit.author,
            committer=commit.author,
        )
        return self.ask(self._lay(ours, like=tree), commit.id, patience=_PATIENCE)

    def ask(self, one: Oid, other: Oid, *, patience: float) -> Oid | None:
        """Return the tree of two commits merged, None where they conflict. Raise NoAnswer when none comes."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise NoAnswer
        try:
            stdin.write(f"{one} {other}\n".encode())
            stdin.flush()
        except OSError:
            raise NoAnswer from None
        answer, until = b"", time.monotonic() + patience
        while not answer.startswith(b"0") and answer.count(b"\0") < _FIELDS:
            ready, _, _ = select.select([stdout], [], [], max(0.0, until - time.monotonic()))
            more = os.read(stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                raise NoAnswer
            answer += more
        status, _, rest = answer.partition(b"\0")
        return parse_oid(rest.split(b"\0")[0].decode()) if status == b"1" else None

    def _lay(self, data: bytes, *, like: Oid) -> Oid:
        oid = id_of(data, like=like)
        place = self._objects / oid[:2] / oid[2:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(zlib.compress(b"commit %d\0" % len(data) + data, 1))
        return oid


@contextmanager
def merger(git: Git, attributes: Path, *, probe: Oid) -> Iterator[Merger]:
    """Open a conversation with merge-tree, with the attribute files in the folder `attributes`.

    `probe` is any commit; merged with itself it shows whether git answers at all. Raise NoAnswer where it does not.
    """
    version = git_version()
    prefix = () if version >= _FLUSHES else ("stdbuf", "-o0")
    if version < BATCH or version in _unheard or (prefix and shutil.which(prefix[0]) is None):
        raise NoAnswer
    with scratch_folder() as objects:
        started = git.start(
            "merge-tree", "--write-tree", "--stdin", "--name-only", "--no-messages", "--allow-unrelated-histories",
            prefix=prefix, write=True,
            env={"GIT_WORK_TREE": str(attributes), "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted_folder(objects)},
        )  # fmt: skip
        try:
            talk = Merger(started, objects)
            try:
                talk.ask(probe, probe, patience=_FIRST_PATIENCE)
            except NoAnswer:
                _unheard.add(version)
                raise
            yield talk
        finally:
            _end(started.proc)


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    # it has said all that was asked of it, and what it wrote is whole
    process.kill()
    process.wait()
