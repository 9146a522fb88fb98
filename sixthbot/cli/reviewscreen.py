"""The screen that `review` opens with, and the lists below it: what matters first, in as few lines as it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sixthbot.cli.assess import GO_ON
from sixthbot.cli.output import clean_text, one_line, paint, plural, table, width
from sixthbot.cli.reviewing import sizes
from sixthbot.core.drafts import DraftStatus
from sixthbot.core.prtemplate import fence_after
from sixthbot.store.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from sixthbot.actions.forecasting import Forecast
    from sixthbot.actions.secrets import Finding
    from sixthbot.cli.assess import Standing
    from sixthbot.cli.checks import CheckResult
    from sixthbot.cli.reviewing import Contents
    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.diffs import FileChange

_TAIL = 12  # lines of a failed check's output
_AROUND = 18  # columns that stand around a check's command
_TERMS = 3  # of a risk that are named
_NAMED = 3  # branches or files
_HANGING = re.compile(r" *(?:> ?)*(?:[-*+] (?:\[[ x]\] )?)?")  # a list's lines go on below its first word
_STATUS = {DraftStatus.APPROVED: "green", DraftStatus.PUSHED: "green", DraftStatus.REJECTED: "red"}
_LEVEL = {"low": "green", "medium": "yellow", "high": "red"}


def screen(standing: Standing, found: Contents, *, columns: int) -> Iterator[str]:
    """Yield what matters, on one screen: which draft, how it stands, what to type."""
    draft = standing.draft
    yield paint(one_line(draft.title), "bold")
    yield ""
    rows = [
        ("branch", f"{paint(draft.branch.value, 'cyan')} at {draft.head[:9]}"),
        ("status", _status(standing)),
        ("checks", _checks(standing, under_way=bool(found.open_notes))),
        *([("risk", _risk(found.risk))] if found.risk else []),
        ("base", _base(standing, found.forecast)),
        *([("others", _others(found.forecast))] if _has_others(found.forecast) else []),
        ("remote", _remote(standing)),
        ("changes", _changes(standing, found)),
        *([("seen", _seen(standing, found))] if _seen(standing, found) else []),
        *([("notes", _notes(found.open_notes))] if found.open_notes else []),
        *([("secrets", _secrets(found.secrets))] if found.secrets else []),
    ]
    yield table(rows, columns=columns)
    for check in standing.checks:
        yield from _check(check, columns)
    following = _next(standing, under_way=bool(found.open_notes))
    if found.secrets:
        following = _secrets_next(standing, found)
    for line in [*_notes_next(standing, found), *following]:
        yield from fold(line, columns)


def lists(standing: Standing, found: Contents, *, columns: int) -> Iterator[str]:
    """Yield the draft's text, its commits with their numbers, and its files."""
    yield f"\n{paint('text', 'bold')}\n"
    yield from _prose(standing.draft.text, columns)
    yield f"\n{paint('commits', 'bold')}\n"
    yield table(
        (
            (
                paint(str(number), "dim"),
                paint(commit.id[:9], "yellow"),
                one_line(commit.subject, 90),
                paint(one_line(commit.author.name, 30), "dim"),
            )
            for number, commit in enumerate(found.commits, 1)
        ),
        columns=columns,
    )
    yield f"\n{paint('files', 'bold')}\n"
    yield table((_file(file) for file in found.files), columns=columns)


def commit_head(commit: CommitInfo, number: int, of: int) -> Iterator[str]:
    """Yield what stands above the patch of one commit: its number, subject, author and message."""
    subject, _, body = clean_text(commit.body).strip("\n").partition("\n")
    yield f"\n{paint(f'commit {number} of {of}', 'bold')}  {paint(commit.id[:9], 'yellow')}  {one_line(subject, 100)}"
    yield f"by {one_line(commit.author.name, 60)}"
    if body.strip():
        yield ""
        yield from (f"    {line}".rstrip() for line in body.strip("\n").split("\n"))
    yield ""


def fold(line: str, columns: int) -> Iterator[str]:
    """Yield a line that is wider than the terminal as several, broken between words; 0 columns for no terminal."""
    if not columns or width(line) <= columns:
        yield line
        return
    found = _HANGING.match(line)
    indent = re.sub("[^>]", " ", found[0]) if found else ""
    row = ""
    for word in line.split(" "):
        if row.strip() and width(row) + 1 + width(word) > columns:
            yield row
            row = indent + word
        else:
            row = f"{row} {word}" if row else word
    yield row


