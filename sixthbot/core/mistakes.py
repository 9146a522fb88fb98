"""Errors put together by their sort: how often, first and last, an example. Pure: records in, sorts out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHANGING = re.compile(
    r"\b[0-9a-f]{7,64}\b|\bt[0-9a-f]{12}\b|'[^']{0,200}'|\"[^\"]{0,200}\"|(?:/[\w.@+-]{1,255}){2,}|\d+"
)
_LONG = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One error or warning: its kind, level, message, time (text that sorts), what it is about and what to do."""

    kind: str
    level: str
    message: str
    time: str
    about: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """Errors that say the same but for numbers, ids, paths and quoted words. `example` is the newest one."""

    kind: str
    level: str
    count: int
    first: str
    last: str
    example: Happened


def by_sort(happened: Iterable[Happened]) -> list[Sort]:
    """Return the sorts, the one that happened last at the front."""
    found: dict[tuple[str, str, str], list[Happened]] = {}
    for one in happened:
        found.setdefault((one.kind, one.level, shape(one.message)), []).append(one)
    sorts = [
        Sort(
            kind=kind,
            level=level,
            count=len(group),
            first=min(one.time for one in group),
            last=max(one.time for one in group),
            example=max(group, key=lambda one: one.time),
        )
        for (kind, level, _), group in found.items()
    ]
    return sorted(sorts, key=lambda each: each.last, reverse=True)


def shape(message: str) -> str:
    """Return what stays of a message when numbers, ids, paths and quoted words are taken out."""
    return _CHANGING.sub("#", message)[:_LONG]
