"""Remotes: which one a branch goes to, and the one function that pushes, which takes approved drafts only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.drafts import ApprovedDraft, PushTarget
from sixthbot.core.errors import GitFailed, Refused, UsageError, WorkFailed
from sixthbot.core.names import Oid, clean_line
from sixthbot.core.shown import masked
from sixthbot.git.refs import tip
from sixthbot.git.run import failure
from sixthbot.git.trees import tree_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.core.names import BranchName
    from sixthbot.git.run import Git, Result

_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push did. `ref` at the remote is `head` now; `created` when it was not there before.

    `sent` is false when the remote already had it; `words` are the remote's own, cleaned. `argv` is what was run.
    """

    ref: str
    head: Oid
    created: bool
    sent: bool
    words: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()


def remotes(git: Git) -> dict[str, str]:
    """Return each remote's name with the URL a push to it goes to, as git resolves it.

    Several push URLs of one remote are joined by a newline; `choose_remote` refuses those.
    """
    found: dict[str, list[str]] = {}
    for line in git.run("remote", "--verbose").text.splitlines():
        name, _, rest = line.partition("\t")
        if rest.endswith(" (push)"):
            found.setdefault(name, []).append(rest.removesuffix(" (push)"))
    return {name: "\n".join(urls) for name, urls in found.items()}


def choose_remote(git: Git, *, configured: str, base: BranchName) -> PushTarget:
    """Return where a branch made from `base` is pushed: the configured remote, else base's upstream, else the only one.

    Raise UsageError when none of these says it.
    """
    known = remotes(git)
    name = configured or _upstream_remote(git, base)
    if configured and configured not in known:
        raise UsageError(
            f"push.remote: there is no remote {clean_line(configured, limit=60)!r}",
            hint=f"it has {', '.join(sorted(known)) or 'none'}",
        )
    if not name or name not in known:
        if len(known) != 1:
            raise UsageError(
                "it is not clear which remote to push to" if known else "this repository has no remote",
                hint='set `remote` under [push] in .sixth/config.toml, or "git remote add"',
            )
        name = next(iter(known))
    url = known[name]
    if "\n" in url:
        raise UsageError(
            f"remote {clean_line(name, limit=60)!r} has several push URLs",
            hint="name another remote under [push] in .sixth/config.toml: an approval is for one place",
        )
    return PushTarget(remote=name, url=url)


def _upstream_remote(git: Git, base: BranchName) -> str:
    done = git.run("for-each-ref", "--format=%(refname)%00%(upstream:remotename)", base.ref)
    lines = (line.partition("\0") for line in done.text.splitlines())
    return next((remote for ref, _, remote in lines if ref == base.ref and remote != "."), "")


def remote_tip(git: Git, target: PushTarget, branch: BranchName) -> Oid | None:
    """Ask the place of a push where the branch is there, None when it has none; raise WorkFailed when it cannot say."""
    require_trusted(git)
    done = git.run(
        "ls-remote", "--quiet", "--", target.url, branch.ref,
        network=True, env=ssh_environment(git), check=False, timeout=_TIMEOUT,
    )  # fmt: skip
    if done.status:
        raise _remote_failed(target, done)
    for line in done.text.splitlines():
        oid, _, ref = line.partition("\t")
        if ref == branch.ref:
            return Oid(oid)
    return None


def push(git: Git, approved: ApprovedDraft, *, expected: Oid | None) -> PushReport:
    """Push exactly the approved commit and read it back.

    `expected` is where the branch was seen at the remote last, None for nowhere: anything else there is left alone and
    Refused raised, as it is when branch, tree or remote are no longer what was approved. WorkFailed carries the
    remote's own words when it refuses or cannot be reached.
    """
    draft, target = approved.draft, approved.target
    _require_unmoved(git, approved)
    there = remote_tip(git, target, draft.branch)
    if there == draft.head:
        return PushReport(ref=draft.branch.ref, head=draft.head, created=False, sent=False)
    if there != expected:
        raise _moved_there(approved, there)
    _require_unmoved(git, approved)  # again: the remote may have taken its time to answer
    argv = (
        "push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no",
        f"--force-with-lease={draft.branch.ref}:{expected or ''}", "--no-force-if-includes",
        "--", target.remote, f"{draft.head}:{draft.branch.ref}",
    )  # fmt: skip
    done = git.run(*argv, network=True, env=ssh_environment(git), check=False, timeout=_TIMEOUT)
    if done.status:
        if "(stale info)" in done.text:
            raise _moved_there(approved, remote_tip(git, target, draft.branch))
        raise _remote_failed(target, done)
    now = remote_tip(git, target, draft.branch)
    if now != draft.head:
        raise WorkFailed(
            f"{clean_line(target.remote)} took the push but shows {(now or 'nothing')[:12]} for "
            f"{draft.branch}, not {draft.head[:12]}",
            hint="somebody else may have pushed at the same moment: look there, then push again",
        )
    return PushReport(
        ref=draft.branch.ref,
        head=draft.head,
        created=expected is None,
        sent=True,
        words=_words(done),
        argv=("git", *argv),
    )


def _require_unmoved(git: Git, approved: ApprovedDraft) -> None:
    draft, target = approved.draft, approved.target
    again = f"sixthbot review {draft.branch}, then sixthbot approve {draft.branch}"
    if tip(git, draft.branch) != draft.head:
        raise Refused(f"{draft.branch} has moved since it was approved", hint=again)
    if tree_of(git, draft.head) != draft.tree:
        raise Refused(f"the tree of {draft.head[:12]} is not the one that was approved", hint=again)
    if remotes(git).get(target.remote) != target.url:
        raise Refused(f"remote {clean_line(target.remote)} no longer has the approved URL", hint=again)


def _moved_there(approved: ApprovedDraft, there: Oid | None) -> Refused:
    branch, remote = approved.draft.branch, clean_line(approved.target.remote)
    return Refused(
        f"{branch} was moved at {remote}: it is at {(there or 'nothing')[:12]} there",
        hint=f"git fetch {remote}, look at it, then sixthbot review {branch}",
    )


def require_trusted(git: Git) -> None:
    """Refuse to speak to remotes while the repository's settings name programs nobody trusted: git would run them."""
    if not git.settings_trusted():
        raise Refused(
            "the repository's git settings name programs that are not trusted",
            hint="sixthbot trust --show, then sixthbot trust",
        )


def ssh_environment(git: Git) -> Mapping[str, str]:
    """Return what keeps ssh from asking questions, unless the user has a way of their own to call it."""
    own = any(name in os.environ for name in ("GIT_SSH", "GIT_SSH_COMMAND"))
    if own or git.run("config", "--get", "core.sshCommand", check=False).status == 0:
        return {}
    return {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}


def _words(done: Result) -> tuple[str, ...]:
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    said = (
        clean_line(masked(line.removeprefix("remote:")), limit=300)
        for line in lines
        if line.startswith("remote:")
    )
    return tuple(line for line in said if line)


def _remote_failed(target: PushTarget, done: Result) -> WorkFailed:
    refused = [line.split("\t")[-1] for line in done.text.splitlines() if line.startswith("!")]
    words = (*(clean_line(masked(line), limit=200) for line in refused), *_words(done)[:5])
    error = failure("push", done)
    said = "; ".join(words) or done.complaint or error.message
    return GitFailed(
        f"{clean_line(target.remote, limit=60)} said no: {said}",
        hint="mend that, then push again: the approval stands",
        exit_status=done.status,
        stderr=error.stderr,
    )
