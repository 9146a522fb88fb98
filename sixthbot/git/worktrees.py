"""Worktrees for running commands: pooled, detached, locked, outside the repository; never the user's own."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed, WorkFailed
from sixthbot.git.held import sharing
from sixthbot.git.poolcare import SLOT, Slot, empty_trash, key_file, reap, survey
from sixthbot.git.run import admin_dir, entries
from sixthbot.git.scratch import remove_tree
from sixthbot.git.trees import pristine_commit, pristine_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

_REASON = "sixthbot runs commands here"
_MOST = 64
_CHECKOUT_TIMEOUT = 900.0
# what an interrupted command can leave in a worktree's own folder of the git directory
_LEFTOVERS = (
    "index.lock", "HEAD.lock", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply",
    "sequencer", "BISECT_LOG", "BISECT_START", "config.worktree", "info",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Worktree:
    """A folder with a commit checked out. `fresh` tells that its set-up commands have yet to run in it."""

    path: Path
    commit: Oid
    fresh: bool


class Pool:
    """The bot's worktrees of one repository, in a folder of the user's cache.

    `serialise` gives the lock under which worktrees are registered, one at a time across processes: git itself lets
    two of them trip over each other.
    """

    def __init__(
        self, git: Git, pool_dir: Path, *, serialise: Callable[[], AbstractContextManager[object]]
    ) -> None:
        self._git = git
        self._folder = pool_dir
        self._serialise = serialise

    @contextmanager
    def take(self, commit: Oid, *, setup_key: str = "") -> Iterator[Worktree]:
        """Lend a worktree with `commit` checked out, detached, and nothing else in it; it is this caller's alone.

        With a `setup_key`, ignored files that an earlier use with the same key left (what set-up commands installed)
        are still there, and `fresh` is false. A use that ends in an exception makes the next one fresh.
        Raise GitFailed when git cannot check it out, WorkFailed when all worktrees are in use.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path, descriptor = self._claim(setup_key)
        except OSError as error:
            raise _no_place(self._folder, error) from error
        try:
            try:
                with sharing(descriptor):  # a git that survives us keeps the next one out of here
                    fresh = self._prepare(path, commit, setup_key)
            except OSError as error:
                raise _no_place(path, error) from error
            with sharing(descriptor):
                yield Worktree(path=path, commit=commit, fresh=fresh)
            key_file(path).write_text(setup_key, encoding="utf-8")
        finally:
            os.close(descriptor)

    def survey(self, *, keep: float, now: float) -> list[Slot]:
        """Return each worktree and why it stays; see `poolcare.survey`."""
        return survey(self._git, self._folder, keep=keep, now=now)

    def reap(self, *, keep: float, now: float) -> list[Slot]:
        """Move aside the worktrees that nobody used for `keep` seconds and that hold nothing unsaved; return them."""
        return reap(self._git, self._folder, keep=keep, now=now, serialise=self._serialise)

    def empty_trash(self) -> int:
        """Delete what was moved aside; takes its time."""
        return empty_trash(self._folder)

    def prune_own(self) -> list[Path]:
        """Unregister worktrees of this pool whose folders are gone (a cleared cache); returns them."""
        folder = self._git.git_dir / "worktrees"
        missing = [path for path in self._registered() if not path.exists()] if folder.is_dir() else []
        gone = []
        for path in missing:
            with self._serialise():
                if not path.exists():  # whoever held the lock till now may just have made it anew
                    self._git.run("worktree", "remove", "--force", "--force", str(path), check=False)
                    gone.append(path)
        return gone

    def half_made(self) -> list[Path]:
        """Return the folders in the git directory that a cut-off `git worktree add` left of this pool."""
        return [entry for entry in entries(self._git.git_dir / "worktrees") if _is_half_made(entry)]

    def sweep(self) -> list[Path]:
        """Remove what a cut-off `git worktree add` left of this pool in the git directory; return the folders.

        Git itself never does, as they are locked, and does not list them: they lead nowhere.
        """
        swept = []
        for entry in entries(self._git.git_dir / "worktrees"):
            if _is_half_made(entry):
                with self._serialise():
                    if _is_half_made(entry):
                        _remove(entry)
                        swept.append(entry)
        return swept + self.prune_own()

    def _registered(self) -> list[Path]:
        done = self._git.run("worktree", "list", "--porcelain", "-z")
        lines = (line for line in done.text.split("\0") if line.startswith("worktree "))
        paths = (Path(line.removeprefix("worktree ")) for line in lines)
        own = {self._folder, Path(os.path.realpath(self._folder))}
        return [path for path in paths if path.parent in own]

    def _claim(self, setup_key: str) -> tuple[Path, int]:
        """Return a worktree's place and the lock that makes it ours until it is closed or we die."""
        known = [entry.name for entry in self._folder.iterdir() if SLOT.fullmatch(entry.name)]
        fitting = sorted(known, key=lambda name: (_ready_key(self._folder / name) != setup_key, name))
        new = [name for name in (f"w{number}" for number in range(1, _MOST + 1)) if name not in known]
        for name in (*fitting, *new):
            path = self._folder / name
            descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return path, descriptor
        raise WorkFailed(f"all {_MOST} worktrees are in use", hint=f"look into {self._folder}")

    def _prepare(self, path: Path, commit: Oid, setup_key: str) -> bool:
        """Check `commit` out at `path`; return whether set-up commands have to run again."""
        was_ready = _ready_key(path)
        key_file(path).unlink(missing_ok=True)
        keep_ignored = bool(setup_key) and was_ready == setup_key
        reused = False
        if path.is_dir() and not path.is_symlink():
            try:
                self._reset(path, commit, keep_ignored=keep_ignored)
                reused = True
            except (GitFailed, OSError):
                # whatever a command did to it: a new one is always possible
                reused = False
        if not reused:
            self._make(path, commit)
        self._remember(path, commit)
        return not (reused and keep_ignored)

    def _reset(self, path: Path, commit: Oid, *, keep_ignored: bool) -> None:
        admin = admin_dir(self._git.git_dir, path)
        if admin is None:
            raise GitFailed(f"{path} is not registered")
        for name in _LEFTOVERS:
            _remove(admin / name)
        (path / ".git").unlink(missing_ok=True)
        (path / ".git").write_text(f"gitdir: {admin}\n", encoding="utf-8")
        _restore_index(path, admin)
        # a command may have checked a branch out: a reset would then move the branch
        self._git.run("update-ref", "--no-deref", "HEAD", commit, cwd=path)
        self._git.run("reset", "--hard", "--quiet", cwd=path, timeout=_CHECKOUT_TIMEOUT)
        ignored = () if keep_ignored else ("-x",)
        self._git.run("clean", "-ffd", "--quiet", *ignored, cwd=path, timeout=_CHECKOUT_TIMEOUT)

    def _make(self, path: Path, commit: Oid) -> None:
        _remove(path)
        for kept in (pristine_index(path), pristine_commit(path)):
            kept.unlink(missing_ok=True)
        with self._serialise():
            self._git.run("worktree", "remove", "--force", "--force", str(path), check=False)
            self._git.run(
                "worktree", "add", "--quiet", "--detach", "--no-checkout", "--lock", "--reason",
                _REASON, str(path), commit,
            )  # fmt: skip
            if self._git.durability == "power":
                _sync_files(admin_dir(self._git.git_dir, path))
        self._git.run("reset", "--hard", "--quiet", cwd=path, timeout=_CHECKOUT_TIMEOUT)

    def _remember(self, path: Path, commit: Oid) -> None:
        """Keep the index as it is before any command could touch it; see `trees.snapshot_worktree`."""
        admin = admin_dir(self._git.git_dir, path)
        if admin is None:
            raise GitFailed(f"{path} was unregistered while it was prepared")
        pristine_commit(path).write_text(f"{commit}\n", encoding="utf-8")
        _copy_index(admin / "index", pristine_index(path))


