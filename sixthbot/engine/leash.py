"""The leash: a small process between a worker and one foreign program; it ends the program when the worker says or dies.

Run as a file by the worker, with nothing but the standard library and outside any session of the user's:
`python -I -S leash.py`. One line of JSON comes in on standard input, after which an end of file there means "end it".
Lines of JSON go out on standard output: {"pid"} once the program runs, {"error"} when it cannot be started, {"exit"}
with its "usage" once it and all its descendants are gone. The leash holds the worker's lease, so that nobody takes over its task before.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

GRACE = 0.4
"""Seconds between the polite signal and the other one."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_LANDLOCK_RESTRICT_SELF = 446
_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_SLAVE = 1, 32, 4096, 16384, 1 << 19
_ON_LINUX = sys.platform.startswith("linux")


def main() -> None:
    """Run the program that standard input describes, and stay until nothing of it is left."""
    order = json.loads(_read_line())
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _wake_up)
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # descendants that leave the group stay ours
    pid = _start(order, libc)
    os.close(order["output"])
    status = _wait(pid, wake)
    ended = _end_all(pid, wake)
    _say(exit=ended if status is None else status, usage=_usage())


_told_to_end = False


def _wake_up(number: int, _frame: object) -> None:
    global _told_to_end  # noqa: PLW0603 - a signal handler has nowhere else to leave word
    _told_to_end = _told_to_end or number != signal.SIGCHLD


def _read_line() -> bytes:
    """Read up to the first line's end, byte by byte nowhere: what follows it is only ever an end of file."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            sys.exit(0)
        line += part
    return line


def _usage() -> dict[str, float]:
    """Return what the program and its descendants took: seconds of CPU, and bytes of memory at the most."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1024 if _ON_LINUX else 1  # macOS counts in bytes
    return {"cpu": round(used.ru_utime + used.ru_stime, 3), "memory": used.ru_maxrss * unit}


def _say(**words: Any) -> None:
    with suppress(BrokenPipeError):  # the worker is gone; what it left was ended all the same
        os.write(1, json.dumps(words).encode() + b"\n")


def _libc() -> Any:
    if not _ON_LINUX:
        return None
    import ctypes  # noqa: PLC0415 - not needed elsewhere

    return ctypes.CDLL(None, use_errno=True)


def _start(order: dict[str, Any], libc: Any) -> int:
    """Start the program in a session of its own and say so; this process has one thread, so that forking is safe."""
    failed, failing = os.pipe()  # closed by a successful exec
    parent = os.getpid()
    fenced = bool(order["read_only"]) and libc is not None and _can_fence(libc)
    pid = os.fork()
    if pid == 0:
        try:
            _become(order, libc, parent, fenced=fenced)
        except (OSError, ValueError) as error:  # ValueError: a NUL character where none can be
            os.write(failing, f"{getattr(error, 'strerror', None) or error}".encode())
        os._exit(127)
    os.close(failing)
    problem = b"".join(iter(lambda: os.read(failed, 4096), b""))
    os.close(failed)
    if problem:
        os.waitpid(pid, 0)
        _say(error=problem.decode(errors="replace"))
        sys.exit(0)
    _say(pid=pid, confined=fenced or order["ruleset"] is not None)
    return pid


def _become(order: dict[str, Any], libc: Any, parent: int, *, fenced: bool) -> NoReturn:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(127)  # the leash died before the line above
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(order["output"], 1)
    os.dup2(order["output"], 2)
    os.close(order["output"])
    if fenced:
        _fence(libc, order["read_only"], order["writable"])
    os.chdir(order["cwd"])
    if order["ruleset"] is not None and not fenced:
        _confine(libc, order["ruleset"])
    for number in order["keep"]:
        os.set_inheritable(number, True)  # noqa: FBT003 - positional in the standard library
    os.execvpe(order["argv"][0], order["argv"], order["env"])  # noqa: S606 - no shell is the point


def _confine(libc: Any, ruleset: int) -> None:
    import ctypes  # noqa: PLC0415 - not needed elsewhere

    if (
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        or libc.syscall(ctypes.c_long(_LANDLOCK_RESTRICT_SELF), ctypes.c_long(ruleset), ctypes.c_long(0)) != 0
    ):
        raise OSError(ctypes.get_errno(), "cannot be confined: " + os.strerror(ctypes.get_errno()))
    os.close(ruleset)


