"""Keeps branches that stand on other issues' branches up with those: tells their tasks to go on when one below changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.actions.depends import WITH_DRAFT, chain, draft_of, find, settled_footing, why_not
from sixthbot.core.errors import SixthError, UsageError
from sixthbot.core.events import EventKind
from sixthbot.core.issues import Ending, IssueStatus
from sixthbot.core.names import BranchName, Oid
from sixthbot.core.tasks import Parked
from sixthbot.engine.admit import hasten
from sixthbot.engine.again import FROM_REBASE, require_at_rest, set_status, take_up
from sixthbot.engine.answers import accept_tip
from sixthbot.engine.closing import put_back
from sixthbot.engine.housekeeping import end_issues
from sixthbot.git import refs
from sixthbot.git.commits import is_ancestor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services

_CURSOR = "stacks"
OVER = frozenset({IssueStatus.CANCELLED, IssueStatus.REJECTED, IssueStatus.ENDED})
_HELD_UP = frozenset({"input", "conflict"})


class Stacks:
    """What the bot last saw of issues that others may stand on."""

    def __init__(self) -> None:
        self._whole: frozenset[str] | None = None

    def look(self, services: Services, tips: Mapping[str, Oid]) -> list[str]:
        """Do what follows from how the branches below others stand now; return the issues that go on.

        `tips` are all branches by full ref name. Each state of a branch below is answered once: what it led to cannot
        lead to itself.
        """
        records = services.store.issues.list()
        whole = frozenset(record.id for record in records if record.status in WITH_DRAFT)
        if self._whole is not None and whole - self._whole:
            hasten(services)  # others may have waited for these drafts
        self._whole = whole
        standing = [record for record in records if record.stands_on]
        if not standing:
            return []
        seen = services.store.cursors.load(_CURSOR) or {}
        moved = [record for record in standing if _goes_on(services, record, tips, seen)]
        return [record.id for record in moved]


def put_onto(services: Services, branch: str, base: str) -> list[Task]:
    """Put an issue's branch on another base from now on, without the commits of the one it stood on; return its tasks.

    Raise UsageError when there is no such base, or the base stands on this very branch.
    """
    record = services.store.issues.find_by_branch(branch)
    if record is None:
        raise UsageError(f"the branch {branch} belongs to no issue", hint="sixthbot issue list")
    if refs.tip(services.repo.git, BranchName.parse(base)) is None:
        raise UsageError(f"there is no branch {base}", hint="git branch --list")
    require_at_rest(services, record.id)
    lower = services.store.issues.find_by_branch(base)
    above = [record.id] if lower is None else [lower.id, *chain(services.store, lower)]
    if base == branch or (lower is not None and record.id in above):
        raise UsageError(f"{base} stands on {branch}, so {branch} cannot stand on it")
    below = "" if lower is None or lower.status in OVER else lower.id
    accept_tip(services, record)
    services.store.issues.change_record(record.id, lambda now: replace(now, base=base, stands_on=below))
    services.store.journal.append(
        "branch.stacked", f"{branch} belongs on {base} from now on", issue=record.id
    )
    _begin_anew(services, record)
    return take_up(services, record.id, redo=FROM_REBASE)


def _goes_on(
    services: Services, record: IssueRecord, tips: Mapping[str, Oid], seen: dict[str, object]
) -> bool:
    try:
        if record.status is IssueStatus.PUSHED:
            return _follow_pushed(services, record, tips)
        return record.status not in OVER and _follow(services, record, tips, seen)
    except SixthError:
        return False  # its files are damaged, or its task was taken up this moment: the next look sees more


def _follow_pushed(services: Services, record: IssueRecord, tips: Mapping[str, Oid]) -> bool:
    """Let a pushed branch count from what the one below it came into: the draft is out, and stays as it is."""
    git = services.repo.git
    settled = settled_footing(services.store, git, record)
    if settled == record:
        return False
    services.store.issues.change_record(
        record.id, lambda now: replace(now, base=settled.base, stands_on=settled.stands_on)
    )
    at, base = tips.get(f"refs/heads/{record.branch}"), tips.get(f"refs/heads/{settled.base}")
    if at is not None and base is not None and is_ancestor(git, at, base):
        end_issues(services, [Ending(branch=record.branch, tip=at, into=settled.base)])  # both came at once
    return True


def _follow(
    services: Services, record: IssueRecord, tips: Mapping[str, Oid], seen: dict[str, object]
) -> bool:
    lower = find(services.store, record.stands_on)
    state = _state_of(lower, tips)
    if seen.get(record.id) == state:
        return False
    held = _held(services, record)
    why = ""
    if "review" in held:
        why = _why_again(services, record, lower, tips)
    elif held & _HELD_UP and record.id not in seen:
        _remember(services, seen, record.id, state)
    elif held & _HELD_UP and _may_stand(lower):
        why = f"{record.base}, which it stands on, has changed"
    if not why:
        return False
    services.store.journal.append("draft.redone", f"{record.branch}: {why}", issue=record.id)
    _begin_anew(services, record)
    take_up(services, record.id, redo=FROM_REBASE)
    _remember(services, seen, record.id, state)
    return True


def _begin_anew(services: Services, record: IssueRecord) -> None:
    put_back(services, record)
    if record.status in {IssueStatus.IN_REVIEW, IssueStatus.APPROVED}:
        set_status(services, record.id, IssueStatus.OPEN)


def _held(services: Services, record: IssueRecord) -> set[str]:
    """Return what kinds of word the issue's own tasks wait for."""
    tasks = services.store.queue.about({record.id}, ("parked",))
    own = [task.state for task in tasks if task.event.kind == EventKind.ISSUE_ADDED]
    return {state.kind for state in own if isinstance(state, Parked)}


def _may_stand(lower: IssueRecord | None) -> bool:
    return lower is not None and (lower.status in WITH_DRAFT or bool(lower.came_into))


def _why_again(
    services: Services, record: IssueRecord, lower: IssueRecord | None, tips: Mapping[str, Oid]
) -> str:
    """Return why an issue's draft is to be made anew, empty where it stands well."""
    settled = settled_footing(services.store, services.repo.git, record)
    why = why_not(find(services.store, settled.stands_on), settled)
    if why:
        return why
    if settled.base != record.base:
        return f"{record.base} came in, and it belongs on {settled.base} now"
    at = tips.get(f"refs/heads/{record.base}")
    if lower is None or at is None or at == record.base_commit or lower.status not in WITH_DRAFT:
        return ""
    draft = draft_of(services.store, lower)
    if draft is None or draft.head != at:
        return ""  # somebody is at work there: its next draft counts
    if record.status is IssueStatus.APPROVED and record.base_commit:
        # a base that only grew does not take a person's word back
        grew = is_ancestor(services.repo.git, Oid(record.base_commit), at)
        return "" if grew else f"{record.base}, which it stands on, was rewritten: the approval is taken back"
    return f"{record.base}, which it stands on, has moved"


def _state_of(lower: IssueRecord | None, tips: Mapping[str, Oid]) -> str:
    if lower is None:
        return "gone"
    return f"{lower.status.value} {tips.get(f'refs/heads/{lower.branch}', '')} {lower.came_into}"


def _remember(services: Services, seen: dict[str, object], issue_id: str, state: str) -> None:
    seen[issue_id] = state
    services.store.cursors.save(_CURSOR, seen)
