"""Where all branches and tags are, as one value to compare with a stored one; and a cheap look whether any moved."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from sixthbot.core.names import Oid
from sixthbot.git.refs import list_refs, peel
from sixthbot.sources.commits import read_whole
from sixthbot.store.reading import open_plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sixthbot.git.refs import Listing
    from sixthbot.git.run import Git
    from sixthbot.sources.commits import WholeCommit

HEADS = "refs/heads/"
TAGS = "refs/tags/"

_RACY_NS = 1_000_000_000
"""A file changed less than this before a look could change again without a new time."""
_SINGLY = 200
"""So many refs are asked for by name; of more, all are listed."""
_ID_LIMIT = 100
_ID = re.compile(r"[0-9a-f]+\n")
_NOWHERE: Mapping[str, Oid] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Full names of branches and tags with what they point to; an annotated tag with the id of the tag itself."""

    refs: Mapping[str, Oid] = field(default_factory=lambda: _NOWHERE, hash=False)

    @classmethod
    def of(cls, refs: Mapping[str, str]) -> Snapshot:
        """Return the snapshot that was stored as these texts."""
        return cls(cast("Mapping[str, Oid]", refs))

    def moves_to(self, new: Snapshot) -> dict[str, Oid | None]:
        """Return where refs are in `new` that are elsewhere, or nowhere, in this one; None for those that went."""
        if self.refs is new.refs:
            return {}
        moves: dict[str, Oid | None] = {ref: at for ref, at in new.refs.items() if self.refs.get(ref) != at}
        moves.update((ref, None) for ref in self.refs if ref not in new.refs)
        return moves

    def moved(self, moves: Mapping[str, Oid | None]) -> Snapshot:
        """Return the snapshot after some moves, as `moves_to` gives them."""
        if not moves:
            return self
        refs = dict(self.refs)
        for ref, at in moves.items():
            if at is None:
                refs.pop(ref, None)
            else:
                refs[ref] = at
        return Snapshot(MappingProxyType(refs))


@dataclass(frozen=True, slots=True)
class Reading:
    """A snapshot as read now, what moved in it, and a line on each ref that cannot be followed at the moment."""

    snapshot: Snapshot
    moves: Mapping[str, Oid | None] = field(hash=False)
    problems: tuple[str, ...] = ()
    commits: Mapping[Oid, WholeCommit] = field(default_factory=dict, hash=False)
    """Commits that were read on the way, by id."""


def take_snapshot(
    git: Git, git_dir: Path, *, before: Snapshot | None = None, only: Collection[str] | None = None
) -> Reading:
    """Read all branches and tags, or only those named: all others are then as in `before`.

    What cannot be followed keeps its old place: a ref that seems gone while its file is there, and a branch at a
    commit that git does not have. Packing refs, or a torn file, must never look like a branch that was deleted.
    """
    last = before or Snapshot()
    if only is not None and len(only) <= _SINGLY:
        there: dict[str, Oid | None] = {ref: _plain(git_dir, ref, last.refs.get(ref)) for ref in only}
        asked = sorted(ref for ref, at in there.items() if at is None)
        listed = list_refs(git, asked) if asked else None
        there.update((ref, listed.ids.get(ref) if listed else None) for ref in asked)
        moves = {ref: at for ref, at in there.items() if last.refs.get(ref) != at}
    else:
        listed = list_refs(git)
        moves = last.moves_to(Snapshot(MappingProxyType(listed.ids)))
    problems = [f"{line}: it keeps its last place until that is mended" for line in _broken(listed)]
    for ref in _still_there(git, git_dir, [ref for ref, at in moves.items() if at is None]):
        del moves[ref]
    commits = _one_commit(git, moves, last)
    for ref in () if commits else _unusable(git, moves):
        problems.append(f"{ref} points to no commit that is here: it is followed again once it does")
        del moves[ref]
    return Reading(last.moved(moves), moves, tuple(problems), commits)


def _plain(git_dir: Path, ref: str, last: Oid | None) -> Oid | None:
    """Return the id in the file of a ref that git listed before; None for all that only git can tell."""
    if last is None:
        return None  # whether its name will do is git's to say
    try:
        with open_plain(f"{git_dir}/{ref}") as file:
            data = file.read(_ID_LIMIT)
    except OSError:
        return None
    text = data.decode("ascii", "replace")
    sound = len(text) == len(last) + 1 and _ID.fullmatch(text) and text.strip("0\n")
    return Oid(text.rstrip("\n")) if sound else None


