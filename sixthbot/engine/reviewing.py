"""What a reviewer changes without a checkout: drops or rewords a commit, or asks for more on the same branch."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sixthbot.actions.asked import doer_of
from sixthbot.actions.branches import is_own_changelog, subtask_number
from sixthbot.actions.identity import sign_by
from sixthbot.actions.moving import move_as_operation
from sixthbot.actions.rewriting import conflict_files
from sixthbot.core.checkboxes import read_do, take_do_spans
from sixthbot.core.doline import BETWEEN, kept
from sixthbot.core.drafts import DraftStatus
from sixthbot.core.errors import RefMoved, Refused, UsageError
from sixthbot.core.issues import DROPPED, IssueStatus, Plan, Subtask, SubtaskStatus
from sixthbot.core.messages import RESERVED, build_message, parse_trailers
from sixthbot.core.names import BranchName, Oid, clean_line
from sixthbot.engine.again import FROM_WORK, require_at_rest, set_status, take_up
from sixthbot.engine.closing import put_back
from sixthbot.engine.reopening import redo_draft, require_redoable
from sixthbot.git.commits import log, merge_base, person_from
from sixthbot.git.rebase import Conflict, Rebased, rebase_in_memory
from sixthbot.git.refs import checked_out, tip
from sixthbot.git.reword import reword

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.core.drafts import Draft
    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.reviewnotes import Comment
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services
    from sixthbot.git.commits import CommitInfo, Person
    from sixthbot.git.signing import Sign
    from sixthbot.store.operations import Operation

_UNDECIDED = frozenset({DraftStatus.AWAITING_REVIEW, DraftStatus.APPROVED, DraftStatus.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A draft that may be changed now: its issue, its branch's own commits, oldest first, and where they begin."""

    draft: Draft
    record: IssueRecord
    commits: tuple[CommitInfo, ...]
    start: Oid


def open_for_change(services: Services, draft: Draft) -> Opened:
    """Return what may be changed; raise Refused or UsageError, saying why, where a draft is not to be touched now."""
    if draft.status not in _UNDECIDED:
        raise Refused(f"{draft.branch} was pushed already", hint=f"sixthbot review {draft.branch}")
    record = services.store.issues.record(draft.issue)
    require_redoable(services, record)
    git = services.repo.git
    base, here = tip(git, BranchName.parse(draft.base)), tip(git, draft.branch)
    if here != draft.head:
        by_bot = here in services.store.operations.tips_written(draft.branch.ref)
        raise Refused(
            f"{draft.branch} has moved since its draft was written",
            hint="sixthbot run writes its draft anew, then again"
            if by_bot
            else f"sixthbot done {draft.issue} (your commits) or sixthbot rebase {draft.branch}",
        )
    start = None if base is None else merge_base(git, base, draft.head)
    if base is None or start is None:
        raise Refused(f"the base of {draft.branch} is gone, so its own commits cannot be told")
    place = checked_out(git).get(draft.branch.ref)
    if place is not None:
        raise Refused(
            f"{draft.branch} is checked out in {place}", hint="switch to another branch there, then again"
        )
    return Opened(
        draft=draft, record=record, commits=tuple(log(git, tip=draft.head, not_in=[base])), start=start
    )


def pick(commits: Sequence[CommitInfo], wanted: str) -> CommitInfo:
    """Return the commit that a person means by its number in `review`, or by the beginning of its id."""
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= len(commits):
        return commits[int(wanted) - 1]
    near = [commit for commit in commits if len(wanted) >= _LEAST and commit.id.startswith(wanted.lower())]
    if len(near) == 1:
        return near[0]
    raise UsageError(
        f"the branch has no commit {clean_line(wanted, limit=40)!r}",
        hint=f"sixthbot review shows them, numbered from 1 to {len(commits)}",
    )


_LEAST = 4


