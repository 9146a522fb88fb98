"""Patches as letters, with a cover that carries the draft's words, for `git send-email`; nothing is sent here."""

from __future__ import annotations

from email.header import Header
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.core.names import clean_line
from sixthbot.git.commits import merge_base
from sixthbot.git.diffs import stat_text
from sixthbot.git.refs import tip
from sixthbot.git.scratch import scratch_folder

if TYPE_CHECKING:
    from sixthbot.core.drafts import ApprovedDraft
    from sixthbot.core.names import BranchName, Oid
    from sixthbot.git.commits import Person
    from sixthbot.git.run import Git

_SUBJECT, _BLURB = b"*** SUBJECT HERE ***", b"*** BLURB HERE ***"
_LINE = 76


def letters(git: Git, approved: ApprovedDraft, *, base: BranchName, sender: Person) -> dict[str, bytes]:
    """Return the cover letter and one patch for each commit, by file name, in order."""
    draft = approved.draft
    start = _start(git, base, draft.head, draft.branch)
    env = {"GIT_COMMITTER_NAME": sender.name, "GIT_COMMITTER_EMAIL": sender.email}
    with scratch_folder() as folder:
        git.run(
            "format-patch", "--quiet", "--cover-letter", "--no-attach", "--no-thread", "--no-signature", "--binary",
            "--no-ext-diff", "--no-textconv", "--numbered", "--cover-from-description=none", "--encoding=UTF-8",
            f"--base={start}", f"--output-directory={folder}", "--end-of-options", f"{start}..{draft.head}",
            env=env, timeout=300,
        )  # fmt: skip
        found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    if not found:
        raise Refused(f"{draft.branch} has no commit that a letter could carry")
    cover = min(found)
    found[cover] = _filled(found[cover], draft.title, draft.text)
    return found


def request_text(git: Git, approved: ApprovedDraft, *, base: BranchName, url: str) -> str:
    """Return the text that asks a person to pull, as `git request-pull` words it, with the draft's words in it."""
    draft = approved.draft
    start = _start(git, base, draft.head, draft.branch)
    return (
        f"The following changes since commit {start}\nare available in the Git repository at:\n\n"
        f"  {url} {draft.branch}\n\nfor you to fetch changes up to {draft.head}:\n\n"
        f"{clean_line(draft.title)}\n\n{draft.text.strip()}\n\n"
        f"----------------------------------------------------------------\n{stat_text(git, start, draft.head)}"
    )


def _start(git: Git, base: BranchName, head: Oid, branch: BranchName) -> Oid:
    at = tip(git, base)
    start = merge_base(git, at, head) if at is not None else None
    if start is None:
        raise Refused(f"{branch} and {base} have no commit in common, so there is nothing to count from")
    return start


def _filled(cover: bytes, title: str, text: str) -> bytes:
    """Put the draft's words where git leaves room for them; a cover in UTF-8 says so in its head."""
    head, _, body = cover.partition(b"\n\n")
    subject = Header(
        clean_line(title), "utf-8" if not title.isascii() else "us-ascii", maxlinelen=_LINE
    ).encode()
    head = head.replace(_SUBJECT, subject.encode("ascii"))
    if b"\nMIME-Version:" not in head:
        head += (
            b"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit"
        )
    words = text.replace("\r\n", "\n").strip().encode("utf-8", "replace")
    return head + b"\n\n" + body.replace(_BLURB, words)
