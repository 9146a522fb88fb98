"""Syncs a whole file system with one call where the system has it; decides nothing."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sixthbot.store.disk import StrPath


def sync_file_system(path: StrPath) -> bool:
    """Return once everything on the file system that `path` is on would survive a power cut; false without such a call.

    Raises OSError when something could not be written, whoever wrote it.
    """
    call = _syncfs()
    if call is None:
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        number = call(descriptor)
    finally:
        os.close(descriptor)
    if number:
        raise OSError(number, os.strerror(number), str(path))
    return True


@cache
def _syncfs() -> Callable[[int], int] | None:
    """Return a function that syncs and gives 0 or an error number; None where the C library has no such call."""
    try:
        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int,)
    return lambda descriptor: 0 if function(descriptor) == 0 else ctypes.get_errno()
