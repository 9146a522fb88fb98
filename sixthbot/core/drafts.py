"""Drafts: a branch plus its PR text, waiting for a person; only an ApprovedDraft can be pushed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sixthbot.core.draftparts import content_digest, parts_digest
from sixthbot.core.errors import Refused
from sixthbot.core.names import clean_line
from sixthbot.core.pushways import Way

if TYPE_CHECKING:
    from sixthbot.core.names import BranchName, Oid


class DraftStatus(StrEnum):
    """What the draft file shows; an approval itself lives outside the repository."""

    AWAITING_REVIEW = "awaiting-review"
    APPROVED = "approved"
    REJECTED = "rejected"
    PUSHED = "pushed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft as its file says. `head` and `tree` are what was described; `text` is the PR text, a person's to edit."""

    branch: BranchName
    base: str
    head: Oid
    tree: Oid
    issue: str
    title: str
    text: str
    status: DraftStatus = DraftStatus.AWAITING_REVIEW


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTarget:
    """Where a push goes: the remote's name and the URL it stands for, the way, and the command of the way `command`."""

    remote: str
    url: str
    way: Way = Way.BRANCH
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's word for one exact draft, kept on this machine outside the repository.

    `content` is the digest of the draft's own file, from which `status` tells an edit without asking git where the draft
    would go; `digest` alone decides. It is empty where an older program wrote the approval.
    """

    digest: str
    approved: str
    despite_checks: bool = False
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedDraft:
    """A draft whose approval was checked against what is there now; make one with `approved`, nothing else."""

    draft: Draft
    target: PushTarget
    approval: Approval


def draft_digest(draft: Draft, target: PushTarget) -> str:
    """Return the SHA-256, in hex, over everything an approval binds: a change of any part gives another."""
    parts = (
        draft.head, draft.tree, target.remote, target.url, draft.branch.value, draft.base, draft.title, draft.text,
        target.way.value, *target.command,
    )  # fmt: skip
    return parts_digest(b"approval 2", parts)


def approve(draft: Draft, target: PushTarget, *, when: str, despite_checks: bool) -> Approval:
    """Return a person's word for a draft as it is, to go to that target; `when` is RFC 3339."""
    content = content_digest(
        {
            "head": draft.head, "tree": draft.tree, "branch": draft.branch.value, "base": draft.base,
            "title": draft.title, "text": draft.text,
        }
    )  # fmt: skip
    return Approval(
        digest=draft_digest(draft, target), approved=when, despite_checks=despite_checks, content=content
    )


def approved(
    draft: Draft, target: PushTarget, approval: Approval | None, *, tip: Oid | None
) -> ApprovedDraft:
    """Return the approved draft, or raise Refused saying why it is not one.

    `tip` is where the branch is now, None when it is gone.
    """
    name = clean_line(draft.branch.value, limit=80)
    if tip != draft.head:
        raise Refused(f"{name} has moved since its draft was written", hint=f"sixthbot review {name}")
    if approval is None:
        raise Refused(f"{name} is not approved", hint=f"sixthbot review {name}, then sixthbot approve {name}")
    if approval.digest != draft_digest(draft, target):
        raise Refused(
            f"{name} was changed after it was approved (text, title, commit, base or remote)",
            hint=f"sixthbot review {name}, then sixthbot approve {name} again",
        )
    return ApprovedDraft(draft=draft, target=target, approval=approval)


def with_status(draft: Draft, status: DraftStatus) -> Draft:
    """Return the draft showing another status."""
    return replace(draft, status=status)
