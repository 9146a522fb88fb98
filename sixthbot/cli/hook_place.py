"""Where git looks for this repository's hooks, and whether shims may be put there. Writes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.cli.hooks import KEPT, VERBS
from sixthbot.cli.output import one_line
from sixthbot.core.errors import Refused

if TYPE_CHECKING:
    from sixthbot.git.repository import Repository

_CALLS = f"let its hooks call {', '.join(f'sixthbot {verb}' for verb in VERBS.values())}; the bot works without too"


def places_of_hooks(repo: Repository) -> list[Path]:
    """Return the folders in which shims may be, git's own first; to be looked through when they are taken out."""
    scope, named = repo.hooks_setting()
    own = repo.git_dir / "hooks"
    return [own, repo.top / named] if scope in {"local", "worktree"} else [own]


def place_for_hooks(repo: Repository) -> Path:
    """Return the folder that git runs this repository's hooks from.

    Raise Refused where it is not this repository's alone, where it is not there, or where shims in it would be
    changes to the person's work tree.
    """
    scope, named = repo.hooks_setting()
    if not named:
        folder = repo.git_dir / "hooks"
    elif scope in {"local", "worktree"}:
        folder = repo.top / named
        if not folder.is_dir():
            raise Refused(
                f"core.hooksPath is {one_line(named, 200)}, and there is no such folder",
                hint="install the hook manager that it belongs to first, or unset it; the bot works without hooks too",
            )
    else:
        raise Refused(
            f"core.hooksPath is {one_line(named, 200)} in your {scope} git configuration: all repositories share it",
            hint=_CALLS,
        )
    _refuse_visible(repo, folder)
    return folder


def _refuse_visible(repo: Repository, folder: Path) -> None:
    """Raise Refused where files in `folder` would show in `git status`."""
    real, top = Path(os.path.realpath(folder)), Path(os.path.realpath(repo.top))
    if not real.is_relative_to(top) or real.is_relative_to(os.path.realpath(repo.git_dir)):
        return
    inside = real.relative_to(top).as_posix()
    seen = repo.shows([f"{inside}/{hook}" for hook in VERBS])
    # what is not there yet is asked for by a name that git has an opinion on all the same
    ignored = not repo.would_show([f"{inside}/{hook}{end}" for hook in VERBS for end in ("", KEPT)])
    if seen or not ignored:
        raise Refused(
            f"git looks for hooks in {one_line(inside, 200)}, whose files belong to your work tree",
            hint=_CALLS,
        )