def drop_commit(services: Services, opened: Opened, commit: CommitInfo) -> Operation:
    """Take a commit out of the branch and have the draft made anew; return the operation that did it.

    Commits of people keep their authors. Raise Refused, naming the files, where later commits build on it, and where
    nothing would be left.
    """
    own = {one.id for one in opened.commits if is_own_changelog(one, opened.record.id)}
    if not {one.id for one in opened.commits} - own - {commit.id}:
        raise Refused(
            f"nothing would be left of {opened.draft.branch}",
            hint=f"sixthbot reject {opened.draft.branch} -m WHY",
        )
    result = rebase_in_memory(
        services.repo.git,
        branch_tip=opened.draft.head,
        upstream_base=opened.start,
        onto=opened.start,
        committer=_committer(services),
        skip={commit.id, *own},  # the changelog is written anew, without what was dropped
        sign=_sign(services, opened),
    )
    if isinstance(result, Conflict):
        files = ", ".join(clean_line(path, limit=100) for path in conflict_files(result)[:10])
        raise Refused(
            f"{result.commit.id[:9]} {clean_line(result.commit.subject, limit=80)} builds on it, in {files}",
            hint=f"drop that one first, or change it by hand on {opened.draft.branch} and say sixthbot done {opened.record.id}",
        )
    if not isinstance(result, Rebased):
        raise UsageError(f"{commit.id[:9]} is not on {opened.draft.branch}")
    told = f"drop {commit.id[:9]} {clean_line(commit.subject, limit=80)}"
    return _take(services, opened, result, told)


def reword_commit(services: Services, opened: Opened, commit: CommitInfo, message: str) -> Operation:
    """Give a commit another message, whose trailers of the bot stay, and have the draft made anew.

    Return the operation that did it. Raise UsageError for a message that says nothing or the same.
    """
    text = _message(commit, message)
    if text == commit.body:
        raise UsageError("the message is the same")
    result = reword(
        services.repo.git,
        opened.commits,
        which=commit.id,
        message=text,
        committer=_committer(services),
        sign=_sign(services, opened),
    )
    return _take(services, opened, result, f"reword {commit.id[:9]}")


def _message(commit: CommitInfo, message: str) -> str:
    """Return a whole message out of a person's words: they may give trailers, but for the bot's own, which stay."""
    lines = message.replace("\r\n", "\n").strip("\n").split("\n")
    if not clean_line(lines[0]):
        raise UsageError("the message says nothing")
    given = [(name, value) for name, value in parse_trailers(message) if name not in RESERVED and value]
    body = "\n".join(lines[1:]).strip("\n")
    if given:
        body = body.rpartition("\n\n")[0]
    kept = [(name, value) for name, value in commit.trailers if value and (name in RESERVED or not given)]
    return build_message(lines[0], body, [*given, *kept])


def _committer(services: Services) -> Person:
    return person_from(services.loaded.config.commit.committer, services.clock())


def _sign(services: Services, opened: Opened) -> Sign | None:
    again = f"say it again: sixthbot review {opened.draft.branch}"
    return sign_by(services.repo.git, services.loaded.config, again=again)


def _take(services: Services, opened: Opened, result: Rebased, told: str) -> Operation:
    """Move the branch to its new commits, keep the plan true to them, and have the draft made anew."""
    draft, record = opened.draft, opened.record
    try:
        return move_as_operation(
            services.repo.git,
            services.store,
            [(draft.branch.ref, draft.head, result.new_tip)],
            now=services.clock(),
            task="",
            reason=told,
            note=partial(services.store.journal.note, issue=record.id),
            in_review=True,
            then=lambda operation: _follow(services, record, operation, result.mapping),
        )
    except RefMoved as error:
        raise Refused(error.message, hint="look again: sixthbot review") from None


def follow_review(services: Services, operation: Operation) -> None:
    """Bring a change of a reviewer's to its end that was cut off once the branch had moved; nothing for any other.

    Doing it again is harmless.
    """
    ref, old, new = operation.refs[0]
    name = BranchName.of_ref(ref)
    record = None if name is None else services.store.issues.find_by_branch(name)
    if not operation.in_review or record is None or old is None or new is None:
        return
    git = services.repo.git
    base = tip(git, BranchName.parse(record.base))
    before, after = (
        log(git, tip=Oid(commit), not_in=[] if base is None else [base]) for commit in (old, new)
    )
    with suppress(
        Refused, UsageError
    ):  # it is over by now, or is being worked on: its draft is made anew anyway
        _follow(services, record, operation, _mapping(before, after))


