"""What rebase and changelog share: leaving out the bot's own changelog commit, and keeping plans true to new ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sixthbot.actions.branches import is_own_changelog, subtask_number
from sixthbot.actions.identity import sign_with
from sixthbot.core.errors import GitFailed, SixthError
from sixthbot.core.names import Oid, parse_oid
from sixthbot.git.commits import is_ancestor, person_from, read_commit
from sixthbot.git.rebase import Conflict, Rebased, rebase_in_memory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sixthbot.actions.base import Context
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.core.issues import IssueRecord, Plan
    from sixthbot.git.commits import CommitInfo, Person
    from sixthbot.git.run import Git
    from sixthbot.store.issues import Issues


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripped:
    """A branch's tip without the bot's own changelog commits, and those commits, oldest first."""

    tip: Oid
    changelog: tuple[CommitInfo, ...]


def without_changelog(ctx: Context, record: IssueRecord, branch: IssueBranch) -> Stripped:
    """Return the tip as it would be without the changelog commits of this issue; no ref is moved.

    Where later commits build on one so that it cannot be taken out, they all stay.
    """
    own = [commit for commit in branch.commits if is_own_changelog(commit, record.id)]
    if not own:
        return Stripped(tip=branch.tip, changelog=())
    result = rebase_in_memory(
        ctx.repo.git,
        branch_tip=branch.tip,
        upstream_base=own[0].parents[0],
        onto=own[0].parents[0],
        committer=committer(ctx),
        skip={commit.id for commit in own},
        sign=sign_with(ctx),
    )
    if not isinstance(result, Rebased):
        return Stripped(tip=branch.tip, changelog=())
    return Stripped(tip=result.new_tip, changelog=tuple(own))


def committer(ctx: Context) -> Person:
    """Return the configured committer at this moment."""
    return person_from(ctx.config.commit.committer, ctx.clock())


def heal_plan(git: Git, issues: Issues, issue_id: str, commits: Iterable[CommitInfo]) -> None:
    """Make the plan name commits that are on the branch now: after a rewrite each old id becomes its new one.

    A rewritten commit is known again by author, author's time and subject, which a rewrite keeps. So this works also
    when the bot was killed between moving the branch and saving the plan. One that is gone (it became empty) is dropped.
    """
    commits = tuple(commits)
    here = {commit.id for commit in commits}
    by_mark: dict[tuple[object, ...], list[Oid]] = {}
    for commit in commits:
        by_mark.setdefault(_mark(commit), []).append(commit.id)

    def heal(plan: Plan) -> Plan:
        for subtask in plan.subtasks:
            if set(subtask.commits) <= here:
                continue
            now = [new for old in subtask.commits for new in _now(git, old, here, by_mark)]
            reason = subtask.reason or ("" if now else "what it changed is in the base already")
            plan = plan.with_subtask(replace(subtask, commits=tuple(dict.fromkeys(now)), reason=reason))
        return plan

    issues.change_plan(issue_id, heal)


def _now(git: Git, old: str, here: set[Oid], by_mark: dict[tuple[object, ...], list[Oid]]) -> list[Oid]:
    if old in here:
        return [Oid(old)]
    try:
        return by_mark.get(_mark(read_commit(git, Oid(old))), [])[:1]
    except GitFailed:
        return []


def lost_subtasks(
    git: Git, plan: Plan, *, tip: Oid | None, commits: Collection[CommitInfo], issue_id: str
) -> set[int]:
    """Return the subtasks that are done by commits of which `tip` has none, neither as they were nor rewritten.

    `commits` are the branch's own; one that names a subtask does it. `tip` is None when there is no branch at all.
    """
    named = {subtask_number(commit, issue_id) for commit in commits}
    marks = {_mark(commit) for commit in commits}
    return {
        subtask.n
        for subtask in plan.subtasks
        if subtask.settled
        and subtask.commits
        and subtask.n not in named
        and not any(_is_on(git, commit, tip, marks) for commit in subtask.commits)
    }


def _is_on(git: Git, commit: str, tip: Oid | None, marks: Collection[tuple[object, ...]]) -> bool:
    if tip is None:
        return False
    try:
        found = read_commit(git, parse_oid(commit))
        return _mark(found) in marks or is_ancestor(git, found.id, tip)
    except SixthError:
        return False  # a person wrote nonsense into the plan, or git has thrown the commit away


def _mark(commit: CommitInfo) -> tuple[object, ...]:
    author = commit.author
    return (author.name, author.email, author.when_epoch, author.tz, commit.body)


def conflict_files(conflict: Conflict) -> list[str]:
    """Return the paths a rebase could not merge, each once."""
    return list(dict.fromkeys(file.path for file in conflict.files))
