"""Where a repository's changelog is, what it lacks compared with the history, and the writing of it by a person's wish."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.actions.full_changelog import render
from sixthbot.core.changelogfile import HEADER, RST_HEADER, find_changelog, missing_in, update_bytes
from sixthbot.core.changelogrelease import Published, not_in_file, publish
from sixthbot.core.errors import UsageError
from sixthbot.core.fragments import MARKS, fragments_tool
from sixthbot.core.names import clean_line
from sixthbot.git.trees import list_tree, read_blob
from sixthbot.store.atomic import point, write_file

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sixthbot.actions.full_changelog import FullChangelog, Wanted
    from sixthbot.core.changelog import Entry
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

_WRITE = point("changelog.write")
_SIZE_LIMIT = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What a changelog file has not: entries under Unreleased, releases without a section; `text` is it with them."""

    entries: tuple[Entry, ...]
    releases: tuple[Published, ...]
    text: bytes
    changed: bool
    conventional: float


def changelog_file(git: Git, commit: Oid) -> str:
    """Return the changelog that stands at the top of a commit's tree, else the name of one to begin."""
    entries = list_tree(git, commit)
    return find_changelog(
        entry.path for entry in entries if "/" not in entry.path and entry.mode.startswith("100")
    )


def fragments_of(git: Git, commit: Oid) -> tuple[str, str] | None:
    """Return the tool that makes this repository's changelog from fragments, and their folder; None for none."""
    files = {entry.path for entry in list_tree(git, commit) if "/" not in entry.path or entry.path in MARKS}
    return fragments_tool(files, lambda path: read_blob(git, commit, path))


def require_no_fragments(git: Git, commit: Oid) -> None:
    """Raise UsageError where a tool makes the changelog from fragments: its file is not for us to write or judge."""
    found = fragments_of(git, commit)
    if found is not None:
        tool, folder = found
        raise UsageError(
            f"this repository's changelog is made by {tool} from the files in {clean_line(folder, limit=80)}",
            hint="to have it written from commits all the same, name the file: [changelog] file",
        )


def lacking(
    before: bytes | None, changelog: FullChangelog, wanted: Wanted, *, covered: Collection[str], rst: bool
) -> Lacking:
    """Return what a file's bytes (None: there is no file) lack.

    `covered` are commits that it owes no line: they changed it themselves, or came before it was begun.
    """
    if before is None:
        header = RST_HEADER if rst else HEADER
        text = header if rst else changelog.page()
        start = text.encode("utf-8", "surrogateescape")
        return Lacking(
            entries=changelog.entries,
            releases=(),
            text=start,
            changed=True,
            conventional=changelog.conventional,
        )
    entries = [entry for entry in changelog.entries if not set(entry.commits) & set(covered)]
    text = before.decode("utf-8", "surrogateescape")
    published = [
        Published(name=one.version.name, tag=one.version.tag, date=one.date)
        for one in changelog.releases
        if one.version is not None
    ]
    releases = not_in_file(text, published)
    missing = missing_in(text, entries, rst=rst)
    text = publish(text, releases, later={entry.line for entry in changelog.entries}, rst=rst)
    if releases:  # what went down with a release's heading stands no more where it belongs
        missing = missing_in(text, entries, rst=rst)
    rendered = render("Unreleased", "", "", missing, wanted) if missing else ""
    after = update_bytes(text.encode("utf-8", "surrogateescape"), rendered, rst=rst)
    return Lacking(
        entries=tuple(missing), releases=tuple(releases), text=after,
        changed=after != before, conventional=changelog.conventional,
    )  # fmt: skip


def read_page_file(top: Path, file: str) -> bytes | None:
    """Return the bytes of the changelog in a work tree, None when there is no file.

    Raise UsageError for a path that leads out of the work tree, a link, or anything but a plain file.
    """
    path = _plain(top, file)
    try:
        if path.stat().st_size > _SIZE_LIMIT:
            raise UsageError(f"{file} is larger than {_SIZE_LIMIT >> 20} MiB")
        return path.read_bytes()
    except FileNotFoundError:
        return None


def write_page_file(top: Path, file: str, data: bytes) -> None:
    """Put the changelog's bytes into the work tree, whole or not at all, with the mode that the file has."""
    path = _plain(top, file)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    write_file(path, data, point=_WRITE, durability="process", mode=mode)


def _plain(top: Path, file: str) -> Path:
    path = top / file
    inside = os.path.realpath(path.parent) == os.path.realpath(top) or os.path.realpath(
        path.parent
    ).startswith(os.path.realpath(top) + os.sep)
    parts = file.split("/")
    if (
        not inside
        or ".git" in parts
        or ".." in parts
        or path.is_symlink()
        or (path.exists() and not path.is_file())
    ):
        raise UsageError(
            f"{clean_line(file, limit=80)!r} is not a plain file in the work tree",
            hint="name another in [changelog] file",
        )
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder for {clean_line(file, limit=80)!r} in the work tree")
    return path