def _one_commit(git: Git, moves: Mapping[str, Oid | None], last: Snapshot) -> dict[Oid, WholeCommit]:
    """Read the tip of the one branch that moved, which is nearly always all there is to know; else nothing."""
    if len(moves) != 1:
        return {}
    ((ref, at),) = moves.items()
    whole = read_whole(git, at) if at is not None and ref.startswith(HEADS) and ref in last.refs else None
    return {} if whole is None else {whole.info.id: whole}


def _broken(listed: Listing | None) -> tuple[str, ...]:
    return listed.broken if listed is not None else ()


def _still_there(git: Git, git_dir: Path, missing: list[str]) -> list[str]:
    """Return those of the missing refs that are there after all: being packed meanwhile, or torn."""
    if not missing:
        return []
    again = list_refs(git, missing if len(missing) <= _SINGLY else ()).ids
    return [ref for ref in missing if ref in again or _is_file(git_dir / ref)]


def _is_file(path: Path) -> bool:
    """Tell whether there is anything but a folder; a symbolic ref that was a branch before is one that went."""
    try:
        return path.is_file() and path.read_bytes()[:4] != b"ref:"
    except OSError:
        return os.path.lexists(path)


def _unusable(git: Git, moves: Mapping[str, Oid | None]) -> list[str]:
    """Return the moved branches that are at no commit, and tags of nothing, with one git call."""
    objects = peel(git, [at for at in moves.values() if at is not None])
    return [
        ref
        for ref, at in moves.items()
        if at is not None and (at not in objects or (ref.startswith(HEADS) and objects[at] != (at, "commit")))
    ]


_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of loose refs: what changes with it, and the names in it."""

    stamp: _Stamp
    files: frozenset[str]
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefsMark:
    """The times of all that changes when a ref does. Two equal ones, the first of them safe, mean that no ref moved.

    A loose ref is always written by renaming a file into its folder, which changes the folder; so one look at each
    folder is enough, however many refs are in it.
    """

    packed: _Stamp | None
    folders: Mapping[str, Folder] = field(hash=False)
    taken: int = field(compare=False)

    def safe(self) -> bool:
        """Whether everything was older than the clock's resolution when it was looked at."""
        return not self._racy(self.packed) and not any(self._racy(one.stamp) for one in self.folders.values())

    def touched(self, before: RefsMark) -> set[str] | None:
        """Return the full names of refs that may have moved since `before`; None when it could be any."""
        if self.packed != before.packed or before._racy(before.packed):
            return None
        names: set[str] = set()
        for path in self.folders.keys() | before.folders.keys():
            now, then = self.folders.get(path), before.folders.get(path)
            if now is None or then is None or now.stamp != then.stamp or before._racy(then.stamp):
                for folder in (now, then):
                    names.update(f"{path}/{name}" for name in (folder.files if folder is not None else ()))
        return names

    def surely(self, path: str) -> Folder | None:
        """Return what is known of a folder if it would show by its times whether that still holds."""
        known = self.folders.get(path)
        return None if known is None or self._racy(known.stamp) else known

    def _racy(self, stamp: _Stamp | None) -> bool:
        # a time in the future is safe, too: a change from now on would carry another one
        return stamp is not None and abs(self.taken - max(stamp[1:])) <= _RACY_NS


def refs_mark(git_dir: Path, *, now_ns: int, before: RefsMark | None = None) -> RefsMark:
    """Look at packed-refs and every folder of loose refs, without git; only folders that changed are listed anew.

    `now_ns` is the time of day in nanoseconds.
    """
    folders: dict[str, Folder] = {}
    left = [HEADS.rstrip("/"), TAGS.rstrip("/")]
    while left:
        path = left.pop()
        folder = _folder(f"{git_dir}/{path}", before.surely(path) if before is not None else None)
        if folder is not None:
            folders[path] = folder
            left += [f"{path}/{name}" for name in folder.folders]
    return RefsMark(_stamp(f"{git_dir}/packed-refs"), folders, now_ns)


def _folder(path: str, known: Folder | None) -> Folder | None:
    stamp = _stamp(path)
    if stamp is None or (known is not None and known.stamp == stamp):
        return None if stamp is None else known
    files, folders = [], []
    with suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif not entry.name.endswith(".lock"):
                files.append(entry.name)
    return Folder(stamp, frozenset(files), tuple(sorted(folders)))


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - for each folder, again and again
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


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
