"""Takes over the branches that other clones carry with the state, and names those of this clone that should be carried."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sixthbot.actions.moving import move_as_operation
from sixthbot.core.errors import SixthError
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName, parse_oid
from sixthbot.core.tasks import Done, Failed, Parked, Running
from sixthbot.engine.withholding import secrets_on_branch
from sixthbot.git.commits import is_ancestor
from sixthbot.git.refs import checked_out, resolve, tip
from sixthbot.git.remotes import seen_there
from sixthbot.git.statesync import BRANCHES, KEPT, carried
from sixthbot.store.records import became
from sixthbot.store.state.lay import Layer
from sixthbot.store.state.layout import task_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.names import Oid
    from sixthbot.core.statefold import Folded
    from sixthbot.engine.services import Services
    from sixthbot.git.statesync import Remote
    from sixthbot.store.operations import RefChange
    from sixthbot.store.state.index import Index

_OVER = {IssueStatus.ENDED, IssueStatus.CANCELLED}
_WORK = {"branch", "work"}
"""The steps of a task that makes an issue's commits."""


@dataclass(slots=True)
class Carried:
    """What became of branches: made here, moved on, set aside under a name (branch, ref), left, and missing, with the reason.

    `withheld` are branches that do not go with the state, each with what looks like a secret on it.
    """

    made: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    aside: list[tuple[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    withheld: list[tuple[str, str]] = field(default_factory=list)


def open_branches(services: Services) -> list[tuple[IssueRecord, BranchName]]:
    """Return the issues that are not over and have a branch, with it."""
    found = []
    for record in services.store.issues.list():
        try:
            if record.branch and record.status not in _OVER:
                found.append((record, BranchName.parse(record.branch)))
        except SixthError:
            continue
    return found


def take_over(services: Services, index: Index, remote: Remote, folded: Folded) -> Carried:
    """Put each open issue's branch where the clone whose record counts has it; nothing of this clone is lost by it.

    A branch that is checked out, or that somebody committed to, stays. An issue whose branch is nowhere is parked.
    """
    result = Carried()
    own, in_use = index.get("actor"), checked_out(services.repo.git)
    opened = open_branches(services)
    owners = _owners(services, folded, {record.id for record, _ in opened})
    for record, branch in opened:
        here, there = tip(services.repo.git, branch), carried(services.repo.git, remote, branch)
        owner = owners.get(record.id, own)
        wanted = there.get(owner) or _only(there)
        if here is None and wanted is None:
            wanted = _pushed(services, remote, branch)
        if here is None and wanted is None:
            _park(services, index, record, branch, owner)
            result.missing.append(branch.value)
        elif here is None and wanted is not None:
            _move(services, branch, None, wanted)
            result.made.append(branch.value)
        elif here is not None and wanted is not None and owner != own:
            _follow(services, result, record, branch, here, wanted, in_use)
    return result


def _owners(services: Services, folded: Folded, issues: Collection[str]) -> dict[str, str]:
    """Return whose work on each of these issues counts: that of the clone which had its task in hand last.

    Of several tasks of an issue that is the one which makes its commits. One that another clone's draft set off says
    nothing of whose branch it is.
    """
    tasks = [
        one.winner
        for key, one in folded.entities.items()
        if key.startswith("queue/") and one.winner.group in issues
    ]
    ranked = sorted(tasks, key=lambda op: (_commits(services, task_of(op.key)), op.order))
    return {op.group: op.actor for op in ranked}


def _commits(services: Services, task_id: str) -> bool:
    """Tell whether a task is one that makes an issue's branch or works on it."""
    return any(step.use in _WORK for step in services.store.checkpoints.load(task_id).values())


def _only(there: Mapping[str, Oid]) -> Oid | None:
    tips = set(there.values())
    return tips.pop() if len(tips) == 1 else None


def _pushed(services: Services, remote: Remote, branch: BranchName) -> Oid | None:
    """Return where a branch was pushed to, as an ordinary fetch or clone of the remote has it."""
    done = services.repo.git.run("for-each-ref", "--format=%(refname) %(objectname)", "refs/remotes")
    wanted = f"refs/remotes/{remote.name}/{branch}"
    lines = (line.partition(" ") for line in done.lines)
    return next((parse_oid(oid) for ref, _, oid in lines if ref == wanted), None)


def _follow(
    services: Services,
    result: Carried,
    record: IssueRecord,
    branch: BranchName,
    here: Oid,
    wanted: Oid,
    in_use: Mapping[str, object],
) -> None:
    git = services.repo.git
    if here == wanted or is_ancestor(git, wanted, here):
        return
    if branch.ref in in_use:
        result.left.append(
            f"{branch} is checked out, so it stays at {here[:12]}; there it is at {wanted[:12]}"
        )
        return
    known = services.store.operations.tips_written(branch.ref) | set(record.accepted_tips)
    if is_ancestor(git, here, wanted):
        _move(services, branch, here, wanted)
        result.moved.append(branch.value)
        return
    if here not in known:
        result.left.append(
            f"{branch} has commits of somebody's at {here[:12]}, so it stays; there it is at {wanted[:12]}"
        )
        return
    aside = f"{KEPT}{branch}/{here[:12]}"
    changes: list[RefChange] = [(branch.ref, str(here), str(wanted))]
    if resolve(git, aside) is None:
        changes.append((aside, None, str(here)))
    _operation(
        services, changes, f"{branch} goes on from another clone; what was done here is kept as {aside}"
    )
    result.aside.append((branch.value, aside))


def _move(services: Services, branch: BranchName, old: Oid | None, new: Oid) -> None:
    change = (branch.ref, None if old is None else str(old), str(new))
    _operation(services, [change], f"{branch} comes from another clone")


def _operation(services: Services, changes: Sequence[RefChange], reason: str) -> None:
    move_as_operation(
        services.repo.git, services.store, list(changes), now=services.clock(), task="", reason=reason,
        note=services.store.journal.note,
    )  # fmt: skip


def _park(services: Services, index: Index, record: IssueRecord, branch: BranchName, owner: str) -> None:
    """Let a person decide about an issue whose branch is in another clone only."""
    for task in services.store.queue.all():
        if task.issue != record.id or isinstance(task.state, Done | Failed | Running):
            continue
        reason = f"its branch {branch} is in the clone of {owner} only"
        hint = f"bring the branch here, then: sixthbot queue retry {task.id}; or begin anew: sixthbot issue reopen {record.id}"
        after = replace(task, state=Parked("input", reason, hint))
        if task.state == after.state or not services.store.queue.settle(task, after):
            continue
        services.store.journal.append(
            "task.parked",
            f"waits for a person: {reason}",
            level="warning",
            **became("task.parked", after, task),
        )
        row = next(
            (index.row(f"queue/{path.rpartition('/')[2]}") for path in _paths(services, task.id)), None
        )
        for path in _paths(services, task.id):
            if row is not None:  # what is so only here is no news for others
                index.put([Layer(services.store).row_of(after, path, ids=row.ids, group=row.group)])


def _paths(services: Services, task_id: str) -> list[str]:
    return services.store.queue.paths_of(task_id)


def to_carry(
    services: Services, remote: Remote, actor: str, there: Mapping[str, Oid], result: Carried
) -> list[tuple[str, Oid | None, Oid | None]]:
    """Return the pushes that carry this clone's open branches: (ref, value expected there, new value or None).

    `there` are the branches that the remote has, of all clones. What is there already is not pushed again. What looks
    like a secret stays here, as with any push: `result` then names the branch.
    """
    wanted: dict[str, Oid] = {}
    known = [*seen_there(services.repo.git, remote.name), *set(there.values())]
    result.withheld.clear()
    for record, branch in open_branches(services):
        here = tip(services.repo.git, branch)
        of_others = {
            oid for ref, oid in there.items() if ref.endswith(f"/{branch}") and f"/{actor}/" not in ref
        }
        if here is None or here in of_others:
            continue
        ref = f"{BRANCHES}{actor}/{branch}"
        if there.get(ref) != here and (secrets := secrets_on_branch(services, record, here, known)):
            result.withheld.append((branch.value, secrets))
            wanted |= {ref: there[ref]} if ref in there else {}
        else:
            wanted[ref] = here
    own = {ref: oid for ref, oid in there.items() if ref.startswith(f"{BRANCHES}{actor}/")}
    moves: list[tuple[str, Oid | None, Oid | None]] = [
        (ref, own.get(ref), oid) for ref, oid in sorted(wanted.items()) if own.get(ref) != oid
    ]
    return moves + [(ref, oid, None) for ref, oid in sorted(own.items()) if ref not in wanted]
