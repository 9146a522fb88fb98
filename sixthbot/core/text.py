"""Text from outside, made safe to show, and the forms of names; loads next to nothing, since `status` lives on it."""

from __future__ import annotations

import unicodedata

_HEX = "0123456789abcdef"
_OID_LENGTHS = (40, 64)
_ISSUE_ID_LIMIT = 64
_FILE_STEM_LIMIT = 240


def has_unsafe_characters(text: str) -> bool:
    """Tell whether `text` has control, bidirectional, zero-width, private or unpaired surrogate characters."""
    if text.isascii():
        return not text.isprintable()
    return any(_unsafe(char) for char in text)


def clean_line(text: str, *, limit: int = 200) -> str:
    """Return `text` as one printable line of at most `limit` characters.

    White space of any kind becomes one space; control, bidi and zero-width characters go, so that the result
    is safe on a terminal, in a log and in a commit subject.
    """
    start = text.strip()[: limit * 8]
    if not (start.isascii() and start.isprintable()):
        start = "".join(
            " " if char.isspace() else char for char in start if char.isspace() or not _unsafe(char)
        )
    return " ".join(start.split())[:limit].rstrip()


def _unsafe(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def is_oid(text: str) -> bool:
    """Tell whether `text` is a full object id: 40 or 64 lower-case hexadecimal digits."""
    return len(text) in _OID_LENGTHS and not text.strip(_HEX)


def is_issue_id(text: str) -> bool:
    """Tell whether `text` can be an issue's id: a letter or digit, then at most 63 of A-Z a-z 0-9 . _ - without `..`."""
    plain = text.replace(".", "").replace("_", "").replace("-", "")
    formed = text.isascii() and text[:1].isalnum() and plain.isalnum()
    return formed and len(text) <= _ISSUE_ID_LIMIT and ".." not in text


def is_branch_name(text: str) -> bool:
    """Tell whether git takes `text` for a branch, nothing can misread it, and a file can be named after it."""
    if text in {"HEAD", "@"} or not _is_ref_part(text):  # the two names a branch may not have
        return False
    # drafts and approvals are files named after the branch, and a file's name has at most 255 bytes
    return len(branch_file_stem(text).encode("utf-8", "surrogatepass")) <= _FILE_STEM_LIMIT


def is_ref_name(text: str) -> bool:
    """Tell whether git takes `text` for the full name of a ref; as a path below the git directory it stays there."""
    return text.startswith("refs/") and _is_ref_part(text)


def _is_ref_part(text: str) -> bool:
    # git check-ref-format, rules 3 to 5 and 9
    if not text or has_unsafe_characters(text):
        return False
    if any(part in text for part in (*" ~^:?*[\\", "..", "@{", "//", "/.", ".lock/")):
        return False
    return not (text.startswith(("/", "-", ".")) or text.endswith(("/", ".", ".lock")))


def branch_file_stem(branch: str) -> str:
    """Return a branch's name as one path component: `%` and `/` are written as %25 and %2F."""
    return branch.replace("%", "%25").replace("/", "%2F")


def counted(count: int, noun: str, many: str = "") -> str:
    """Return `1 task`, `2 tasks`; `many` is the plural where an s does not make it."""
    return f"{count} {noun}" if count == 1 else f"{count} {many or noun + 's'}"
