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
    from collections.abc import Collection, Mapping

__all__ = [
    "BranchName", "Oid", "branch_for", "clean_line", "has_unsafe_characters", "in_the_way", "is_null", "parse_issue_id",
    "parse_oid", "prefix_for", "short_hash", "slug", "without_id",
]  # fmt: skip

Oid = NewType("Oid", str)
"""A full object id: 40 or 64 lower-case hexadecimal digits."""

_BRANCH_LIMIT = 60
_SLUG_LIMIT = 50
_KEY = re.compile(r"[\[(]?([A-Za-z][A-Za-z0-9]{0,15}-[0-9]{1,9})\b")
"""What trackers number their issues with, such as AAS-213."""


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
    *,
    prefix: str,
    title: str,
    issue_id: str,
    taken: Collection[str],
    template: str = "{prefix}/{slug}",
    kind: str = "",
    key: str = "",
) -> BranchName:
    """Return the branch name for an issue, in lower case, with a short hash of the id where the plain one is taken.

    `template` knows `{prefix}`, `{slug}`, `{id}` and `{type}`; `kind` is what the last one stands for. The slug is that
    of the title, without the issue's id, or `key`, where the title begins with that; `issue-<id>` stands in where the title leaves
    no slug. The whole has at most 60 characters: what is too long is cut from the slug. `taken` holds short names of
    branches that exist. Names are compared without regard to case, as some disks do, and one that is a folder of
    another, or below another, counts as taken, since git keeps branches as files.
    Raises InvalidName when prefix and template leave no usable name.
    """
    stem = slug(without_id(without_id(title, issue_id), key)) or "issue-" + (
        slug(issue_id) or short_hash(issue_id)
    )
    values = {"prefix": prefix, "id": slug(issue_id) or short_hash(issue_id), "type": slug(kind) or "chore"}
    around = template
    for field, value in values.items():
        around = around.replace("{" + field + "}", value)
    room = _BRANCH_LIMIT - len(around.replace("{slug}", ""))
    tails = ("", *("-" + short_hash(issue_id, digits=digits) for digits in (6, 12, 24)))
    names = (_filled(around, stem, tail, room) for tail in tails)
    used = {name.casefold() for name in taken}
    free = next((name for name in names if not _clashes(name, used)), None)
    if free is None:
        raise InvalidName(f"no free branch name for issue {clean_line(issue_id, limit=64)}")
    return BranchName.parse(free)


def prefix_for(
    by: Mapping[str, str], *, issue_id: str, title: str, labels: Collection[str], kind: str, default: str
) -> tuple[str, str]:
    """Return what an issue's branch begins with, and the id it goes by: its own, or the one that its title begins with.

    `by` maps `label:WHAT`, `type:WHAT` and `id:WHAT` to prefixes, where `*` in WHAT stands for anything and case does
    not matter; the first that fits counts. `labels` are words in lower case. The title's id counts only where it fits.
    """
    found = _KEY.match(title)
    ids = (*([found[1]] if found else []), issue_id)
    have = {"id": ids, "label": labels, "type": (kind,)}
    for pattern, prefix in by.items():
        what, _, wanted = pattern.partition(":")
        fits = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.IGNORECASE)
        for value in have.get(what, ()):
            if fits.fullmatch(value):
                return prefix, value if what == "id" else issue_id
    return default, issue_id


def without_id(title: str, issue_id: str) -> str:
    """Return a title without the issue's own id where it begins with that: `AAS-213: Live` is `Live`."""
    bare = title.lstrip("[(#")
    rest = bare[len(issue_id) :]
    if not issue_id or bare[: len(issue_id)].casefold() != issue_id.casefold() or rest[:1].isalnum():
        return title
    if not any(char.isdigit() for char in issue_id) and rest[:1] not in {":", "]", ")"}:
        return title  # an id that is a word, as in "Tidy the words", is a part of the sentence
    return rest.lstrip(" \t:-.)]") or title


def in_the_way(name: str, taken: Collection[str]) -> str:
    """Return the branch of `taken` that leaves no room for `name` below it, as `a` does for `a/b`; empty without one."""
    folders = {name.rsplit("/", depth)[0].casefold() for depth in range(1, name.count("/") + 1)}
    return next((other for other in sorted(taken) if other.casefold() in folders), "")


def _filled(around: str, stem: str, tail: str, room: int) -> str:
    if "{slug}" in around:
        name = around.replace("{slug}", _cut(stem, room - len(tail)) + tail)
    else:
        name = around[: _BRANCH_LIMIT - len(tail)].rstrip("-/") + tail
    name = re.sub(r"[^a-z0-9/-]+", "-", name.lower())
    return name[: _BRANCH_LIMIT - len(tail)].rstrip("-/") + tail if len(name) > _BRANCH_LIMIT else name


def _clashes(name: str, used: Collection[str]) -> bool:
    return name in used or any(other.startswith(name + "/") for other in used)


def _cut(stem: str, room: int) -> str:
    return stem[: max(room, 1)].rstrip("-")
