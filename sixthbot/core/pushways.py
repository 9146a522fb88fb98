"""The ways an approved draft goes out: which ref a push names at the remote, and the words it takes along as options."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from sixthbot.core.drafts import Draft

_OPTION_BYTES = 60_000
"""A push option travels in one packet of git's, which holds a little more."""
_CUT = "\\n\\n(cut here: the whole text is in the draft)"


class Way(StrEnum):
    """How a draft goes out (`push.target`)."""

    BRANCH = "branch"
    GITHUB = "github"
    GITLAB = "gitlab"
    GITLAB_OPTIONS = "gitlab-options"
    AGIT = "agit"
    GERRIT = "gerrit"
    REQUEST = "request-pull"
    LETTER = "letter"
    COMMAND = "command"


REVIEW_REFS = frozenset({Way.AGIT, Way.GERRIT})
"""Ways whose ref at the remote takes commits in and is never there itself."""

FORWARDED = frozenset({Way.GITHUB, Way.GITLAB, Way.REQUEST, Way.LETTER, Way.COMMAND})
"""Ways that ask for more than the push, or for something else."""

OWN_PUSH = frozenset(set(Way) - {Way.LETTER, Way.COMMAND})
"""Ways that begin with a push by git."""


def destination(draft: Draft, way: Way) -> str:
    """Return the full name of the ref that a push names at the remote."""
    return f"refs/for/{draft.base}" if way in REVIEW_REFS else draft.branch.ref


def push_options(draft: Draft, way: Way) -> tuple[str, ...]:
    """Return the push options, each one line: line ends are written as a backslash and an n, as these forges read them."""
    title, text, topic = clean_line(draft.title), one_option(draft.text), draft.branch.value
    match way:
        case Way.GITLAB_OPTIONS:
            return (
                "merge_request.create",
                f"merge_request.target={draft.base}",
                f"merge_request.title={title}",
                f"merge_request.description={text}",
            )
        case Way.AGIT:
            return (f"topic={topic}", f"title={title}", f"description={text}", "force-push=true")
        case Way.GERRIT:
            return (f"topic={topic}",)
        case _:
            return ()


def one_option(text: str) -> str:
    """Return a text of many lines as one line that fits into a push option."""
    plain = "".join(
        char for char in text.replace("\r\n", "\n").strip() if char in "\n\t" or char.isprintable()
    ).replace("\n", "\\n")
    data = plain.encode("utf-8", "replace")
    if len(data) <= _OPTION_BYTES:
        return data.decode("utf-8")
    return data[: _OPTION_BYTES - len(_CUT)].decode("utf-8", "ignore").rstrip("\\") + _CUT
