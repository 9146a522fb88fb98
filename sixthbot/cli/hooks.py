"""Git hook shims: a few lines of sh that leave a note for the bot and then run the hook that was there before.

The shim forks nothing and writes no absolute path, so that it costs a commit next to nothing and survives a move.
What was there before is renamed, not copied, and renamed back: the same file, to the byte.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import make_dirs, move, point, write_file
from sixthbot.store.atomic import remove as remove_file

if TYPE_CHECKING:
    from pathlib import Path

VERBS = {
    "post-commit": "on-commit",
    "post-checkout": "on-checkout",
    "post-merge": "on-merge",
    "post-rewrite": "on-rewrite",
}
"""Git's hooks and what each is called on the command line and in the note."""

_KEPT = ".before-sixthbot"
_WRITE = point("hooks.write")
_KEEP = point("hooks.keep")
_REMOVE = point("hooks.remove")

_SHIM = """\
#!/bin/sh
# Leaves a note for sixthbot, then runs the hook that was here before. Put in by `sixthbot init --hooks`,
# taken out by `sixthbot init --no-hooks`; whatever goes wrong here, git goes on.
notes=.sixth/local/notes
[ -d "$notes" ] || notes=${0%%/*}/../../.sixth/local/notes
if [ -d "$notes" ]; then
    set -C
    printf '%%s\\n' %(verb)s "$@" >"$notes/%(verb)s-$$"
fi 2>/dev/null
[ -x "$0%(kept)s" ] && exec "$0%(kept)s" "$@"
exit 0
"""


def shim(hook: str) -> bytes:
    """Return the shim of a git hook."""
    return (_SHIM % {"verb": VERBS[hook], "kept": _KEPT}).encode()


def refuse_other_managers(hooks_path: str) -> None:
    """Raise Refused where git looks for hooks elsewhere (`core.hooksPath`): that folder belongs to somebody else."""
    if hooks_path:
        raise Refused(
            f"core.hooksPath is {hooks_path}: another tool manages the hooks here",
            hint="let its hooks call sixthbot on-commit, on-checkout, on-merge, on-rewrite; the bot works without too",
        )


def install(folder: Path) -> list[str]:
    """Put the shims into git's hooks folder; return the names of those that were not there yet.

    A hook that is there is kept beside and chained. Doing it twice changes nothing. Raise Refused, before anything
    is changed, where a hook and one kept from before are both there.
    """
    wanted = [hook for hook in VERBS if _content(folder / hook) != shim(hook)]
    for hook in wanted:
        if os.path.lexists(folder / hook) and os.path.lexists(_kept(folder, hook)):
            raise Refused(
                f"{folder / hook} was changed after sixthbot put it there, and {_kept(folder, hook).name} is kept beside",
                hint="remove one of the two, then say it again",
            )
    make_dirs(folder)
    for hook in wanted:
        if os.path.lexists(folder / hook):
            move(folder / hook, _kept(folder, hook), point=_KEEP, durability="power")
        write_file(folder / hook, shim(hook), point=_WRITE, durability="power", mode=0o755)
    return wanted


def remove(folder: Path) -> tuple[list[str], list[str]]:
    """Take the shims out and put back what was there before.

    Return the hooks that are as before again, and those left alone because somebody changed them meanwhile.
    """
    restored, changed = [], []
    for hook in VERBS:
        content = _content(folder / hook)
        kept = os.path.lexists(_kept(folder, hook))
        if content == shim(hook):
            remove_file(folder / hook, point=_REMOVE)
        elif content is not None or os.path.lexists(folder / hook):
            changed += [hook] if kept else []
            continue
        elif not kept:
            continue
        if kept:
            move(_kept(folder, hook), folder / hook, point=_KEEP, durability="power")
        restored.append(hook)
    return restored, changed


def installed(folder: Path) -> list[str]:
    """Return the hooks that are shims of ours."""
    return [hook for hook in VERBS if _content(folder / hook) == shim(hook)]


def _kept(folder: Path, hook: str) -> Path:
    return folder / (hook + _KEPT)


def _content(path: Path) -> bytes | None:
    """Return a hook's bytes, None where there is none or it is no plain file (a link belongs to somebody)."""
    try:
        return None if path.is_symlink() else path.read_bytes()
    except OSError:
        return None
