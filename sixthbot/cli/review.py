"""`sixthbot review`: one screen that says what matters, then text, commits and diff through the person's pager."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.lookup import find_draft
from sixthbot.cli.output import clean_text, one_line, paint, plural, table
from sixthbot.cli.pager import neutral_patch, page
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.drafts import DraftStatus
from sixthbot.core.errors import SixthError
from sixthbot.store.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sixthbot.cli.assess import Standing
    from sixthbot.cli.checks import CheckResult
    from sixthbot.core.names import Oid
    from sixthbot.engine.services import Services
    from sixthbot.git.commits import CommitInfo
    from sixthbot.git.diffs import FileChange

_TAIL = 12  # lines of a failed check's output
_PATCH_LIMIT = 20_000_000  # bytes; more than anybody reads, less than what fills a memory


@verb(
    ("sixthbot review", "the draft that waits for you, when there is one"),
    ("sixthbot review sixth/tidy-the-notes", "a certain one"),
    ("sixthbot review --stat", "without the diff itself"),
)
@click.argument("branch", required=False)
@click.option("--stat", is_flag=True, help="Name the changed files only.")
@json_option
@pass_session
def command(session: Session, branch: str | None, *, stat: bool, as_json: bool) -> None:
    """Read a draft: what it is, whether its checks passed, whether its base moved; its text, commits and diff."""
    from sixthbot.cli.assess import stand  # noqa: PLC0415 - lazy, see app

    services = session.services()
    draft = find_draft(services.store, branch, statuses=("awaiting-review", "approved"))
    standing = stand(services, draft)
    commits, files, start = _contents(services, standing)
    if as_json:
        session.out.json(_as_json(services, standing, commits, files))
        return
    lines = [*_screen(standing, commits, files), *_text(standing), *_commits(commits), *_files(files)]
    text = "\n".join(lines) + "\n"
    if not stat and start is not None:
        from sixthbot.git.diffs import patch  # noqa: PLC0415 - lazy, see app

        diff = patch(services.repo.git, start, standing.draft.head, limit=_PATCH_LIMIT)
        text += f"\n{paint('diff', 'bold')}\n\n{neutral_patch(diff)}"
        if len(diff) >= _PATCH_LIMIT:
            text += "\n(the diff goes on: git diff shows all of it)\n"
    page(session.out, text, pager=_pager(services))


def _pager(services: Services) -> str:
    from sixthbot.cli.programs import pager_of  # noqa: PLC0415 - lazy, see app

    return pager_of(services.repo.git) if services.loaded.config.display.pager else ""


def _contents(
    services: Services, standing: Standing
) -> tuple[Sequence[CommitInfo], Sequence[FileChange], Oid | None]:
    """Return the draft's commits, its changed files and where its diff starts."""
    from sixthbot.git.commits import log, merge_base  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.diffs import numstat  # noqa: PLC0415 - lazy, see app

    git, head = services.repo.git, standing.draft.head
    base = standing.base_tip or _made_at(services, standing)
    if base is None:
        return [], [], None  # all of history is no answer to what this branch brings
    start = merge_base(git, base, head)
    commits = log(git, tip=head, not_in=[base])
    return commits, numstat(git, start, head) if start else [], start


def _made_at(services: Services, standing: Standing) -> Oid | None:
    """Return the commit of its base that the branch was made at or rebased onto, None when that is not known."""
    from sixthbot.core.names import parse_oid  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.commits import read_commit  # noqa: PLC0415 - lazy, see app

    try:
        commit = services.store.issues.record(standing.draft.issue).base_commit
        return read_commit(services.repo.git, parse_oid(commit)).id
    except SixthError:
        return None  # its issue's files are gone, or git has thrown the commit away


def _screen(standing: Standing, commits: Sequence[CommitInfo], files: Sequence[FileChange]) -> Iterator[str]:
    """Yield what matters, on one screen: which draft, how it stands, what to type."""
    draft = standing.draft
    yield paint(one_line(draft.title), "bold")
    yield ""
    added, deleted = sum(file.added or 0 for file in files), sum(file.deleted or 0 for file in files)
    yield table(
        [
            ("branch", f"{paint(draft.branch.value, 'cyan')} at {draft.head[:9]}"),
            ("status", _status(standing)),
            ("checks", _checks(standing)),
            ("base", _base(standing)),
            ("remote", _remote(standing)),
            (
                "changes",
                f"{plural(len(commits), 'commit')}, {plural(len(files), 'file')}, +{added} -{deleted}"
                if commits or standing.base_tip
                else "cannot be counted without its base",
            ),
        ]
    )
    for check in standing.checks:
        yield from _check(check)
    yield from _next(standing)


