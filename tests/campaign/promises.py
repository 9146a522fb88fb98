"""What must hold once the bot was left alone to recover; each broken promise is a line of text."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.campaign.processes import wait_until_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.campaign.place import Place

_TRAILER = re.compile(r"^Sixth-Subtask: (\d+)$", re.MULTILINE)
_QUIET = 6.0  # seconds until all that a killed bot left is gone
_LITTER = 11.0  # seconds after which a start takes away the files of a bot that died


def broken_promises(place: Place) -> list[str]:
    """Return what does not hold, as sentences; empty is good."""
    place.look("while the bot recovered")
    return [
        *place.broken,
        *_issues(place),
        *_executors(place),
        *_queue(place),
        *_ends(place),
        *_files(place),
    ]


def _issues(place: Place) -> Iterator[str]:
    found: dict[str, list[dict[str, Any]]] = {}
    for issue in place.person.json("issue", "list")["issues"]:
        found.setdefault(issue["title"], []).append(issue)
    for title, parts in place.dropped.items():
        issues = found.pop(title, [])
        if len(issues) != 1 and not (title in place.loose and not issues):
            yield f"{title!r} was dropped once and is there {len(issues)} times"
        for issue in issues:
            yield from _issue(place, issue, parts)
    for title in found:
        yield f"{title!r} was never dropped"
    rejected = place.person.rejected()
    for name in place.bad:
        if not rejected.get(name, "").strip() and name not in place.loose:
            yield f"{name} was not rejected with a reason"
    for name in set(rejected) - set(place.bad):
        yield f"{name} was rejected: {rejected[name].strip()}"


def _issue(place: Place, issue: dict[str, Any], parts: list[bool]) -> Iterator[str]:
    who, branch, repo = issue["title"], issue["branch"], place.repo
    if not branch or not repo.tip(branch):
        yield f"{who}: no branch"
        return
    statuses = [one["status"] for one in issue["subtasks"]]
    if statuses != ["done"] * len(parts):
        yield f"{who}: subtasks are {statuses}"
    bodies = repo.git("log", "--format=%B%x00", f"main..{branch}").split("\0")
    done = Counter(int(n) for body in bodies for n in _TRAILER.findall(body))
    # a person's own commit carries no trailer: its file tells
    for n, own in enumerate(parts, 1):
        if own and done[n] != 1:
            yield f"{who}: {done[n]} commits for subtask {n}"
        name = f"out/{issue['id']}-{n}.txt" if own else f"hand-{issue['id']}-{n}.txt"
        commits = repo.git("log", "--format=%h", f"main..{branch}", "--", name).split()
        if len(commits) != 1:
            yield f"{who}: {name} is in {len(commits)} commits"
    logs = [body for body in bodies if body.lstrip().startswith("docs(changelog)")]
    if len(logs) > 1:
        yield f"{who}: {len(logs)} changelog commits"
    drafts = [one for one in place.person.drafts() if one["branch"] == branch]
    if [(one["status"], one["head"]) for one in drafts] != [("awaiting-review", repo.tip(branch))]:
        yield f"{who}: its drafts are {drafts}, the branch is at {repo.tip(branch)}"


def _files(place: Place) -> Iterator[str]:
    repo = place.repo
    checked = repo.try_git("fsck", "--strict", "--no-dangling")
    if checked.returncode or checked.stdout.strip():
        yield f"git fsck: {checked.returncode} {(checked.stdout + checked.stderr)[:500]}"
    for lock in repo.git_dir.rglob("*.lock"):
        yield f"a lock stayed behind: {lock.relative_to(repo.path)}"
    for admin in (repo.git_dir / "worktrees").glob("*"):
        if not (admin / "gitdir").exists() or not (admin / "gitdir").read_text().strip():
            yield f"half a worktree stayed behind: {sorted(one.name for one in admin.iterdir())}"
    for litter in (place.repo.path / ".sixth").rglob(".*.tmp"):
        yield f"half a file stayed behind: {litter.relative_to(repo.path)}"
    for litter in (place.disk.folder / "home/tmp").glob("*"):
        yield f"a temporary file stayed behind: {litter.name}"
    for reason in (place.repo.path / ".sixth").rglob("*.damaged*"):
        yield f"a damaged file was set aside: {reason.relative_to(repo.path)}"


def _executors(place: Place) -> Iterator[str]:
    witness = place.base / "witness"
    for line in witness.read_text().splitlines() if witness.exists() else ():
        if line.startswith("overlap"):
            yield f"a second executor ran at once: {line}"
    for left in wait_until_gone(place.base, seconds=_QUIET):
        yield f"a process stayed behind: {left.command[:200]}"
    for said in (place.base / "said").iterdir():
        text = said.read_text(errors="replace")
        # a Ctrl-C that comes before a line of ours has run is Python's to tell
        if "Traceback" in text and "/sixthbot/" in text[text.index("Traceback") :]:
            yield f"{said.name} said: {text[text.index('Traceback') :][-1500:]}"
    reports = sorted((place.repo.path / ".sixth/local/logs").glob("bug-*"))
    for report in reports[:3]:
        yield f"a bug report was written: {report.read_text()[-1500:]}"


def _queue(place: Place) -> Iterator[str]:
    for task in place.person.tasks():
        if task["state"] not in {"parked", "done"}:
            yield f"task {task['id']} is {task['state']}: {task.get('reason', '')}"
    begun = [
        path.name
        for path in (place.repo.path / ".sixth/operations").glob("*.json")
        if '"begun"' in path.read_text()
    ]
    if begun:
        yield f"operations neither finished nor reverted: {begun}"


def _ends(place: Place) -> Iterator[str]:
    time.sleep(max(_LITTER + place.struck - time.monotonic(), 0))
    before = place.repo.git("for-each-ref").splitlines()
    try:
        said = place.say("run")
        if " schedule " in said.err:  # its hour has just struck
            said = place.say("run")
    except subprocess.TimeoutExpired:
        yield "a restart with nothing to do does not end"
        return
    if said.status or not said.out.startswith("0 events"):
        yield f"a restart finds something to do again and again: {said}"
    moved = set(place.repo.git("for-each-ref").splitlines()) ^ set(before)
    if {line.split()[-1] for line in moved} - {"refs/sixth/state", "refs/sixth/saving"}:  # they catch up
        yield f"a restart with nothing to do moved refs: {sorted(moved)}"
