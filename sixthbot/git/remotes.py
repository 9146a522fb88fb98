"""Remotes: which one a branch goes to, and the one function that pushes, which takes approved drafts only."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.drafts import ApprovedDraft, PushTarget
from sixthbot.core.errors import GitFailed, Refused, TookTooLong, UsageError, WorkFailed
from sixthbot.core.names import Oid, clean_line
from sixthbot.core.pushways import OWN_PUSH, REVIEW_REFS, destination, push_options
from sixthbot.core.shown import masked
from sixthbot.core.text import is_oid
from sixthbot.git.refs import tip
from sixthbot.git.run import failure
from sixthbot.git.trees import tree_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sixthbot.core.names import BranchName
    from sixthbot.git.run import Git, Result

PATIENCE = 600.0
"""Seconds that a remote gets for its answer where nobody says otherwise."""
_AGAIN = "the approval stands: push again once that is mended"
# git's own words, which are the same in every language: LC_ALL is C.UTF-8
_ASKED = re.compile(
    r"could not read (?:Username|Password)|Authentication failed|Permission denied|terminal prompts disabled"
    r"|Host key verification failed|Invalid username|HTTP Basic: Access denied|error: 401|error: 403"
)
_AWAY = re.compile(
    r"Could not resolve|Connection refused|[Nn]etwork is unreachable|timed out|No route to host|Could not connect"
    r"|unable to connect|Failed to connect|Connection reset|does not appear to be a git repository"
    r"|repository .* not found|unexpected disconnect|hung up unexpectedly|early EOF"
)


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
    for line in git.run("remote", "--verbose").lines:
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
    lines = (line.partition("\0") for line in done.lines)
    return next((remote for ref, _, remote in lines if ref == base.ref and remote != "."), "")


def remote_tip(git: Git, target: PushTarget, branch: BranchName, *, seconds: float = PATIENCE) -> Oid | None:
    """Ask the place of a push where the branch is there, None when it has none; raise WorkFailed when it cannot say."""
    return _refs_there(git, target, branch.ref, seconds=seconds).get(branch.ref)


def known_there(git: Git, target: PushTarget, *, seconds: float = PATIENCE) -> list[Oid]:
    """Ask the place of a push what it has, and return those of its commits that are here, too."""
    return _here(git, set(_refs_there(git, target, seconds=seconds).values()))


def seen_there(git: Git, remote: str) -> list[Oid]:
    """Return what was seen last of the commits that the remote has, without asking it; nothing when it never was seen."""
    done = git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/remotes")
    lines = (line.partition(" ") for line in done.lines)
    return _here(git, {Oid(oid) for oid, _, ref in lines if ref.startswith(f"refs/remotes/{remote}/")})


def _here(git: Git, oids: Collection[Oid]) -> list[Oid]:
    asked = "".join(f"{oid}\n" for oid in sorted(oids)).encode()
    done = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked) if asked else None
    lines = (line.partition(" ") for line in (done.lines if done else ()))
    return [Oid(oid) for oid, _, kind in lines if kind in {"commit", "tag"}]


def _refs_there(git: Git, target: PushTarget, *patterns: str, seconds: float) -> dict[str, Oid]:
    done = _ask(
        git, target, "ls-remote", "--quiet", "--end-of-options", target.url, *patterns, seconds=seconds
    )
    if done.status:
        raise said_no(target.remote, "ls-remote", done, again=_AGAIN)
    lines = (line.partition("\t") for line in done.lines)
    return {ref: Oid(oid) for oid, _, ref in lines if is_oid(oid)}


def _ask(git: Git, target: PushTarget, *args: str, seconds: float) -> Result:
    """Run git on the network; raise WorkFailed when the remote does not answer in time."""
    require_trusted(git)
    _require_one_rewriting(git, target)
    try:
        return git.run(*args, network=True, env=ssh_environment(git), check=False, timeout=seconds)
    except TookTooLong:
        raise WorkFailed(
            f"{clean_line(target.remote, limit=60)} gave no answer within {seconds:g} s",
            hint=f"{_AGAIN}; `timeout` under [push] says how long to wait",
        ) from None


def _require_one_rewriting(git: Git, target: PushTarget) -> None:
    """Refuse a URL that `insteadOf` would turn into yet another one: what was approved is the one really used."""
    told = git.run("ls-remote", "--get-url", "--end-of-options", target.url, check=False)
    if told.status == 0 and told.text.removesuffix("\n") != target.url:
        raise Refused(
            f"git would turn {clean_line(masked(target.url))} into {clean_line(masked(told.text))}",
            hint="url.*.insteadOf rewrites what it made itself; give the remote its final URL: git remote set-url",
        )


def push(git: Git, approved: ApprovedDraft, *, expected: Oid | None, seconds: float = PATIENCE) -> PushReport:
    """Push exactly the approved commit and read it back.

    `expected` is where the branch was seen at the remote last, None for nowhere: anything else there is left alone and
    Refused raised, as it is when branch, tree or remote are no longer what was approved. WorkFailed carries the
    remote's own words when it refuses or cannot be reached within `seconds`.
    """
    draft, target = approved.draft, approved.target
    if target.way not in OWN_PUSH:
        raise Refused(f"a draft that goes out as {target.way} is not pushed by git")
    require_unmoved(git, approved)
    for_review = target.way in REVIEW_REFS
    ref = destination(draft, target.way)
    if for_review:
        there = draft.head if _in_review(git, approved, seconds=seconds) else None
    else:
        there = remote_tip(git, target, draft.branch, seconds=seconds)
    if there == draft.head:
        return PushReport(ref=ref, head=draft.head, created=False, sent=False)
    if there != expected and not for_review:
        raise _moved_there(approved, there)
    require_unmoved(git, approved)  # again: the remote may have taken its time to answer
    # a review ref is never there: what stands behind it is the forge's, which keeps every version
    lease = [] if for_review else [f"--force-with-lease={ref}:{expected or ''}", "--no-force-if-includes"]
    argv = (
        "push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no", *lease,
        *(f"--push-option={option}" for option in push_options(draft, target.way)),
        "--end-of-options", target.remote, f"{draft.head}:{ref}",
    )  # fmt: skip
    done = _ask(git, target, *argv, seconds=seconds)
    if done.status:
        if "(stale info)" in done.text:
            raise _moved_there(approved, remote_tip(git, target, draft.branch, seconds=seconds))
        raise said_no(target.remote, "push", done, again=_AGAIN)
    words = _words(done)
    if for_review:
        if not _in_review(git, approved, seconds=seconds):
            words += ("it could not be read back: the remote does not show what it took in for review",)
    else:
        _read_back(git, approved, seconds=seconds)
    return PushReport(
        ref=ref, head=draft.head, created=expected is None, sent=True, words=words, argv=("git", *argv)
    )


def _read_back(git: Git, approved: ApprovedDraft, *, seconds: float) -> None:
    draft, target = approved.draft, approved.target
    now = remote_tip(git, target, draft.branch, seconds=seconds)
    if now != draft.head:
        raise WorkFailed(
            f"{clean_line(target.remote)} took the push but shows {(now or 'nothing')[:12]} for "
            f"{draft.branch}, not {draft.head[:12]}",
            hint="somebody else may have pushed at the same moment: look there, then push again",
        )


def _in_review(git: Git, approved: ApprovedDraft, *, seconds: float) -> bool:
    """Tell whether the remote shows that it has the commit for review: Gerrit and Gitea name each one they took in."""
    there = _refs_there(git, approved.target, "refs/changes/*", "refs/pull/*", seconds=seconds)
    return approved.draft.head in there.values()


def require_unmoved(git: Git, approved: ApprovedDraft) -> None:
    """Refuse unless branch, tree and URL are at this moment what was approved."""
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


def said_no(remote: str, command: str, done: Result, *, again: str) -> GitFailed:
    """Return the error for what a remote did not do, in its own words; `again` is what a person does once it is mended."""
    refused = [line.split("\t")[-1] for line in done.lines if line.startswith("!")]
    words = (*(clean_line(masked(line), limit=200) for line in refused), *_words(done)[:5])
    error = failure(command, done)
    said = "; ".join(words) or done.complaint or error.message
    name = clean_line(remote, limit=60)
    all_said = done.stderr.decode("utf-8", "replace")
    message, hint = f"{name} said no: {said}", again
    if refused:
        pass
    elif _ASKED.search(all_said):
        message = f"{name} wants to know who you are, and sixthbot never asks for a password: {said}"
        hint = f"let git know it by itself (a credential helper, an ssh agent); {again}"
    elif _AWAY.search(all_said):
        message = f"{name} cannot be reached: {said}"
    return GitFailed(message, hint=hint, exit_status=done.status, stderr=error.stderr)


def _words(done: Result) -> tuple[str, ...]:
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    said = (
        clean_line(masked(line.removeprefix("remote:")), limit=300)
        for line in lines
        if line.startswith("remote:")
    )
    return tuple(line for line in said if line)
