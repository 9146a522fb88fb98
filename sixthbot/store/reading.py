"""Reads files that others may have put there; loads nothing but what the system has."""

from __future__ import annotations

import errno
import os
import stat

from sixthbot.core.errors import Refused

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


def read_small(path: Path | str, limit: int) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes, never following a link, never blocking.

    Raises FileNotFoundError when it is gone and Refused for a link, folder, device, pipe, socket or longer file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
            raise Refused(f"{os.path.basename(path)} is a link or special file") from None
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{os.path.basename(path)} is not a regular file")
        # one byte more than it has shows its end at once; a file that grows meanwhile is read on
        data = os.read(descriptor, min(found.st_size, limit) + 1)
        if len(data) != found.st_size and len(data) <= limit:
            data += _rest(descriptor, limit + 1 - len(data))
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise Refused(f"{os.path.basename(path)} is longer than {limit} bytes")
    return data


def _rest(descriptor: int, left: int) -> bytes:
    chunks = []
    while left > 0 and (chunk := os.read(descriptor, min(left, 1 << 20))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def open_plain(path: Path | str) -> BinaryIO:
    """Open a regular file of any length for reading, never following a link, never waiting.

    Raises OSError for anything else. The caller closes it.
    """
    file = open(path, "rb", opener=_plain)  # noqa: SIM115 - see above
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def _plain(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
