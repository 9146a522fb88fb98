"""The facts of a draft, each read from a record: the issue, the plan, git, check results. No model has a say here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.actions.branches import is_own_changelog, subtask_number
from sixthbot.actions.markdown import block, code, inline, quote
from sixthbot.actions.results import recorded
from sixthbot.core.checkboxes import without_do_spans
from sixthbot.core.names import clean_line
from sixthbot.git.diffs import numstat
from sixthbot.llm.twin import Story

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.actions.base import Context
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.core.issues import Issue, IssueRecord, Plan, Subtask
    from sixthbot.core.names import Oid
    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.diffs import FileChange

_FILES_SHOWN = 60
_BOX = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+\[[ xX]\]\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draftable:
    """Everything a draft is made of. `tree` is the tree of the branch's tip, `checks` the outputs of the step check.

    `changelog` is the file that the branch's changelog commit wrote, empty when there is none.
    """

    record: IssueRecord
    issue: Issue
    plan: Plan
    branch: IssueBranch
    tree: Oid
    files: tuple[FileChange, ...]
    checks: Mapping[str, Any]
    changelog: str = ""


def gather(
    ctx: Context, record: IssueRecord, issue: Issue, branch: IssueBranch, *, start: Oid, tree: Oid
) -> Draftable:
    """Read everything the draft says; `start` is the commit that the branch's own work begins after."""
    return Draftable(
        record=record,
        issue=issue,
        plan=ctx.store.issues.plan(record.id),
        branch=branch,
        tree=tree,
        files=tuple(numstat(ctx.repo.git, start, branch.tip)),
        checks=ctx.outputs.get("check", {}),
        changelog=str(written["file"])
        if (written := ctx.outputs.get("changelog", {})).get("written")
        else "",
    )


def story(of: Draftable) -> Story:
    """Return what the narrative is told from, as plain text."""
    own = [commit for commit in of.branch.commits if not is_own_changelog(commit, of.record.id)]
    return Story(
        title=clean_line(of.record.title),
        goal=of.issue.body[:20_000],
        done=tuple(
            (clean_line(one.text), one.by) for one in of.plan.subtasks if one.settled and one.by != "issue"
        ),
        subjects=tuple(clean_line(commit.subject) for commit in own),
        files=tuple(clean_line(change.path) for change in of.files),
        base=of.branch.base.value,
    )


def template_values(of: Draftable) -> dict[str, Any]:
    """Return the values for the PR template; every text in them is markdown that shows what it is and nothing else."""
    return {
        "title": inline(of.record.title),
        "issue": code(of.record.id),
        "goal": quote(goal) if (goal := _goal(of.issue)) else "",
        "branch": code(of.branch.name.value),
        "base": code(of.branch.base.value),
        "head": of.branch.tip,
        "tree": of.tree,
        "base_commit": of.branch.base_tip,
        "subtasks": [_subtask(one) for one in of.plan.subtasks],
        "commits": [_commit(one, of.record.id) for one in of.branch.commits],
        "files": [_file(change) for change in of.files[:_FILES_SHOWN]],
        "files_left_out": max(len(of.files) - _FILES_SHOWN, 0),
        "file_count": len(of.files),
        "added": sum(change.added or 0 for change in of.files),
        "deleted": sum(change.deleted or 0 for change in of.files),
        "changelog": code(of.changelog) if of.changelog else "",
        "checks": _checks(of),
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


def not_verified(of: Draftable) -> list[str]:
    """Return, as markdown, what nobody and nothing has verified."""
    missing = []
    results = recorded(of.checks)
    if not results:
        missing.append("No check commands are configured, so nothing was run on this tree.")
    elif of.checks.get("tree") != of.tree:
        missing.append("The checks ran on another tree than this one.")
    missing += [
        f"{code(str(result['command']))} did not run to its end."
        for result in results
        if result["exit"] is None
    ]
    people = [str(one.n) for one in of.plan.subtasks if one.by == "person" and one.settled]
    if people:
        missing.append(f"What people say they finished was taken at their word: subtask {', '.join(people)}.")
    unchanged = [
        str(one.n) for one in of.plan.subtasks if one.settled and not one.commits and one.by != "issue"
    ]
    if unchanged:
        missing.append(f"No commit stands for subtask {', '.join(unchanged)}.")
    ticked = [str(one.n) for one in of.plan.subtasks if one.by == "issue"]
    if ticked:
        missing.append(f"Ticked in the issue when it came: subtask {', '.join(ticked)}.")
    missing.append("The bot's commits are not signed, and no git hooks ran on them.")
    if of.issue.warnings:
        told = "; ".join(inline(warning) for warning in of.issue.warnings)
        missing.append(f"Not all of the issue file was understood: {told}.")
    missing.append("Whether the change does what the issue means: that is the reviewer's part.")
    return missing


def _subtask(one: Subtask) -> dict[str, Any]:
    return {
        "n": one.n,
        "text": inline(one.text),
        "done": one.settled,
        "by": inline(one.by),
        "reason": inline(one.reason),
        "commits": [inline(commit[:12]) for commit in one.commits],
    }


def _commit(commit: CommitInfo, issue_id: str) -> dict[str, Any]:
    return {
        "id": commit.id,
        "short": commit.id[:12],
        "subject": inline(commit.subject),
        "author": inline(commit.author.name, limit=80),
        "subtask": subtask_number(commit, issue_id),
        "merge": len(commit.parents) > 1,
    }


def _file(change: FileChange) -> dict[str, Any]:
    return {
        "path": code(change.path),
        "old_path": code(change.old_path) if change.old_path else "",
        "status": change.status,
        "binary": change.binary,
        "added": change.added or 0,
        "deleted": change.deleted or 0,
    }


def _checks(of: Draftable) -> dict[str, Any]:
    results = [_check(result) for result in recorded(of.checks)]
    return {
        "configured": bool(results),
        "passed": all(result["ok"] for result in results),
        "failed": [result for result in results if not result["ok"]],
        "tree": str(of.checks.get("tree", "")),
        "same_tree": of.checks.get("tree") == of.tree,
        "results": results,
    }


def _check(result: Mapping[str, Any]) -> dict[str, Any]:
    status = result["exit"]
    ended = f"exit status {status}" if status is not None else inline(str(result["problem"] or "not run"))
    return {
        "command": code(str(result["command"])),
        "ok": bool(result["ok"]),
        "ended": ended,
        "duration": f"{float(result['duration']):.1f} s",
        "output": block(str(result["output"])) if str(result["output"]).strip() and not result["ok"] else "",
    }