def _mapping(before: Sequence[CommitInfo], after: Sequence[CommitInfo]) -> dict[Oid, Oid]:
    """Return which commit became which: a rewording keeps their number, a drop keeps authors, times and messages."""
    if len(before) == len(after):
        return {old.id: new.id for old, new in zip(before, after, strict=True)}
    by_mark = {(one.author, one.body): one.id for one in after}
    return {one.id: by_mark[one.author, one.body] for one in before if (one.author, one.body) in by_mark}


def _follow(
    services: Services, record: IssueRecord, operation: Operation, mapping: Mapping[Oid, Oid]
) -> None:
    note = partial(services.store.journal.append, issue=record.id)
    for old, new in mapping.items():
        if old != new:
            note("commit.made", f"{old[:9]} anew as {new[:9]}", level="debug", commit=new, data={"from": old})
    told = f"a person had it changed in review: {operation.reason}"
    note("draft.changed", told, commit=operation.refs[0][2])
    services.store.issues.change_plan(record.id, partial(_followed, mapping=mapping))
    redo_draft(services, record.id)


def _followed(plan: Plan, *, mapping: Mapping[Oid, Oid]) -> Plan:
    # commits that the plan names by their new ids already stay
    by_old: dict[str, str] = {str(new): str(new) for new in mapping.values()}
    by_old |= {str(old): str(new) for old, new in mapping.items()}
    for subtask in plan.subtasks:
        now = tuple(by_old[old] for old in subtask.commits if old in by_old)
        if subtask.commits and now != subtask.commits:
            reason = subtask.reason if now else DROPPED
            plan = plan.with_subtask(replace(subtask, commits=now, reason=reason))
    return plan


def add_comments(services: Services, draft: Draft, comments: Sequence[Comment]) -> list[int]:
    """Make each comment an open subtask of the draft's issue, and let the issue's task go on; return the numbers.

    A comment may ask for a recipe, as a line of an issue does. An approval is taken back. Raise UsageError where the
    issue is being worked on.
    """
    record = services.store.issues.record(draft.issue)
    if draft.status not in _UNDECIDED - {DraftStatus.REJECTED}:
        raise Refused(
            f"the draft of {draft.branch} is {draft.status.value}",
            hint=f"to work on it again: sixthbot issue reopen {record.id}",
        )
    require_at_rest(services, record.id)
    base = tip(services.repo.git, BranchName.parse(draft.base))
    here = tip(services.repo.git, draft.branch)
    commits = [] if base is None or here is None else log(services.repo.git, tip=here, not_in=[base])
    used = {number for commit in commits if (number := subtask_number(commit, record.id)) is not None}
    added: list[int] = []

    def change(now: Plan) -> Plan:
        added.clear()
        number = max({subtask.n for subtask in now.subtasks} | used, default=0)
        more = []
        for one in comments:
            number += 1
            added.append(number)
            more.append(_subtask(services, number, one))
        return Plan((*now.subtasks, *more))

    put_back(services, record)
    services.store.issues.change_plan(record.id, change)
    for number, one in zip(added, comments, strict=True):
        services.store.journal.append(
            "review.comment", f"subtask {number}: {clean_line(one.asks, limit=300)}", issue=record.id,
            data={"subtask": number, "path": one.path, "line": one.line},
        )  # fmt: skip
    set_status(services, record.id, IssueStatus.OPEN)
    resume(services, record.id)
    return added


def resume(services: Services, issue_id: str) -> list[Task]:
    """Let an issue's task go on with the work that its plan has."""
    return take_up(services, issue_id, redo=FROM_WORK)


def _subtask(services: Services, number: int, one: Comment) -> Subtask:
    spans, text = take_do_spans(one.text)
    asks = BETWEEN.join(spans)
    asked, problem = read_do(asks) if spans else (None, "")
    said = replace(one, text=" ".join(text.split()) or one.text).asks
    if problem:
        waiting = SubtaskStatus.WAITING
        return Subtask(n=number, text=said, status=waiting, by="person", reason=problem, unread=kept(asks))
    return Subtask(n=number, text=said, asked=asked, by=doer_of(services.loaded.config, asked).by)
