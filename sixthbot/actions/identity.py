"""Who the bot's commits are by: their signature, the Change-Id that Gerrit wants, and what a draft says of both."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed, NeedsPerson
from sixthbot.core.pushways import Way
from sixthbot.core.text import counted
from sixthbot.git.signing import signed_among, signer

if TYPE_CHECKING:
    from sixthbot.actions.base import Context
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.core.issues import Plan
    from sixthbot.git.run import Git
    from sixthbot.git.signing import Sign
    from sixthbot.store.config import Config

CHANGE_ID = "Change-Id"


def sign_with(ctx: Context) -> Sign | None:
    """Return what signs the bot's commits in a task; see `sign_by`."""
    return sign_by(ctx.repo.git, ctx.config, again=f"sixthbot queue retry {ctx.task.id}")


def sign_by(git: Git, config: Config, *, again: str) -> Sign | None:
    """Return what signs the bot's commits, None where they are not signed (`commit.sign`).

    It raises NeedsPerson("input") where it cannot: a commit that should be signed is not made without. `again` is what
    a person types once it can.
    """
    settings = config.commit
    if settings.sign == "no":
        return None
    way = settings.sign
    email = settings.committer.rpartition("<")[2].rstrip("> ")

    def sign(data: bytes) -> bytes:
        try:
            return signer(git, way=way, key=settings.key, email=email)(data)
        except GitFailed as error:
            raise NeedsPerson(
                f"a commit could not be signed, and was not made: {error.message}",
                kind="input",
                hint=f"let {way} sign without a question (an agent), or set `sign` and `key` under [commit]; "
                f"then: {again}",
            ) from None

    return sign


def change_id(ctx: Context, issue_id: str, part: str) -> tuple[tuple[str, str], ...]:
    """Return the trailer by which Gerrit knows a commit again, where drafts go there; the same after each rebase."""
    if ctx.config.push.target is not Way.GERRIT:
        return ()
    digest = hashlib.sha1(f"sixthbot\0{issue_id}\0{part}".encode(), usedforsecurity=False)
    return ((CHANGE_ID, f"I{digest.hexdigest()}"),)


def said_of_commits(ctx: Context, branch: IssueBranch, plan: Plan) -> tuple[str, ...]:
    """Return what a draft says of signatures, as read from the commits themselves, and of hooks, as the plan records."""
    signed = len(signed_among(ctx.repo.git, [commit.id for commit in branch.commits]))
    total = len(branch.commits)
    if not signed:
        told = "No commit is signed."
    elif signed == total:
        told = f"Whether the {counted(signed, 'signature')} on its commits are of keys you know."
    else:
        told = f"{total - signed} of {total} commits are not signed."
    return (told, _said_of_hooks(plan, policy=ctx.config.commit.hooks))


def _said_of_hooks(plan: Plan, *, policy: str) -> str:
    """Return which hooks the commits of which subtasks went through; the policy may have been another one then."""
    went = Counter(one.hooks for one in plan.subtasks if one.hooks and one.commits and not one.dropped)
    parts = [
        f"{' and '.join(hooks)} on {counted(count, 'commit')} of subtasks"
        for hooks, count in sorted(went.items())
    ]
    if parts:
        return f"Git hooks ran, {'; '.join(parts)}; on the other commits none did (the setting is {policy})."
    return f"No git hooks ran on the bot's commits (the setting is {policy})."
