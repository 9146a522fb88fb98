"""Copies of repositories: states that many tests begin with, made once in a test process, and pictures of one moment.

A copy is what a fresh one would be: the paths in it are its own, what is kept under the key of a repository is kept under
its own, its clone has the same name as the first, and git's index fits its files. Only its times are older, and the
inodes are others than those that the bot remembers of its files. Tests of exactly these make their repository anew.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.store.paths import Places
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BY_KEY = (".cache/sixthbot", ".local/share/sixthbot")


@dataclass(frozen=True)
class Ground:
    """Where a test is: the folder that its repositories lie in, and its home."""

    folder: Path
    home: Path

    def repositories(self) -> list[Path]:
        """Return the repositories with a work tree that lie in the folder."""
        return sorted(path.parent for path in self.folder.glob("*/.git") if path.is_dir())

    def files(self) -> Iterator[Path]:
        """Yield every file of both."""
        for top in (self.folder, self.home):
            for folder, _, names in os.walk(top):
                yield from (Path(folder, name) for name in names)

    def keep(self, picture: Path) -> None:
        """Copy all that is here to a folder that is not there yet."""
        shutil.copytree(self.folder, picture / "there", symlinks=True)
        shutil.copytree(self.home, picture / "home", symlinks=True)

    def bring_back(self, picture: Path) -> None:
        """Have everything as it was when the picture was taken."""
        for top, kept in ((self.folder, "there"), (self.home, "home")):
            shutil.rmtree(top)
            shutil.copytree(picture / kept, top, symlinks=True)
        self.settle()

    def settle(self) -> None:
        """Have what is remembered about inodes be true of these ones: the clone's name, and git's index."""
        for top in self.repositories():
            _keep_the_clone_s_name(top / ".git/sixth")
            RepoDir(top).git("update-index", "-q", "--refresh")


@dataclass
class Stage:
    """A state that was made, with the files in it that tell where it is."""

    ground: Ground
    telling: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for path in self.ground.files():
            data = b"" if path.is_symlink() else path.read_bytes()
            if any(old in data for old, _ in self._names(self.ground)):
                self.telling.append(str(path))

    def copy(self, ground: Ground) -> None:
        """Make a copy at `ground`, whose folder and home may have other things in them."""
        shutil.copytree(self.ground.folder, ground.folder, symlinks=True, dirs_exist_ok=True)
        shutil.copytree(self.ground.home, ground.home, symlinks=True, dirs_exist_ok=True)
        names = self._names(ground)
        for told in self.telling:
            path = Path(_replaced(os.fsencode(told), names[:2]).decode())
            state = path.stat()
            path.write_bytes(_replaced(path.read_bytes(), names))
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        for old, new in names[2:]:
            for place in _BY_KEY:
                with suppress(FileNotFoundError):
                    (ground.home / place / old.decode()).rename(ground.home / place / new.decode())
        ground.settle()

    def _names(self, ground: Ground) -> list[tuple[bytes, bytes]]:
        """Return what names the place of this state, each with what names the other ground instead: paths first."""
        pairs = [(self.ground.folder, ground.folder), (self.ground.home, ground.home)]
        paths = [(os.fsencode(old), os.fsencode(new)) for old, new in pairs]
        keys = [
            (_key(top).encode(), _key(ground.folder / top.relative_to(self.ground.folder)).encode())
            for top in self.ground.repositories()
        ]
        return [*paths, *keys]


@dataclass(frozen=True)
class Stages:
    """The states that this test process has made so far, below a folder of its own."""

    folder: Path
    made: dict[tuple[Callable[[Ground], object], ...], Stage]
    live_in: Callable[[Path], object]
    """Makes a folder the home of what follows."""

    def lay(self, ground: Ground, *steps: Callable[[Ground], object]) -> None:
        """Have at `ground` what these steps lead to, each from where the one before it has ended."""
        try:
            stage = self._stage(steps)
        finally:
            self.live_in(ground.home)
        stage.copy(ground)

    def _stage(self, steps: tuple[Callable[[Ground], object], ...]) -> Stage:
        if steps not in self.made:
            before = self._stage(steps[:-1]) if steps[1:] else None
            place = self.folder / str(len(self.made))
            mine = Ground(place / "there", place / "home")
            for path in (mine.folder, mine.home):
                path.mkdir(parents=True)
            self.live_in(mine.home)
            if before is not None:
                before.copy(mine)
            steps[-1](mine)
            self.made[steps] = Stage(mine)
        return self.made[steps]


def _key(top: Path) -> str:
    return Places(top, top / ".git").key


def _replaced(data: bytes, names: list[tuple[bytes, bytes]]) -> bytes:
    for old, new in names:
        data = data.replace(old, new)
    return data


def _keep_the_clone_s_name(folder: Path) -> None:
    """Bind the clone's name to the copied folder; a folder that somebody copies would get another."""
    path = folder / "actor"
    with suppress(FileNotFoundError):
        inode = f'"inode": {folder.stat().st_ino}'
        path.write_text(re.sub(r'"inode": \d+', inode, path.read_text()))
