"""Rename without replacing: one system call where the kernel has it, a look and a rename where it has not."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sixthbot.store.disk import StrPath

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
# what kernels and file systems without the flag answer
_NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM})


def rename_exclusive(source: StrPath, target: StrPath) -> None:
    """Rename `source` to `target`; raise FileExistsError when `target` exists, whatever it is.

    Where neither kernel nor file system knows how, a process that makes `target` in the same instant may lose it.
    """
    call = _renameat2()
    if call is not None:
        if (number := call(os.fsencode(source), os.fsencode(target))) == 0:
            return
        if number not in _NOT_SUPPORTED:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source, target)  # noqa: PTH104 - beside its twin above


@cache
def _renameat2() -> Callable[[bytes, bytes], int] | None:
    """Return a function that renames and gives 0 or an error number; None where the C library has no such call."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def call(source: bytes, target: bytes) -> int:
        if function(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE) == 0:
            return 0
        return ctypes.get_errno()

    return call
