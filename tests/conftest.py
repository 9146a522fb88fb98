"""Fixtures for every test: a sealed environment, a repository, a bare remote, a clock that stands still."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clock import FixedClock
from tests.support.repos import RepoDir, make_bare, make_repo, push_to
from tests.support.stages import Ground, Stages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stages import Stage

# what a developer's shell or CI may carry and a test must not see
_FOREIGN = (
    "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "EMAIL", "OLLAMA_HOST", "COLUMNS", "LINES",
    "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
)  # fmt: skip


_HERE = ("127.", "::1", "localhost")


def _offline(event: str, args: tuple[object, ...]) -> None:
    """Refuse what would leave this machine; git, which is not Python, is kept home by its addresses and `unshare -rn`."""
    host: object = None
    if event == "socket.connect" and isinstance(args[1], tuple):  # a path is a socket in the file system
        host = args[1][0]
    elif event == "socket.getaddrinfo":
        host = args[0]
    if isinstance(host, str) and host and not host.startswith(_HERE):
        raise OSError(f"a test would leave this machine: {event} {host}")


sys.addaudithook(_offline)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell that runs the tests in the background has them ignore Ctrl-C, and so would all that they start
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home of its own and nothing of the developer's; returns that home.

    There is no git identity in it: the product must not need one. No model is asked (`SIXTH_LLM=off`).
    """
    home = tmp_path_factory.mktemp("home")
    for name in tuple(os.environ):
        if name.startswith(("GIT_", "SIXTH", "XDG_")) or name in _FOREIGN:
            monkeypatch.delenv(name)
    _live_in(home, monkeypatch)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for variable in ("EDITOR", "VISUAL", "GIT_EDITOR"):
        monkeypatch.setenv(variable, "true")
    monkeypatch.setenv("PAGER", "cat")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("SIXTH_LLM", "off")
    return home


def _live_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    for variable, folder in (
        ("CONFIG", ".config"),
        ("DATA", ".local/share"),
        ("CACHE", ".cache"),
        ("STATE", ".state"),
    ):
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(home / folder))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
    (home / "gitconfig").touch()


@pytest.fixture(scope="session")
def _stages_made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Any, Stage]]:
    return tmp_path_factory.mktemp("stages"), {}


@pytest.fixture
def stages(
    _stages_made: tuple[Path, dict[Any, Stage]], sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> Stages:
    """Return the states of repositories that this process has made, to begin a test with."""
    folder, made = _stages_made
    return Stages(folder, made, lambda home: _live_in(home, monkeypatch))


@pytest.fixture
def ground(tmp_path: Path, sealed: Path) -> Ground:
    """Return the test's folder and its home."""
    return Ground(tmp_path, sealed)


@pytest.fixture
def repo(tmp_path: Path) -> RepoDir:
    """Return a repository on branch `main` with one commit: a README."""
    return make_repo(tmp_path / "repo")


@pytest.fixture
def remote(tmp_path: Path, repo: RepoDir) -> RepoDir:
    """Return a bare repository that `repo` knows as `origin`, with `main` pushed and set as its upstream."""
    return push_to(repo, make_bare(tmp_path / "remote.git"))


@pytest.fixture
def clock() -> FixedClock:
    """Return a clock that moves only when told."""
    return FixedClock()
