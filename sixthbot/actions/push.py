"""Sends an approved draft to its remote; a person's word, so no rule may use it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import Field

from sixthbot.actions.base import Action, Args, Context
from sixthbot.core.drafts import DraftStatus, approved, with_status
from sixthbot.core.errors import Refused, SixthError
from sixthbot.core.names import BranchName
from sixthbot.core.tasks import Outcome
from sixthbot.git.commits import is_ancestor
from sixthbot.git.refs import tip
from sixthbot.git.remotes import choose_remote, push, remote_tip

if TYPE_CHECKING:
    from sixthbot.core.drafts import ApprovedDraft
    from sixthbot.core.names import Oid
    from sixthbot.git.remotes import PushReport
    from sixthbot.git.run import Git
    from sixthbot.store.open import Store


class PushArgs(Args):
    """Arguments of `push`."""

    branch: str = Field(description="the branch of the draft")


def send(git: Git, store: Store, approved_draft: ApprovedDraft) -> PushReport:
    """Push the draft, show it as pushed and say so in the journal; doing it again finds it there.

    What stands at the remote is replaced only when the draft builds on it or the bot itself wrote it; raise Refused
    for anything else there and when the approval does not hold any more, and WorkFailed with the remote's words when it refuses.
    """
    draft, target = approved_draft.draft, approved_draft.target
    there = remote_tip(git, target, draft.branch)
    known = there is None or there == draft.head or there in store.operations.tips_written(draft.branch.ref)
    if not known and there is not None and not _builds_on(git, draft.head, there):
        raise Refused(
            f"{draft.branch} is at {there[:12]} at {target.remote}, which the draft does not build on",
            hint=f"git fetch {target.remote}, look at it, then sixthbot review {draft.branch}",
        )
    # asking the remote may have taken a while: what was approved has to be what is there at this moment
    approved(
        store.drafts.read(draft.branch), target, store.approvals.get(draft.branch), tip=tip(git, draft.branch)
    )
    started = time.monotonic()
    try:
        report = push(git, approved_draft, expected=there)
    except SixthError as error:
        store.journal.append(
            "draft.push-failed",
            f"{draft.branch} was not pushed: {error.message}",
            level="warning",
            issue=draft.issue or None,
            commit=draft.head,
            duration=round(time.monotonic() - started, 3),
            data={"remote": target.remote, "url": target.url},
        )
        raise
    # what a person edited in the meantime came too late for this push, and is theirs all the same
    now = store.drafts.find(draft.branch) or draft
    store.drafts.write(with_status(now, DraftStatus.PUSHED))
    store.journal.append(
        "draft.pushed",
        f"{draft.branch} was pushed to {target.remote}",
        issue=draft.issue or None,
        commit=draft.head,
        argv=report.argv or None,
        exit=0 if report.sent else None,
        duration=round(time.monotonic() - started, 3),
        data={
            "remote": target.remote,
            "url": target.url,
            "sent": report.sent,
            "despite_checks": approved_draft.approval.despite_checks,
        },
    )
    return report


def _builds_on(git: Git, head: Oid, there: Oid) -> bool:
    here = git.run("cat-file", "-e", f"{there}^{{commit}}", check=False).status == 0
    return here and is_ancestor(git, there, head)


def run(ctx: Context, args: PushArgs) -> Outcome:
    """Push the approved draft of a branch; outputs `ref`, `head` and `sent`. Raise Refused when it is not approved."""
    name = BranchName.parse(args.branch)
    draft = ctx.store.drafts.read(name)
    git = ctx.repo.git
    target = choose_remote(git, configured=ctx.config.push.remote, base=BranchName.parse(draft.base))
    ready = approved(draft, target, ctx.store.approvals.get(name), tip=tip(git, name))
    report = send(git, ctx.store, ready)
    return Outcome({"ref": report.ref, "head": report.head, "sent": report.sent})


ACTION = Action(
    name="push",
    summary="sends an approved draft to its remote",
    Args=PushArgs,
    run=run,
    in_rules=False,
    needs_trust=True,
)
