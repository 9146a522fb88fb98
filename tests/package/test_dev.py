"""`./dev` on machines that lack something: one clear line, no half-made environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "dirname", "sed", "touch", "command", "uname")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a path with spaces, holding only what `dev` itself reads."""
    place = tmp_path / "a path with spaces"
    place.mkdir()
    shutil.copy2(ROOT / "dev", place / "dev")
    shutil.copy2(ROOT / "pyproject.toml", place / "pyproject.toml")
    return place


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH that holds the shell's own tools, a git and a Python that are new enough, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    program(folder, "git", "echo git version 2.39.5")
    return folder


def dev(checkout: Path, tools: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(tools), "HOME": str(checkout)}
    return subprocess.run(
        [checkout / "dev", *args], env=env, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("git version 2.30.2", "git 2.38 or newer is needed; found 2.30.2"),
        ("git version 1.99.0 (Apple Git-1)", "git 2.38 or newer is needed; found 1.99.0"),
        ("git version banana", "cannot read the version of: git version banana"),
    ],
)
def test_an_old_git_is_named_in_one_line(checkout: Path, tools: Path, version: str, says: str) -> None:
    program(tools, "git", f"echo '{version}'")
    done = dev(checkout, tools, "test")
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_git_is_named_in_one_line(checkout: Path, tools: Path) -> None:
    (tools / "git").unlink()
    done = dev(checkout, tools, "demo")
    assert (done.returncode, done.stderr) == (1, "dev: git 2.38 or newer is needed; none was found\n")


def test_an_old_python_is_named_in_one_line_and_nothing_is_installed(checkout: Path, tools: Path) -> None:
    program(tools, "python3", 'case "$2" in *sys.exit*) exit 1;; *) echo 3.9;; esac')
    done = dev(checkout, tools, "test")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; python3 is 3.9;" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (checkout / ".venv").exists()


def test_no_python_at_all_is_named_in_one_line(checkout: Path, tools: Path) -> None:
    done = dev(checkout, tools, "test")
    assert done.returncode == 1
    assert "none was found" in done.stderr


def test_an_unknown_command_shows_the_list_and_fails(checkout: Path, tools: Path) -> None:
    done = dev(checkout, tools, "fly")
    assert done.returncode == 1
    assert "./dev demo" in done.stdout
    assert "there is no command 'fly'" in done.stderr


def test_ci_calls_the_same_door() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "./dev test" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
