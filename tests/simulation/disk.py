"""A disk that remembers what was synced: over a real folder, with a mirror of what a power cut would leave of it.

Readers see the folder as it is. A cut keeps what was synced and, of the rest, what chance keeps of it: of names some
changes and not others (in the order they were made where the file system has a journal, in any order that a name's
history allows where it has not), of a file's new bytes some, none, or zeros in their place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.store.disk import Disk, StrPath

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from tests.simulation.machine import Machine

_FOLDER = "folder"


@dataclass(eq=False)
class File:
    """What a file holds now, and what of it was synced."""

    data: bytes = b""
    synced: bytes = b""


class Change:
    """One change of names: what each of these paths leads to after it; None for nothing.

    `parts` is what it is about, `above` the folders that must be there for it.
    """

    __slots__ = ("above", "after", "folders", "parts", "paths")

    def __init__(self, paths: tuple[str, ...], after: tuple[File | str | None, ...]) -> None:
        self.paths, self.after = paths, after
        self.folders = {_folder_of(path) for path in paths}
        self.parts: set[object] = {part for part in (*paths, *after) if part not in {None, _FOLDER}}
        self.above: set[object] = {folder for path in self.folders for folder in _and_above(path)}


def _and_above(folder: str) -> Iterator[str]:
    while len(folder) > 1:
        yield folder
        folder = folder.rpartition("/")[0]


@dataclass
class SimDisk(Disk):
    """`journaled` file systems keep changes of names in order; `tracked` ones can be cut.

    `full` and `failing` are phases it goes through.
    """

    root: Path
    machine: Machine
    journaled: bool
    tracked: bool = True
    full: bool = False
    failing: bool = False
    _names: dict[str, File | str] = field(default_factory=dict)
    _kept: dict[str, File | str] = field(default_factory=dict)
    _pending: list[Change] = field(default_factory=list)
    _open: dict[int, File] = field(default_factory=dict)

    def adopt(self) -> None:
        """Take what is in the folder as synced."""
        for folder, folders, files in os.walk(self.root):
            for name in folders:
                self._names[f"{folder}/{name}"] = _FOLDER
            for name in files:
                data = Path(folder, name).read_bytes()
                self._names[f"{folder}/{name}"] = File(data, data)
        self._kept = dict(self._names)

    # calls

    def open(self, path: StrPath, flags: int, mode: int) -> int:
        new = bool(flags & os.O_CREAT) and not os.path.lexists(path)
        self._call("create" if new else "open", path, grows=new)
        descriptor = os.open(path, flags, mode)
        name = str(path)
        if new:
            os.utime(descriptor, ns=(self.machine.stamp(), self.machine.stamp()))
            self._change((name,), (File(),))
        found = self._names.get(name)
        self._open[descriptor] = found if isinstance(found, File) else File()
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        path = _path_of(descriptor)
        size, dice = len(data), self.machine.dice
        if size > 1 and self.machine.chaos is not None and dice.random() < 0.1:
            size = dice.randrange(
                1, size
            )  # a short write, perhaps the last one of a process that ends in between
        self._call("write", Path(path), grows=True)
        written = os.write(descriptor, data[:size])
        self._open[descriptor].data += bytes(data[:written])
        os.utime(descriptor, ns=(self.machine.stamp(), self.machine.stamp()))
        return written

    def sync(self, descriptor: int) -> None:
        path = _path_of(descriptor)
        self._call("sync", Path(path))
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            if self.journaled:
                self._keep_all()
            else:
                # what is in the folder, and the making of it and of those above
                self._keep(
                    [
                        one
                        for one in self._pending
                        if path in one.folders or not one.parts.isdisjoint(_and_above(path))
                    ]
                )
        else:
            found = self._names.get(path)
            file = found if isinstance(found, File) else self._open[descriptor]
            file.synced = file.data
            if self.journaled:
                self._keep_all()

    def truncate(self, descriptor: int, size: int) -> None:
        self._call("truncate", Path(_path_of(descriptor)))
        os.ftruncate(descriptor, size)
        file = self._open[descriptor]
        file.data = file.data[:size]

    def rename(self, source: StrPath, target: StrPath) -> None:
        self._call("rename", source, target)
        super().rename(source, target)
        self._renamed(source, target)

    def rename_exclusive(self, source: StrPath, target: StrPath) -> None:
        self._call("rename to new", source, target)
        super().rename_exclusive(source, target)
        self._renamed(source, target)

    def remove(self, path: StrPath) -> None:
        self._call("remove", path)
        super().remove(path)
        self._change((str(path),), (None,))

    def make_dir(self, path: StrPath, mode: int) -> None:
        self._call("make folder", path, grows=not Path(path).exists())
        super().make_dir(path, mode)
        self._change((str(path),), (_FOLDER,))

    def remove_dir(self, path: StrPath) -> None:
        self._call("remove folder", path)
        super().remove_dir(path)
        self._change((str(path),), (None,))

    def lock(self, descriptor: int) -> None:
        waits = False
        while True:
            self.machine.call("lock", waits=waits)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits = True
            else:
                return

    def _call(self, what: str, *paths: StrPath, grows: bool = False) -> None:
        self.machine.call(f"{what} {' '.join(self._short(path) for path in paths)}")
        if grows and self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _short(self, path: StrPath) -> str:
        name = str(path).removeprefix(str(self.root))
        return f"{_folder_of(name)}/(temporary)" if name.endswith(".tmp") else name

    # what is kept

    def _renamed(self, source: StrPath, target: StrPath) -> None:
        moved = self._names.get(str(source)) or File()
        self._change((str(source), str(target)), (None, moved))

    def _change(self, paths: tuple[str, ...], after: tuple[File | str | None, ...]) -> None:
        change = Change(paths, after)
        if self.tracked:
            self._pending.append(change)
        _apply(self._names, change)
        when = self.machine.stamp()
        for folder in change.folders:
            os.utime(folder, ns=(when, when))

    def _keep(self, wanted: list[Change]) -> None:
        """Keep these changes and all earlier ones that they rest on."""
        chosen = set(wanted)
        needed: set[object] = set()
        for change in reversed(self._pending):
            if change in chosen or not needed.isdisjoint(change.parts):
                chosen.add(change)
                needed |= change.parts | change.above
        self._settle(chosen)

    def _keep_all(self) -> None:
        for change in self._pending:
            _apply(self._kept, change)
        self._pending.clear()

    def _settle(self, chosen: set[Change]) -> None:
        for change in self._pending:
            if change in chosen:
                _apply(self._kept, change)
        self._pending = [change for change in self._pending if change not in chosen]

    # the cut

    def cut(self) -> None:
        """Lose what was not synced, as the dice say, and put what is left into the folder."""
        dice = self.machine.dice
        if self.journaled:
            chosen = set(self._pending[: dice.randint(0, len(self._pending))])
        else:
            chosen = self._some(dice)
        self._settle(chosen)
        self._pending.clear()
        self._open.clear()
        self._names = {}
        for path in sorted(self._kept):
            if _folder_of(path) == str(self.root) or _folder_of(path) in self._names:
                found = self._kept[path]
                self._names[path] = found if isinstance(found, str) else _left(found, dice)
        self._kept = dict(self._names)
        self._write_out()

    def _some(self, dice: random.Random) -> set[Change]:
        chosen: set[Change] = set()
        lost: set[object] = set()
        odds = dice.random()
        for change in self._pending:
            if not lost.isdisjoint(change.parts | change.above) or dice.random() > odds:
                lost |= change.parts
            else:
                chosen.add(change)
        return chosen

    def _write_out(self) -> None:
        for entry in self.root.iterdir():
            shutil.rmtree(entry)
        for path in sorted(self._names):
            found = self._names[path]
            if isinstance(found, str):
                Path(path).mkdir()
            else:
                Path(path).write_bytes(found.data)
                os.utime(path, ns=(self.machine.stamp(), self.machine.stamp()))
        for path, found in self._names.items():
            if isinstance(found, str):
                os.utime(path, ns=(self.machine.stamp(), self.machine.stamp()))


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def _apply(names: dict[str, File | str], change: Change) -> None:
    for path, after in zip(change.paths, change.after, strict=True):
        if after is None:
            names.pop(path, None)
        else:
            names[path] = after


def _left(file: File, dice: random.Random) -> File:
    """Return what a cut leaves of a file."""
    data = file.data
    if data != file.synced:
        if data.startswith(file.synced):
            more = len(data) - len(file.synced)
            kept = len(file.synced) + dice.choice((0, 0, dice.randint(0, more), more))
            data = data[:kept] + (bytes(len(data) - kept) if dice.random() < 0.3 else b"")
        else:
            data = dice.choice((data, file.synced))
    return File(data, data)
