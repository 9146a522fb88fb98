"""Comments that a reviewer writes into a diff: each marked line belongs to the line of code above it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sixthbot.core.errors import UsageError
from sixthbot.core.names import clean_line

MARK = "> "
"""What a line of a comment begins with: no line of a patch does."""

TEXT_LIMIT = 2_000
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class Comment:
    """What a reviewer says of a line of a file; `line` is 0 for the whole file."""

    path: str
    line: int
    text: str

    @property
    def asks(self) -> str:
        """The comment as the text of a subtask."""
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"In {where}: {self.text}" if where else self.text


def read_place(text: str) -> tuple[str, int]:
    """Return the path and line of `FILE:LINE` or `FILE`; 0 for no line."""
    path, colon, number = text.rpartition(":")
    if colon and number.isascii() and number.isdigit() and path:
        return path, int(number[:9])
    return text, 0


def comment(path: str, line: int, text: str) -> Comment:
    """Return a comment; UsageError when it says nothing or too much."""
    said = clean_line(text, limit=TEXT_LIMIT + 1)
    if not said:
        raise UsageError("the comment says nothing")
    if len(said) > TEXT_LIMIT:
        raise UsageError(
            f"the comment is longer than {TEXT_LIMIT} characters", hint="an issue of its own may say more"
        )
    return Comment(path, line, said)


def to_edit(patch: str, *, branch: str) -> str:
    """Return a patch for an editor, with a line on top that says what to do."""
    told = f"# Review of {branch}: below a line, write your comment on lines that begin with `{MARK.strip()} `.\n"
    return f"{told}# Each becomes a subtask on the branch. Nothing else of this file is read; no comment changes nothing.\n\n{patch}"


def comments_in(text: str) -> list[Comment]:
    """Return the comments in an edited patch, in order; marked lines that follow each other are one comment.

    A comment on a line that was taken out belongs to the line that stands in its place.
    """
    found: list[Comment] = []
    said: list[str] = []
    path, line, removed, added, gone = "", 0, 0, 0, ""
    for row in [*text.replace("\r\n", "\n").split("\n"), ""]:
        if row.startswith(MARK) or row == MARK.strip():
            said.append(row[len(MARK) :])
            continue
        if said:
            words = " ".join(" ".join(said).split())
            if words:
                found.append(comment(path, line, words))
            said = []
        in_hunk = removed > 0 or added > 0
        if in_hunk and row[:1] in {" ", "+", "-", ""}:
            line += row[:1] != "-" and added > 0
            removed -= row[:1] != "+"
            added -= row[:1] != "-"
        elif row.startswith("diff --git "):
            path, line, gone = "", 0, ""
        elif row.startswith("--- a/"):
            gone = row[6:].rstrip("\t")
        elif row.startswith("+++ "):
            path, line = (row[6:].rstrip("\t") if row.startswith("+++ b/") else gone), 0
        elif match := _HUNK.match(row):
            removed, added = int(match[1] or 1), int(match[3] or 1)
            line = max(int(match[2]) - 1, 0)
    return found
