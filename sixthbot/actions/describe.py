"""The step `describe`: writes the draft's PR text, facts from records and a narrative by a model or its twin."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sixthbot.actions import keeping
from sixthbot.actions.base import Action, Context, NoArgs
from sixthbot.actions.branches import look, move_recorded, read_issue, show_status
from sixthbot.actions.facts import gather, story, template_values
from sixthbot.actions.markdown import code, inline
from sixthbot.actions.results import recorded
from sixthbot.actions.templating import fill
from sixthbot.core.drafts import Draft, DraftStatus, with_status
from sixthbot.core.errors import RefMoved
from sixthbot.core.events import OWN_ORIGIN, EventKind, make_event
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName, clean_line
from sixthbot.core.prtemplate import choose, merge
from sixthbot.core.risk import VERSION
from sixthbot.core.shown import visible
from sixthbot.core.tasks import Outcome
from sixthbot.git.commits import merge_base
from sixthbot.git.refs import checked_out, tip
from sixthbot.git.trees import list_tree, read_blob, tree_of
from sixthbot.llm.twin import TEMPLATE, narrate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.actions.branches import IssueBranch
    from sixthbot.actions.facts import Draftable
    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.risk import Risk
    from sixthbot.llm.twin import Prose
    from sixthbot.store.open import Store

_TEMPLATE = "pr.md.j2"
_TESTS_PASS = re.compile(r"(?i)\btests?\b.*\bpass(?:es|ed|ing)?\b")
_CHANGELOG = re.compile(r"(?i)\bchange-?log\b")
_DECIDED = frozenset({DraftStatus.APPROVED, DraftStatus.PUSHED})
"""A person said yes to these words about this commit; telling it anew would void that."""

_SHOWN = {
    DraftStatus.AWAITING_REVIEW: IssueStatus.IN_REVIEW,
    DraftStatus.APPROVED: IssueStatus.APPROVED,
    DraftStatus.PUSHED: IssueStatus.PUSHED,
    DraftStatus.REJECTED: IssueStatus.REJECTED,
}
"""What the issue shows when its draft does."""


def run(ctx: Context, args: NoArgs) -> Outcome:  # noqa: ARG001 - every action takes its arguments
    """Write the draft; outputs `draft` (the branch, empty when there is nothing to review), `head`, `risk` and more.

    Causes `draft.ready`. What a person edited in the draft of this very commit stays; a text for an older commit is
    kept beside the issue when it gives way to a new one.
    """
    record = ctx.issue()
    if record.status is IssueStatus.ENDED and tip(ctx.repo.git, BranchName.parse(record.branch)) is None:
        return _no_draft("", f"{record.branch} was empty")  # it was removed, and then the bot was killed
    branch = look(ctx, record)
    if not branch.commits:
        return _nothing(ctx, record, branch)
    start = merge_base(ctx.repo.git, branch.base_tip, branch.tip) or branch.base_tip
    tree = tree_of(ctx.repo.git, branch.tip)
    of = gather(ctx, record, read_issue(ctx, record), branch, start=start, tree=tree)
    prose = narrate(story(of), ctx.writer, seconds=ctx.config.llm.timeout.total_seconds())
    if prose.reason:
        ctx.tell(f"the template tells the story: {prose.reason}")
    written = _write(ctx, of, prose)
    show_status(ctx, record, _SHOWN[written.status])
    # that it waits for a person is told when it does
    ready_line = f"the draft of {branch.name} is ready: {clean_line(written.title)}"
    ctx.note("progress", ready_line, level="debug")
    fields = {
        "branch": branch.name.value, "issue": record.id, "title": written.title, "origin": OWN_ORIGIN,
    }  # fmt: skip
    ready = make_event(EventKind.DRAFT_READY, fields, time=ctx.clock(), key=f"{branch.name} {branch.tip}")
    outputs = {
        "draft": branch.name.value,
        "head": branch.tip,
        "prose": prose.by,
        "reason": prose.reason,
        "risk": _recorded(of.evidence.risk),
    }
    return Outcome(outputs, (ready,))


def render(ctx: Context, of: Draftable, prose: Prose) -> str:
    """Return the PR text. Only the narrative and the line naming its author depend on who wrote it."""
    told = inline(prose.text, limit=2000) if prose.by == TEMPLATE else prose.text
    text = fill(ctx, _TEMPLATE, {**template_values(of), "prose": told, "prose_by": inline(prose.by)})
    template = _own_template(ctx, of) if ctx.config.draft.template else ""
    return merge(template, text, _ticked(of)) if template.strip() else text


def _own_template(ctx: Context, of: Draftable) -> str:
    """Return the repository's own PR template as the base has it, empty for none: the branch must not choose its own."""
    git, base = ctx.repo.git, of.branch.base_tip
    path = choose([entry.path for entry in list_tree(git, base)])
    data = read_blob(git, base, path) if path else None
    return visible((data or b"").decode("utf-8", "replace"))


