"""Opens changed files in the person's own difftool: what git's `diff.tool` names outside of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from sixthbot.cli.output import one_line
from sixthbot.cli.programs import setting
from sixthbot.core.errors import UsageError
from sixthbot.git.scratch import scratch_folder
from sixthbot.git.trees import read_blobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sixthbot.cli.output import Output
    from sixthbot.git.diffs import FileChange
    from sixthbot.git.run import Git

# how those are started whose own words are not simply two files
_WORDS = {"vimdiff": ["vim", "-d"], "nvimdiff": ["nvim", "-d"], "gvimdiff": ["gvim", "-d", "-f"],
          "vscode": ["code", "--wait", "--diff"], "difftastic": ["difft"], "opendiff": ["opendiff"],
          "emerge": ["emacs", "-f", "emerge-files-command"], "bc": ["bcompare"], "araxis": ["compare", "-wait", "-2"]}  # fmt: skip


def open_tool(out: Output, git: Git, files: Sequence[FileChange]) -> None:
    """Show one changed file after the other; binary files are named and passed over.

    Raise UsageError where the person has no tool, or it is not there.
    """
    tool = setting(git, "diff.tool") or ""
    if not tool:
        raise UsageError(
            "git's diff.tool is not set in your own settings", hint="git config --global diff.tool vimdiff"
        )
    line = setting(git, f"difftool.{tool}.cmd") or ""
    words = [] if line else _words(git, tool)
    blobs = read_blobs(git, [oid for file in files for oid in (file.old, file.new) if oid is not None])
    with scratch_folder() as folder:
        for number, file in enumerate(files, 1):
            name = one_line(file.path, 200)
            if file.binary:
                out.talk(f"{number} of {len(files)}: {name} is binary")
                continue
            out.talk(f"{number} of {len(files)}: {name}")
            sides = [folder / side / str(number) / os.path.basename(file.path) for side in ("old", "new")]  # noqa: PTH119 - a path of git's
            for side, oid in zip(sides, (file.old, file.new), strict=True):
                side.parent.mkdir(parents=True)
                side.write_bytes(b"" if oid is None else blobs.get(oid, b""))
            _start(tool, line, words, sides, path=file.path)


def _words(git: Git, tool: str) -> list[str]:
    words = _WORDS.get(tool, [tool])
    program = setting(git, f"difftool.{tool}.path") or words[0]
    found = shutil.which(program)
    if found is None:
        raise UsageError(
            f"the difftool {one_line(tool, 60)!r} is not there",
            hint=f"install it, or set difftool.{tool}.cmd",
        )
    return [found, *words[1:]]


def _start(tool: str, line: str, words: list[str], sides: Sequence[Path], *, path: str) -> None:
    """Run the tool and wait for it; how it ends says nothing: most say 1 for files that differ."""
    old, new = map(str, sides)
    # as git does: a line of the person's own goes to the shell, which finds the files in variables
    command = ["sh", "-c", line] if line else [*words, old, new]
    told = {"LOCAL": old, "REMOTE": new, "BASE": path, "MERGED": path}
    try:
        subprocess.call(command, env={**os.environ, **told})
    except OSError as error:
        raise UsageError(f"the difftool {one_line(tool, 60)!r} cannot be started: {error.strerror}") from None
