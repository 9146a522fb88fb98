"""Where everything lives: finds the repository by reading the disk and names each of the bot's places. Writes nothing."""

from __future__ import annotations

import os

from sixthbot.core.errors import NoRepository

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POINTER_LIMIT = 4096
"""No `.git` or `commondir` file that git writes is longer, in bytes."""


class Places:
    """The bot's places in one repository; a value, which never changes.

    `top` is the root of the main work tree and `git_dir` the common git directory, both absolute and without
    symbolic links. They are kept as texts: loading pathlib would cost `status` a tenth of its time.
    """

    __slots__ = ("_git_dir", "_top")
    _top: str
    _git_dir: str

    def __init__(self, top: Path | str, git_dir: Path | str) -> None:
        object.__setattr__(self, "_top", os.fspath(top))
        object.__setattr__(self, "_git_dir", os.fspath(git_dir))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"places never change: {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Places) and self._texts() == other._texts()

    def __hash__(self) -> int:
        return hash(self._texts())

    def __repr__(self) -> str:
        return "Places({!r}, {!r})".format(*self._texts())

    def _texts(self) -> tuple[str, str]:
        return self._top, self._git_dir

    @property
    def top(self) -> Path:
        """The root of the main work tree."""
        return _path(self._top)

    @property
    def git_dir(self) -> Path:
        """The common git directory."""
        return _path(self._git_dir)

    @property
    def home(self) -> str:
        """The bot's folder as a text, for what runs at every prompt."""
        return f"{self._top.rstrip('/')}/.sixth"

    @property
    def git_home(self) -> str:
        """The common git directory as a text, for the same."""
        return self._git_dir

    @property
    def sixth(self) -> Path:
        """The bot's folder."""
        return _path(self.home)

    @property
    def config_file(self) -> Path:
        """Settings of the repository."""
        return self.sixth / "config.toml"

    @property
    def local_config_file(self) -> Path:
        """Settings of this clone."""
        return self.local / "config.toml"

    @property
    def rules_dir(self) -> Path:
        """The repository's rule files."""
        return self.sixth / "rules"

    @property
    def templates_dir(self) -> Path:
        """The repository's own templates."""
        return self.sixth / "templates"

    @property
    def inbox(self) -> Path:
        """Where people drop issue files."""
        return self.sixth / "inbox"

    @property
    def rejected(self) -> Path:
        """Issue files that could not be taken, each with a reason."""
        return self.inbox / "rejected"

    @property
    def issues(self) -> Path:
        """Accepted issues, one folder each."""
        return self.sixth / "issues"

    @property
    def queue(self) -> Path:
        """Task files, one folder for each state."""
        return self.sixth / "queue"

    @property
    def checkpoints(self) -> Path:
        """Outputs of finished steps, one file for each task."""
        return self.sixth / "checkpoints"

    @property
    def drafts(self) -> Path:
        """Draft files, one for each branch."""
        return self.sixth / "drafts"

    @property
    def artifacts(self) -> Path:
        """What reports leave behind."""
        return self.sixth / "artifacts"

    @property
    def journal(self) -> Path:
        """What happened, one file for each actor."""
        return self.sixth / "journal"

    @property
    def operations(self) -> Path:
        """Recorded changes of refs."""
        return self.sixth / "operations"

    @property
    def local(self) -> Path:
        """What never leaves this clone."""
        return self.sixth / "local"

    @property
    def notes(self) -> Path:
        """What hooks left for the bot."""
        return self.local / "notes"

    @property
    def logs(self) -> Path:
        """Outputs of commands, and bug reports."""
        return self.local / "logs"

    @property
    def progress(self) -> Path:
        """How far running tasks are, one file each."""
        return self.local / "progress"

    @property
    def locks(self) -> Path:
        """Lock files."""
        return self.local / "locks"

    @property
    def watch_lock(self) -> Path:
        """The lock that a running `watch` holds."""
        return self.locks / "watch.lock"

    @property
    def workers(self) -> Path:
        """Lease files, one for each worker."""
        return self.local / "workers"

    @property
    def cursors(self) -> Path:
        """What the sources saw last."""
        return self.local / "cursors"

    @property
    def cache(self) -> Path:
        """What can be computed again."""
        return self.local / "cache"

    @property
    def beside(self) -> Path:
        """In the git directory, where no cleaning of the work tree reaches: who writes here, and what was saved."""
        return self.git_dir / "sixth"

    @property
    def saved(self) -> Path:
        """The index of what was saved, written by whoever saved something."""
        return self.beside / "saved.db"

    @property
    def exclude_file(self) -> Path:
        """Git's own ignore file of this clone."""
        return self.git_dir / "info" / "exclude"

    @property
    def key(self) -> str:
        """Sixteen hex digits that stand for this repository at this place on the disk."""
        import hashlib  # noqa: PLC0415 - `status` asks for no key

        return hashlib.sha256(os.fsencode(os.path.realpath(self.git_dir))).hexdigest()[:16]

    @property
    def data_dir(self) -> Path:
        """Outside the repository: what this person trusts and has approved."""
        return _user_folder("XDG_DATA_HOME", ".local/share") / self.key

    @property
    def pool_dir(self) -> Path:
        """Outside the repository: the bot's work trees."""
        return _user_folder("XDG_CACHE_HOME", ".cache") / self.key / "worktrees"


