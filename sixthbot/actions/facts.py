"""The facts of a draft as a template gets them, each from a record: issue, plan, git, checks. No model has a say here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.actions.branches import is_own_changelog, subtask_number
from sixthbot.actions.claims import checklist, not_verified
from sixthbot.actions.evidence import collect
from sixthbot.actions.factvalues import evidence_values, file_values
from sixthbot.actions.identity import said_of_commits
from sixthbot.actions.markdown import block, code, inline, quote
from sixthbot.actions.results import recorded
from sixthbot.actions.secrets import NOTHING_FOUND, Scan, scan_issue
from sixthbot.core.checkboxes import without_do_spans
from sixthbot.core.messages import TASK_TRAILER
from sixthbot.core.names import clean_line
from sixthbot.git.diffs import numstat
from sixthbot.llm.twin import Story

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sixthbot.actions.base import Context
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.actions.evidence import Evidence
    from sixthbot.core.issues import Issue, IssueRecord, Plan, Subtask
    from sixthbot.core.names import Oid
    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.diffs import FileChange

# `#12`, `owner/name#12` or the address of one: nothing else is ever told to a forge as something to close
_ISSUE_REFERENCE = re.compile(
    r"(?:[A-Za-z0-9_.-]{1,60}/[A-Za-z0-9_.-]{1,100})?#\d{1,9}|https://[A-Za-z0-9._~/-]{3,200}/issues/\d{1,9}"
)
_SECRETS_SHOWN = 10
_BOX = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+\[[ xX]\]\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draftable:
    """Everything a draft is made of. `tree` is the tree of the branch's tip, `checks` the outputs of the step check.

    `changelog` is the file that the branch's changelog commit wrote, empty when there is none. `closes` is what a forge
    is told to close, empty for nothing. `manual` are the boxes that only a person ticks. `scan` is what was found of
    secrets, `custom` what is true of signatures and hooks.
    """

    record: IssueRecord
    issue: Issue
    plan: Plan
    branch: IssueBranch
    tree: Oid
    files: tuple[FileChange, ...]
    checks: Mapping[str, Any]
    evidence: Evidence
    scan: Scan = NOTHING_FOUND
    custom: tuple[str, ...] = ()
    changelog: str = ""
    closes: str = ""
    manual: tuple[str, ...] = ()

    @property
    def same_tree(self) -> bool:
        """Whether the checks ran on the tree that is described."""
        return bool(self.checks.get("tree") == self.tree)


def gather(
    ctx: Context, record: IssueRecord, issue: Issue, branch: IssueBranch, *, start: Oid, tree: Oid
) -> Draftable:
    """Read everything the draft says; `start` is the commit that the branch's own work begins after."""
    files = tuple(numstat(ctx.repo.git, start, branch.tip))
    checks = ctx.outputs.get("check", {})
    written = ctx.outputs.get("changelog", {})
    changelog = str(written["file"]) if written.get("written") else ""
    settings = ctx.config.draft
    plan = ctx.store.issues.plan(record.id)
    return Draftable(
        record=record,
        issue=issue,
        plan=plan,
        branch=branch,
        tree=tree,
        files=files,
        checks=checks,
        evidence=collect(ctx, branch, files, start=start, changelog=changelog, checks=checks),
        scan=scan_issue(ctx, record, issue, branch),
        custom=said_of_commits(ctx, branch, plan),
        changelog=changelog,
        closes=_reference(issue.source) if settings.closes else "",
        manual=tuple(settings.checklist),
    )


def _reference(source: str) -> str:
    """Return an issue's source where a forge understands it as one of its own issues, else an empty text."""
    return source if _ISSUE_REFERENCE.fullmatch(source) else ""


def story(of: Draftable) -> Story:
    """Return what the narrative is told from, as plain text."""
    own = [commit for commit in of.branch.commits if not is_own_changelog(commit, of.record.id)]
    return Story(
        title=clean_line(of.record.title),
        goal=of.issue.body[:20_000],
        done=tuple(
            (clean_line(one.text), one.by)
            for one in of.plan.subtasks
            if one.settled and not one.dropped and one.by != "issue"
        ),
        subjects=tuple(clean_line(commit.subject) for commit in own),
        files=tuple(clean_line(change.path) for change in of.files),
        base=of.branch.base.value,
        more_commits=len(of.branch.commits) - len(own),
        facts=tuple(_facts(of)),
    )


