"""Commit messages as text: the subject in conventional form, the wrapped body, the trailers as the last block."""

from __future__ import annotations

import re
import textwrap
from types import MappingProxyType
from typing import TYPE_CHECKING

from sixthbot.core.conventional import KNOWN_TYPES, parse_subject
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ISSUE_TRAILER = "Sixth-Issue"
TASK_TRAILER = "Sixth-Task"
SUBTASK_TRAILER = "Sixth-Subtask"
RESERVED = (ISSUE_TRAILER, TASK_TRAILER, SUBTASK_TRAILER)
"""Trailers that only the bot writes and looks up; a text of a user never becomes one."""

SUBJECT_LIMIT = 72
BODY_WIDTH = 72
_VALUE_LIMIT = 400
_BODY_LIMIT = 64 * 1024

_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:(.*)", re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
# what git itself writes; a block that has one of them may hold other lines as well
_BY_GIT = ("Signed-off-by: ", "(cherry picked from commit ")

_CLOSING = re.compile(
    r"(?i)\b((?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)\b:?\s*)"
    r"((?:[\w.-]+/[\w.-]+)?)(?:#(?=\d)|\bGH-(?=\d)|https?://(?=\S+/(?:issues|work_items)/\d))"
)
"""What has a forge close an issue once the commit is on the default branch: a word and a reference to it."""

_SCOPE_LABEL = re.compile(r"(?:scope|area|component|module|package)[:/] ?([a-z0-9][a-z0-9._-]{0,23})")

_TYPE_OF_LABEL: Mapping[str, str] = MappingProxyType(
    {
        "bug": "fix", "bugfix": "fix", "defect": "fix", "regression": "fix", "security": "fix", "hotfix": "fix",
        "feature": "feat", "enhancement": "feat", "story": "feat",
        "documentation": "docs", "doc": "docs",
        "tests": "test", "testing": "test",
        "performance": "perf", "speed": "perf",
        "refactoring": "refactor", "cleanup": "refactor", "tech-debt": "refactor",
        "dependencies": "build", "deps": "build", "packaging": "build",
        "maintenance": "chore", "housekeeping": "chore", "task": "chore",
    }
)  # fmt: skip
_TYPE_OF_VERB: Mapping[str, str] = MappingProxyType(
    {
        "add": "feat", "implement": "feat", "introduce": "feat", "support": "feat", "allow": "feat",
        "fix": "fix", "repair": "fix", "correct": "fix", "prevent": "fix",
        "document": "docs", "describe": "docs", "explain": "docs",
        "test": "test", "cover": "test",
        "rename": "refactor", "move": "refactor", "extract": "refactor", "simplify": "refactor",
        "split": "refactor", "inline": "refactor", "refactor": "refactor",
        "revert": "revert",
    }
)  # fmt: skip


def subject_for(labels: Sequence[str], text: str, *, type_override: str = "") -> str:
    """Return the subject of a commit that does `text`, in conventional form and at most 72 characters.

    The type is `type_override`, else the one `text` already begins with, else the first label that names one
    (`bug`, `type: docs`, `kind/feature`), else what the first verb suggests, else `chore`. The
    scope is that of `text`, else what the first label `scope: ui`, `area/ui` or `component: ui` names. A label `breaking` adds `!`.
    """
    parsed = parse_subject(clean_line(text, limit=400))
    has_type = parsed.type in KNOWN_TYPES
    description = parsed.description if has_type else clean_line(text, limit=400)
    words = [_label_word(label) for label in labels]
    kind = _word(type_override) or (parsed.type if has_type else _type_by(words, description))
    named = parsed.scope if has_type and parsed.scope else _scope_by(labels)
    scope = f"({named})" if named else ""
    breaking = "!" if parsed.breaking or {"breaking", "breaking-change"} & set(words) else ""
    return _cut(f"{kind}{scope}{breaking}: {_lower_first(description.rstrip(' .')) or 'update'}")


def kind_of(labels: Sequence[str], text: str) -> str:
    """Return the conventional type of what `text` asks for, as `subject_for` finds it."""
    return parse_subject(subject_for(labels, text)).type


def label_words(labels: Sequence[str]) -> tuple[str, ...]:
    """Return what labels say, each as it is and without what stands before `:` or `/`, in lower case with hyphens."""
    whole = (re.sub(r"[\s_]+", "-", clean_line(label, limit=60).lower()) for label in labels)
    return tuple(dict.fromkeys([*whole, *map(_label_word, labels)]))


def closing_nothing(text: str) -> str:
    """Return a text of an issue so that no forge closes another issue by it: `closes #12` becomes `closes 12`."""
    return _CLOSING.sub(lambda found: f"{found[1]}{found[2]}{' ' if found[2] else ''}", text)


def build_message(subject: str, body: str = "", trailers: Iterable[tuple[str, str]] = ()) -> str:
    """Return a whole commit message that ends in a newline, with the trailers as its last block.

    The body is user text: control and bidi characters go, lines are wrapped at 72, and a line that looks like a
    trailer is indented so that it is none. Raises ValueError for a trailer whose name is not one, whose value is
    empty, or that is reserved and given twice.
    """
    blocks = [clean_line(subject, limit=200) or "chore: update"]
    wrapped = _wrap_body(body)
    if wrapped:
        blocks.append(wrapped)
    block = _trailer_block(trailers)
    if block:
        blocks.append(block)
    return "\n\n".join(blocks) + "\n"


