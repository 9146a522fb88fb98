"""Looks for secrets in exactly what a push would send: added lines, messages, title and text; it only reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.actions.secondpass import second_pass
from sixthbot.core.errors import Refused
from sixthbot.core.names import clean_line
from sixthbot.core.secrets import Secret, find_secrets
from sixthbot.git.outgoing import added_lines, outgoing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sixthbot.actions.base import Context
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.core.issues import Issue, IssueRecord
    from sixthbot.core.names import BranchName, Oid
    from sixthbot.git.run import Git
    from sixthbot.store.config import Config
    from sixthbot.store.open import Store

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something like a secret and where it would be published: a file's line in a commit, a message, the text."""

    secret: Secret
    place: str

    def __str__(self) -> str:
        return f"{self.secret.kind} {self.secret.shown} in {self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a look found. `findings` are those that nobody allowed; `unread` names files too large to be read."""

    commits: int
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]


NOTHING_FOUND = Scan(commits=0, findings=(), unread=())


def allowed_secrets(config: Config, store: Store) -> frozenset[str]:
    """Return the digests of what a person said is no secret, in the settings or on this machine."""
    return frozenset(config.push.allow_secrets) | store.approvals.allowed_secrets()


def scan(
    git: Git, head: Oid, *, known: Sequence[Oid], title: str, text: str, allowed: Collection[str], twice: bool
) -> Scan:
    """Look at all that pushing `head` sends to a place that has the commits `known`, and at the draft's own words.

    `twice` asks detect-secrets as well, where it is installed.
    """
    commits = outgoing(git, head, known=known)
    found: dict[tuple[str, str], Finding] = {}

    def look(content: str, place: str, numbers: Sequence[int] = (), *, binary: bool = False) -> None:
        own = find_secrets(content, by_shape_only=binary)
        lines = {secret.line for secret in own}
        # the other one often takes a part of a secret for the whole, which would be a second digest to allow
        more = second_pass(content) if twice and not binary else []
        for secret in (*own, *(one for one in more if one.line not in lines)):
            if secret.digest not in allowed:
                line = numbers[secret.line - 1] if numbers else 0
                where = place.replace(":LINE", f":{line}" if line else "")
                found.setdefault((secret.digest, where), Finding(secret=secret, place=where))

    look(title, "the draft's title")
    look(text, "the draft's text")
    unread: list[str] = []
    for commit in commits:
        look(commit.body, f"the message of {commit.id[:12]}")
        # a name may be anything, an address with a password for one
        look(f"{commit.author.email}\n{commit.committer.email}", f"the names of {commit.id[:12]}")
    for added in added_lines(git, commits):
        path = clean_line(added.path, limit=120)
        if added.size:
            unread.append(f"{path} in {added.commit[:12]} ({added.size // 1_000_000} MB)")
            continue
        look(added.path, f"the name of {path} in {added.commit[:12]}")
        look(added.text, f"{path}:LINE in {added.commit[:12]}", added.numbers, binary=added.binary)
    return Scan(commits=len(commits), findings=tuple(found.values()), unread=tuple(dict.fromkeys(unread)))


def scan_issue(ctx: Context, record: IssueRecord, issue: Issue, branch: IssueBranch) -> Scan:
    """Look at what an issue's branch adds to its base, before its draft is written."""
    allowed = allowed_secrets(ctx.config, ctx.store)
    return scan(
        ctx.repo.git, branch.tip, known=[branch.base_tip], title=record.title, text=issue.body, allowed=allowed,
        twice=False,
    )  # fmt: skip


def refuse_secrets(branch: BranchName, result: Scan) -> None:
    """Raise Refused naming what looks like a secret, if anything does, and how one is allowed."""
    if not result.findings:
        return
    named = [str(one) for one in result.findings[:_NAMED]]
    more = len(result.findings) - len(named)
    digests = dict.fromkeys(one.secret.digest for one in result.findings[:_NAMED])
    raise Refused(
        f"{branch} would publish what looks like a secret: {'; '.join(named)}"
        + (f"; and {more} more" if more else ""),
        hint="take it out of every commit of the branch, a later one does not unsay it, and change the secret; if it is "
        f"none: sixthbot approve {branch} " + " ".join(f"--allow {digest}" for digest in digests),
    )