def _can_fence(libc: Any) -> bool:
    """Try a mount namespace in a process that ends at once: some systems grant it by half, and half is of no use."""
    pid = os.fork()
    if pid == 0:
        try:
            _fence(libc, [], [])
        except OSError:
            os._exit(1)
        os._exit(0)
    _, raw = os.waitpid(pid, 0)
    return raw == 0


def _fence(libc: Any, read_only: list[str], writable: list[str]) -> None:
    """Make the folders read-only for this process and its children, save for `writable` ones below them.

    A mount namespace of our own does it; without the right to one, a user namespace that keeps our ids gives it.
    """
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS) != 0:
        _checked(libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER), "unshare")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib would double the start-up
                file.write(text)
    _mount(libc, None, "/", _MS_REC | _MS_SLAVE)  # what a person unmounts meanwhile goes here, too
    for path, flags in [(path, _MS_RDONLY) for path in read_only] + [(path, 0) for path in writable]:
        _mount(libc, path, path, _MS_BIND | _MS_REC)
        _mount(libc, None, path, _MS_REMOUNT | _MS_BIND | flags)


def _mount(libc: Any, source: str | None, target: str, flags: int) -> None:
    import ctypes  # noqa: PLC0415 - not needed elsewhere

    origin = None if source is None else os.fsencode(source)
    _checked(libc.mount(origin, os.fsencode(target), None, ctypes.c_ulong(flags), None), target)


def _checked(result: int, what: str) -> None:
    import ctypes  # noqa: PLC0415 - not needed elsewhere

    if result != 0:
        raise OSError(ctypes.get_errno(), f"cannot be confined: {what}: {os.strerror(ctypes.get_errno())}")


def _wait(pid: int, wake: int) -> int | None:
    """Wait for the program; return its status as a shell tells it, None when it is to be ended instead."""
    while True:
        status = _reap(pid)
        if status is not None:
            return status
        readable, _, _ = select.select([0, wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
        if _told_to_end or (0 in readable and not os.read(0, 4096)):
            return None


def _reap(pid: int) -> int | None:
    """Collect everything that has ended; return the program's status when it is among that."""
    found = None
    while True:
        try:
            ended, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if ended == 0:
            return found
        if ended == pid:
            code = os.waitstatus_to_exitcode(raw)
            found = code if code >= 0 else 128 - code


def _end_all(pid: int, wake: int) -> int:
    """End the program's group, politely first, and every descendant that left it; return the program's status.

    There is no time limit: that we are gone says that they are.
    """
    status: int | None = None
    polite = True
    polite_until = time.monotonic() + GRACE
    if _ON_LINUX and not _children_left():
        return 0  # nothing can have escaped us, and the group's number may be another's by now
    _kill_group(pid, signal.SIGTERM)
    while True:
        found = _reap(pid)
        status = found if found is not None else status
        if not _children_left():
            break
        if polite and time.monotonic() >= polite_until:
            polite = False
            _kill_group(pid, signal.SIGKILL)
        if not polite:
            _kill_children()
        select.select([wake], [], [], 0.02)
    if not _ON_LINUX:
        _kill_group(pid, signal.SIGKILL)
    return 128 + signal.SIGKILL if status is None else status


def _children_left() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _kill_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody left, or (macOS) only those that have ended
        os.killpg(pid, number)


def _kill_children() -> None:
    """Kill our direct children, those adopted included; what they leave is adopted next and found next time."""
    me = str(os.getpid()).encode()
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib would double the start-up
    except OSError:
        return
    for name in names:
        if name.isdigit() and _parent_of(name) == me:
            try:
                os.kill(int(name), signal.SIGKILL)
            except ProcessLookupError:
                continue


def _parent_of(name: str) -> bytes:
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib would double the start-up
            return file.read().rpartition(b")")[2].split()[1]
    except (OSError, IndexError):
        return b""


if __name__ == "__main__":
    main()