def _prose(text: str, columns: int) -> Iterator[str]:
    """Yield a draft's text, folded but for what stands in fenced blocks."""
    fence = ""
    for line in clean_text(text.replace("\r\n", "\n")).strip("\n").split("\n"):
        fence = fence_after(fence, line)
        yield from [line] if fence else fold(line, columns)


def _status(standing: Standing) -> str:
    draft = standing.draft
    if standing.tip is None:
        return paint("the branch is gone", "red")
    if standing.again:
        where = f"; the branch is at {standing.tip[:9]}" if standing.moved else ""
        return paint("being made anew", "yellow") + where
    if standing.moved:
        return paint(f"moved since this draft was written, to {standing.tip[:9]}", "red")
    return paint(draft.status.value, _STATUS.get(draft.status, "yellow"))


def _checks(standing: Standing, *, under_way: bool) -> str:
    if not standing.checks and under_way:
        return "run once its subtasks are done"
    if not standing.checks:
        if standing.draft.status in {DraftStatus.PUSHED, DraftStatus.REJECTED}:
            return "over; the text below says how they ended"
        return paint("none on record for this tree", "yellow") + " ([check] in .sixth/config.toml names them)"
    failed = standing.failed_checks
    if failed:
        return paint(f"{len(failed)} of {len(standing.checks)} failed", "red", "bold")
    return paint(f"{len(standing.checks)} passed", "green") + f" on tree {standing.draft.tree[:9]}"


def _risk(risk: Mapping[str, Any]) -> str:
    """Return the level, the score and the terms that weigh most, as the step `describe` kept them."""
    terms = [term for term in risk.get("terms", ()) if isinstance(term, dict) and term.get("points")]
    terms.sort(key=lambda term: -int(term["points"]))
    told = ", ".join(f"{one_line(str(term.get('name')), 40)} {term['points']}" for term in terms[:_TERMS])
    level = one_line(str(risk.get("level")), 10)
    head = f"{paint(level, _LEVEL.get(level, 'yellow'))}, {risk.get('score')} of 100"
    return f"{head}: {told}" if told else head


def _base(standing: Standing, forecast: Sequence[Forecast]) -> str:
    base = one_line(standing.draft.base)
    if standing.base_tip is None:
        return f"{base} {paint('is gone', 'red')}"
    conflicts = next((one.conflicts for one in forecast if one.is_base), None)
    if conflicts:
        return f"{base}, {paint('conflicts', 'red')} in {_few(conflicts)}"
    return f"{base} has moved on since" if standing.base_moved else f"{base}, up to date"


def _has_others(forecast: Sequence[Forecast]) -> bool:
    return any(not one.is_base for one in forecast)


def _others(forecast: Sequence[Forecast]) -> str:
    """Return what a merge with the bot's other open branches would come to."""
    others = [one for one in forecast if not one.is_base]
    clashing = [one for one in others if one.conflicts]
    if not clashing:
        return f"no conflict with {plural(len(others), 'open branch', 'open branches')}"
    told = [f"{one_line(one.branch, 80)} in {_few(one.conflicts or ())}" for one in clashing[:_NAMED]]
    more = f" and {len(clashing) - _NAMED} more" if len(clashing) > _NAMED else ""
    return f"{paint('conflicts', 'yellow')} with {'; '.join(told)}{more}"


def _few(paths: Sequence[str]) -> str:
    shown = ", ".join(one_line(path, 80) for path in paths[:_NAMED])
    return f"{shown} and {len(paths) - _NAMED} more" if len(paths) > _NAMED else shown


def _remote(standing: Standing) -> str:
    if standing.target is None:
        return paint(standing.refusal.message if standing.refusal else "none", "yellow")
    return f"{one_line(standing.target.remote)} ({one_line(redact_text(standing.target.url))})"


def _changes(standing: Standing, found: Contents) -> str:
    if not found.commits and standing.base_tip is None:
        return "cannot be counted without its base"
    added = sum(file.added or 0 for file in found.files)
    deleted = sum(file.deleted or 0 for file in found.files)
    total = f"{plural(len(found.commits), 'commit')}, {plural(len(found.files), 'file')}, +{added} -{deleted}"
    parts = [f"{kind} +{plus} -{minus}" for kind, _, plus, minus in sizes(found.files)]
    return f"{total} ({', '.join(parts)})" if len(parts) > 1 else total


def _seen(standing: Standing, found: Contents) -> str:
    last = found.seen
    if last is None or last.head == standing.draft.head:
        return ""
    return f"changed since you looked at {last.head[:9]}: --since-last shows how"


