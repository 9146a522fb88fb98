"""File systems of a campaign's own: a small one that can be full, and one whose power can be cut."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

_SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
_NO_LOG_FLUSH = 2


class Unavailable(Exception):
    """This machine does not let us make such a file system."""


class Disk(Protocol):
    """Where a scratch place lies."""

    def mount(self) -> None: ...
    def sync(self) -> None: ...
    def leave(self) -> None: ...


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}")


def unmount(folder: Path) -> None:
    """Unmount what is mounted there; what is still in use goes once it is not."""
    if (
        os.path.ismount(folder)
        and subprocess.run(["umount", folder], check=False, capture_output=True).returncode
    ):
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


class Plain:
    """An ordinary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self) -> None:
        self.folder.mkdir()

    def sync(self) -> None:
        """Nothing is cut off here."""

    def leave(self) -> None:
        """Its owner deletes it with all the rest."""


class Small(Plain):
    """A tmpfs that fills up soon."""

    def mount(self) -> None:
        self.folder.mkdir()
        _do("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(self.folder))

    def fill(self, leave: int) -> None:
        """Fill it to the last bytes but `leave`."""
        state = os.statvfs(self.folder)
        room = state.f_bavail * state.f_frsize - leave
        try:
            with (self.folder / "filler").open("wb", buffering=0) as file:
                while room > 0:
                    room -= file.write(b"\0" * min(room, 1 << 20))
        except OSError:
            return

    def free(self) -> None:
        """Take the filler away."""
        (self.folder / "filler").unlink(missing_ok=True)

    def leave(self) -> None:
        unmount(self.folder)


class Cuttable(Plain):
    """An ext4 on a loop device."""

    def mount(self) -> None:
        self.folder.mkdir()
        self._image = self.folder.with_name("image")
        with self._image.open("wb") as file:
            file.truncate(192 << 20)
        _do("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()

    def _mount(self) -> None:
        _do("mount", "-o", "loop", str(self._image), str(self.folder))

    def sync(self) -> None:
        """Make what is there survive the next cut."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.sync()

    def cut(self) -> None:
        """Cut the power: from now on nothing reaches the disk, and what was not synced is lost."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        except OSError as error:
            raise Unavailable(f"power cannot be cut here: {error}") from error
        finally:
            os.close(descriptor)

    def back(self) -> None:
        """Switch it on again; no process may have a file open there."""
        probe = self.folder / "probe"
        for _ in range(100):
            _do("umount", str(self.folder))
            self._mount()
            try:
                probe.touch()
                probe.unlink()
            except OSError:
                time.sleep(
                    0.1
                )  # a dying process's mount namespace still had it: the same dead disk came again
            else:
                return
        raise Unavailable("the disk does not come back")

    def leave(self) -> None:
        unmount(self.folder)
