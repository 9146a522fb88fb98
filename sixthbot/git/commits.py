"""Commits: read with one `git log`, written as raw objects so that no identity of the user is needed or used."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed, InvalidName
from sixthbot.core.messages import parse_trailers
from sixthbot.core.names import Oid, clean_line, parse_oid
from sixthbot.git.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sixthbot.git.run import Git
    from sixthbot.git.signing import Sign

_FIELDS = ("%H", "%T", "%P", "%an", "%ae", "%ad", "%cn", "%ce", "%cd", "%B")
_FORMAT = "--format=tformat:" + "%x00".join(_FIELDS)
NUMBERS = ("-r", "-z", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv")
"""Options of `diff-tree` that tell added and deleted lines by path, whatever the repository's settings are."""
_SHA1 = 40
_PERSON = re.compile(r"([^<>\n\0]*)<([^<>\n\0]*)>")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a moment: `when_epoch` in seconds, `tz` like "+0200"."""

    name: str
    email: str
    when_epoch: int
    tz: str = "+0000"

    def at(self, when: datetime) -> Person:
        """Return the same person at another moment, in UTC."""
        return Person(self.name, self.email, int(when.timestamp()))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """A commit. `body` is the full message, subject included; `trailers` are those of its last block.

    Bytes that are no UTF-8 are kept as lone surrogates.
    """

    id: Oid
    tree: Oid
    parents: tuple[Oid, ...]
    author: Person
    committer: Person
    subject: str
    body: str
    trailers: tuple[tuple[str, str], ...]


def person_from(text: str, when: datetime) -> Person:
    """Return the person written as `Name <mail>` at `when`; raise InvalidName for anything else."""
    match = _PERSON.fullmatch(text.strip())
    name = clean_line(match[1]) if match else ""
    if match is None or not name:
        raise InvalidName(f"not a person: {clean_line(text, limit=80)!r}", hint='write it as "Name <mail>"')
    return Person(name, clean_line(match[2]), int(when.timestamp()))


def log(
    git: Git, *, tip: Oid, not_in: Sequence[Oid] = (), limit: int | None = None, merges: bool = True
) -> list[CommitInfo]:
    """Return the commits reachable from `tip` and from none of `not_in`, oldest first, parents before children.

    `limit` keeps only that many of the newest.
    """
    options = ["--topo-order", "--reverse"]
    if limit is not None:
        options.append(f"--max-count={limit}")
    if not merges:
        options.append("--no-merges")
    return _read(git, options, [tip, *(f"^{other}" for other in not_in)])


def read_commit(git: Git, commit: Oid) -> CommitInfo:
    """Return one commit; raise GitFailed when it is not there or is no commit."""
    found = _read(git, ["--no-walk=unsorted"], [f"{commit}^{{commit}}"])
    if len(found) != 1:
        raise GitFailed(f"{commit} is not a commit")
    return found[0]


def read_with_numbers(git: Git, commit: Oid) -> tuple[CommitInfo, list[str]] | None:
    """Return a commit and what `diff-tree --numstat -z` says of its change, with one git call; None when it is none.

    The change is against its first parent, of a first commit against nothing. An id of a tag or tree is no commit.
    """
    done = git.run(
        "diff-tree", "--stdin", "--always", "--root", "--diff-merges=first-parent", *NUMBERS,
        "--encoding=UTF-8", "--date=raw", _FORMAT, stdin=f"{commit}\n".encode(), check=False,
    )  # fmt: skip
    fields = done.text.split("\0")
    size = len(_FIELDS)
    if done.status or len(fields) <= size or fields[0] != commit:
        return None
    numbers = fields[size:-1]
    # git puts an empty line between a message and a change
    return _commit(fields[:size]), [numbers[0].removeprefix("\n"), *numbers[1:]] if numbers else []


def read_commits(git: Git, commits: Sequence[Oid]) -> list[CommitInfo]:
    """Return several commits, which must be there, in the given order, with one git call."""
    return _read(git, ["--no-walk=unsorted"], commits) if commits else []


def _read(git: Git, options: Sequence[str], revisions: Sequence[str]) -> list[CommitInfo]:
    done = git.run(
        "log", "--no-show-signature", "--no-notes", "--no-mailmap", "--encoding=UTF-8", "--date=raw", "-z", _FORMAT,
        *options, "--stdin", stdin="".join(f"{revision}\n" for revision in revisions).encode(),
    )  # fmt: skip
    fields = done.text.split("\0")
    size = len(_FIELDS)
    return [_commit(fields[start : start + size]) for start in range(0, len(fields) - 1, size)]


def _commit(fields: Sequence[str]) -> CommitInfo:
    commit, tree, parents, name, email, date, by_name, by_email, by_date, body = fields
    return CommitInfo(
        id=Oid(commit),
        tree=Oid(tree),
        parents=tuple(Oid(parent) for parent in parents.split()),
        author=_person(name, email, date),
        committer=_person(by_name, by_email, by_date),
        subject=body.lstrip("\n").split("\n", 1)[0],
        body=body,
        trailers=parse_trailers(body),
    )


def _person(name: str, email: str, date: str) -> Person:
    seconds, _, zone = date.partition(" ")
    return Person(name, email, int(seconds or 0), zone or "+0000")


def write_commit(
    git: Git,
    *,
    tree: Oid,
    parents: Sequence[Oid],
    message: str,
    author: Person,
    committer: Person,
    sign: Sign | None = None,
) -> Oid:
    """Write a commit object, signed if there is a `sign`, and return its id. No ref is moved.

    It is written as bytes, not by `commit-tree`, which would rewrite names it does not like.
    """
    data = compose(tree=tree, parents=parents, message=message, author=author, committer=committer)
    data = sign(data) if sign is not None else data
    done = git.run("hash-object", "-t", "commit", "-w", "--stdin", "--no-filters", stdin=data, write=True)
    return parse_oid(done.text.strip())


def compose(*, tree: Oid, parents: Sequence[Oid], message: str, author: Person, committer: Person) -> bytes:
    """Return the bytes of a commit object."""
    header = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        f"author {stamp(author)}",
        f"committer {stamp(committer)}",
    ]
    text = "\n".join(header) + "\n\n" + message.replace("\0", "")
    return text.encode("utf-8", "surrogateescape")


def id_of(data: bytes, *, like: Oid) -> Oid:
    """Return the id that a commit object of these bytes has in a repository with ids like `like`."""
    whole = b"commit %d\0" % len(data) + data
    digest = hashlib.sha1(whole, usedforsecurity=False) if len(like) == _SHA1 else hashlib.sha256(whole)
    return Oid(digest.hexdigest())


def write_composed(git: Git, commits: Sequence[bytes]) -> list[Oid]:
    """Write commit objects from `compose` with one git process and return their ids, in order."""
    if not commits:
        return []
    with scratch_folder() as folder:
        paths = [folder / str(number) for number in range(len(commits))]
        for path, data in zip(paths, commits, strict=True):
            path.write_bytes(data)
        given = "".join(f"{path}\n" for path in paths).encode("utf-8", "surrogateescape")
        done = git.run(
            "hash-object", "-t", "commit", "-w", "--stdin-paths", "--no-filters", stdin=given, write=True
        )
    return [parse_oid(line) for line in done.text.split()]


def stamp(person: Person) -> str:
    """Return a person as a commit object names them; characters that cannot stand there are left out."""
    name, email = (re.sub(r"[<>\n\0]", "", part).strip() for part in (person.name, person.email))
    return f"{name} <{email}> {person.when_epoch} {person.tz}"


def merge_base(git: Git, one: Oid, other: Oid) -> Oid | None:
    """Return the best common ancestor of two commits, or None when they share no history."""
    done = git.run("merge-base", one, other, check=False)
    if done.status > 1:
        raise GitFailed(f"git merge-base failed: {done.complaint}", exit_status=done.status)
    return Oid(done.text.strip()) if done.status == 0 else None


def is_ancestor(git: Git, ancestor: Oid, commit: Oid) -> bool:
    """Tell whether `ancestor` is `commit` or reachable from it."""
    done = git.run("merge-base", "--is-ancestor", ancestor, commit, check=False)
    # where a commit between them is missing, some gits complain and say no
    if done.status > 1 or (done.status == 1 and b"error:" in done.stderr):
        raise GitFailed(f"git merge-base failed: {done.complaint}", exit_status=done.status)
    return done.status == 0