def _notes_next(standing: Standing, found: Contents) -> Iterator[str]:
    issue = standing.draft.issue
    if (
        found.open_notes
        and issue
        and not standing.again
        and standing.draft.status is DraftStatus.AWAITING_REVIEW
    ):
        yield f"\n{paint('next', 'green')}: sixthbot run goes on with it; sixthbot done {issue} says that you did what waits"


def _notes(numbers: Sequence[int]) -> str:
    return paint(f"subtask {', '.join(map(str, numbers[:8]))} not done yet", "yellow")


def _secrets(findings: Sequence[Finding]) -> str:
    more = f" and {len(findings) - _NAMED} more" if len(findings) > _NAMED else ""
    return paint("; ".join(one_line(str(one), 200) for one in findings[:_NAMED]) + more, "red", "bold")


def _secrets_next(standing: Standing, found: Contents) -> Iterator[str]:
    """Tell how what looks like a secret comes out of each place that it is in, or is allowed."""
    name = standing.draft.branch
    ways: dict[str, None] = {}
    for one in found.secrets:
        number = next((n for n, commit in enumerate(found.commits, 1) if commit.id[:12] in one.place), 0)
        if one.place.startswith("the draft's"):
            ways[f"edit the file that sixthbot draft show {name} names"] = None
        elif number:
            verb = "reword" if one.place.startswith("the message") else "drop"
            ways[f"sixthbot review {name} --{verb} {number}"] = None
        else:
            ways["take it out of the commit that has it"] = None
    shown = [*ways][:_NAMED]
    yield f"\n{paint('next', 'green')}: {'; '.join(shown)}; then change the secret where it is used"
    allowed = " ".join(
        f"--allow {one}" for one in dict.fromkeys(one.secret.digest for one in found.secrets[:_NAMED])
    )
    yield f"{paint('or', 'green')}, if it is none: sixthbot approve {name} {allowed}"


def _check(check: CheckResult, columns: int) -> Iterator[str]:
    shown = max(columns - _AROUND, 40) if columns else 100
    if check.passed:
        yield f"  {paint('passed', 'green')}  {one_line(check.command, shown)}  {check.duration:.1f}s"
        return
    yield f"  {paint('failed', 'red')}  {one_line(check.command, shown)}  {one_line(check.ending, 200)}"
    tail = clean_text(check.output).strip().splitlines()[-_TAIL:]
    yield from (f"    {line}" for line in tail)


def _next(standing: Standing, *, under_way: bool) -> Iterator[str]:
    name = standing.draft.branch
    word = "\n" + paint("next", "green")
    if standing.tip is None:
        yield f"{word}: git branch {name} {standing.draft.head} brings it back"
    elif standing.again:
        yield f"{word}: {GO_ON} makes the new draft"
    elif standing.moved:
        accept = f"sixthbot done {standing.draft.issue or 'ISSUE'} (your commits)"
        yield f"{word}: {accept} or sixthbot rebase {name} (moved back), then sixthbot run, for a new draft"
    elif standing.draft.status is DraftStatus.APPROVED:
        yield f"{word}: sixthbot push {name}"
    elif (
        standing.draft.status is DraftStatus.AWAITING_REVIEW and standing.target is None and standing.refusal
    ):
        yield f"{word}: {standing.refusal.hint}"
    elif standing.draft.status is DraftStatus.AWAITING_REVIEW and standing.unchecked and not under_way:
        yield f"{word}: sixthbot rebase {name}, then sixthbot run, for its checks; or approve it --despite-checks"
    elif standing.draft.status is DraftStatus.AWAITING_REVIEW and not under_way:
        despite = " --despite-checks" if standing.failed_checks else ""
        yield f"{word}: sixthbot approve {name}{despite}, or sixthbot reject {name} -m WHY"
    undecided = standing.draft.status in {DraftStatus.AWAITING_REVIEW, DraftStatus.APPROVED}
    if (
        undecided
        and not (standing.moved or standing.again or under_way)
        and (standing.base_moved or standing.failed_checks)
    ):
        why = f"follows {one_line(standing.draft.base)}" if standing.base_moved else "checks it again"
        yield f"{paint('or', 'green')}: sixthbot rebase {name} {why} and makes the draft anew"


def _file(file: FileChange) -> tuple[str, str]:
    counts = "binary" if file.binary else f"+{file.added or 0} -{file.deleted or 0}"
    name = one_line(file.path, 300)
    return counts, f"{one_line(file.old_path, 300)} -> {name}" if file.old_path else name
