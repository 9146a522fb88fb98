"""Signs commits as git does, over the very bytes that are written; the only module that calls gpg and ssh-keygen.

Nothing is asked: a key that wants a passphrase and has no agent that knows it is a failure, and nothing is written.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sixthbot.core.errors import GitFailed
from sixthbot.core.names import Oid, clean_line
from sixthbot.git.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.git.run import Git

Sign: TypeAlias = Callable[[bytes], bytes]
"""Takes a commit as `commits.compose` makes it and returns it signed; raises GitFailed."""

Way: TypeAlias = Literal["ssh", "gpg"]

_PATIENCE = 30.0
_LITERAL = "key::"
_PROGRAMS = {"ssh": ("gpg.ssh.program", "ssh-keygen"), "gpg": ("gpg.program", "gpg")}
_SHA256 = 64
_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")


def signer(git: Git, *, way: Way, key: str, email: str) -> Sign:
    """Return what signs with a key.

    `key` is a path, or `key::` and a public key that an agent has (ssh); an id (gpg). Where it is empty, the user's
    own `user.signingKey` counts, then for gpg the key of `email`. A repository's settings say neither key nor program
    before they are trusted.
    """
    key = key or _own_setting(git, "user.signingKey")
    program = _own_setting(git, _PROGRAMS[way][0]) or _PROGRAMS[way][1]
    if way == "ssh" and not key:
        raise GitFailed("no key is named: `key` under [commit], or user.signingKey in your own git settings")
    of_ssh = way == "ssh"

    def sign(data: bytes) -> bytes:
        made = _by_ssh(program, key, data) if of_ssh else _by_gpg(program, key or f"<{email}>", data)
        return with_signature(data, made)

    return sign


def with_signature(data: bytes, signature: bytes) -> bytes:
    """Return a composed commit with a signature as the last line of its head."""
    head, gap, message = data.partition(b"\n\n")
    tree = head.split(b"\n", 1)[0].removeprefix(b"tree ")
    name = _HEADERS[1] if len(tree) == _SHA256 else _HEADERS[0]
    folded = b"\n ".join(signature.replace(b"\r\n", b"\n").strip().split(b"\n"))
    return head + b"\n" + name + folded + gap + message


def signed_among(git: Git, commits: Sequence[Oid]) -> set[Oid]:
    """Return those of some commits that carry a signature; whether it is a good one is not looked at."""
    asked = "".join(f"{commit}\n" for commit in commits).encode()
    data = git.run("cat-file", "--batch", stdin=asked).stdout if commits else b""
    found: set[Oid] = set()
    at = 0
    while at < len(data):
        end = data.index(b"\n", at)
        name, _, size = data[at:end].decode().split(" ")
        body = data[end + 1 : end + 1 + int(size)]
        head = body.partition(b"\n\n")[0]
        if any(line.startswith(_HEADERS) for line in head.split(b"\n")):
            found.add(Oid(name))
        at = end + 2 + int(size)
    return found


def _own_setting(git: Git, name: str) -> str:
    scope = () if git.settings_trusted() and name != "user.signingKey" else ("--global",)
    done = git.run("config", *scope, "--get", name, check=False)
    return done.text.strip()


def _by_ssh(program: str, key: str, data: bytes) -> bytes:
    with scratch_folder() as folder:
        if key.startswith((_LITERAL, "ssh-", "ecdsa-", "sk-")):
            path = folder / "key.pub"
            path.write_text(key.removeprefix(_LITERAL) + "\n", encoding="utf-8")
            agent = ["-U"]
        else:
            path, agent = _key_file(key), []
        return _run(
            [program, "-Y", "sign", "-n", "git", *agent, "-f", str(path)], data, b"-----BEGIN SSH SIGNATURE"
        )


def _key_file(key: str) -> Path:
    try:
        return Path(key).expanduser()
    except RuntimeError:  # `~somebody/...`, and nobody here is called so
        raise GitFailed(f"there is no such person's folder: {clean_line(key, limit=120)}") from None


def _by_gpg(program: str, key: str, data: bytes) -> bytes:
    command = [program, "--batch", "--no-tty", "--pinentry-mode=error", "--status-fd=2", "-bsau", key]
    return _run(command, data, b"-----BEGIN PGP")


def _run(command: Sequence[str], data: bytes, begin: bytes) -> bytes:
    env = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") and name != "GPG_TTY"
    }
    env |= {"SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C.UTF-8"}
    name = clean_line(command[0], limit=60)
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise GitFailed(f"{name} cannot be run: {error.strerror or error}") from error
    try:
        out, err = process.communicate(data, timeout=_PATIENCE)
    except BaseException as error:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise GitFailed(f"{name} took longer than {_PATIENCE:g} s and was stopped") from None
        raise
    if process.returncode or not out.startswith(begin):
        raise GitFailed(f"{name} did not sign: {_complaint(err) or f'exit status {process.returncode}'}")
    return out


def _complaint(err: bytes) -> str:
    lines = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("[GNUPG:]", "Signing data"))]
    return clean_line("; ".join(said[-2:]), limit=200)