def _ticked(of: Draftable) -> list[tuple[re.Pattern[str], str]]:
    """Return which boxes of a template a record answers, and that record."""
    results = recorded(of.checks)
    tested = [one for one in results if one["counts"] is not None and one["counts"].passed]
    answered = []
    if tested and of.same_tree and all(one["ok"] for one in results):
        answered.append((_TESTS_PASS, f"{code(tested[0]['command'])}: {tested[0]['counts'].said}"))
    if of.changelog:
        answered.append((_CHANGELOG, code(of.changelog)))
    return answered


def _recorded(risk: Risk) -> dict[str, Any]:
    terms = [
        {"name": term.name, "points": term.points, "most": term.most, "why": term.why} for term in risk.terms
    ]
    return {"formula": VERSION, "score": risk.score, "level": risk.level, "terms": terms}


def _write(ctx: Context, of: Draftable, prose: Prose) -> Draft:
    fresh = Draft(
        branch=of.branch.name,
        base=of.branch.base.value,
        head=of.branch.tip,
        tree=of.tree,
        issue=of.record.id,
        title=clean_line(of.record.title),
        text=render(ctx, of, prose),
    )
    there = keeping.current(ctx, fresh.branch)
    if there is not None and there.head == fresh.head:
        if there.status in _DECIDED:
            return there
        # a rejected draft that is told again belongs to an issue that was opened again
        there = with_status(there, DraftStatus.AWAITING_REVIEW)
        if keeping.was_edited(ctx, there):
            ctx.tell("the draft was edited by a person and stays as it is")
            ctx.store.drafts.write(there)
            return there
    elif there is not None:
        fresh = replace(fresh, title=keeping.own_title(ctx, there) or fresh.title)
        if kept := keeping.set_aside(ctx, there):
            ctx.tell(f"the draft is of another commit now; the one you edited is kept: {kept}")
    keeping.remember(ctx, fresh)
    ctx.store.drafts.write(fresh)
    return fresh


def _nothing(ctx: Context, record: IssueRecord, branch: IssueBranch) -> Outcome:
    """Say that there is nothing to review: no subtask left a commit that the base does not have."""
    there = keeping.current(ctx, branch.name)
    if there is not None:
        keeping.set_aside(ctx, there)
        ctx.store.drafts.remove(branch.name)
    reason = f"{branch.name} has no commit that {branch.base} does not have"
    said = f"nothing changed, so there is no draft: {reason}"
    ctx.note("draft.none", said)
    show_status(ctx, record, IssueStatus.ENDED)
    if branch.tip == branch.base_tip and _is_own(ctx, ctx.issue(), branch):
        _remove(ctx, branch)
    return _no_draft(branch.tip, reason)


def _no_draft(head: str, reason: str) -> Outcome:
    return Outcome({"draft": "", "head": head, "prose": "", "reason": reason})


def _is_own(ctx: Context, record: IssueRecord, branch: IssueBranch) -> bool:
    """Tell whether nobody but the bot ever wrote the branch, and nobody is on it."""
    ref = branch.name.ref
    return (
        record.status is IssueStatus.ENDED
        and not record.accepted_tips
        and branch.tip in ctx.store.operations.tips_written(ref)
        and ref not in checked_out(ctx.repo.git)
    )


def _remove(ctx: Context, branch: IssueBranch) -> None:
    try:
        move_recorded(ctx, branch.name, old=branch.tip, new=None, reason=f"delete {branch.name}, empty")
    except RefMoved:
        return  # somebody uses it after all
    ctx.tell(
        f"the empty branch {branch.name} is deleted; "
        f"bring it back with: git branch {shlex.quote(branch.name.value)} {branch.tip}"
    )


def _holds(store: Store, _issue_id: str, outputs: Mapping[str, Any]) -> bool:
    name = str(outputs.get("draft") or "")  # from a file: it may be anything
    return not name or store.drafts.path(BranchName.parse(name)).exists()


ACTION = Action(
    name="describe",
    summary="writes the draft: the PR text with its facts, and a narrative by a local model or the template",
    Args=NoArgs,
    run=run,
    needs_trust=True,
    holds=_holds,
)
