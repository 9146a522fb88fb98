"""Follows a branch of an issue that a person renamed: the issue, its draft and what stands on it go by the new name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sixthbot.core.errors import SixthError
from sixthbot.core.events import EventKind
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName, Oid
from sixthbot.core.tasks import Parked
from sixthbot.engine.again import FROM_REBASE, set_status, take_up
from sixthbot.engine.closing import put_away
from sixthbot.git.commits import log
from sixthbot.git.renames import renamed_to

if TYPE_CHECKING:
    from sixthbot.core.issues import Ending, IssueRecord
    from sixthbot.engine.services import Services

_OVER = frozenset({IssueStatus.ENDED, IssueStatus.CANCELLED, IssueStatus.REJECTED})


def follow_rename(services: Services, record: IssueRecord, ending: Ending) -> bool:
    """Give an issue the name that its branch has by now; False where the branch was not renamed but is gone.

    A draft that waits for review is told anew under the new name, and an approval of the old one does not count: what
    was approved would have been pushed under another name. Doing it again is harmless.
    """
    if ending.into or record.status in _OVER:
        return False
    old = BranchName.parse(ending.branch)
    new = renamed_to(services.repo.git, old, at=ending.tip)
    if new is None:
        return False
    reviewed = _waits_for_review(services, record)
    put_away(services, record)
    _follow_base(services, old, new)
    tips = _known(services, record, old, ending.tip)
    services.store.issues.change_record(
        record.id,
        lambda now: replace(
            now, branch=new.value, accepted_tips=tuple(dict.fromkeys((*now.accepted_tips, *tips)))
        ),
    )
    services.store.journal.append(
        "branch.renamed", f"{old} is {new} now, and issue {record.id} goes on there", issue=record.id
    )
    if reviewed:
        set_status(services, record.id, IssueStatus.OPEN)
        take_up(services, record.id, redo=FROM_REBASE)
    return True


def _follow_base(services: Services, old: BranchName, new: BranchName) -> None:
    """Let issues whose branches stand on the renamed one go by its new name."""
    for other in services.store.issues.list():
        if other.base == old.value:
            services.store.issues.change_record(other.id, partial(replace, base=new.value))


def _waits_for_review(services: Services, record: IssueRecord) -> bool:
    tasks = services.store.queue.about({record.id}, ("parked",))
    return any(
        isinstance(task.state, Parked)
        and task.state.kind == "review"
        and task.event.kind == EventKind.ISSUE_ADDED
        for task in tasks
    )


def _known(services: Services, record: IssueRecord, old: BranchName, tip: Oid) -> list[Oid]:
    """Return the commits of the branch that were the bot's or accepted: under the new name nothing else tells of them."""
    known = services.store.operations.tips_written(old.ref) | set(record.accepted_tips)
    below = [Oid(record.base_commit)] if record.base_commit else []
    try:
        commits = log(services.repo.git, tip=tip, not_in=below)
    except SixthError:
        commits = []
    return [commit.id for commit in commits if commit.id in known] + [tip] * (tip in known)
