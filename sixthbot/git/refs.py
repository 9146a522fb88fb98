"""Refs: where they are, who has them checked out, and moving several of them at once or none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed, RefLocked, RefMoved, WorkFailed
from sixthbot.core.names import BranchName, Oid, clean_line
from sixthbot.git.run import admin_dir

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sixthbot.git.run import Git

_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class RefMove:
    """One change of a ref. `old` None: it must not exist yet. `new` None: it is deleted (and stays away when both are)."""

    ref: str
    old: Oid | None
    new: Oid | None


def tip(git: Git, branch: BranchName) -> Oid | None:
    """Return the commit a local branch is at, or None when there is no such branch."""
    return resolve(git, branch.ref)


def resolve(git: Git, ref: str) -> Oid | None:
    """Return the id a full ref name stands for, or None when it does not exist."""
    done = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", ref, check=False)
    return Oid(done.text.strip()) if done.status == 0 else None


@dataclass(frozen=True, slots=True)
class Listing:
    """What git says of branches and tags: direct ids by full name, and a line on each that it could not read.

    Symbolic refs are left out: they are other names of refs that are listed.
    """

    ids: dict[str, Oid]
    broken: tuple[str, ...]


def list_refs(git: Git, names: Sequence[str] = ()) -> Listing:
    """List the branches and tags, or only those of the given full names, with one git call that opens no object."""
    done = git.run(
        "for-each-ref", "--format=%(objectname) %(symref) %(refname)", *(names or (_HEADS, "refs/tags/"))
    )
    found = {}
    for line in done.lines:
        direct, symbolic, name = line.split(" ", 2)
        if not symbolic:
            found[name] = Oid(direct)
    complaints = done.stderr.decode("utf-8", "replace").splitlines()
    broken = (line.removeprefix("warning: ignoring ") for line in complaints if " ignoring " in line)
    return Listing(found, tuple(sorted({clean_line(line, limit=200) for line in broken})))


def peel(git: Git, ids: Collection[Oid]) -> dict[Oid, tuple[Oid, str]]:
    """Return what each id finally names, a tag's target, and its type ("commit", "tree", "blob"); one git call.

    An object that git does not have is left out.
    """
    if not ids:
        return {}
    wanted = list(dict.fromkeys(ids))
    asked = "".join(f"{one}^{{}}\n" for one in wanted)
    done = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked.encode())
    answers = zip(wanted, (line.split(" ") for line in done.lines), strict=True)
    return {one: (Oid(answer[0]), answer[1]) for one, answer in answers if answer[1] != "missing"}


def has_object(git: Git, oid: Oid) -> bool:
    """Tell whether git has an object."""
    return git.run("cat-file", "-e", oid, check=False).status == 0


def holders(git: Git, commit: Oid, below: str) -> list[str]:
    """Return the refs below a prefix like "refs/remotes/" from which a commit is reachable."""
    done = git.run("for-each-ref", f"--contains={commit}", "--format=%(refname)", below, check=False)
    return done.lines


def all_refs(git: Git) -> dict[str, Oid]:
    """Return every branch and tag by full name, a tag with what it finally names, and HEAD when it has a commit.

    What points to an object that git does not have is left out.
    """
    listed = list_refs(git).ids
    named = peel(git, listed.values())
    found = {ref: named[direct][0] for ref, direct in listed.items() if direct in named}
    head = resolve(git, "HEAD")
    return found if head is None else {**found, "HEAD": head}


def head_ref(git: Git) -> str | None:
    """Return the full name of the ref that the main worktree has checked out, None when its HEAD is detached."""
    done = git.run("symbolic-ref", "--quiet", "HEAD", check=False)
    return done.text.strip() if done.status == 0 else None


def move_refs(git: Git, moves: Sequence[RefMove], *, message: str) -> None:
    """Move all refs in one transaction, so that they survive what the repository's durability says.

    `message` is for the reflog. Raise RefMoved when one is not where it was expected, GitFailed for anything else;
    then none was moved.
    """
    if not moves:
        return
    lines = ["start", *(_command(move) for move in moves), "prepare", "commit"]
    given = "".join(line if line.endswith("\0") else line + "\0" for line in lines)
    reason = clean_line(message, limit=200) or "sixthbot"
    done = git.run(
        "update-ref", "--no-deref", "-m", reason, "--stdin", "-z",
        stdin=given.encode("utf-8", "surrogateescape"), check=False, write=True,
    )  # fmt: skip
    if done.status:
        raise _why_not(git, moves, done.complaint, done.stderr.decode("utf-8", "replace"))
    make_safe(git, [move.ref for move in moves], gone=any(move.new is None for move in moves))


def _command(move: RefMove) -> str:
    if move.new is None and move.old is None:
        return f"verify {move.ref}\0\0"
    if move.new is None:
        return f"delete {move.ref}\0{move.old}\0"
    if move.old is None:
        return f"create {move.ref}\0{move.new}\0"
    return f"update {move.ref}\0{move.new}\0{move.old}\0"


def _why_not(git: Git, moves: Sequence[RefMove], complaint: str, stderr: str) -> WorkFailed:
    for move in moves:
        now = resolve(git, move.ref)
        if now != move.old:
            name = clean_line(move.ref, limit=120)
            return RefMoved(
                f"{name} is at {(now or 'nothing')[:12]}, not at {(move.old or 'nothing')[:12]} as expected",
                stderr=stderr,
            )
    if "cannot create" in complaint and "exists" in complaint:
        return GitFailed(
            f"git cannot make the branch: {complaint}",
            hint="a branch's name may not be the folder of another: rename or delete the one in the way",
            stderr=stderr,
        )
    if ".lock" in complaint:
        return RefLocked(
            f"another git process holds a ref: {complaint}",
            hint="if none is running, delete that .lock file",
            stderr=stderr,
        )
    return GitFailed(f"git update-ref failed: {complaint}", stderr=stderr)


def make_safe(git: Git, names: Sequence[str], *, gone: bool = False) -> None:
    """Let refs as they are survive what durability says; `gone` where one may have been deleted.

    Git renames a ref into place and never syncs the folder: so the folders are synced here, up to `refs`. Nor does it
    sync what it notes of a move in a reflog, from which operations are known that were lost before they were saved.
    """
    if git.durability != "power":
        return
    git_dir = git.git_dir
    logs = git_dir / "logs"
    paths = {git_dir} if gone else set()
    for name in names:
        paths.update(_folders_between(git_dir / name, git_dir))
        if name.startswith(_HEADS):
            paths.update((logs / name, *_folders_between(logs / name, logs)))
    for path in sorted(paths, reverse=True):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            continue  # git takes an emptied folder away with its last ref, and may be told to keep no reflogs
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _folders_between(path: Path, top: Path) -> Iterator[Path]:
    while (path := path.parent) != top:
        yield path


def checked_out(git: Git) -> dict[str, Path]:
    """Return the refs that some worktree has checked out, or is in the middle of rebasing or bisecting, with its path."""
    found: dict[str, Path] = {}
    main = True
    done = git.run("worktree", "list", "--porcelain", "-z")
    for entry in done.text.split("\0\0"):
        fields = dict(_field(line) for line in entry.split("\0") if line)
        if "worktree" not in fields:
            continue
        path = Path(fields["worktree"])
        if "branch" in fields:
            found.setdefault(fields["branch"], path)
        admin = git.git_dir if main else admin_dir(git.git_dir, path)
        main = False
        for ref in _under_way(admin) if admin is not None else ():
            found.setdefault(ref, path)
    return found


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(" ")
    return name, value


def _under_way(admin: Path) -> Iterator[str]:
    """Yield the branches that a rebase or bisect in a worktree will come back to and move."""
    for name in ("rebase-merge/head-name", "rebase-apply/head-name"):
        ref = _first_line(admin / name)
        if ref.startswith(_HEADS):
            yield ref
    start = _first_line(admin / "BISECT_START")
    if start:
        yield _HEADS + start.removeprefix(_HEADS)
    lines = _lines(admin / "rebase-merge" / "update-refs")
    yield from (line for line in lines if line.startswith(_HEADS))


def _first_line(path: Path) -> str:
    return next(iter(_lines(path)), "")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "surrogateescape").split("\n")
    except OSError:
        return []
