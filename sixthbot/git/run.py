"""Runs git: one function, argument lists only, an environment of its own. Nothing else in the program starts git."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from sixthbot.core.errors import GitFailed, TookTooLong, UsageError
from sixthbot.core.names import clean_line
from sixthbot.core.shown import masked
from sixthbot.git.held import shared
from sixthbot.git.settings import current, guard
from sixthbot.git.surroundings import OFFLINE_ENVIRONMENT, OWN_ENVIRONMENT, settings_for, without_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sixthbot.git.surroundings import Durability

_log = logging.getLogger("sixthbot.git")

OLDEST = (2, 38)
"""The first git whose merge-tree merges without a work tree."""

_POLITE = 2.0
"""Seconds that a git which is to end gets for it."""

# commands that put content through the repository's own filters and merge drivers
_RUNS_PROGRAMS = frozenset({"add", "checkout", "merge-tree", "read-tree", "reset", "status", "worktree"})


@dataclass(frozen=True, slots=True)
class Result:
    """How a git command ended and what it said, to the byte."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """The output as text; bytes that are no UTF-8 come back as they were when encoded with surrogateescape."""
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def lines(self) -> list[str]:
        """The lines of `text`, which end with a line feed and nothing else: names may have what `splitlines` parts at."""
        return self.text.removesuffix("\n").split("\n") if self.stdout else []

    @property
    def complaint(self) -> str:
        """The first line of what it complained about, fit for people, without passwords."""
        lines = self.stderr.decode("utf-8", "replace").splitlines()
        said = next((line for line in lines if line.startswith(("fatal:", "error:"))), "") or next(
            (line for line in lines if line.strip()), ""
        )
        return clean_line(masked(said.removeprefix("fatal:").removeprefix("error:")), limit=300)


class Git:
    """Runs git on one repository. Safe to use from several threads.

    `git_dir` is the directory that all worktrees share. With `durability` "power", what a call with `write=True` made
    survives a power cut once something is synced after it (see `refs.move_refs`).
    """

    def __init__(self, git_dir: Path, *, durability: Durability = "power") -> None:
        self.git_dir = git_dir
        self.durability: Durability = durability
        self._trusted_settings: frozenset[bytes] = frozenset()

    def trust_settings(self, settings: bytes) -> None:
        """Let filters and merge drivers of the repository run while its settings are these bytes, and no others."""
        self._trusted_settings |= {settings}

    def executable_settings(self) -> bytes:
        """Return the repository's own settings that name programs, in one fixed form; empty when there are none."""
        return current(self.git_dir, self._settings)

    def settings_trusted(self) -> bool:
        """Whether the settings of the repository name no program, or only ones that were trusted."""
        settings = self.executable_settings()
        return not settings or settings in self._trusted_settings

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        cwd: Path | None = None,
        index: Path | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 120,
        write: bool = False,
        network: bool = False,
    ) -> Result:
        """Run `git ARGS...` and return how it ended.

        `cwd` is a linked worktree of the bot; without it git sees no work tree of the user. `index` is a private index
        file. `write` makes new objects durable. `network` lets it speak to remotes. `timeout` is in seconds.
        Raise GitFailed when it fails (unless `check` is false), is killed or takes longer, UsageError when git is
        missing or old.
        """
        command, environment, place = self._call(
            args, cwd=cwd, index=index, env=env, write=write, network=network
        )
        result = execute(command, cwd=place, env=environment, stdin=stdin, timeout=timeout, network=network)
        # one that was killed has answered nothing: taken for a no, it makes a branch that is there count as gone
        if result.status < 0 or (check and result.status):
            raise failure(args[0], result)
        return result

    def start(
        self,
        *args: str,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        write: bool = False,
    ) -> Started:
        """Start `git ARGS...` for a conversation over pipes; `prefix` goes before `git`.

        Whoever asks for it ends it, and holds what is returned until then: without it the process is ended.
        """
        command, environment, place = self._call(args, env=env, write=write)
        environment = {**OWN_ENVIRONMENT, **environment}
        return _git_class()(str(place)).execute(
            [*without_foreign(environment, network=False), *prefix, "git", *command],
            istream=subprocess.PIPE,
            as_process=True,
            shell=False,
            env=environment,
            start_new_session=True,
            pass_fds=shared(),
        )

    def _call(
        self,
        args: Sequence[str],
        *,
        cwd: Path | None = None,
        index: Path | None = None,
        env: Mapping[str, str] | None = None,
        write: bool = False,
        network: bool = False,
    ) -> tuple[list[str], dict[str, str], Path | str]:
        """Return the arguments, the environment and the folder for a command on this repository."""
        settings = settings_for(network=network, durability=self.durability if write else None)
        environment = {**self._place(cwd), **self._guard(args, cwd), **(env or {})}
        if not network:
            environment |= OFFLINE_ENVIRONMENT
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        command = [part for setting in settings for part in ("-c", setting)]
        place = environment.get("GIT_WORK_TREE", self._top if network else self.git_dir)
        if place == self.git_dir and environment["GIT_DIR"] == str(place):
            # by its full name, a git that runs while somebody moves the repository makes half of it anew where it was;
            # told to git itself, for GitPython looks for variables in the name of a folder
            environment["GIT_DIR"] = "."
            command = ["-C", str(place), *command]
        return [*command, *args], environment, place

    @property
    def _top(self) -> Path:
        """Where the person would type it: git reads a remote's relative URL from there."""
        return self.git_dir.parent if self.git_dir.name == ".git" else self.git_dir

    def _place(self, cwd: Path | None) -> dict[str, str]:
        if cwd is None:
            return {"GIT_DIR": str(self.git_dir)}
        admin = admin_dir(self.git_dir, cwd)
        if admin is None or not cwd.is_dir():
            raise GitFailed(f"{cwd} is not a worktree of this repository any more")
        # named outright: a command that ran in there may have pointed its `.git` file anywhere
        return {"GIT_DIR": str(admin), "GIT_COMMON_DIR": str(self.git_dir), "GIT_WORK_TREE": str(cwd)}

    def _guard(self, args: Sequence[str], cwd: Path | None) -> Mapping[str, str]:
        # with a work tree, even writing an index may put a file through a filter, to see whether it changed
        if cwd is None and args[0] not in _RUNS_PROGRAMS:
            return {}
        return {} if self.settings_trusted() else guard(self.executable_settings())

    def _settings(self) -> Result:
        return self.run("config", "--list", "--includes", "--show-scope", "-z")


