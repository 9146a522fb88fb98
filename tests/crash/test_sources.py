"""No module changes a file in a way that is not known: through a named write point, or listed here with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.life import GIT_WRITES
from tests.crash.written import git_commands_of, writes_of

ROOT = Path(__file__).resolve().parents[2]
MODULES = {str(path.relative_to(ROOT / "sixthbot")): path for path in (ROOT / "sixthbot").rglob("*.py")}

_WORKTREE = "a worktree of the bot's, made anew after a crash"
_SCRATCH = "a scratch folder, which the next start sweeps"
_POINTS = "the write points themselves"
ALLOWED = {
    "__main__.py": (
        ".open os.mkdir os.open os.rename", "a hook's note, which may be lost; nothing at all for a stream that is closed",
    ),
    "actions/places.py": (".mkdir .unlink shutil.copyfile", _WORKTREE),
    "actions/repairs/files.py": (".open os.open", _WORKTREE),
    "actions/githooks.py": (".write_text", "a commit's message for the hooks to read, in a scratch folder"),
    "engine/forwarding.py": (".write_bytes", "what a command that pushes is given, in a scratch folder"),
    "git/signing.py": (".write_text", "a signature to be made or checked, in a scratch folder"),
    "cli/bugreport.py": (".write_text tempfile.mkdtemp", "a report in the system's temporary folder"),
    "cli/demo.py": (".write_text tempfile.mkdtemp", _SCRATCH),
    "cli/demo_repo.py": (".mkdir .write_text", _SCRATCH),
    "cli/difftool.py": (".mkdir .write_bytes", _SCRATCH),
    "cli/errors.py": ("os.open", "points stdout at nothing"),
    "cli/programs.py": (".write_bytes shutil.rmtree tempfile.mkdtemp", "a copy for a person's editor"),
    "engine/leash.py": ("open os.open", "its own id map, and nothing at all"),
    "engine/recovery.py": (".unlink", "leases and locks of the dead, looked at again by the next recovery"),
    "git/attributes.py": (".mkdir .write_bytes", _SCRATCH),
    "git/commits.py": (".write_bytes", _SCRATCH),
    "git/fastimport.py": (".write_bytes .write_text", _SCRATCH),
    "git/merging.py": (".mkdir .write_bytes", _SCRATCH),
    "git/poolcare.py": (".rename .unlink os.open", _WORKTREE),
    "git/run.py": ("tempfile.TemporaryFile", "what a git prints, in a file without a name"),
    "git/scratch.py": (".chmod shutil.rmtree tempfile.mkdtemp", _SCRATCH),
    "git/stateref.py": (".unlink", "the lock of a killed git, looked at again by the next saving"),
    "git/trees.py": ("os.utime shutil.copyfile", "a private index"),
    "git/worktrees.py": (".mkdir .replace .unlink .write_text os.open os.utime shutil.copyfile", _WORKTREE),
    "insight/api.py": (".mkdir .write_bytes", _SCRATCH),
    "store/atomic.py": (
        "disk.make_dir disk.remove disk.rename disk.rename_exclusive disk.write os.open", _POINTS,
    ),
    "store/disk.py": ("os.ftruncate os.mkdir os.replace os.rmdir os.unlink", "the only way to the disk"),
    "store/inboxfile.py": (".unlink", "the file that it has just written beside its place"),
    "store/journal.py": ("os.open", "an appended line, see append_to"),
    "store/known.py": ("disk.truncate os.open", "an appended line, see append_to"),
    "store/locks.py": (
        "disk.remove disk.remove_dir os.utime",
        "a lease in hand, a pid that is for messages only, with its time, and empty folders that nobody wanted",
    ),
    "store/logs.py": ("os.open os.unlink", "what programs print, which may be lost"),
    "store/queue.py": ("disk.remove_dir", "the empty folder of a worker that is gone"),
    "store/rename.py": ("os.rename", _POINTS),
    "store/runlog.py": (".replace os.open", "the program's own log, which may be lost"),
    "store/setup.py": ("disk.make_dir disk.remove_dir", "the home itself, empty; a probe, empty, that goes at once"),
    "store/state/home.py": (".rmdir .unlink shutil.rmtree", "what was written over a stash, and is in the stash"),
    "store/state/keep.py": ("os.utime", "when what a copy is of was written, no content"),
    "store/state/lay.py": (
        "os.open os.utime", "an empty journal, to be locked and replaced; when an inbox file was changed, no content",
    ),
    "store/state/index.py": (".mkdir .unlink sqlite3", "a cache, made anew when it does not fit the state"),
}  # fmt: skip
"""The calls of each module that change files without a point of their own, and why that harms nothing."""

GIT_READS = {
    "cat-file", "check-attr", "config", "diff-index", "diff-tree", "for-each-ref", "grep", "log", "ls-files", "ls-remote", "range-diff", "reflog", "format-patch",
    "ls-tree", "merge-base", "remote", "rev-list", "rev-parse", "status", "symbolic-ref",
}  # fmt: skip
GIT_OBJECTS = {"add", "fast-import", "hash-object", "merge-tree", "read-tree", "update-index", "write-tree"}
"""They add objects that nothing names yet, or change a private index: a crash leaves what `git gc` takes away."""
WORKED_OUT = {
    "cli/trust.py": "reads, from a list of its own",
    "git/fastimport.py": "fast-import with a setting before it",
    "git/remotes.py": "ls-remote, fetch and push, built from checked words",
    "git/repository.py": "reads",
    "git/statesync.py": "fetch and push of the state",
    "git/worktree_state.py": "status",
}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_write_goes_through_a_named_point(name: str) -> None:
    known, _ = ALLOWED.get(name, ("", ""))
    found = writes_of(MODULES[name].read_text("utf-8"))
    new = {call: line for call, line in found.items() if call not in known.split()}
    assert not new, f"{name} changes files without a write point, at these lines: {new}"


def test_nothing_is_allowed_that_is_not_done() -> None:
    unused = {
        f"{name}: {call}"
        for name, (calls, _) in ALLOWED.items()
        for call in set(calls.split()) - set(writes_of(MODULES[name].read_text("utf-8")))
    }
    assert not unused


def test_every_git_command_is_known_as_one_that_reads_or_writes() -> None:
    known = GIT_READS | GIT_OBJECTS | GIT_WRITES
    for name, path in MODULES.items():
        for command, (line, writes) in git_commands_of(path.read_text("utf-8")).items():
            if command in {"?", "-c"}:
                assert name in WORKED_OUT, f"{name}:{line}: a git command that is worked out"
                continue
            assert command in known, f"{name}:{line}: git {command}: does it read or write?"
            assert command not in GIT_READS or not writes, f"{name}:{line}: git {command} only reads"


PLANTED = """
os.open(path, os.O_RDONLY | os.O_CREAT)
open(path, "w")
open(path, mode="ab")
open(path, how)
path.open("x")
io.open(path, "r+b")
os.fdopen(3, "wb")
path.write_text("x")
path.write_bytes(b"x")
path.touch()
path.mkdir(parents=True)
path.rename(other)
path.replace(other)
path.unlink(missing_ok=True)
path.rmdir()
path.symlink_to(other)
path.hardlink_to(other)
os.rename(a, b)
os.replace(a, b)
os.unlink(a)
os.remove(a)
os.rmdir(a)
os.mkdir(a)
os.makedirs(a)
os.truncate(a, 0)
os.link(a, b)
os.symlink(a, b)
shutil.copy2(a, b)
shutil.move(a, b)
shutil.rmtree(a)
tempfile.mkstemp()
tempfile.NamedTemporaryFile()
disk.rename(a, b)
logging.FileHandler(a)
import sqlite3
from os import replace
from shutil import move
from tempfile import mkdtemp
from logging.handlers import RotatingFileHandler
""".strip().splitlines()
HARMLESS = """
open(path)
open(path, "rb")
path.open()
path.read_text()
text.replace("a", "b")
moment.replace(tzinfo=UTC)
replace(task, state=state)
dataclasses.replace(task, state=state)
os.path.join("w", "a")
tempfile.gettempdir()
services.open(start)
names.remove(one)
""".strip().splitlines()


@pytest.mark.parametrize("line", PLANTED)
def test_a_planted_write_is_found(line: str) -> None:
    assert writes_of(line)


@pytest.mark.parametrize("line", HARMLESS)
def test_what_writes_nothing_is_not(line: str) -> None:
    assert not writes_of(line)


def test_a_planted_git_command_is_found() -> None:
    source = 'self._git.run("gc", "--auto")\nservices.repo.git.run(*words)\ngit.run("tag", "x", write=True)'
    assert git_commands_of(source) == {"gc": (1, False), "?": (2, False), "tag": (3, True)}
