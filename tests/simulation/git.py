"""A git for the simulation: loose objects and refs as files of the simulated disk, a few commands, no others.

As git does, it takes an object whose file is there for written, makes a ref's lock file before it moves the ref, and
leaves both behind when it is killed.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.core.messages import parse_trailers
from sixthbot.git.run import Result, failure
from sixthbot.store import disk
from sixthbot.store.atomic import sync_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sixthbot.git.surroundings import Durability
    from tests.simulation.machine import Machine

_LOCKED = "fatal: Unable to create '{}.lock': File exists."
_LOCK_PATIENCE = 2.0


class SimGit:
    """The commands that moving refs and recovery use, over one git directory."""

    def __init__(self, git_dir: Path, machine: Machine, durability: Durability) -> None:
        self.git_dir = git_dir
        self.durability = durability
        self._machine = machine

    def run(
        self, *args: str, stdin: bytes = b"", check: bool = True, write: bool = False, **_: object
    ) -> Result:
        """Run one command as a child of the process whose turn it is."""
        with self._machine.child():
            match args:
                case ("hash-object", "-t", "commit", "-w", "--stdin", "--no-filters"):
                    result = self._hash_object(stdin, durable=write and self.durability == "power")
                case ("update-ref", "--no-deref", "-m", _, "--stdin", "-z"):
                    result = self._update_ref(stdin.decode(), durable=write and self.durability == "power")
                case ("rev-parse", "--verify", "--quiet", "--end-of-options", ref):
                    found = self.resolve(ref)
                    result = Result(0, found.encode() + b"\n", b"") if found else Result(1, b"", b"")
                case ("for-each-ref", form, *names):
                    result = Result(0, self._listed(form.removeprefix("--format="), names).encode(), b"")
                case ("cat-file", "--batch-check=%(objectname) %(objecttype)"):
                    result = Result(0, self._checked(stdin.decode().split()).encode(), b"")
                case _:
                    raise AssertionError(f"the simulated git knows no {args!r}")
        if check and result.status:
            raise failure(args[0], result)
        return result

    def resolve(self, ref: str) -> str:
        """Return the commit of a ref, nothing for one that is not there."""
        try:
            return (self.git_dir / ref).read_text().strip()
        except OSError:
            return ""

    def refs(self) -> dict[str, str]:
        """Return all branches."""
        places = sorted((self.git_dir / "refs/heads").rglob("*"))
        names = [
            str(path.relative_to(self.git_dir))
            for path in places
            if path.is_file() and path.suffix != ".lock"
        ]
        return {name: tip for name in names if (tip := self.resolve(name))}

    def _listed(self, form: str, names: Sequence[str]) -> str:
        lines = []
        for ref, tip in self.refs().items():
            if any(ref == name or ref.startswith(name.rstrip("/") + "/") for name in names):
                line = form.replace("%(objectname)", tip).replace("%(refname)", ref).replace("%00", "\0")
                lines.append(line.replace("%(symref)", "").replace("%(*objectname)", "") + "\n")
        return "".join(lines)

    def _checked(self, asked: Sequence[str]) -> str:
        ids = [one.removesuffix("^{}") for one in asked]
        return "".join(
            f"{one} commit\n" if self._object(one).exists() else f"{one}^{{}} missing\n" for one in ids
        )

    def subtasks(self, tip: str) -> list[str]:
        """Return the trailers of subtasks from a tip down to the root; raise GitFailed for an object that is torn."""
        found = []
        while tip:
            try:
                data = self._object(tip).read_bytes()
            except FileNotFoundError:
                raise GitFailed(f"missing object {tip}") from None
            if hashlib.sha1(data).hexdigest() != tip:  # noqa: S324 - as git does
                raise GitFailed(f"loose object {tip} is corrupt")
            head, _, body = data.partition(b"\0")[2].decode().partition("\n\n")
            found += [value for name, value in parse_trailers(body) if name == "Sixth-Subtask"]
            parents = [line.split()[1] for line in head.splitlines() if line.startswith("parent ")]
            tip = parents[0] if parents else ""
        return found[::-1]

    def _object(self, oid: str) -> Path:
        return self.git_dir / "objects" / oid[:2] / oid[2:]

    def _hash_object(self, data: bytes, *, durable: bool) -> Result:
        whole = b"commit %d\0" % len(data) + data
        oid = hashlib.sha1(whole).hexdigest()  # noqa: S324 - as git does
        target = self._object(oid)
        try:
            if not target.exists():
                if not target.parent.is_dir():
                    disk.make_dir(target.parent, 0o755)
                self._put(
                    target.with_name(f"tmp_obj_{os.urandom(3).hex()}.tmp"), target, whole, durable=durable
                )
        except OSError as error:
            return Result(128, b"", f"fatal: cannot write: {error.strerror}".encode())
        return Result(0, oid.encode() + b"\n", b"")

    def _put(self, temporary: Path, target: Path, data: bytes, *, durable: bool) -> None:
        descriptor = disk.open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            disk.write(descriptor, data)
            if durable:
                disk.sync(descriptor)
        finally:
            os.close(descriptor)
        disk.rename(temporary, target)
        if durable:
            # git itself leaves that to the journal of the file system; what a cut does to real ones, the campaign tries
            sync_folder(target.parent)

    def _update_ref(self, given: str, *, durable: bool) -> Result:
        """Lock every ref and look at it, then move one after the other, as git does with refs in files."""
        begin, *commands, prepare, commit = _commands(given)
        if (begin, prepare, commit) != (("start",), ("prepare",), ("commit",)):
            raise AssertionError(f"the simulated git knows no transaction {given!r}")
        moves = [self._move_of(command) for command in commands]
        locks: list[Path] = []
        try:
            for path, old, new in moves:
                locks.append(self._lock(path, new, durable=durable))
                if self.resolve(str(path.relative_to(self.git_dir))) != old:
                    self._unlock(locks)
                    return Result(128, b"", f"fatal: cannot lock ref '{path}'".encode())
        except FileExistsError:
            self._unlock(locks)
            self._machine.sleep(_LOCK_PATIENCE)
            return Result(128, b"", _LOCKED.format(moves[len(locks)][0]).encode())
        except OSError as error:
            self._unlock(locks)
            return Result(128, b"", f"fatal: cannot write: {error.strerror}".encode())
        return self._commit(locks, moves)

    def _commit(self, locks: list[Path], moves: Sequence[tuple[Path, str, str]]) -> Result:
        try:
            for path, _, new in moves:
                if new:
                    disk.rename(locks[0], path)
                else:
                    disk.remove(path)
                    disk.remove(locks[0])
                del locks[0]
        except OSError as error:
            self._unlock(locks)
            return Result(128, b"", f"fatal: cannot write: {error.strerror}".encode())
        return Result(0, b"", b"")

    def _move_of(self, command: Sequence[str]) -> tuple[Path, str, str]:
        """Return the file of a ref with what it has and gets, nothing for one that is not there or goes."""
        match command:
            case (words, new) if words.startswith("create "):
                return self.git_dir / words.removeprefix("create "), "", new
            case (words, new, old) if words.startswith("update "):
                return self.git_dir / words.removeprefix("update "), old, new
            case (words, old) if words.startswith("delete "):
                return self.git_dir / words.removeprefix("delete "), old, ""
            case _:
                raise AssertionError(f"the simulated git knows no {command!r}")

    def _lock(self, path: Path, new: str, *, durable: bool) -> Path:
        for folder in (*reversed(path.relative_to(self.git_dir).parents[:-1]),):
            if not (self.git_dir / folder).is_dir():
                disk.make_dir(self.git_dir / folder, 0o755)
        lock = path.with_name(path.name + ".lock")
        descriptor = disk.open_file(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            disk.write(descriptor, new.encode() + b"\n")
            if durable:
                disk.sync(descriptor)
        except OSError:
            disk.remove(lock)
            raise
        finally:
            os.close(descriptor)
        return lock

    def _unlock(self, locks: Sequence[Path]) -> None:
        for lock in locks:
            disk.remove(lock)


_WORDS_AFTER = {"start": 0, "prepare": 0, "commit": 0, "create": 1, "update": 2, "delete": 1}


def _commands(given: str) -> list[tuple[str, ...]]:
    """Take what `update-ref --stdin -z` reads apart."""
    words = given.split("\0")[:-1]
    found = []
    while words:
        length = 1 + _WORDS_AFTER[words[0].partition(" ")[0]]
        found.append(tuple(words[:length]))
        words = words[length:]
    return found