def failure(command: str, result: Result) -> GitFailed:
    """Return the error for a git command that failed."""
    partial = b"from promisor remote" in result.stderr
    return GitFailed(
        f"git {command} failed: {result.complaint or _ended(result.status)}",
        hint="this clone has only a part of the history, and the bot opens no connection to fetch the rest: "
        "git fetch --refetch --no-filter, then have it tried again"
        if partial
        else "",
        exit_status=result.status,
        stderr=masked(result.stderr.decode("utf-8", "replace")),
    )


def _ended(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


def admin_dir(git_dir: Path, worktree: Path) -> Path | None:
    """Return the directory that git keeps for a linked worktree, or None when it is not one of this repository."""
    wanted = os.path.realpath(worktree / ".git"), str(worktree / ".git")
    for entry in entries(git_dir / "worktrees"):
        try:
            named = (entry / "gitdir").read_text("utf-8", "surrogateescape").rstrip("\n")
        except OSError:
            continue
        if named in wanted or os.path.realpath(named) in wanted:
            return entry
    return None


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder, in order; nothing when it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def execute(
    args: Sequence[str],
    *,
    cwd: Path | str,
    env: Mapping[str, str],
    stdin: bytes = b"",
    timeout: float = 120,
    network: bool = False,
) -> Result:
    """Run git without choosing a repository for it; everything but opening one goes through `Git.run`."""
    git_class = _git_class()
    environment, began = {**OWN_ENVIRONMENT, **env}, time.monotonic()
    if not os.path.isdir(cwd):  # noqa: PTH112 - a plain look; GitPython would go on in our own folder
        raise GitFailed(f"git {_subcommand(args)} cannot run: {cwd} is not there")
    try:
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            started = git_class(str(cwd)).execute(
                [*without_foreign(environment, network=network), "git", *args],
                istream=given if stdin else None,
                # its own way to wait leaves a thread behind when Ctrl-C comes, which keeps us until the time is up
                as_process=True,
                shell=False,
                env=environment,
                # no terminal to ask a question on, and Ctrl-C is the bot's to handle; a push ends with its command
                start_new_session=not network,
                pass_fds=shared(),
            )
            out, err = _wait(started.proc, timeout, own_group=not network)
    except subprocess.TimeoutExpired:
        raise TookTooLong(f"git {_subcommand(args)} took longer than {timeout:g} s and was stopped") from None
    except _cannot_start() as error:
        why = error.strerror if isinstance(error, OSError) else error.__cause__
        raise GitFailed(f"git {_subcommand(args)} cannot run: {why or error}") from error
    if _log.isEnabledFor(logging.DEBUG):
        took = round(time.monotonic() - began, 3)
        words = [*args[_position(args) :]]
        _log.debug(
            "git %s",
            _subcommand(args),
            extra={"argv": words, "exit": started.proc.returncode, "duration": took},
        )
    return Result(status=started.proc.returncode, stdout=out, stderr=err)


def _cannot_start() -> tuple[type[Exception], ...]:
    """Return what is raised where git is not found, or its folder went away a moment after it was looked for."""
    from git.exc import GitCommandNotFound  # noqa: PLC0415 - no run that goes well needs it

    return OSError, GitCommandNotFound


def _wait(process: subprocess.Popen[bytes], timeout: float, *, own_group: bool) -> tuple[bytes, bytes]:
    """Return what a process printed once it has ended; whatever ends the waiting ends the process, too."""
    try:
        return process.communicate(timeout=timeout)
    except BaseException:
        # politely at first: git then takes its lock files away, and ends what it started itself
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLITE)
        with suppress(ProcessLookupError, PermissionError):
            if own_group:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        raise