def parse_trailers(message: str) -> tuple[tuple[str, str], ...]:
    """Return the (name, value) pairs of the message's last block, in order, as git reads them.

    The first paragraph is the subject and never a block of trailers. Folded lines are joined by one space.
    """
    paragraphs_end = message.replace("\r\n", "\n").rstrip().split("\n")
    start = next(
        (at for at in range(len(paragraphs_end) - 1, -1, -1) if not paragraphs_end[at].strip()),
        -1,
    )
    if start < 0 or not any(line.strip() for line in paragraphs_end[:start]):
        return ()
    found, others, by_git = _read_block(paragraphs_end[start + 1 :])
    whole_block = others == 0
    mixed_block = by_git and len(found) * 3 >= others
    return tuple((name, value) for name, value in found if name) if whole_block or mixed_block else ()


def own_trailers(message: str) -> dict[str, str]:
    """Return the bot's reserved trailers of a message by name; one that stands there twice counts as absent."""
    canonical = {name.lower(): name for name in RESERVED}
    values: dict[str, list[str]] = {}
    for name, value in parse_trailers(message):
        known = canonical.get(name.lower())
        if known is not None:
            values.setdefault(known, []).append(value)
    return {name: texts[0] for name, texts in values.items() if len(texts) == 1}


def _label_word(label: str) -> str:
    """Return what a label says: `type: bug`, `kind/bug` and `Bug` are all `bug`."""
    tail = re.split(r"[:/]", label)[-1]
    return re.sub(r"[\s_]+", "-", clean_line(tail, limit=60).lower())


def _scope_by(labels: Sequence[str]) -> str:
    for label in labels:
        found = _SCOPE_LABEL.fullmatch(clean_line(label, limit=60).lower())
        if found is not None:
            return found[1]
    return ""


def _word(text: str) -> str:
    return "".join(re.findall(r"[a-z0-9-]+", text.lower()))[:20]


def _type_by(words: Sequence[str], description: str) -> str:
    for word in words:
        if word in KNOWN_TYPES:
            return word
        if word in _TYPE_OF_LABEL:
            return _TYPE_OF_LABEL[word]
    first = description.split(" ", 1)[0].lower().rstrip(":,;")
    return _TYPE_OF_VERB.get(first, "chore")


def _lower_first(text: str) -> str:
    """Return `text` beginning with a small letter, unless its first word is a name in capitals or a mixed one."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first[1:] == first[1:].lower() else text


def _cut(subject: str) -> str:
    if len(subject) <= SUBJECT_LIMIT:
        return subject
    head = subject[: SUBJECT_LIMIT - 3]
    at_word = head.rsplit(" ", 1)[0]
    # a first word longer than the line has no better place to be cut than its middle
    return (at_word if len(at_word) > SUBJECT_LIMIT // 2 else head).rstrip(" ,;:") + "..."


def _wrap_body(body: str) -> str:
    lines: list[str] = []
    for raw in body[:_BODY_LIMIT].splitlines():
        indent = re.match(r"[ \t]*", raw)
        lead = (indent[0] if indent else "").expandtabs(4)[:40]
        text = clean_line(raw, limit=len(raw) + 1)
        if text:
            lines += _wrap_line(lead, text)
        elif lines and lines[-1]:
            lines.append("")
    return "\n".join(lines).rstrip("\n")


def _wrap_line(lead: str, text: str) -> list[str]:
    item = re.match(r"(?:[-*+]|\d{1,9}[.)]) ", text)
    hanging = lead + " " * (len(item[0]) if item else 0)
    first = textwrap.wrap(
        text,
        BODY_WIDTH,
        initial_indent=lead,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line for part in first for line in _defused(part)]


def _defused(line: str) -> list[str]:
    if not _looks_like_trailer(line):
        return [line]
    return textwrap.wrap(
        line,
        BODY_WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _looks_like_trailer(line: str) -> bool:
    return line.startswith(_BY_GIT) or _TRAILER.match(line) is not None


def _trailer_block(trailers: Iterable[tuple[str, str]]) -> str:
    lines: list[str] = []
    seen: set[str] = set()
    for name, raw in trailers:
        value = clean_line(raw, limit=_VALUE_LIMIT)
        if not _TOKEN.fullmatch(name) or not value:
            raise ValueError(f"not a trailer: {name!r}: {value!r}")
        if name in RESERVED and name in seen:
            raise ValueError(f"trailer {name} is given twice")
        seen.add(name)
        lines.append(f"{name}: {value}")
    return "\n".join(lines)


def _read_block(lines: Sequence[str]) -> tuple[list[tuple[str, str]], int, bool]:
    """Return the trailers of a block, how many lines are none, and whether git wrote one of them.

    A line "(cherry picked from commit ...)" counts as a trailer and is kept with an empty name.
    """
    found: list[tuple[str, str]] = []
    others, by_git, after_other = 0, False, True
    for line in lines:
        if line[:1] in {" ", "\t"}:
            if after_other:
                others += 1
            elif found[-1][0]:
                name, value = found[-1]
                found[-1] = (name, f"{value} {line.strip()}".strip())
            continue
        by_git = by_git or line.startswith(_BY_GIT)
        match = _TRAILER.fullmatch(line)
        after_other = match is None and not line.startswith(_BY_GIT)
        if match is not None:
            found.append((match[1], match[2].strip()))
        elif after_other:
            others += 1
        else:
            found.append(("", line))
    return found, others, by_git
