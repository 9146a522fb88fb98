"""What `review` looks at: a draft's commits, files, risk, forecast and what changed since the person looked last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.core.drafts import DraftStatus
from sixthbot.core.errors import GitFailed, SixthError, UsageError
from sixthbot.core.filekinds import kind_of
from sixthbot.core.names import parse_oid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.actions.forecasting import Forecast
    from sixthbot.actions.secrets import Finding
    from sixthbot.cli.assess import Standing
    from sixthbot.core.drafts import Draft
    from sixthbot.core.names import Oid
    from sixthbot.engine.services import Services
    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.diffs import FileChange

_SEEN = "reviewed"
_UNDECIDED = frozenset({DraftStatus.AWAITING_REVIEW, DraftStatus.APPROVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Where a branch was when its draft was looked at last: its tip, and the commit that its own work began after."""

    start: Oid
    head: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a draft brings. `start` is where its diff begins, None where that is not known.

    `risk` is as the step that wrote the draft found it, None where that is not kept; `forecast` is of now. `seen` is
    None for a draft that nobody looked at here. `open_notes` are the numbers of subtasks that are not done. `secrets` is
    what `approve` would refuse the draft for, empty for one that cannot be approved now anyway.
    """

    commits: Sequence[CommitInfo]
    files: Sequence[FileChange]
    start: Oid | None
    risk: Mapping[str, Any] | None
    forecast: Sequence[Forecast]
    seen: Seen | None
    open_notes: Sequence[int]
    secrets: Sequence[Finding]


def contents(services: Services, standing: Standing) -> Contents:
    """Look at what a draft brings and what would become of it."""
    from sixthbot.git.commits import log, merge_base  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.diffs import numstat  # noqa: PLC0415 - lazy, see app

    git, head = services.repo.git, standing.draft.head
    base = standing.base_tip or _made_at(services, standing)
    start = None if base is None else merge_base(git, base, head)
    return Contents(
        # all of history is no answer to what this branch brings
        commits=[] if base is None else log(git, tip=head, not_in=[base]),
        files=[] if start is None else numstat(git, start, head),
        start=start,
        risk=_recorded_risk(services, standing.draft),
        forecast=_forecast(services, standing),
        seen=seen(services, standing.draft),
        open_notes=_open_notes(services, standing.draft),
        secrets=_secrets(services, standing),
    )


def _secrets(services: Services, standing: Standing) -> Sequence[Finding]:
    from sixthbot.actions.push import scan_draft  # noqa: PLC0415 - lazy, see app

    draft = standing.draft
    if draft.status not in _UNDECIDED or standing.moved or standing.again:
        return ()
    config = services.loaded.config
    return scan_draft(services.repo.git, services.store, draft, standing.target, config=config).findings


def _made_at(services: Services, standing: Standing) -> Oid | None:
    """Return the commit of its base that the branch was made at or rebased onto, None when that is not known."""
    from sixthbot.git.commits import read_commit  # noqa: PLC0415 - lazy, see app

    try:
        commit = services.store.issues.record(standing.draft.issue).base_commit
        return read_commit(services.repo.git, parse_oid(commit)).id
    except SixthError:
        return None  # its issue's files are gone, or git has thrown the commit away


def _recorded_risk(services: Services, draft: Draft) -> Mapping[str, Any] | None:
    """Return the risk that the step `describe` left for exactly this commit."""
    if not draft.issue:
        return None
    tasks = sorted(services.store.queue.about({draft.issue}), key=lambda task: task.created, reverse=True)
    for task in tasks:
        for record in services.store.checkpoints.load(task.id).values():
            risk = record.outputs.get("risk")
            if (
                record.use == "describe"
                and record.outputs.get("head") == draft.head
                and isinstance(risk, dict)
            ):
                return risk
    return None


def _forecast(services: Services, standing: Standing) -> Sequence[Forecast]:
    from sixthbot.actions.changelog_places import changelog_file  # noqa: PLC0415 - lazy, see app
    from sixthbot.actions.forecasting import forecasts  # noqa: PLC0415 - lazy, see app

    if standing.base_tip is None or standing.tip is None:
        return ()
    found, _ = forecasts(
        services.repo.git,
        services.store.cursors,
        services.store.issues.list(),
        branch=standing.draft.branch,
        tip=standing.draft.head,
        base=standing.draft.base,
        base_tip=standing.base_tip,
        changelog=services.loaded.config.changelog.file
        or changelog_file(services.repo.git, standing.base_tip),
    )
    return found


def _open_notes(services: Services, draft: Draft) -> Sequence[int]:
    try:
        return [one.n for one in services.store.issues.plan(draft.issue).subtasks if not one.settled]
    except (UsageError, OSError):
        return ()


def seen(services: Services, draft: Draft) -> Seen | None:
    """Return where the branch was when its draft was looked at last in this clone."""
    raw = (services.store.cursors.load(_SEEN) or {}).get(draft.branch.value)
    try:
        return (
            Seen(start=parse_oid(raw["start"]), head=parse_oid(raw["head"]))
            if isinstance(raw, dict)
            else None
        )
    except (KeyError, SixthError, TypeError):
        return None


def remember(services: Services, draft: Draft, start: Oid | None) -> None:
    """Note that the draft was looked at as it is; what was noted of branches without a draft goes."""
    if start is None:
        return
    there = {one.branch.value for one in services.store.drafts.list()}
    before = services.store.cursors.load(_SEEN) or {}
    after = {branch: raw for branch, raw in before.items() if branch in there}
    after[draft.branch.value] = {"start": start, "head": draft.head}
    if after != before:
        services.store.cursors.save(_SEEN, after)


def since_last(services: Services, draft: Draft, start: Oid | None) -> str:
    """Return the range-diff since the last look; raise UsageError, saying why, where there is none to show."""
    from sixthbot.git.diffs import range_diff  # noqa: PLC0415 - lazy, see app

    last = seen(services, draft)
    if last is None or start is None:
        raise UsageError(
            f"nobody looked at {draft.branch} here before", hint=f"sixthbot review {draft.branch}"
        )
    if last.head == draft.head:
        return ""
    try:
        found = range_diff(services.repo.git, (last.start, last.head), (start, draft.head))
    except GitFailed:
        raise UsageError(
            f"git has thrown away what {draft.branch} was at {last.head[:9]}",
            hint=f"sixthbot review {draft.branch}",
        ) from None
    return found.decode("utf-8", "replace")


def sizes(files: Sequence[FileChange]) -> list[tuple[str, int, int, int]]:
    """Return for each kind of file that changed: its name, how many, and the lines added and deleted."""
    kinds: dict[str, list[FileChange]] = {}
    for file in files:
        kinds.setdefault(kind_of(file.path).value, []).append(file)
    return [
        (kind, len(found), sum(one.added or 0 for one in found), sum(one.deleted or 0 for one in found))
        for kind, found in sorted(kinds.items(), key=lambda item: _ORDER.index(item[0]))
    ]


_ORDER = ("source", "test", "docs", "generated", "lock")
