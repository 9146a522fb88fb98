"""Drafts as files that people read and edit: TOML front matter between `+++` lines, then the PR text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.core.drafts import Draft, DraftStatus
from sixthbot.core.errors import ConfigError, InvalidName, Refused, UsageError
from sixthbot.core.names import BranchName, parse_oid
from sixthbot.store.atomic import Durability, make_dirs, move, point, read_small, remove, write_file
from sixthbot.store.rows import DRAFT_KEYS, DRAFT_LIMIT, draft_row, split_draft
from sixthbot.store.tomlfile import dump_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WRITE = point("draft.write")
_REMOVE = point("draft.remove")
_PUT_AWAY = point("draft.put-away")
_STEM_LIMIT = 240


class Drafts:
    """One file for each branch."""

    def __init__(self, folder: Path, durability: Durability) -> None:
        self._folder = folder
        self._durability: Durability = durability

    def path(self, branch: BranchName) -> Path:
        """Return where the draft of a branch is; InvalidName for a name too long for a file."""
        if len(branch.file_stem.encode()) > _STEM_LIMIT:
            raise InvalidName(f"branch name too long for a draft: {branch.value[:60]!r}...")
        return self._folder / f"{branch.file_stem}.md"

    def read(self, branch: BranchName) -> Draft:
        """Return the draft of a branch; UsageError when there is none, ConfigError naming the file when damaged."""
        return self._read(self.path(branch))

    def find(self, branch: BranchName) -> Draft | None:
        """Return the draft of a branch, None when there is none; ConfigError naming the file when damaged."""
        return self.read(branch) if self.path(branch).exists() else None

    def write(self, draft: Draft) -> None:
        """Write a draft over the last one; keys in its front matter that the bot does not know are kept."""
        path = self.path(draft.branch)
        make_dirs(path.parent)
        extra: Mapping[str, Any] = {}
        try:
            front, _ = split_draft(_load(path), path.name)
            extra = {key: value for key, value in front.items() if key not in DRAFT_KEYS}
        except (FileNotFoundError, ConfigError):
            pass
        data = draft_to_text(draft, extra)
        write_file(path, data, point=_WRITE, durability=self._durability)

    def list(self) -> list[Draft]:
        """Return all drafts in order of branch; damaged ones are left out, see `damaged`."""
        return [draft for path in self._paths() if isinstance(draft := self._try(path), Draft)]

    def damaged(self) -> dict[str, str]:
        """Return the names of draft files that cannot be read, with the reason."""
        return {path.name: found for path in self._paths() if isinstance(found := self._try(path), str)}

    def remove(self, branch: BranchName) -> None:
        """Remove the draft of a branch, if there is one."""
        remove(self.path(branch), point=_REMOVE)

    def put_away(self, branch: BranchName, folder: Path) -> Path | None:
        """Move the file of a draft, damaged or not, into `folder`; return where it is then, None when there is none."""
        source = self.path(branch)
        if not source.exists():
            return None
        make_dirs(folder)
        number = 0
        while True:
            target = folder / (f"{source.stem}.{number}.md" if number else source.name)
            try:
                move(source, target, point=_PUT_AWAY, durability=self._durability)
            except FileExistsError:
                number += 1
            except FileNotFoundError:
                return None  # somebody else was faster
            else:
                return target

    def _paths(self) -> tuple[Path, ...]:
        try:
            paths = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return ()
        return tuple(path for path in paths if path.suffix == ".md" and not path.name.startswith("."))

    def _try(self, path: Path) -> Draft | str:
        try:
            return self._read(path)
        except (ConfigError, UsageError) as error:
            return error.message

    def _read(self, path: Path) -> Draft:
        try:
            data = _load(path)
        except FileNotFoundError:
            raise UsageError(f"there is no draft {path.name}", hint="sixthbot draft list") from None
        draft = draft_from_text(data, f".sixth/drafts/{path.name}")
        if draft.branch.file_stem != path.stem:
            raise ConfigError(f".sixth/drafts/{path.name}: it is a draft of {draft.branch}")
        return draft


def _load(path: Path) -> bytes:
    try:
        return read_small(path, DRAFT_LIMIT)
    except Refused as error:
        raise ConfigError(f".sixth/drafts/{path.name}: {error.message}") from None


def draft_to_text(draft: Draft, extra: Mapping[str, Any]) -> bytes:
    """Return a draft as the bytes of its file, with `extra` keys after the bot's own."""
    front = {
        "branch": draft.branch.value, "base": draft.base, "head": draft.head, "tree": draft.tree,
        "issue": draft.issue, "title": draft.title, "status": draft.status.value, **extra,
    }  # fmt: skip
    return b"+++\n" + dump_toml(front) + b"+++\n\n" + draft.text.encode("utf-8", "replace")


def draft_from_text(data: bytes, name: str) -> Draft:
    """Read a draft file back; the text comes back to the byte. ConfigError naming file and key where it is none."""
    front, text = split_draft(data, name)
    row = draft_row(front, name)
    return Draft(
        branch=BranchName.parse(row["branch"]), base=row["base"], head=parse_oid(row["head"]),
        tree=parse_oid(row["tree"]), issue=row["issue"], title=row["title"], text=text,
        status=DraftStatus(row["status"]),
    )  # fmt: skip
