"""Looks at a draft as it is at this moment: where its branch is, whether an approval still holds, what its checks said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.actions.push import target_of
from sixthbot.cli.checks import recorded_checks
from sixthbot.cli.lookup import last_word, refuse_given_up
from sixthbot.cli.output import one_line
from sixthbot.core.drafts import DraftStatus, approved
from sixthbot.core.errors import Refused, SixthError, UsageError
from sixthbot.core.events import EventKind
from sixthbot.core.issues import IssueStatus, SubtaskStatus
from sixthbot.core.names import BranchName
from sixthbot.engine.answers import show_status
from sixthbot.git import refs
from sixthbot.git.commits import is_ancestor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sixthbot.cli.checks import CheckResult
    from sixthbot.core.drafts import ApprovedDraft, Draft, PushTarget
    from sixthbot.core.issues import Subtask
    from sixthbot.core.names import Oid
    from sixthbot.engine.services import Services
    from sixthbot.store.open import Store


GO_ON = "sixthbot run (a running watch does so by itself)"
_GOING_ON = ("ready", "running", "waiting", "blocked")
"""States of a task that goes on by itself."""
_TAKEN_UP = frozenset({IssueStatus.OPEN, IssueStatus.WAITING_FOR_PERSON})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A draft and what is true of it now.

    `tip` is where its branch is, None when it is gone; `base_tip` the same of its base. `target` is None where no
    remote can be chosen. `refusal` is why it cannot be pushed, None when an approval holds.
    `checks` are the results recorded for exactly this tree, empty when there are none; `unchecked` tells that there
    should be some. `base_moved` tells whether the base has commits that the branch is not built on. `asked` are the
    subtasks that its issue goes on with before there is another draft; `again` tells that a task makes it anew.
    """

    draft: Draft
    tip: Oid | None
    base_tip: Oid | None
    target: PushTarget | None
    refusal: SixthError | None
    checks: Sequence[CheckResult]
    unchecked: bool
    base_moved: bool
    asked: Sequence[Subtask] = ()
    again: bool = False

    @property
    def moved(self) -> bool:
        """Whether the branch is not where the draft describes it."""
        return self.tip != self.draft.head

    @property
    def failed_checks(self) -> list[str]:
        """The check commands that failed on what would be pushed; empty when all is well."""
        return [check.command for check in self.checks if not check.passed]


def stand(services: Services, draft: Draft) -> Standing:
    """Look at a draft. Where its file shows an approval that does not hold, the file is put right.

    Raise Refused, saying what to do, where the commit that it describes is not in this clone.
    """
    git = services.repo.git
    tip = refs.tip(git, draft.branch)
    if tip != draft.head and not refs.has_object(git, draft.head):
        raise _without_commit(draft, tip)
    target, refusal = _approval(services, draft, tip)
    if refusal is not None and draft.status is DraftStatus.APPROVED:
        draft = _put_right(services, draft, refusal.message)
    base_tip = refs.tip(git, BranchName.parse(draft.base)) if draft.base else None
    checks = recorded_checks(services.store, draft)
    return Standing(
        draft=draft,
        tip=tip,
        base_tip=base_tip,
        base_moved=base_tip is not None and not is_ancestor(git, base_tip, draft.head),
        target=target,
        refusal=refusal,
        checks=checks,
        unchecked=not checks and bool(services.loaded.config.check.run),
        asked=_asked(services, draft),
        again=_again(services, draft),
    )


def _approval(
    services: Services, draft: Draft, tip: Oid | None
) -> tuple[PushTarget | None, SixthError | None]:
    target: PushTarget | None = None
    try:
        target = choose_target(services, draft)
        approved_draft(services, draft, target, tip=tip)
    except SixthError as error:
        return target, error
    return target, None


def void_approvals(services: Services, drafts: Iterable[Draft]) -> dict[BranchName, SixthError]:
    """Return those of the drafts that show an approval which does not hold, with the reason; nothing is changed."""
    shown = [draft for draft in drafts if draft.status is DraftStatus.APPROVED]
    found = (
        (one.branch, _approval(services, one, refs.tip(services.repo.git, one.branch))[1]) for one in shown
    )
    return {branch: refusal for branch, refusal in found if refusal is not None}


def _without_commit(draft: Draft, tip: Oid | None) -> Refused:
    where = f"its branch is at {tip[:12]}" if tip else "its branch is not here either"
    anew = f"; to make the draft anew of what is here: sixthbot rebase {draft.branch}" if tip else ""
    return Refused(
        f"the draft of {draft.branch} describes commit {draft.head[:12]}, which is not in this clone; {where}",
        hint=f"sixthbot sync brings the branch of the clone that made it{anew}",
    )