def _is_half_made(admin: Path) -> bool:
    """Tell whether a folder of `.git/worktrees` is ours and leads nowhere.

    One that was cut off by the loss of power has empty files: then its name and the lock, which git makes first, tell.
    """
    try:
        reason = (admin / "locked").read_text("utf-8").strip()
        leads_to = (admin / "gitdir").read_text("utf-8").strip() if (admin / "gitdir").exists() else ""
    except (OSError, UnicodeDecodeError):
        return False
    ours = reason == _REASON or (not reason and SLOT.fullmatch(admin.name) is not None)
    return ours and not leads_to.strip("\0")


def _sync_files(admin: Path | None) -> None:
    """Make what git keeps about a new worktree survive a power cut; git syncs none of it."""
    if admin is None:
        return
    for path in (*(admin / name for name in ("gitdir", "commondir", "locked", "HEAD")), admin, admin.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _no_place(path: Path, error: OSError) -> WorkFailed:
    return WorkFailed(
        f"no worktree can be prepared at {path}: {error.strerror or error}",
        hint="look at free space and rights there; XDG_CACHE_HOME moves it",
    )


def _ready_key(path: Path) -> str | None:
    try:
        return key_file(path).read_text("utf-8")
    except OSError:
        return None


def _restore_index(path: Path, admin: Path) -> None:
    index = admin / "index"
    index.unlink(missing_ok=True)
    if pristine_index(path).exists():
        _copy_index(pristine_index(path), index)


def _copy_index(source: Path, target: Path) -> None:
    """Copy an index with its time: git reads every file again that is not older than the index."""
    temporary = target.with_name(target.name + ".new")
    temporary.unlink(missing_ok=True)
    state = source.stat()
    shutil.copyfile(source, temporary)
    os.utime(temporary, ns=(state.st_atime_ns, state.st_mtime_ns))
    temporary.replace(target)


def _remove(path: Path) -> None:
    """Delete a file or folder, also one that holds folders without write permission."""
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
