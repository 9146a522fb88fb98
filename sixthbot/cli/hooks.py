"""Git hook shims: a few lines of sh that leave a note for the bot and then run the hook that was there before.

The shim forks nothing and names no absolute path, so that it costs a commit next to nothing and survives a move.
What was there before is renamed, not copied, and renamed back: the same file, to the byte.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.sources.hooks import HOOKS
from sixthbot.store.atomic import make_dirs, move, point, write_file
from sixthbot.store.atomic import remove as remove_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERBS = {hook: verb for verb, hook in HOOKS.items()}
"""Git's hooks and what each is called on the command line and in the note."""

KEPT = ".before-sixthbot"
_RENAMED = ("", ".legacy", ".old")
"""What hook managers add to the name of a hook that they find and chain: pre-commit the second, lefthook the third."""

_WRITE = point("hooks.write")
_KEEP = point("hooks.keep")
_REMOVE = point("hooks.remove")

_SHIM = """\
#!/bin/sh
# Leaves a note for sixthbot, then runs the hook that was here before. Put in by `sixthbot init --hooks`,
# taken out by `sixthbot init --no-hooks`; whatever goes wrong here, git goes on.
{
    sixth_top=.
    if [ -f .git ]; then # a linked work tree: notes go to the main one
        IFS= read -r sixth_line <.git
        sixth_line=${sixth_line#gitdir: }
        IFS= read -r sixth_common <"$sixth_line/commondir" && sixth_top=$sixth_line/$sixth_common/..
    fi
    sixth_top=$sixth_top/.sixth
    sixth_notes=$sixth_top/local/notes
    # a branch may bring links along, and nothing is written through them
    if [ -d "$sixth_notes" ] && [ ! -L "$sixth_top" ] && [ ! -L "$sixth_top/local" ] && [ ! -L "$sixth_notes" ]; then
@TELL@
    fi
} 2>/dev/null
sixth_kept=${0%/*}/@HOOK@@KEPT@
[ -f "$sixth_kept" ] && [ -x "$sixth_kept" ] || exit 0
case $0 in
*/@HOOK@) ;;
*) # another manager runs this file under a name of its own, and may itself be what was here before
    [ "${SIXTHBOT_CHAINED-}" ] && exit 0
    export SIXTHBOT_CHAINED=@HOOK@
    ;;
esac
IFS= read -r sixth_line <"$sixth_kept"
case $sixth_line in
'#!/bin/sh' | '#!/usr/bin/env sh') # read in, it still sees its own name in $0, which husky goes by
    . "$sixth_kept"
    exit
    ;;
esac
exec "$sixth_kept" "$@"
"""
_NOTE = """\
        set -C
        printf '%s\\n' @VERB@ "$@" >"$sixth_notes/@VERB@-$PPID-$$"
        set +C"""
_START = """\
        sixth_line=
        IFS= read -r sixth_line <"$sixth_top/local/locks/watch.lock.pid"
        if [ "$sixth_line" ] && kill -0 "$sixth_line" || ! sixthbot @VERB@ "$@" </dev/null; then
            set -C
            printf '%s\\n' @VERB@ "$@" >"$sixth_notes/@VERB@-$PPID-$$"
            set +C
        fi"""

_EARLIER = frozenset(
    {
        "post-commit:e5cbee796bd5acb5dab405720b4972347a2b71cc25a309fafee9a9bade142520",
        "post-checkout:071a357c8d0ae92bc60510406e8293d5136ac401af249fde5fb3c85f5b900c26",
        "post-merge:bfe90bbbf6e96bddbf7315412191cbd69e0cc54eaf22bfaa1010900c30ac563f",
        "post-rewrite:1642facc70954db45bbdd7eb8a47ef3136fc6390a767caa11b2d51ed7cf75313",
    }
)
"""Hashes of shims as earlier versions wrote them, so that these are still known for what they are."""


