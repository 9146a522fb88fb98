"""Takes an operation back: exactly its refs, by an operation of its own, and lets issue, plan and draft follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.actions.moving import move_as_operation
from sixthbot.actions.rewriting import heal_plan
from sixthbot.core.errors import RefMoved, Refused, UsageError
from sixthbot.core.names import BranchName, Oid
from sixthbot.engine.again import forget_lost_work
from sixthbot.engine.closing import withdraw
from sixthbot.git.commits import log
from sixthbot.git.refs import checked_out, has_object, holders, resolve, tip
from sixthbot.store.records import naming

if TYPE_CHECKING:
    from sixthbot.core.issues import IssueRecord
    from sixthbot.engine.services import Services
    from sixthbot.store.operations import Operation, RefChange

_OURS = ("refs/heads/", "refs/tags/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """What an undo would move back, and the issues whose branches these are."""

    operation: Operation
    changes: tuple[RefChange, ...]
    issues: tuple[str, ...]


def plan_undo(services: Services, operation_id: str | None) -> Undo:
    """Return what undoing an operation (None: the last one that was made) would do; nothing is changed.

    Raise UsageError when there is none, Refused when it is not over, was undone, or has a ref that moved since, is
    checked out, is being worked on, was pushed or is no branch or tag of this repository.
    """
    operations = services.store.operations.list()
    operation = _chosen(services, operations, operation_id)
    _require_whole(operations, operation)
    places = checked_out(services.repo.git)
    for ref, old, new in operation.refs:
        name = ref.removeprefix("refs/heads/")
        if not ref.startswith(_OURS):
            raise Refused(
                f"{ref} is not a branch or tag of this repository", hint="git undoes that, not sixthbot"
            )
        now = resolve(services.repo.git, ref)
        if now != new:
            raise Refused(
                f"{name} has moved since: it is at {(now or 'nothing')[:12]}, operation {operation.id} left it at "
                f"{(new or 'nothing')[:12]}",
                hint=f"what moved it: sixthbot operations --branch {name}",
            )
        if ref in places:
            raise Refused(f"{name} is checked out in {places[ref]}", hint="switch to another branch there")
        if old is not None and not has_object(services.repo.git, Oid(old)):
            raise Refused(
                f"the commit {old[:12]} that {name} was at is gone",
                hint="its backup was taken away, see bot.keep_backups",
            )
        if new is not None and old != new:
            _require_unpublished(services, name, Oid(new))
    issues = [record for ref, _, _ in operation.refs if (record := _issue_of(services, ref)) is not None]
    for record in issues:
        _require_at_rest(services, record)
    changes = tuple((ref, new, old) for ref, old, new in operation.refs)
    return Undo(operation=operation, changes=changes, issues=tuple(record.id for record in issues))


def undo(services: Services, plan: Undo) -> Operation:
    """Do what `plan_undo` planned, as one operation, which can be undone in turn; return it.

    An approval of such a branch counts no more, its plan says what is on the branch now, and a draft of another
    commit waits for review again. Raise Refused when a ref moved meanwhile.
    """
    done = plan.operation
    try:
        return move_as_operation(
            services.repo.git,
            services.store,
            plan.changes,
            now=services.clock(),
            task="",
            reason=f"undo: {done.reason}",
            note=services.store.journal.note,
            undoes=done.id,
            then=lambda operation: follow_undo(services, operation),
        )
    except RefMoved as error:
        raise Refused(f"nothing was undone: {error.message}", hint="try again") from error


def undone_by(operations: list[Operation]) -> dict[str, str]:
    """Return the operations that are undone now, with the id of the one that did it."""
    found: dict[str, str] = {}
    for operation in operations:
        if operation.undoes and operation.state == "done":
            found[operation.undoes] = operation.id
    # an undo that was itself undone took nothing back
    return {one: by for one, by in found.items() if by not in found}


def follow_undo(services: Services, operation: Operation) -> None:
    """Let issues follow the refs of an undo; nothing for any other operation. Doing it again is harmless."""
    if not operation.undoes:
        return
    for ref, _, _ in operation.refs:
        record = _issue_of(services, ref)
        if record is None:
            continue
        withdraw(services, record)
        forget_lost_work(services, record)
        name, base = BranchName.parse(record.branch), BranchName.parse(record.base)
        here, below = tip(services.repo.git, name), tip(services.repo.git, base)
        if here is not None:
            commits = log(services.repo.git, tip=here, not_in=[] if below is None else [below])
            heal_plan(services.repo.git, services.store.issues, record.id, commits)
        services.store.journal.append(
            "operation.undone",
            f"{operation.reason}: {name} is {'gone' if here is None else f'at {here[:12]} again'}",
            issue=record.id,
            commit=here,
            data={"operation": operation.id, "undoes": operation.undoes},
        )


def _chosen(services: Services, operations: list[Operation], operation_id: str | None) -> Operation:
    if operation_id is not None:
        matching = [one for one in operations if one.id == operation_id] or [
            one for one in operations if operation_id and one.id.startswith(operation_id)
        ]
        if len(matching) > 1:
            raise UsageError(
                f"{len(matching)} operations begin with {operation_id!r}", hint="sixthbot operations"
            )
        return matching[0] if matching else services.store.operations.get(operation_id)
    made = [one for one in operations if one.state != "reverted"]
    if not made:
        raise UsageError("there is nothing to undo: no ref was moved yet", hint="sixthbot operations")
    return made[-1]


def _require_whole(operations: list[Operation], operation: Operation) -> None:
    if operation.state == "begun":
        raise Refused(
            f"operation {operation.id} is not over: it is being made, or was broken off",
            hint="again in a moment; one that was broken off is settled by: sixthbot run",
        )
    if operation.state == "reverted":
        raise Refused(f"operation {operation.id} was never made", hint="sixthbot operations")
    by = undone_by(operations).get(operation.id)
    if by is not None:
        raise Refused(f"operation {operation.id} is undone already", hint=f"sixthbot undo {by} has it again")


def _require_unpublished(services: Services, name: str, new: Oid) -> None:
    """Refuse where the commit is at a remote: moving the branch here would not move it there."""
    remote = next(iter(holders(services.repo.git, new, "refs/remotes/")), None)
    if remote is not None:
        raise Refused(
            f"{name} at {new[:12]} is at {remote.removeprefix('refs/remotes/')} already: undoing it here would not undo it there",
            hint=f"git revert {new[:12]}",
        )
    for record in services.store.journal.read(newest_first=True, worth=naming([new])):
        if record.kind == "draft.pushed" and record.commit == new:
            raise Refused(f"{name} at {new[:12]} was pushed already", hint=f"git revert {new[:12]}")


def _require_at_rest(services: Services, record: IssueRecord) -> None:
    if any(task.state.name == "running" for task in services.store.queue.about({record.id}, ("running",))):
        raise Refused(
            f"issue {record.id} is being worked on",
            hint=f"again in a moment, or: sixthbot issue cancel {record.id}",
        )


def _issue_of(services: Services, ref: str) -> IssueRecord | None:
    name = BranchName.of_ref(ref)
    return None if name is None else services.store.issues.find_by_branch(name)
