"""Which pager and editor a person uses, found as git finds them, but that a repository's own settings do not count."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.core.errors import WorkFailed

if TYPE_CHECKING:
    from sixthbot.git.run import Git

DEFAULT_PAGER = "less"
DEFAULT_EDITOR = "vi"

_OWN_SCOPES = {"system", "global"}


def pager_of(git: Git) -> str:
    """Return the command line of the person's pager; "cat" or an empty text means none."""
    return _first(
        os.environ.get("GIT_PAGER"), setting(git, "core.pager"), os.environ.get("PAGER"), DEFAULT_PAGER
    )


def editor_of(git: Git) -> str:
    """Return the command line of the person's editor."""
    return _first(
        os.environ.get("GIT_EDITOR") or None,
        setting(git, "core.editor"),
        os.environ.get("VISUAL") or None,
        os.environ.get("EDITOR") or None,
        DEFAULT_EDITOR,
    )


def edit_copy(git: Git, data: bytes, *, name: str) -> Path:
    """Let the person edit a copy, which has a folder to itself; return where it is. `drop_copy` takes it away.

    Raise WorkFailed when the editor could not be started or gave up; what was typed until then is kept and named.
    """
    copy = Path(tempfile.mkdtemp(prefix="sixthbot-edit-")) / name
    copy.write_bytes(data)
    try:
        _edit(git, copy)
    except WorkFailed as error:
        if copy.exists() and copy.read_bytes() != data:
            raise WorkFailed(error.message, hint=f"your text is kept in {copy}") from None
        drop_copy(copy)
        raise
    return copy


def drop_copy(copy: Path) -> None:
    """Take a copy away, with whatever the editor left beside it."""
    shutil.rmtree(copy.parent, ignore_errors=True)


def _edit(git: Git, path: Path) -> None:
    # an editor may be a shell line, as with git; the path is passed beside it, never inside
    status = subprocess.call(["sh", "-c", f'{editor_of(git)} "$@"', "editor", str(path)])
    if status:
        raise WorkFailed(
            f"the editor ended with status {status}; nothing was changed",
            hint="GIT_EDITOR, git's core.editor, VISUAL or EDITOR name the editor",
        )


def setting(git: Git, name: str) -> str | None:
    """Return what the person's own settings say; a repository may have come with settings of somebody else's."""
    found = git.run("config", "--show-scope", "-z", "--get-all", name, check=False)
    fields = found.text.split("\0")
    own = [value for scope, value in zip(fields[0::2], fields[1::2], strict=False) if scope in _OWN_SCOPES]
    return own[-1] if own else None


def _first(*values: str | None) -> str:
    return next(value for value in values if value is not None)
