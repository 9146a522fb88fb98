"""Runs `sixthbot` as a process that forks from one which has loaded the program already: half of each start is loading.

One starter lives beside each test process and ends with it. What it forks is a whole process, with a session, folder,
environment and streams of its own; only that the modules are there is not what a person has. What is about loading,
signals or kills starts the program itself.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from tests.support.repos import make_repo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
_STARTED: dict[int, tuple[subprocess.Popen[bytes], socket.socket]] = {}
_LATE = (
    "ctypes",
    "difflib",
    "filelock",
    "git.cmd",
    "git.exc",
    "jinja2.sandbox",
    "radon.complexity",
    "tomli_w",
    "tomllib",
)


def sixthbot_process(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], seconds: float = 100
) -> tuple[int, str, str]:
    """Run `sixthbot ARGS` and return its exit code and what it printed; raise TimeoutError when it takes too long."""
    return forked("sixthbot.__main__", ["sixthbot", *args], cwd=cwd, env=env, seconds=seconds)


def forked(
    module: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], seconds: float
) -> tuple[int, str, str]:
    """Do the same with what `main` of any module does where the program is loaded."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        talk = _starter()
        talk.settimeout(seconds)
        order = json.dumps({"module": module, "argv": list(argv), "cwd": str(cwd), "env": dict(env)}).encode()
        socket.send_fds(talk, [len(order).to_bytes(4, "big") + order], [out.fileno(), err.fileno()])
        status = int.from_bytes(_exactly(talk, 4), "big", signed=True)
        out.seek(0)
        err.seek(0)
        return status, out.read().decode(), err.read().decode()


def _starter() -> socket.socket:
    found = _STARTED.get(os.getpid())
    if found is None or found[0].poll() is not None:
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        atexit.register(_end, process, ours)
        found = _STARTED[os.getpid()] = (process, ours)
    return found[1]


def _end(process: subprocess.Popen[bytes], talk: socket.socket) -> None:
    talk.close()
    process.wait()


def _exactly(talk: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = talk.recv(size - len(data))
        if not more:
            raise ConnectionError("the starter has ended")
        data += more
    return data


def _serve(talk: socket.socket) -> None:
    """Start what is asked for, one after the other, until the test process closes its end."""
    while True:
        head, files, _, _ = socket.recv_fds(talk, 4, 2)
        if not head:
            return
        order = json.loads(_exactly(talk, int.from_bytes(head, "big")))
        child = os.fork()
        if child == 0:
            talk.close()
            _become(order, files)
        for descriptor in files:
            os.close(descriptor)
        _, raw = os.waitpid(child, 0)
        talk.sendall(os.waitstatus_to_exitcode(raw).to_bytes(4, "big", signed=True))


def _become(order: dict[str, object], files: list[int]) -> None:
    status = 99
    try:
        os.setsid()
        for target, descriptor in enumerate(files, start=1):
            os.dup2(descriptor, target)
            os.close(descriptor)
        os.chdir(str(order["cwd"]))
        os.environ.clear()
        os.environ.update(order["env"])  # type: ignore[call-overload]  # it comes from JSON
        tempfile.tempdir = None  # where that is was looked up in another environment
        sys.argv = [*order["argv"]]  # type: ignore[misc]  # it comes from JSON
        status = importlib.import_module(str(order["module"])).main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing may come back from here into the starter's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def load_program() -> None:
    """Load every module of the program and what nearly each run of it loads late, for processes that fork from this one."""
    import sixthbot  # noqa: PLC0415 - only a process that others fork from needs it

    for module in pkgutil.walk_packages(sixthbot.__path__, "sixthbot."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _LATE:
        importlib.import_module(name)


def warm_up(folder: Path) -> None:
    """Load the program and have it do an issue in a repository below `folder`; then others may fork from this process.

    What it keeps in memory from its first time on is there in each of them: what it read of its own files, compiled
    patterns, which git there is.
    """
    load_program()
    from sixthbot.cli.app import main  # noqa: PLC0415 - only a process that others fork from needs it

    repo = make_repo(folder / "repo")
    repo.commit("feat: words", {"words.txt": "pear\napple\n"})
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for words in (
            ("init",),
            ("trust", "--yes"),
            ("new", "Sort `do: text.sort paths=words.txt`"),
            ("run",),
            ("status",),
        ):
            assert main(["-C", str(repo.path), *words]) == 0
    assert repo.show("sixth/sort", "words.txt") == "apple\npear\n"
    assert threading.active_count() == 1, "a process with threads forks badly"
    gc.collect()
    gc.freeze()  # else the first collection in each child copies all of the memory that it shares with us


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own, mock.patch.dict(os.environ, {"HOME": own}):
        for name in [name for name in os.environ if name.startswith("XDG_")]:
            del os.environ[name]
        warm_up(Path(own))
    _serve(socket.socket(fileno=int(sys.argv[1])))