def _asked(services: Services, draft: Draft) -> Sequence[Subtask]:
    if not _is_taken_up(services, draft):
        return ()
    try:
        return [one for one in services.store.issues.plan(draft.issue).subtasks if not one.settled]
    except (UsageError, OSError):
        return ()  # status says what is wrong with the plan


def _again(services: Services, draft: Draft) -> bool:
    return _is_taken_up(services, draft) and any(
        task.event.kind == EventKind.ISSUE_ADDED
        for task in services.store.queue.about({draft.issue}, _GOING_ON)
    )


def _is_taken_up(services: Services, draft: Draft) -> bool:
    """Tell whether the issue of a draft is worked on again, so that another draft follows."""
    try:
        return services.store.issues.record(draft.issue).status in _TAKEN_UP
    except UsageError:
        return False  # a draft outlives the files of its issue


def choose_target(services: Services, draft: Draft) -> PushTarget:
    """Return where the draft would be pushed; raise UsageError when that cannot be told."""
    base = BranchName.parse(draft.base)
    return target_of(services.repo.git, services.store, services.loaded.config, base)


def approved_draft(services: Services, draft: Draft, target: PushTarget, *, tip: Oid | None) -> ApprovedDraft:
    """Return the draft as approved; raise Refused, saying why, when no approval holds."""
    refuse_over(services.store, draft)
    if draft.status is DraftStatus.PUSHED:
        raise Refused(f"{draft.branch} was pushed already", hint=f"sixthbot review {draft.branch}")
    return approved(draft, target, services.store.approvals.get(draft.branch), tip=tip)


def refuse_unchecked(standing: Standing, *, despite_checks: bool) -> None:
    """Raise Refused when the configured checks did not all pass on exactly the draft's tree, unless told to go on."""
    name = standing.draft.branch
    if despite_checks:
        return
    refuse_unfinished(standing)
    if standing.failed_checks:
        raise Refused(
            f"a check failed on {name}: {one_line(', '.join(standing.failed_checks), 200)}",
            hint=f"sixthbot review {name} shows it; to check again: sixthbot rebase {name}; "
            f"to approve all the same: sixthbot approve {name} --despite-checks",
        )
    if standing.unchecked:
        raise Refused(
            f"no result of the configured checks is on record for the tree of {name}",
            hint=f"to run them: sixthbot rebase {name}, then sixthbot run; "
            f"to approve all the same: sixthbot approve {name} --despite-checks",
        )


def refuse_unfinished(standing: Standing) -> None:
    """Raise Refused while more is to be done on the branch, or the draft is being made anew."""
    name, issue = standing.draft.branch, standing.draft.issue
    despite = "" if standing.moved else f"; to approve it as it is: sixthbot approve {name} --despite-checks"
    if standing.asked:
        numbers = ", ".join(str(one.n) for one in standing.asked[:8])
        waits = any(one.status is SubtaskStatus.WAITING for one in standing.asked)
        following = f"do what waits for you, then: sixthbot done {issue}" if waits else f"to go on: {GO_ON}"
        raise Refused(
            f"{name} is not finished: subtask {numbers} of issue {issue} is to be done, and the draft made anew",
            hint=f"{following}{despite}",
        )
    if standing.again and (standing.moved or standing.unchecked):
        raise Refused(
            f"the draft of {name} is being made anew", hint=f"approve the new one; to go on: {GO_ON}"
        )


def refuse_over(store: Store, draft: Draft) -> None:
    """Raise Refused, saying why, for a draft that was rejected or whose issue is over."""
    record = None
    if draft.issue:
        try:
            record = store.issues.record(draft.issue)
        except UsageError:
            record = None  # a draft outlives the files of its issue
    if record is not None:
        refuse_given_up(store, record)
    if draft.status is DraftStatus.REJECTED or (record is not None and record.status is IssueStatus.REJECTED):
        why = last_word(store, "draft.rejected", draft.issue)
        raise Refused(
            why or f"{draft.branch} was rejected",
            hint=f"to take it up again: sixthbot issue reopen {draft.issue}" if draft.issue else "",
        )


def _put_right(services: Services, draft: Draft, why: str) -> Draft:
    services.store.approvals.void(draft.branch)
    services.store.journal.append(
        "draft.voided", f"the approval of {draft.branch} holds no longer: {why}", issue=draft.issue or None
    )
    return show_status(services, draft, DraftStatus.AWAITING_REVIEW)