def user_config_file() -> Path:
    """Return the path of the person's own settings, for all repositories."""
    return _user_folder("XDG_CONFIG_HOME", ".config") / "config.toml"


def _user_folder(variable: str, default: str) -> Path:
    named = os.environ.get(variable, "")
    # the base directory specification: a relative path in these variables is to be ignored
    base = named if os.path.isabs(named) else f"{os.path.expanduser('~')}/{default}"
    return _path(base) / "sixthbot"


def _path(text: str) -> Path:
    from pathlib import Path  # noqa: PLC0415 - see Places

    return Path(text)


def locate(start: Path | str) -> Places:
    """Find the repository that `start` is in; from a linked work tree, that of the main one.

    Runs no program and honours no GIT_* variable, which a hook would set to something else. Raises NoRepository
    for no repository, a bare one, the inside of a git directory, and a work tree whose main one is unknown.
    """
    here = os.path.realpath(start)
    if not os.path.isdir(here):
        raise NoRepository(f"no such folder: {start}")
    for folder in _upwards(here):
        entry = os.path.join(folder, ".git")
        if os.path.isdir(entry) and _looks_like_git_dir(entry):
            return _of_git_dir(os.path.realpath(entry), folder)
        if os.path.isfile(entry):
            return _of_git_file(entry, folder)
        if _looks_like_git_dir(folder):
            raise NoRepository(
                f"{folder} is a bare repository or the inside of a git directory",
                hint="go to a work tree of the repository",
            )
    raise NoRepository(f"no git repository at {here} or above it", hint="git init, then sixthbot init")


def work_tree(start: Path | str) -> tuple[Path, Path]:
    """Return the top of the work tree that `start` is in, and its own git directory: of a linked one not the main's.

    Raises NoRepository outside of one.
    """
    for folder in _upwards(os.path.realpath(start)):
        entry = os.path.join(folder, ".git")
        if os.path.isdir(entry):
            return _path(folder), _path(os.path.realpath(entry))
        if os.path.isfile(entry):
            named = _read_pointer(entry).removeprefix("gitdir:").strip()
            return _path(folder), _path(os.path.realpath(os.path.join(folder, named)))
    raise NoRepository(f"no git repository at {start} or above it")


def _upwards(folder: str) -> Iterator[str]:
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _of_git_dir(git_dir: str, top: str) -> Places:
    bare, worktree = _core_settings(git_dir)
    if worktree:
        return Places(os.path.realpath(os.path.join(git_dir, worktree)), git_dir)
    if bare:
        raise NoRepository(f"{top} is a bare repository: it has no work tree", hint="use a clone with one")
    return Places(top, git_dir)


def _of_git_file(entry: str, folder: str) -> Places:
    text = _read_pointer(entry)
    if not text.startswith("gitdir:"):
        raise NoRepository(f"{entry} is not something git wrote")
    git_dir = os.path.realpath(os.path.join(folder, text.removeprefix("gitdir:").strip()))
    if not os.path.isdir(git_dir):
        raise NoRepository(
            f"{entry} points to {git_dir}, which is not there", hint="git worktree repair may help"
        )
    pointer = os.path.join(git_dir, "commondir")
    if os.path.isfile(pointer):
        return _of_linked_worktree(os.path.realpath(os.path.join(git_dir, _read_pointer(pointer).strip())))
    # a submodule or a separate git directory: a repository of its own whose work tree is right here
    return Places(folder, git_dir)


def _of_linked_worktree(common: str) -> Places:
    bare, worktree = _core_settings(common)
    main, name = os.path.split(common)
    if worktree:
        return Places(os.path.realpath(os.path.join(common, worktree)), common)
    if bare:
        raise NoRepository(
            f"this work tree belongs to the bare repository {common}",
            hint="use a clone that has a main work tree",
        )
    if name == ".git" and os.path.isdir(main):
        return Places(main, common)
    raise NoRepository(
        f"cannot tell where the main work tree of {common} is", hint="run sixthbot from the main work tree"
    )


def _looks_like_git_dir(path: str) -> bool:
    return (
        os.path.isfile(f"{path}/HEAD") and os.path.isdir(f"{path}/objects") and os.path.isdir(f"{path}/refs")
    )


def _read_pointer(path: str) -> str:
    with open(path, "rb") as file:
        return os.fsdecode(file.read(_POINTER_LIMIT)).split("\n", 1)[0].rstrip("\r")


def _core_settings(git_dir: str) -> tuple[bool, str]:
    """Return `core.bare` and `core.worktree` of a git directory, read as git writes them."""
    bare, worktree = False, ""
    for name in ("config", "config.worktree"):
        try:
            with open(f"{git_dir}/{name}", "rb") as file:
                text = os.fsdecode(file.read())
        except OSError:
            continue
        section = ""
        for raw in text.splitlines():
            line = raw.strip()
            if line.startswith("["):
                section = line.lower()
            elif section == "[core]":
                key, _, value = (part.strip() for part in line.partition("="))
                if key.lower() == "bare":
                    bare = value.lower() in {"true", "yes", "on", "1", ""}
                elif key.lower() == "worktree":
                    worktree = value.strip('"')
    return bare, worktree
