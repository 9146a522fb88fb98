"""The state's way to a remote and back: one fetch without force, one push with the value that is expected there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed, UsageError
from sixthbot.core.names import Oid, clean_line
from sixthbot.core.text import is_oid
from sixthbot.git.refs import RefMove, move_refs, resolve
from sixthbot.git.remotes import remotes, require_trusted, said_no, ssh_environment
from sixthbot.git.stateref import STATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.core.names import BranchName
    from sixthbot.git.run import Git, Result

BRANCHES = "refs/sixth/branches/"
KEPT = "refs/sixth/kept/"
_QUIET = (
    "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--no-prune",
    "--no-show-forced-updates", "--no-write-commit-graph", "--quiet",
)  # fmt: skip
_REFUSED = "!"
_AGAIN = "nothing is lost: what was done here is saved here; sync again when that is mended"


@dataclass(frozen=True, slots=True)
class Remote:
    """A configured remote, by name. `seconds` is how long one exchange with it may take."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Tips:
    """What a remote has: where the state is, and the branches that clones carry over, by full ref name."""

    state: Oid | None
    branches: Mapping[str, Oid]


def choose_state_remote(git: Git, named: str, configured: str, *, seconds: float) -> Remote:
    """Return the remote that the state goes to: the one named, the configured one, `origin`, or the only one.

    Raise UsageError when none of these says it, or there is none of that name.
    """
    known = remotes(git)
    wanted = named or configured
    if wanted and wanted not in known:
        raise UsageError(
            f"there is no remote {clean_line(wanted, limit=80)!r}",
            hint=f"it has {clean_line(', '.join(sorted(known)), limit=200) or 'none'}; git remote add NAME URL",
        )
    if not wanted and not known:
        raise UsageError("this repository has no remote", hint="git remote add NAME URL")
    if not wanted and "origin" not in known and len(known) > 1:
        raise UsageError(
            f"which remote is meant? there are {clean_line(', '.join(sorted(known)), limit=200)}",
            hint="name it: sixthbot sync REMOTE; or set `remote` under [sync]",
        )
    return Remote(wanted or ("origin" if "origin" in known else next(iter(known))), seconds)


def tips_at(git: Git, remote: Remote) -> Tips:
    """Ask a remote what it has; raise GitFailed with its own words when it cannot be reached or says no."""
    done = _ask(git, remote, "ls-remote", "--quiet", "--refs", "--", remote.name, STATE, f"{BRANCHES}*")
    found = (line.partition("\t") for line in done.lines)
    refs = {ref: Oid(oid) for oid, _, ref in found if is_oid(oid)}
    return Tips(refs.pop(STATE, None), {ref: oid for ref, oid in refs.items() if ref.startswith(BRANCHES)})


def tracking(remote: Remote, ref: str) -> str:
    """Return the local ref that says where a ref of a remote was seen."""
    return f"refs/sixth/remotes/{remote.name}/{ref.removeprefix('refs/sixth/')}"


def fetch(git: Git, remote: Remote, there: Tips) -> None:
    """Bring what a remote has into the refs that track it. Everything of the state is checked as it comes in.

    Raise GitFailed when the remote's state is not a later one of what was seen there, and as `tips_at` does.
    """
    state = (
        [STATE] if there.state is not None and resolve(git, tracking(remote, STATE)) != there.state else []
    )
    if state:
        done = _ask(
            git, remote, "-c", "fetch.fsckObjects=true", "fetch", *_QUIET, "--", remote.name,
            f"{STATE}:{tracking(remote, STATE)}", check=False,
        )  # fmt: skip
        if done.status:
            raise _not_fetched(remote, done)
    moved = {ref: oid for ref, oid in there.branches.items() if resolve(git, tracking(remote, ref)) != oid}
    if moved:
        # a branch is rebased, so that its new tip seldom builds on the old one; what tracks it is only for this
        old = {ref: resolve(git, tracking(remote, ref)) for ref in moved}
        gone = [RefMove(tracking(remote, ref), oid, None) for ref, oid in old.items() if oid is not None]
        move_refs(git, gone, message="sixthbot: sync")
        _ask(
            git,
            remote,
            "fetch",
            *_QUIET,
            "--",
            remote.name,
            *(f"{ref}:{tracking(remote, ref)}" for ref in moved),
        )


def seen_states(git: Git) -> list[Oid]:
    """Return where the states of all remotes were seen."""
    done = git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/sixth/remotes")
    lines = (line.partition(" ") for line in done.lines)
    return [Oid(oid) for oid, _, ref in lines if ref.endswith("/state") and "/branches/" not in ref]


def forget(git: Git, remote: Remote) -> None:
    """Forget where the state of a remote was seen, so that one that was begun anew can be fetched."""
    seen = resolve(git, tracking(remote, STATE))
    if seen is not None:
        move_refs(git, [RefMove(tracking(remote, STATE), seen, None)], message="sixthbot: sync")


def carried(git: Git, remote: Remote, branch: BranchName) -> dict[str, Oid]:
    """Return where clones have a branch, by actor, as was seen at a remote."""
    top = tracking(remote, BRANCHES)
    done = git.run("for-each-ref", "--format=%(refname) %(objectname)", top.rstrip("/"))
    found = {}
    for line in done.lines:
        ref, _, oid = line.partition(" ")
        actor, _, name = ref.removeprefix(top).partition("/")
        if name == branch.value:
            found[actor] = Oid(oid)
    return found


def send(git: Git, remote: Remote, moves: Sequence[tuple[str, Oid | None, Oid | None]]) -> bool:
    """Push refs (name, value expected there, new value or None to delete) in one go; false when one had moved there.

    Raise GitFailed with the remote's own words when it refuses or cannot be reached.
    """
    leases = [f"--force-with-lease={ref}:{expected or ''}" for ref, expected, _ in moves]
    specs = [f"{new or ''}:{ref}" for ref, _, new in moves]
    done = _ask(
        git, remote, "push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed",
        "--recurse-submodules=no", "--no-force-if-includes", *leases, "--", remote.name, *specs, check=False,
    )  # fmt: skip
    if done.status == 0:
        return True
    refused = [line for line in done.lines if line.startswith(_REFUSED)]
    raced = ("(stale info)", "(fetch first)", "(non-fast-forward)", "cannot lock ref", "failed to update ref")
    if refused and all(any(word in line for word in raced) for line in refused):
        return False
    raise said_no(remote.name, "push", done, again=_AGAIN)


def _ask(git: Git, remote: Remote, *args: str, check: bool = True) -> Result:
    require_trusted(git)
    done = git.run(
        *args, network=True, env=ssh_environment(git), check=False, timeout=remote.seconds, write=True
    )
    if check and done.status:
        raise said_no(remote.name, args[0], done, again=_AGAIN)
    return done


def _not_fetched(remote: Remote, done: Result) -> GitFailed:
    if "non-fast-forward" in done.text or b"non-fast-forward" in done.stderr:
        return GitFailed(
            f"the state at {clean_line(remote.name)} is not a later one of what was seen there",
            hint="somebody began it anew: sixthbot sync --root theirs, or --root ours",
        )
    return said_no(remote.name, "fetch", done, again=_AGAIN)
