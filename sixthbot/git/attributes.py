"""Attributes of files as a commit's own `.gitattributes` say: laid beside the repository, never those of a work tree."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from sixthbot.core.names import Oid
from sixthbot.git.run import failure
from sixthbot.git.scratch import scratch_folder
from sixthbot.git.trees import read_blobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sixthbot.git.run import Git
    from sixthbot.git.trees import TreeEntry

AttributeFiles: TypeAlias = tuple[tuple[str, bytes], ...]
"""Path and content of each attribute file of a commit, in git's order."""

_FILE = ".gitattributes"
_GENERATED = "linguist-generated"
_UNSET = frozenset({"unspecified", "unset", "false"})


def attribute_files(git: Git, commits: Iterable[Oid]) -> dict[Oid, AttributeFiles]:
    """Return the attribute files of each commit, read with one process; raise GitFailed where a commit is not there."""
    wanted = list(dict.fromkeys(commits))
    done = git.run(
        "grep", "-z", "--text", "--fixed-strings", "--full-name", "--no-line-number", "--no-column", "--no-textconv",
        "--threads=1", "-e", "", *wanted, "--", f":(glob)**/{_FILE}",
        env={"GIT_LITERAL_PATHSPECS": "0"}, check=False, timeout=600,
    )  # fmt: skip
    if done.status > 1 or (done.status == 1 and done.stderr):
        raise failure("grep", done)
    found: dict[Oid, dict[str, list[bytes]]] = {commit: {} for commit in wanted}
    at = 0
    while at < len(done.stdout):  # commit ":" path NUL line LF
        middle = done.stdout.index(b"\0", at)
        end = done.stdout.index(b"\n", middle)
        commit, _, path = done.stdout[at:middle].decode("utf-8", "surrogateescape").partition(":")
        found[Oid(commit)].setdefault(path, []).append(done.stdout[middle + 1 : end + 1])
        at = end + 1
    return {
        commit: tuple((path, b"".join(lines)) for path, lines in files.items())
        for commit, files in found.items()
    }


@contextmanager
def lent(files: AttributeFiles) -> Iterator[Path]:
    """Lend a folder that has these attribute files and nothing else, for git to take as the work tree.

    Merges obey attributes like `merge=union`, and git of this age reads them only from a work tree.
    """
    with scratch_folder() as folder:
        for path, data in files:
            place = folder / path
            if ".." in place.parts:
                continue
            # a tree that somebody forged may have one name twice
            with suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        yield folder


def generated_paths(git: Git, tree: Sequence[TreeEntry], paths: Sequence[str]) -> frozenset[str]:
    """Return those of `paths` that the attribute files among the entries of a tree call generated.

    One git call where no file has that word, two more where one has.
    """
    entries = [
        entry
        for entry in tree
        if (entry.path == _FILE or entry.path.endswith("/" + _FILE)) and entry.mode.startswith("100")
    ]
    blobs = read_blobs(git, [entry.oid for entry in entries])
    if not paths or not any(_GENERATED.encode() in data for data in blobs.values()):
        return frozenset()
    files = tuple((entry.path, blobs[entry.oid]) for entry in entries if entry.oid in blobs)
    with lent(files) as folder:
        asked = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
        done = git.run(
            "check-attr", "-z", "--stdin", _GENERATED, stdin=asked, env={"GIT_WORK_TREE": str(folder)}
        )
    fields = done.text.split("\0")
    return frozenset(
        path for path, value in zip(fields[0::3], fields[2::3], strict=False) if value not in _UNSET
    )
