"""Trust: which bytes of which settings this person has agreed to, kept outside the repository, by hash.

One changed byte revokes, and so does the loss of a file that said something; returning to bytes once trusted does not
ask again. A copy of what was trusted is kept, so that the difference can be shown.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import make_dirs, point, read_small, write_file
from sixthbot.store.jsonfile import load_json, save_json
from sixthbot.store.tomlfile import SIZE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sixthbot.store.paths import Places

_SAVE = point("trust.save")
_COPY = point("trust.copy")

GIT_SETTINGS = "git-settings"
"""Stands, in place of a path, for the settings of git that run programs."""

GONE = b"\0gone"
"""Stands, in place of its bytes, for a file that was trusted and is not there any more."""

_FILE_LIMIT = 1000
_UNREADABLE = ""


@dataclass(frozen=True, slots=True)
class TrustedItem:
    """One thing to be trusted: its path below the repository's top (or `GIT_SETTINGS`) and the hash of its bytes.

    The hash of what cannot be read safely (a link, a pipe, a huge file) is empty; it is never trusted.
    """

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class TrustState:
    """Whether everything looked at is trusted, and the paths of what is not."""

    trusted: bool
    untrusted: tuple[str, ...]


def sha(path: str, data: bytes) -> str:
    """Return the SHA-256, in hex, of bytes at a path: the same bytes elsewhere are another thing."""
    return hashlib.sha256(b"sixthbot trust 1\0" + os.fsencode(path) + b"\0" + data).hexdigest()


class Trust:
    """The trusted hashes of one repository; `data_dir` is `Places.data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "trust.json"
        self._copies = data_dir / "trusted"

    def collect(self, places: Places, git_settings: bytes) -> dict[str, bytes | None]:
        """Read everything that needs trust, by path; None for what cannot be read safely, `GONE` for what is missing."""
        found = {_relative(path, places): _read_safely(path) for path in _files(places)}
        found |= dict.fromkeys(self.missing(places), GONE)
        if git_settings:
            found[GIT_SETTINGS] = git_settings
        return found

    def scan(self, places: Places, git_settings: bytes) -> list[TrustedItem]:
        """Return everything that needs trust: configuration, rules, templates, and `git_settings` unless empty."""
        return items_of(self.collect(places, git_settings))

    def state(self, items: Iterable[TrustedItem]) -> TrustState:
        """Compare with what was trusted; nothing at all counts as trusted."""
        known = self._load()
        untrusted = tuple(item.path for item in items if item.digest not in _digests(known, item.path))
        return TrustState(not untrusted, untrusted)

    def missing(self, places: Places) -> tuple[str, ...]:
        """Return the trusted paths whose files are gone, sorted: those that said something, until that is trusted."""
        known = self._load()
        return tuple(
            path
            for path, entry in sorted(known.items())
            if path != GIT_SETTINGS
            and _digests(known, path)
            and entry.get("gone") is not True
            and not os.path.lexists(places.top / path)
            and not says_nothing(self.last_trusted(path))
        )

    def is_trusted(self, path: str, data: bytes) -> bool:
        """Tell whether exactly these bytes were trusted at this path."""
        return sha(path, data) in _digests(self._load(), path)

    def commits_before(self, path: str, data: bytes) -> frozenset[str]:
        """Return the commits with a part in a file that were there when these bytes of it were trusted."""
        entry = self._load().get(path)
        before = entry.get("before") if isinstance(entry, dict) else None
        commits = before.get(sha(path, data)) if isinstance(before, dict) else None
        return (
            frozenset(one for one in commits if isinstance(one, str))
            if isinstance(commits, list)
            else frozenset()
        )

    def trust(
        self,
        items: Iterable[TrustedItem],
        contents: Mapping[str, bytes | None],
        commits: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """Trust these items from now on; `contents` are the bytes that the person was shown.

        `commits` are, for paths of rules, those with a part in the file: they were made before anybody trusted it.
        That a file is `GONE` is trusted until something at its path is. Raises Refused, with nothing trusted, when an
        item's bytes are not those, or cannot be read.
        """
        known = self._load()
        chosen = []
        for item in items:
            data = contents.get(item.path)
            if data is None or sha(item.path, data) != item.digest:
                raise Refused(
                    f"{item.path} cannot be trusted: it is not a plain file, or changed since it was shown",
                    hint="sixthbot trust --show",
                )
            chosen.append((item, data))
        make_dirs(self._copies, mode=0o700)
        for item, data in chosen:
            if data == GONE:
                known[item.path] = {**known.get(item.path, {}), "gone": True}
                continue
            write_file(self._copies / item.digest, data, point=_COPY, durability="power", mode=0o600)
            digests = _digests(known, item.path)
            before = known.get(item.path, {}).get("before")
            before = {
                **(before if isinstance(before, dict) else {}),
                item.digest: list(commits.get(item.path, ())),
            }
            known[item.path] = {
                "digests": sorted({*digests, item.digest}),
                "last": item.digest,
                "before": before,
            }
        self._save(known)

    def last_trusted(self, path: str) -> bytes | None:
        """Return the bytes that were trusted last at a path; None when none were, or their copy is damaged."""
        entry = self._load().get(path)
        digest = entry.get("last") if isinstance(entry, dict) else None
        if not isinstance(digest, str) or not digest.isalnum():
            return None
        data = _read(self._copies / digest)
        return data if data is not None and sha(path, data) == digest else None

    def revoke(self) -> None:
        """Trust nothing any more, as if nothing ever had been."""
        self._save({})

    def _load(self) -> dict[str, Any]:
        try:
            foreign = self._file.lstat().st_uid != os.geteuid()
        except FileNotFoundError:
            return {}
        paths = None if foreign else (load_json(self._file) or {}).get("paths")
        return paths if isinstance(paths, dict) else {}

    def _save(self, known: Mapping[str, Any]) -> None:
        data = {"schema": 1, "paths": dict(known)}
        save_json(self._file, data, point=_SAVE, durability="power", mode=0o600)


def items_of(contents: Mapping[str, bytes | None]) -> list[TrustedItem]:
    """Return the items of collected contents, in order of path."""
    return [
        TrustedItem(path, _UNREADABLE if data is None else sha(path, data))
        for path, data in sorted(contents.items())
    ]


def says_nothing(data: bytes | None) -> bool:
    """Tell whether settings are blank lines and comments alone, as those are that `init` writes."""
    return data is not None and all(line.strip()[:1] in {b"", b"#"} for line in data.splitlines())


def _digests(known: Mapping[str, Any], path: str) -> frozenset[str]:
    entry = known.get(path)
    digests = entry.get("digests") if isinstance(entry, dict) else None
    if not isinstance(digests, list):
        return frozenset()
    return frozenset(digest for digest in digests if isinstance(digest, str) and digest != _UNREADABLE)


def _relative(path: Path, places: Places) -> str:
    return path.relative_to(places.top).as_posix()


def _files(places: Places) -> Iterator[Path]:
    for path in (places.config_file, places.local_config_file):
        if os.path.lexists(path):
            yield path
    for folder in (places.rules_dir, places.templates_dir):
        yield from files_below(folder)


def files_below(folder: Path) -> list[Path]:
    """Return what is below a folder and not a folder itself, sorted; links to folders are not followed.

    Raises Refused for more files than anybody would read before trusting them.
    """
    if folder.is_symlink():
        return [folder]
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]  # noqa: PTH114, PTH118
        found += [folder.joinpath(place, name) for name in (*files, *links)]
        if len(found) > _FILE_LIMIT:
            raise Refused(f"{folder} has more than {_FILE_LIMIT} files")
    return sorted(found)


def _read_safely(path: Path) -> bytes | None:
    """Read a file to be judged; one that says it is gone is no settings file."""
    data = _read(path)
    return None if data == GONE else data


def _read(path: Path) -> bytes | None:
    try:
        return read_small(path, SIZE_LIMIT)
    except (OSError, Refused):
        return None