def _status(standing: Standing) -> str:
    draft = standing.draft
    if standing.tip is None:
        return paint("the branch is gone", "red")
    if standing.moved:
        return paint(f"moved since this draft was written, to {standing.tip[:9]}", "red")
    color = {DraftStatus.APPROVED: "green", DraftStatus.PUSHED: "green", DraftStatus.REJECTED: "red"}
    return paint(draft.status.value, color.get(draft.status, "yellow"))


def _checks(standing: Standing) -> str:
    if not standing.checks:
        if standing.draft.status in {DraftStatus.PUSHED, DraftStatus.REJECTED}:
            return "over; the text below says how they ended"
        return paint("none on record for this tree", "yellow") + " ([check] in .sixth/config.toml names them)"
    failed = standing.failed_checks
    if failed:
        return paint(f"{len(failed)} of {len(standing.checks)} failed", "red", "bold")
    return paint(f"{len(standing.checks)} passed", "green") + f" on tree {standing.draft.tree[:9]}"


def _base(standing: Standing) -> str:
    base = one_line(standing.draft.base)
    if standing.base_tip is None:
        return f"{base} {paint('is gone', 'red')}"
    return f"{base} has moved on since" if standing.base_moved else f"{base}, up to date"


def _remote(standing: Standing) -> str:
    if standing.target is None:
        return paint(standing.refusal.message if standing.refusal else "none", "yellow")
    return f"{one_line(standing.target.remote)} ({one_line(redact_text(standing.target.url))})"


def _check(check: CheckResult) -> Iterator[str]:
    if check.passed:
        yield f"  {paint('passed', 'green')}  {one_line(check.command, 100)}  {check.duration:.1f}s"
        return
    yield f"  {paint('failed', 'red')}  {one_line(check.command, 100)}  {one_line(check.ending, 200)}"
    tail = clean_text(check.output).strip().splitlines()[-_TAIL:]
    yield from (f"    {line}" for line in tail)


def _next(standing: Standing) -> Iterator[str]:
    name = standing.draft.branch
    word = "\n" + paint("next", "green")
    if standing.tip is None:
        yield f"{word}: git branch {name} {standing.draft.head} brings it back"
    elif standing.moved:
        accept = f"sixthbot done {standing.draft.issue or 'ISSUE'} (your commits)"
        yield f"{word}: {accept} or sixthbot rebase {name} (moved back), then sixthbot run, for a new draft"
    elif standing.draft.status is DraftStatus.APPROVED:
        yield f"{word}: sixthbot push {name}"
    elif standing.draft.status is DraftStatus.AWAITING_REVIEW:
        despite = " --despite-checks" if standing.failed_checks else ""
        yield f"{word}: sixthbot approve {name}{despite}, or sixthbot reject {name} -m WHY"
    undecided = standing.draft.status in {DraftStatus.AWAITING_REVIEW, DraftStatus.APPROVED}
    if undecided and not standing.moved and (standing.base_moved or standing.failed_checks):
        why = f"follows {one_line(standing.draft.base)}" if standing.base_moved else "checks it again"
        yield f"{paint('or', 'green')}: sixthbot rebase {name} {why} and makes the draft anew"


def _text(standing: Standing) -> Iterator[str]:
    yield f"\n{paint('text', 'bold')}\n"
    yield clean_text(standing.draft.text.replace("\r\n", "\n")).strip("\n")


def _commits(commits: Sequence[CommitInfo]) -> Iterator[str]:
    yield f"\n{paint('commits', 'bold')}\n"
    yield table(
        (
            paint(commit.id[:9], "yellow"),
            one_line(commit.subject, 90),
            paint(one_line(commit.author.name, 30), "dim"),
        )
        for commit in commits
    )


def _files(files: Sequence[FileChange]) -> Iterator[str]:
    yield f"\n{paint('files', 'bold')}\n"
    yield table((_counts(file), _name(file)) for file in files)


def _counts(file: FileChange) -> str:
    return "binary" if file.binary else f"+{file.added or 0} -{file.deleted or 0}"


def _name(file: FileChange) -> str:
    name = one_line(file.path, 300)
    return f"{one_line(file.old_path, 300)} -> {name}" if file.old_path else name


def _as_json(
    services: Services, standing: Standing, commits: Sequence[CommitInfo], files: Sequence[FileChange]
) -> dict[str, Any]:
    from sixthbot.cli.draft import draft_json  # noqa: PLC0415 - lazy, see app

    return {
        "schema": 1,
        "draft": draft_json(services.store, standing.draft) | {"text": standing.draft.text},
        "moved": standing.moved,
        "base_moved": standing.base_moved,
        "refusal": standing.refusal.message if standing.refusal else "",
        "remote": standing.target.remote if standing.target else None,
        "checks": [asdict(check) for check in standing.checks],
        "commits": [
            {"id": commit.id, "subject": commit.subject, "author": commit.author.name} for commit in commits
        ],
        "files": [{"path": file.path, "added": file.added, "deleted": file.deleted} for file in files],
    }