def _subcommand(args: Sequence[str]) -> str:
    return next(iter(args[_position(args) :]), "")


def _position(args: Sequence[str]) -> int:
    """Return where git's own options end."""
    position = 0
    while position < len(args) and args[position].startswith("-"):
        position += 2 if args[position] in {"-c", "-C"} else 1
    return position


class Started(Protocol):
    """What GitPython wraps around a process."""

    @property
    def proc(self) -> subprocess.Popen[bytes]:
        """The process itself."""


class _Runner(Protocol):
    """The part of GitPython that is used: an argument list in, a started process out."""

    def execute(self, command: Sequence[str], **options: object) -> Started: ...


class _Versioned(Protocol):
    @property
    def version_info(self) -> tuple[int, ...]: ...


@cache
def _git_class() -> Callable[[str], _Runner]:
    """Return GitPython's runner after a look at the git it found; slow to load, so only where git is needed."""
    try:
        from git.cmd import Git as PythonGit  # noqa: PLC0415 - takes a tenth of a second and starts git
    except ImportError:
        raise UsageError("git was not found", hint="install git, or put it on PATH") from None
    version = _asked_version(PythonGit)
    if version[:2] < OLDEST:
        found, oldest = (".".join(map(str, numbers)) for numbers in (version, OLDEST))
        raise UsageError(
            f"this is git {found}, which is too old", hint=f"sixthbot needs git {oldest} or newer"
        )
    return PythonGit  # type: ignore[return-value]  # its overloads do not tell what comes back


def _asked_version(git_class: Callable[[], _Versioned]) -> tuple[int, ...]:
    from git.exc import GitError  # noqa: PLC0415 - as above

    try:
        return git_class().version_info
    except GitError as error:
        raise GitFailed(
            f"git --version does not work: {clean_line(str(error), limit=200)}",
            hint="try again; else look at git",
        ) from error


@cache
def git_version() -> tuple[int, ...]:
    """Return the version of the git in use; raise UsageError when there is none that will do."""
    _git_class()
    from git.cmd import Git as PythonGit  # noqa: PLC0415 - as above

    return _asked_version(PythonGit)
