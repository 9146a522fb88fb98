"""What `init` makes: the folders of `.sixth`, a first configuration, and the lines that keep the rest out of git."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.core.names import clean_line
from sixthbot.store import disk
from sixthbot.store.atomic import make_dirs, point, write_file
from sixthbot.store.firstconfig import FIRST_CONFIG
from sixthbot.store.home import FOLDERS, refuse_links
from sixthbot.store.state.home import mark_home, standing
from sixthbot.store.trust import Trust, items_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sixthbot.store.paths import Places

_CONFIG = point("init.config")
_README = point("init.readme")
_EXCLUDE = point("init.exclude")

_BEGIN = b"# sixthbot begin: what the bot keeps for itself"
_END = b"# sixthbot end"
_BLOCK = b"\n".join(
    (_BEGIN, b"/.sixth/*", b"!/.sixth/config.toml", b"!/.sixth/rules/", b"!/.sixth/templates/", _END, b"")
)

_README_TEXT = """\
# .sixth: where sixthbot keeps its things

Yours, and tracked by git if you like: `config.toml`, `rules/`, `templates/`. After editing them, `sixthbot trust`.

Yours to write into: `inbox/` (drop issue files here), `drafts/` (titles and texts), `issues/<id>/plan.toml`.

The bot's own, ignored through `.git/info/exclude`: everything else. In `queue/` each task is a file and its folder
is its state; moving one by hand is fine. `local/` holds locks, logs and caches of this clone.
"""


def initialise(places: Places) -> list[str]:
    """Make the bot's home; return what was made, as paths below the repository. What is there stays as it is.

    The configuration written here is trusted. Raises Refused when a part of `.sixth` is a symbolic link.
    """
    refuse_links(places)
    made = [".sixth/"] if make_folders(places) else []
    if _write_new(places.sixth / "README.md", _README_TEXT, point=_README):
        made.append(".sixth/README.md")
    if _write_new(places.config_file, FIRST_CONFIG, point=_CONFIG):
        made.append(".sixth/config.toml")
    _trust_own_config(places)
    if standing(places) == "new":
        mark_home(places)
    if _exclude(places.exclude_file):
        made.append(f"entries in {_shown(places.exclude_file, places)}")
    return made


def missing_folders(places: Places) -> list[str]:
    """Return the names of the folders of `.sixth` that are not there."""
    return [name for name in FOLDERS if not os.path.isdir(f"{places.home}/{name}")]  # noqa: PTH112 - at every turn of a bot


def make_folders(places: Places) -> bool:
    """Make the folders of `.sixth` that are missing, such as empty ones that git did not bring back; tell whether any was."""
    missing = missing_folders(places)
    if missing:
        _begin_home(places)
    for name in missing:  # those above come first
        try:
            disk.make_dir(places.sixth / name, 0o777)
        except FileExistsError:
            if not (places.sixth / name).is_dir():
                raise  # a file of that name: nobody could work with that
    return bool(missing)


def require_writable(places: Places) -> None:
    """Raise OSError where nothing can be written below `.sixth`: a bot that only waits for that to change says nothing."""
    make_dirs(places.local)
    probe = places.local / ".writable"
    with suppress(FileExistsError):  # another process asks the same, or died asking
        disk.make_dir(probe, 0o700)
    with suppress(FileNotFoundError):
        disk.remove_dir(probe)


def _begin_home(places: Places) -> None:
    """Make `.sixth` itself where it is missing; for whoever makes or brings back all of it, and nobody else."""
    with suppress(FileExistsError):
        disk.make_dir(places.sixth, 0o777)


def check_tracked(paths: Iterable[str]) -> None:
    """Raise Refused when git tracks something of the bot's own: a clone could smuggle work in.

    `paths` are the tracked paths below `.sixth`, from the top of the repository.
    """
    allowed = (".sixth/rules/", ".sixth/templates/")
    foreign = [path for path in paths if path != ".sixth/config.toml" and not path.startswith(allowed)]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise Refused(
            f"this repository tracks {clean_line(foreign[0], limit=80)}{more}, which belongs to the bot alone",
            hint="git rm -r --cached the files below .sixth/ but config.toml, rules/ and templates/, and commit that",
        )


def _write_new(path: Path, text: str, *, point: str) -> bool:
    if path.exists():
        return False
    write_file(path, text.encode(), point=point, durability="power")
    return True


def _trust_own_config(places: Places) -> None:
    """Trust the configuration if it is, to the byte, the one that is written here."""
    data = FIRST_CONFIG.encode()
    trust, name = Trust(places.data_dir), places.config_file.relative_to(places.top).as_posix()
    if not trust.is_trusted(name, data) and places.config_file.read_bytes() == data:
        trust.trust(items_of({name: data}), {name: data})


def _exclude(path: Path) -> bool:
    """Put the bot's lines into git's exclude file, once; tell whether that changed it."""
    path = path.resolve()
    try:
        old, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        old, mode = b"", 0o644
    start, end = old.find(_BEGIN), old.find(_END)
    if 0 <= start < end:
        after = end + len(_END) + old[end + len(_END) :].startswith(b"\n")
        new = old[:start] + _BLOCK + old[after:]
    else:
        new = old + (b"\n" if old and not old.endswith(b"\n") else b"") + _BLOCK
    if new == old:
        return False
    make_dirs(path.parent)
    write_file(path, new, point=_EXCLUDE, durability="power", mode=mode)
    return True


def _shown(path: Path, places: Places) -> str:
    return path.relative_to(places.top).as_posix() if path.is_relative_to(places.top) else str(path)