def shim(hook: str, *, autostart: bool = False) -> bytes:
    """Return the shim of a git hook; with `autostart` it calls `sixthbot` where no `watch` runs, which starts a run."""
    text = _SHIM.replace("@TELL@", _START if autostart else _NOTE)
    values = {"@HOOK@": hook, "@VERB@": VERBS[hook], "@KEPT@": KEPT}
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text.encode()


def install(folder: Path, *, autostart: bool = False) -> list[str]:
    """Put the shims into a folder of hooks; return the names of those that were not there yet.

    A hook that is there is kept beside and chained. Doing it twice changes nothing. Raise Refused, before anything
    is changed, where a hook and another one kept from before are both there.
    """
    wanted = [hook for hook in VERBS if _content(folder / hook) != shim(hook, autostart=autostart)]
    for hook in wanted:
        kept = _kept(folder, hook)
        if os.path.lexists(kept) and _is_foreign(folder / hook) and not _alike(folder / hook, kept):
            raise Refused(
                f"{folder / hook} was changed after sixthbot put it there, and {kept.name} is kept beside",
                hint=f"only one of them can be run before yours: remove {kept.name} if the newer one serves, "
                "or put it in its place; then say it again",
            )
    make_dirs(folder)
    for hook in wanted:
        if _is_foreign(folder / hook):
            remove_file(
                _kept(folder, hook), point=_REMOVE
            )  # the same bytes: a hook manager was installed again
            move(folder / hook, _kept(folder, hook), point=_KEEP, durability="power")
        write_file(
            folder / hook, shim(hook, autostart=autostart), point=_WRITE, durability="power", mode=0o755
        )
    return wanted


def remove(folder: Path) -> tuple[list[str], list[str]]:
    """Take the shims out and put back what was there before, under whatever name a hook manager gave the shim.

    Return the hooks that are as before again, and those left alone because somebody changed them meanwhile.
    """
    restored, changed = [], []
    for hook in VERBS:
        kept = _kept(folder, hook)
        here = list(_shims(folder, hook))
        for path in here:
            remove_file(path, point=_REMOVE)
        if here and os.path.lexists(kept):
            move(kept, here[0], point=_KEEP, durability="power")
        elif os.path.lexists(kept) and not os.path.lexists(folder / hook):
            move(kept, folder / hook, point=_KEEP, durability="power")
        elif os.path.lexists(kept) and _alike(folder / hook, kept):
            remove_file(kept, point=_REMOVE)
        elif os.path.lexists(kept):
            changed.append(hook)
            continue
        elif not here:
            continue
        restored.append(hook)
    return restored, changed


def installed(folder: Path) -> list[str]:
    """Return the hooks that are shims of ours."""
    return [hook for hook in VERBS if _is_ours(hook, _content(folder / hook))]


def _shims(folder: Path, hook: str) -> Iterator[Path]:
    for suffix in _RENAMED:
        path = folder / (hook + suffix)
        if _is_ours(hook, _content(path)):
            yield path


def _is_ours(hook: str, content: bytes | None) -> bool:
    if content is None:
        return False
    written = (shim(hook), shim(hook, autostart=True))
    return content in written or f"{hook}:{hashlib.sha256(content).hexdigest()}" in _EARLIER


def _is_foreign(path: Path) -> bool:
    return os.path.lexists(path) and not _is_ours(path.name, _content(path))


def _alike(one: Path, other: Path) -> bool:
    """Tell whether two hooks are plain files of the same bytes and mode."""
    first, second = _content(one), _content(other)
    return first is not None and first == second and one.stat().st_mode == other.stat().st_mode


def _kept(folder: Path, hook: str) -> Path:
    return folder / (hook + KEPT)


def _content(path: Path) -> bytes | None:
    """Return a hook's bytes, None where there is none or it is no plain file (a link belongs to somebody)."""
    try:
        return None if path.is_symlink() else path.read_bytes()
    except OSError:
        return None