def _facts(of: Draftable) -> Iterator[str]:
    """Yield what a model may say of the records, in plain words."""
    for change in of.evidence.api.changes[:20]:
        yield f"public interface: {change.name} {change.kind}"
    for result in recorded(of.checks):
        counts = result["counts"]
        yield f"check {'passed' if result['ok'] else 'failed'}: {clean_line(result['command'])}" + (
            f" ({counts.said})" if counts is not None else ""
        )


def template_values(of: Draftable) -> dict[str, Any]:
    """Return the values for the PR template; every text in them is markdown that shows what it is and nothing else."""
    return {
        "title": inline(of.record.title),
        "issue": code(of.record.id),
        "closes": of.closes,
        "goal": quote(goal) if (goal := _goal(of.issue)) else "",
        "branch": code(of.branch.name.value),
        "base": code(of.branch.base.value),
        "head": of.branch.tip,
        "tree": of.tree,
        "base_commit": of.branch.base_tip,
        "stands_on": code(of.record.stands_on) if of.record.stands_on else "",
        "subtasks": [_subtask(one) for one in of.plan.subtasks],
        "commits": [_commit(one, of.record.id) for one in of.branch.commits],
        **file_values(of.files, of.evidence.kinds),
        "changelog": code(of.changelog) if of.changelog else "",
        "checks": _checks(of),
        **evidence_values(of.evidence),
        "checklist": checklist(of),
        "secrets": [
            f"{inline(one.secret.kind)} in {code(one.place)}" for one in of.scan.findings[:_SECRETS_SHOWN]
        ],
        "secrets_left_out": max(len(of.scan.findings) - _SECRETS_SHOWN, 0),
        "not_verified": not_verified(of),
    }


def _goal(issue: Issue) -> str:
    """Return the issue's text without what the draft says anyway: its title and its boxes."""
    kept, fenced = [], False
    for line in issue.body.replace("\r\n", "\n").strip().split("\n"):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        is_title = line.startswith("#") and clean_line(without_do_spans(line).strip("# ")) == clean_line(
            issue.title
        )
        if fenced or not (is_title or _BOX.match(line)):
            kept.append(line)
    return "\n".join(kept).strip()


def _subtask(one: Subtask) -> dict[str, Any]:
    return {
        "n": one.n,
        "text": inline(one.text),
        "done": one.settled and not one.dropped,
        "by": inline(one.by),
        "reason": inline(one.reason),
        "commits": [inline(commit[:12]) for commit in one.commits],
    }


def _commit(commit: CommitInfo, issue_id: str) -> dict[str, Any]:
    task = dict(commit.trailers).get(TASK_TRAILER, "")
    return {
        "id": commit.id,
        "short": commit.id[:12],
        "subject": inline(commit.subject),
        "author": inline(commit.author.name, limit=80),
        "subtask": subtask_number(commit, issue_id),
        "task": code(task, limit=40) if task else "",
        "merge": len(commit.parents) > 1,
    }


def _checks(of: Draftable) -> dict[str, Any]:
    results = [_check(result) for result in recorded(of.checks)]
    return {
        "configured": bool(results),
        "passed": all(result["ok"] for result in results),
        "failed": [result for result in results if not result["ok"]],
        "tree": str(of.checks.get("tree", "")),
        "same_tree": of.same_tree,
        "results": results,
    }


def _check(result: Mapping[str, Any]) -> dict[str, Any]:
    status = result["exit"]
    counts = result["counts"]
    ended = f"exit status {status}" if status is not None else inline(str(result["problem"] or "not run"))
    return {
        "command": code(str(result["command"])),
        "ok": bool(result["ok"]),
        "ended": ended,
        "counts": inline(counts.said) if counts is not None else "",
        "duration": f"{float(result['duration']):.1f} s",
        "output": block(str(result["output"])) if str(result["output"]).strip() and not result["ok"] else "",
    }
