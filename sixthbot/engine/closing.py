"""What becomes of an issue's draft when the issue is given up, ends, or is taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.drafts import DraftStatus, with_status
from sixthbot.core.errors import ConfigError
from sixthbot.core.names import BranchName

if TYPE_CHECKING:
    from collections.abc import Collection

    from sixthbot.core.drafts import Draft
    from sixthbot.core.issues import IssueRecord
    from sixthbot.engine.services import Services

_UNDECIDED = frozenset({DraftStatus.AWAITING_REVIEW, DraftStatus.APPROVED})


def turn_down(services: Services, record: IssueRecord) -> None:
    """Show on the draft of an issue that was given up that it is rejected; no approval of it counts any more."""
    _change(services, record, _UNDECIDED, DraftStatus.REJECTED)


def put_back(services: Services, record: IssueRecord) -> None:
    """Let the draft of an issue that goes on wait for review again; no approval of it counts any more."""
    _change(services, record, {DraftStatus.APPROVED, DraftStatus.REJECTED}, DraftStatus.AWAITING_REVIEW)


def withdraw(services: Services, record: IssueRecord) -> None:
    """Let an approved draft wait for review again: what it is of is not what was approved."""
    _change(services, record, {DraftStatus.APPROVED}, DraftStatus.AWAITING_REVIEW)


def put_away(services: Services, record: IssueRecord) -> None:
    """Move the draft of an issue that has ended to the issue's own files: nothing waits for review any more."""
    if not record.branch:
        return
    name = BranchName.parse(record.branch)
    try:
        draft = services.store.drafts.find(name)
    except ConfigError:
        pass  # a damaged file is nobody's else
    else:
        if draft is None or draft.issue not in {record.id, ""}:
            return
    services.store.approvals.void(name)
    services.store.drafts.put_away(name, services.store.issues.plan_path(record.id).parent / "drafts")


def _change(
    services: Services, record: IssueRecord, before: Collection[DraftStatus], after: DraftStatus
) -> None:
    draft = _draft_of(services, record)
    if draft is not None and draft.status in before:
        services.store.approvals.void(draft.branch)
        services.store.drafts.write(with_status(draft, after))


def _draft_of(services: Services, record: IssueRecord) -> Draft | None:
    if not record.branch:
        return None
    try:
        draft = services.store.drafts.find(BranchName.parse(record.branch))
    except ConfigError:
        return None  # it is written anew by the step `describe`, which keeps the damaged one
    return draft if draft is not None and draft.issue == record.id else None
