"""Version numbers in the names of tags: which tags are releases, in which order they come, and which one is next."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_TAG = re.compile(
    r"(?P<prefix>(?:.{0,200}?[-_@/.])??v?)(?P<numbers>\d{1,9}(?:\.\d{1,9}){1,3})"
    r"(?P<pre>(?:[-.]?[A-Za-z][0-9A-Za-z.-]{0,60}|-[0-9A-Za-z.-]{1,60})?)(?P<build>(?:\+[0-9A-Za-z.-]{1,60})?)",
    re.ASCII | re.DOTALL,
)
_POST = re.compile(r"post(\d{1,9})", re.ASCII)
_PART = re.compile(r"\d+|[A-Za-z]+")


@dataclass(frozen=True)
class Version:
    """A tag that names a release: what stands before the number, its numbers, and the mark of a pre-release.

    Versions are ordered as in Semantic Versioning; what stands before the number plays no part in it.
    """

    tag: str
    prefix: str
    numbers: tuple[int, ...]
    pre: str = ""

    @property
    def name(self) -> str:
        """The version as people say it: the tag without what stands before the number."""
        return self.tag.removeprefix(self.prefix)

    @cached_property
    def order(self) -> tuple[object, ...]:
        """What versions are sorted by; a pre-release comes before its release."""
        padded = (*self.numbers, 0, 0, 0)[: max(4, len(self.numbers))]
        parts = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part) for part in _PART.findall(self.pre)
        )
        return (padded, not self.pre, parts)


def parse_tag(tag: str) -> Version | None:
    """Return the version that a tag names, such as `v1.2.3`, `1.2.0rc1` or `core@2.0.0`; None for any other tag."""
    match = _TAG.fullmatch(tag)
    if match is None:
        return None
    numbers = tuple(int(part) for part in match["numbers"].split("."))
    pre = match["pre"].lstrip("-.")
    if post := _POST.fullmatch(pre):  # Python's mark of a release after the release
        numbers, pre = (*(*numbers, 0, 0)[:3], int(post[1])), ""
    return Version(tag=tag, prefix=match["prefix"], numbers=numbers, pre=pre)


def release_tags(
    tags: Iterable[str], *, template: str = "", paths: Collection[str] = ()
) -> dict[str, Version]:
    """Return the tags that are releases, by name.

    `template`, such as `core@{version}`, says how they are named. Without one those of the plain form (`v1.2.3`,
    `1.2.3`) count. Where no tag has that form, or only folders below `paths` are looked at, those whose name goes
    with one of these folders count (`core-1.2.3`, `packages/core/v1.2.3`), or else all if they share one prefix.
    """
    versions = [version for tag in tags if (version := parse_tag(tag)) is not None]
    if template:
        before, _, after = template.partition("{version}")
        named = (
            (version, parse_tag(version.tag[len(before) : len(version.tag) - len(after)]))
            for version in versions
            if version.tag.startswith(before) and version.tag.endswith(after)
        )
        return {
            version.tag: replace(bare, tag=version.tag, prefix=before)
            for version, bare in named
            if bare is not None and not bare.prefix
        }
    own = [version for version in versions if _goes_with(version.prefix, paths)]
    plain = [version for version in versions if version.prefix in {"", "v"}]
    chosen = own or plain
    if not chosen and len({version.prefix for version in versions}) == 1:
        chosen = versions
    return {version.tag: version for version in chosen}


def newest(versions: Iterable[Version]) -> Version | None:
    """Return the highest of some versions, None of none."""
    return max(versions, key=lambda version: version.order, default=None)


def next_version(last: Version | None, *, breaking: bool, groups: Collection[str]) -> str:
    """Return the tag that Semantic Versioning suggests after `last` for changes in these groups of a changelog.

    Before 1.0.0 what breaks raises the second number. After a pre-release comes its release. Without a last version
    it is `0.1.0`, with nothing to release the last version itself.
    """
    if last is None:
        return "0.1.0"
    if not groups:
        return last.tag
    major, minor, patch = (*last.numbers, 0, 0)[:3]
    if last.pre:
        numbers = (major, minor, patch)
    elif breaking and major:
        numbers = (major + 1, 0, 0)
    elif breaking or "Added" in groups:
        numbers = (major, minor + 1, 0)
    else:
        numbers = (major, minor, patch + 1)
    return last.prefix + ".".join(map(str, numbers))


def by_commit(tags: Mapping[str, str], versions: Mapping[str, Version]) -> dict[str, Version]:
    """Return the version of each tagged commit; of several on one commit the highest counts.

    `tags` maps tags to the commits they lead to.
    """
    found: dict[str, Version] = {}
    for tag, commit in tags.items():
        version = versions.get(tag)
        before = found.get(commit)
        if version is not None and (before is None or before.order < version.order):
            found[commit] = version
    return found


def _goes_with(prefix: str, paths: Collection[str]) -> bool:
    bare = prefix.removesuffix("v").rstrip("-_@/.")
    return bool(bare) and any(bare in {path, path.rsplit("/", 1)[-1]} for path in paths)
