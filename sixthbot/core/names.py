"""Names that reach git, the disk or a terminal: checked once here, carried as types from then on."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

from sixthbot.core.errors import InvalidName
from sixthbot.core.text import (
    branch_file_stem,
    clean_line,
    has_unsafe_characters,
    is_branch_name,
    is_issue_id,
    is_oid,
)

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "BranchName", "Oid", "branch_for", "clean_line", "has_unsafe_characters", "is_null", "parse_issue_id", "parse_oid",
    "short_hash", "slug",
]  # fmt: skip

Oid = NewType("Oid", str)
"""A full object id: 40 or 64 lower-case hexadecimal digits."""

_BRANCH_LIMIT = 60
_SLUG_LIMIT = 50


def parse_oid(text: str) -> Oid:
    """Return `text` as an object id; raise InvalidName for anything but 40 or 64 lower-case hex digits."""
    if not is_oid(text):
        raise InvalidName(f"not a full object id: {clean_line(text, limit=80)!r}")
    return Oid(text)


def is_null(oid: str) -> bool:
    """Tell whether `oid` is git's all-zero id, which stands for "no object"."""
    return not oid.strip("0")


@dataclass(frozen=True, slots=True, order=True)
class BranchName:
    """The short name of a local branch that git accepts; make one with `parse`."""

    value: str

    @classmethod
    def parse(cls, text: str) -> BranchName:
        """Return the branch name `text`; raise InvalidName for one that git refuses or could misread."""
        if not is_branch_name(text):
            raise InvalidName(f"not a usable branch name: {clean_line(text, limit=80)!r}")
        return cls(text)

    @classmethod
    def of_ref(cls, ref: str) -> BranchName | None:
        """Return the branch of a full ref name, or None when the ref is not a branch."""
        prefix = "refs/heads/"
        return cls(ref[len(prefix) :]) if ref.startswith(prefix) else None

    @property
    def ref(self) -> str:
        """The full ref name."""
        return "refs/heads/" + self.value

    @property
    def file_stem(self) -> str:
        """The name as one path component: `%` and `/` are written as %25 and %2F."""
        return branch_file_stem(self.value)

    def __str__(self) -> str:
        return self.value


def parse_issue_id(text: str) -> str:
    """Return `text` as an issue id; raise InvalidName unless it has the contract's form."""
    if not is_issue_id(text):
        raise InvalidName(
            f"not a usable issue id: {clean_line(text, limit=80)!r}",
            hint="an id starts with a letter or digit, has at most 64 of A-Z a-z 0-9 . _ - and no '..'",
        )
    return text


def slug(text: str, *, limit: int = _SLUG_LIMIT) -> str:
    """Return `text` as lower-case `[a-z0-9-]` words joined by single hyphens, cut at a word; may be empty."""
    plain = unicodedata.normalize("NFKD", text[: limit * 8]).encode("ascii", "ignore").decode("ascii").lower()
    words = re.findall(r"[a-z0-9]+", plain)
    result = ""
    for word in words:
        longer = f"{result}-{word}" if result else word[:limit]
        if len(longer) > limit:
            break
        result = longer
    return result


def short_hash(*parts: str | bytes, digits: int = 6) -> str:
    """Return the first `digits` hex digits of the SHA-256 over the parts, each closed by a NUL byte."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()[:digits]


def branch_for(
    *, prefix: str, title: str, issue_id: str, taken: Collection[str], template: str = "{prefix}/{slug}"
) -> BranchName:
    """Return the branch name for an issue: `<prefix>/<slug>`, with a short hash of the id when that is taken.

    `taken` holds short names of branches that exist; a name that is a folder of one of them counts as
    taken too, since git keeps branches as files. The whole has at most 60 characters, its slug those of `[a-z0-9-]`;
    `issue-<id>` stands in where the title leaves no slug. `template` knows `{prefix}` and `{slug}`.
    Raises InvalidName when prefix and template leave no usable name.
    """
    stem = slug(title) or "issue-" + (slug(issue_id) or short_hash(issue_id))
    around = template.replace("{prefix}", prefix)
    room = _BRANCH_LIMIT - len(around.replace("{slug}", ""))
    tails = ("", *("-" + short_hash(issue_id, digits=digits) for digits in (6, 12, 24)))
    names = (around.replace("{slug}", _cut(stem, room - len(tail)) + tail) for tail in tails)
    free = next((name for name in names if not _clashes(name, taken)), None)
    if free is None:
        raise InvalidName(f"no free branch name for issue {clean_line(issue_id, limit=64)}")
    return BranchName.parse(free)


def _clashes(name: str, taken: Collection[str]) -> bool:
    return name in taken or any(other.startswith(name + "/") for other in taken)


def _cut(stem: str, room: int) -> str:
    return stem[: max(room, 1)].rstrip("-")
