"""Sends an approved draft to its remote; a person's word, so no rule may use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from sixthbot.actions.base import Action, Args, Context
from sixthbot.actions.secrets import allowed_secrets, refuse_secrets, scan
from sixthbot.core.drafts import ApprovedDraft, DraftStatus, approved, with_status
from sixthbot.core.errors import Refused, SixthError, UsageError
from sixthbot.core.names import BranchName
from sixthbot.core.pushways import FORWARDED, OWN_PUSH, Way
from sixthbot.core.tasks import Outcome
from sixthbot.git.commits import is_ancestor
from sixthbot.git.refs import tip
from sixthbot.git.remotes import (
    PushReport,
    choose_remote,
    known_there,
    push,
    remote_tip,
    require_unmoved,
    seen_there,
)
from sixthbot.store.redact import redact

if TYPE_CHECKING:
    from sixthbot.actions.secrets import Scan
    from sixthbot.core.drafts import Draft, PushTarget
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git
    from sixthbot.store.config import Config
    from sixthbot.store.open import Store


class PushArgs(Args):
    """Arguments of `push`."""

    branch: str = Field(description="the branch of the draft")


def target_of(git: Git, store: Store, config: Config, base: BranchName) -> PushTarget:
    """Return where and how drafts made from `base` go out; raise UsageError when that cannot be told.

    Where `base` is another issue's branch, the branch below the whole stack says it.
    """
    settings = config.push
    if settings.target is Way.COMMAND and not settings.command:
        raise UsageError(
            'push.target is "command" and push.command is empty',
            hint="name the program and its arguments under [push] in .sixth/config.toml",
        )
    target = choose_remote(git, configured=settings.remote, base=_below_all(store, base))
    command = tuple(settings.command) if settings.target is Way.COMMAND else ()
    return replace(target, way=settings.target, command=command)


def _below_all(store: Store, base: BranchName) -> BranchName:
    passed: set[BranchName] = set()
    while base not in passed:
        passed.add(base)
        record = store.issues.find_by_branch(base)
        if record is not None and record.base:
            base = BranchName.parse(record.base)
    return base


Forward = Callable[[ApprovedDraft, "tuple[str, ...]"], Sequence[str]]
"""Does what a way of pushing asks for besides the push by git; returns what to tell, raises what a push raises."""


def send(
    git: Git, store: Store, approved_draft: ApprovedDraft, *, config: Config, forward: Forward | None = None
) -> PushReport:
    """Push the draft, show it as pushed and say so in the journal; doing it again finds it there.

    What stands at the remote is replaced only when the draft builds on it or the bot itself wrote it; raise Refused
    for anything else there, for what looks like a secret in anything that would be sent, and when the approval does
    not hold any more; WorkFailed with the remote's words when it refuses. In all of them the approval is kept.
    """
    draft, target = approved_draft.draft, approved_draft.target
    seconds = config.push.timeout.total_seconds()
    there = _look_there(git, store, approved_draft, config=config, seconds=seconds)
    # asking the remote may have taken a while: what was approved has to be what is there at this moment
    approved(
        store.drafts.read(draft.branch), target, store.approvals.get(draft.branch), tip=tip(git, draft.branch)
    )
    started = time.monotonic()
    try:
        report = _sent(git, approved_draft, expected=there, seconds=seconds, forward=forward)
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
        argv=redact(report.argv) or None,
        exit=0 if report.sent else None,
        duration=round(time.monotonic() - started, 3),
        data={
            "remote": target.remote,
            "url": target.url,
            "way": target.way.value,
            "sent": report.sent,
            "despite_checks": approved_draft.approval.despite_checks,
        },
    )
    return report


def _look_there(
    git: Git, store: Store, ready: ApprovedDraft, *, config: Config, seconds: float
) -> Oid | None:
    """Return where the branch is at the remote, having looked at all that is new to the remote for secrets."""
    draft, target = ready.draft, ready.target
    if target.way is Way.LETTER:
        known = _base_and_seen(git, draft, target)
        there = None
    else:
        there = remote_tip(git, target, draft.branch, seconds=seconds)
        known = known_there(git, target, seconds=seconds)
    ours = there is None or there == draft.head or there in store.operations.tips_written(draft.branch.ref)
    if not ours and there is not None and not _builds_on(git, draft.head, there):
        raise Refused(
            f"{draft.branch} is at {there[:12]} at {target.remote}, which the draft does not build on",
            hint=f"git fetch {target.remote}, look at it, then sixthbot review {draft.branch}",
        )
    allowed = allowed_secrets(config, store)
    found = scan(
        git, draft.head, known=known, title=draft.title, text=draft.text, allowed=allowed,
        twice=config.push.second_look,
    )  # fmt: skip
    refuse_secrets(draft.branch, found)
    return there


def scan_draft(git: Git, store: Store, draft: Draft, target: PushTarget | None, *, config: Config) -> Scan:
    """Look for secrets in what pushing a draft would send, without asking the remote what it has."""
    known = _base_and_seen(git, draft, target)
    allowed = allowed_secrets(config, store)
    return scan(
        git, draft.head, known=known, title=draft.title, text=draft.text, allowed=allowed,
        twice=config.push.second_look,
    )  # fmt: skip


def _base_and_seen(git: Git, draft: Draft, target: PushTarget | None) -> list[Oid]:
    """Return the commits that the remote had last; where nothing was ever seen of it, the draft's base stands in."""
    seen = seen_there(git, target.remote) if target is not None else []
    base = tip(git, BranchName.parse(draft.base))
    return seen or ([base] if base is not None else [])


def _sent(
    git: Git, ready: ApprovedDraft, *, expected: Oid | None, seconds: float, forward: Forward | None
) -> PushReport:
    way = ready.target.way
    if way in OWN_PUSH:
        report = push(git, ready, expected=expected, seconds=seconds)
    else:
        require_unmoved(git, ready)
        report = PushReport(ref=ready.draft.branch.ref, head=ready.draft.head, created=False, sent=True)
    if way in FORWARDED:
        if forward is None:
            raise UsageError(f"a draft that goes out as {way} is pushed by the command line only")
        report = replace(report, words=(*report.words, *forward(ready, report.argv)))
    return report


def _builds_on(git: Git, head: Oid, there: Oid) -> bool:
    here = git.run("cat-file", "-e", f"{there}^{{commit}}", check=False).status == 0
    return here and is_ancestor(git, there, head)


def run(ctx: Context, args: PushArgs) -> Outcome:
    """Push the approved draft of a branch; outputs `ref`, `head` and `sent`. Raise Refused when it is not approved."""
    name = BranchName.parse(args.branch)
    draft = ctx.store.drafts.read(name)
    git = ctx.repo.git
    target = target_of(git, ctx.store, ctx.config, BranchName.parse(draft.base))
    ready = approved(draft, target, ctx.store.approvals.get(name), tip=tip(git, name))
    report = send(git, ctx.store, ready, config=ctx.config)
    return Outcome({"ref": report.ref, "head": report.head, "sent": report.sent})


ACTION = Action(
    name="push",
    summary="sends an approved draft to its remote",
    Args=PushArgs,
    run=run,
    in_rules=False,
    needs_trust=True,
)
