"""Keeps a child process from writing to the user's tree. Only decides what; the leash applies it.

The leash prefers a mount namespace, in which the protected folders are read-only. Where the system grants none, Linux's
Landlock stands in. It knows only permissions, so everything outside the protected folders is allowed entry by entry:
every child of every folder on the way to a protected one, as it is at that moment. What follows from that, and is
documented: under Landlock a command cannot make new entries directly in a folder that contains the repository, such as
its parent, while all that exists beside the repository stays writable. Reading is free either way.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# linux/landlock.h; the system call numbers are the same on every architecture sixthbot may meet
_CREATE_RULESET, _ADD_RULE = 444, 445
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER = 1 << 13
_ABI_WITH_REFER, _ABI_WITH_TRUNCATE = 2, 3


def landlock_version() -> int:
    """Return the kernel's Landlock version, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(_syscall(_CREATE_RULESET, 0, 0, _VERSION_FLAG), 0)


@contextmanager
def ruleset(protected: Sequence[Path], writable: Sequence[Path]) -> Iterator[int | None]:
    """Give a Landlock ruleset, as a descriptor to pass on, that forbids writing below `protected` save in `writable`.

    Give None where the kernel cannot do it: without Landlock, or with its first version, which forbids every move
    from one folder to another. The caller's own process stays free.
    """
    version = landlock_version()
    if version < _ABI_WITH_REFER:
        yield None
        return
    rights = _WRITE_FILE | _REMOVE_AND_MAKE | _REFER | (_TRUNCATE if version >= _ABI_WITH_TRUNCATE else 0)
    handled = struct.pack("=Q", rights)
    handle = _syscall(_CREATE_RULESET, handled, len(handled), 0)
    if handle < 0:
        yield None
        return
    try:
        for path in allowed_paths(protected, writable):
            _allow(handle, path, rights)
        yield handle
    finally:
        os.close(handle)


def allowed_paths(protected: Iterable[Path], writable: Iterable[Path]) -> Iterator[str]:
    """Yield what may be written so that nothing below `protected` may, but all of `writable`; links are left out."""
    guarded = _outermost({os.path.realpath(path) for path in protected})
    on_the_way = {str(parent) for path in guarded for parent in Path(path).parents}
    for folder in sorted(on_the_way):
        try:
            with os.scandir(folder) as entries:
                found = [entry.path for entry in entries if not entry.is_symlink()]
        except OSError:
            continue  # what cannot be listed stays forbidden
        yield from (path for path in found if path not in guarded and path not in on_the_way)
    yield from (os.path.realpath(path) for path in writable)


def fenced_paths(protected: Iterable[Path], writable: Iterable[Path]) -> tuple[list[str], list[str]]:
    """Return what to make read-only, the outermost folders only, and what to make writable again below them.

    Paths that are not there are left out: there is nothing to protect, and nothing to mount on.
    """
    guarded = sorted(
        path for path in _outermost({os.path.realpath(path) for path in protected}) if _is_there(path)
    )
    below = [os.path.realpath(path) for path in writable]
    exceptions = [
        path for path in below if _is_there(path) and any(_within(path, folder) for folder in guarded)
    ]
    return guarded, sorted(set(exceptions))


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_there(path: str) -> bool:
    return Path(path).exists()


def worktree_paths(worktree: Path) -> list[Path]:
    """Return what git must be able to write so that status, add and commit work in a linked worktree, itself included.

    These are its own folder in the common git directory (index, HEAD, log) and the object store; refs, config, hooks
    and stash of the common directory are not among them.
    """
    try:
        pointer = (worktree / ".git").read_text("utf-8", errors="surrogateescape")
    except OSError:
        return [worktree]
    admin = (worktree / pointer.removeprefix("gitdir:").strip()).resolve()
    common = admin.parent.parent
    return [worktree, admin, common / "objects"] if admin.parent.name == "worktrees" else [worktree]


def linked_worktrees(git_dir: Path) -> list[Path]:
    """Return the folders of every linked worktree that the common git directory knows."""
    folders = []
    for pointer in git_dir.glob("worktrees/*/gitdir"):
        try:
            text = pointer.read_text("utf-8", errors="surrogateescape")
        except OSError:
            continue  # it is being removed
        folders.append((pointer.parent / text.strip()).resolve().parent)
    return folders


def _outermost(paths: set[str]) -> set[str]:
    return {path for path in paths if not any(str(parent) in paths for parent in Path(path).parents)}


def _allow(handle: int, path: str, rights: int) -> None:
    """Allow `rights` below `path`; a path that has gone meanwhile stays forbidden, which is the safe side."""
    try:
        target = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(target).st_mode):
            rights &= _WRITE_FILE | _TRUNCATE  # the kernel refuses folder rights on anything else
        rule = struct.pack("=Qi", rights, target)
        _syscall(_ADD_RULE, handle, _PATH_BENEATH, rule, 0)
    finally:
        os.close(target)


def _syscall(number: int, *args: int | bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [ctypes.c_char_p(arg) if isinstance(arg, bytes) else ctypes.c_long(arg) for arg in args]
    return int(libc.syscall(ctypes.c_long(number), *values))
