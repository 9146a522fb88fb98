"""Takes secrets out of what is written down: values after --token and its like, and passwords in URLs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sixthbot.core.shown import MASK, masked

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS = r"(?:token|password|passwd|passphrase|pwd|secret|api[-_]?key|apikey|access[-_]?key|private[-_]?key|auth|bearer|credentials?)"
_OPTION = re.compile(rf"-{{1,2}}(?:[a-z0-9]{{1,20}}[-_]){{0,3}}{_WORDS}", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"((?:^|[\s;&?\"'-])(?:[A-Za-z0-9]{{1,20}}[-_]){{0,3}}{_WORDS}\s?[=:]\s?)([^\s&\"']+)", re.IGNORECASE
)
_SHAPES = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,255}|sk-[\w-]{20,255}|AKIA[0-9A-Z]{16}"
    r"|xox[abprs]-[\w-]{10,255}|AIza[\w-]{35})"
)
_HEADER = re.compile(r"(authorization:\s?(?:[a-z]+\s)?)(\S+)", re.IGNORECASE)


def redact(arguments: Sequence[str]) -> list[str]:
    """Return a command's arguments with what looks like a secret replaced by `***`."""
    result, hide = [], False
    for argument in arguments:
        result.append(MASK if hide and not argument.startswith("-") else redact_text(argument))
        hide = _OPTION.fullmatch(argument) is not None
    return result


def redact_text(text: str) -> str:
    """Return a text with what looks like a secret replaced by `***`."""
    text = masked(text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _ASSIGNED.sub(rf"\1{MASK}", text)
    return _SHAPES.sub(MASK, text)
