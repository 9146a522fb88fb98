"""`sixthbot review`: one screen that says what matters, then text, commits and diff; and what a reviewer has changed."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.lookup import find_draft
from sixthbot.cli.output import paint
from sixthbot.cli.pager import neutral_patch, page
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.cli.assess import Standing
    from sixthbot.cli.reviewing import Contents
    from sixthbot.core.names import Oid
    from sixthbot.engine.services import Services

# whole ids make a line of a patch that no terminal holds, and nobody reads them; a line of content never begins so
_INDEX = re.compile(rb"(?<=^index )([0-9a-f]{9})[0-9a-f]+\.\.([0-9a-f]{9})[0-9a-f]+", re.MULTILINE)
_PATCH_LIMIT = 20_000_000  # bytes; more than anybody reads, less than what fills a memory


@verb(
    ("sixthbot review", "the draft that waits for you, when there is one"),
    ("sixthbot review sixth/tidy --commits", "commit by commit"),
    ("sixthbot review sixth/tidy --since-last", "only what changed since you looked"),
    ("sixthbot review sixth/tidy --comment a.py:12 'why twice?'", "ask for more on the branch"),
    ("sixthbot review sixth/tidy --drop 2", "take commit 2 out, make the draft anew"),
)
@click.argument("branch", required=False)
@click.option("--stat", is_flag=True, help="Name the changed files only.")
@click.option(
    "--commits", "by_commit", is_flag=True, help="Show each commit with its message and patch, in order."
)
@click.option("--commit", "only", metavar="N", help="Show one commit, by number or id.")
@click.option(
    "--since-last", is_flag=True, help="Show what changed since you looked last, as git range-diff does."
)
@click.option("--tool", is_flag=True, help="Open each changed file in your difftool (git's diff.tool).")
@click.option(
    "--comment", "comments", nargs=2, multiple=True, metavar="FILE[:LINE] TEXT",
    help="Make a comment a subtask on the same branch; may be given more than once.",
)  # fmt: skip
@click.option(
    "--edit",
    is_flag=True,
    help="Write comments into the diff with your editor, on lines that begin with `> `.",
)
@click.option("--drop", metavar="N", help="Take a commit out of the branch, by number or id.")
@click.option("--reword", metavar="N", help="Give a commit another message, by number or id.")
@click.option("-m", "--message", default=None, help="The message for --reword; none: your editor.")
@click.option("--dry-run", is_flag=True, help="With --drop, --reword, --comment: say what would happen.")
@json_option
@pass_session
def command(session: Session, /, branch: str | None, **options: Any) -> None:
    """Read a draft: what it is, how it stands; its text, commits and diff. Or have it changed.

    What you drop or reword is done in memory and as an operation that can be undone; authors stay, and the draft is
    checked and written anew. A comment becomes a subtask that the bot goes on with: ask for a recipe in it with
    `do: NAME`, or it waits for a person.
    """
    services = session.services()
    draft = find_draft(services.store, branch, statuses=("awaiting-review", "approved"))
    asked = [name for name in ("drop", "reword", "comments", "edit") if options[name]]
    if len(asked) > 1:
        raise UsageError("one at a time: --drop, --reword, --comment or --edit")
    if asked:
        from sixthbot.cli.reviewchanges import change  # noqa: PLC0415 - lazy, see app

        change(session, draft, asked[0], options)
        return
    if options["message"] is not None:
        raise UsageError("-m is for --reword")
    from sixthbot.cli.assess import stand  # noqa: PLC0415 - lazy, see app

    _show(session, services, stand(services, draft), options)


def _show(session: Session, services: Services, standing: Standing, options: dict[str, Any]) -> None:
    from sixthbot.cli.reviewing import contents, remember  # noqa: PLC0415 - lazy, see app

    found = contents(services, standing)
    if options["as_json"]:
        session.out.json(_as_json(services, standing, found))
        return
    if options["tool"]:
        from sixthbot.cli.difftool import open_tool  # noqa: PLC0415 - lazy, see app

        open_tool(session.out, services.repo.git, found.files)
        return
    text = _text(session, services, standing, found, options)
    page(session.out, text, pager=_pager(services))
    remember(services, standing.draft, found.start)


def _text(
    session: Session, services: Services, standing: Standing, found: Contents, options: dict[str, Any]
) -> str:
    """Return what is asked for: a range-diff, commits with their patches, or the whole."""
    from sixthbot.cli.reviewing import since_last  # noqa: PLC0415 - lazy, see app
    from sixthbot.cli.reviewscreen import lists, screen  # noqa: PLC0415 - lazy, see app

    if options["since_last"]:
        text = since_last(services, standing.draft, found.start)
        return neutral_patch(text.encode()) if text else f"{_unchanged(standing)}\n"
    if options["only"]:
        from sixthbot.engine.reviewing import pick  # noqa: PLC0415 - lazy, see app

        return _commits(services, found, [pick(found.commits, options["only"])]).lstrip("\n")
    columns = session.out.columns
    head = "\n".join(screen(standing, found, columns=columns)) + "\n"
    if options["by_commit"]:
        return head + _commits(services, found, found.commits)
    text = head + "\n".join(lists(standing, found, columns=columns)) + "\n"
    if options["stat"] or found.start is None:
        return text
    return f"{text}\n{paint('diff', 'bold')}\n\n{_patch(services, found.start, standing.draft.head)}"


def _unchanged(standing: Standing) -> str:
    """Return what to say where the draft is the one that was looked at last."""
    name, here = standing.draft.branch, (standing.tip or "")[:9]
    if standing.again:
        return f"the draft of {name} is being made anew; what changes is shown here once it is there"
    if standing.moved and here:
        return f"the draft is as you looked at it, and {name} has moved since, to {here}"
    return "nothing changed since you looked"


def _commits(services: Services, found: Contents, chosen: Sequence[Any]) -> str:
    from sixthbot.cli.reviewscreen import commit_head  # noqa: PLC0415 - lazy, see app

    parts = []
    for number, commit in enumerate(found.commits, 1):
        if commit in chosen:
            before = commit.parents[0] if commit.parents else None
            head = "\n".join(commit_head(commit, number, len(found.commits)))
            parts.append(f"{head}\n{_patch(services, before, commit.id)}")
    return "\n".join(parts)


def _patch(services: Services, old: Oid | None, new: Oid) -> str:
    from sixthbot.git.diffs import beginning, patch  # noqa: PLC0415 - lazy, see app

    whole = patch(services.repo.git, old, new)
    diff = beginning(whole, _PATCH_LIMIT)
    all_of_it = f"git show {new[:12]}" if old is None else f"git diff {old[:12]} {new[:12]}"
    cut = f"\n(the diff goes on: {all_of_it})\n" if len(diff) < len(whole) else ""
    return neutral_patch(_INDEX.sub(rb"\1..\2", diff)) + cut


def _pager(services: Services) -> str:
    from sixthbot.cli.programs import pager_of  # noqa: PLC0415 - lazy, see app

    return pager_of(services.repo.git) if services.loaded.config.display.pager else ""


def _as_json(services: Services, standing: Standing, found: Contents) -> dict[str, Any]:
    from sixthbot.cli.draft import draft_json  # noqa: PLC0415 - lazy, see app
    from sixthbot.cli.reviewing import sizes  # noqa: PLC0415 - lazy, see app

    last = found.seen
    return {
        "schema": 1,
        "draft": draft_json(services.store, standing.draft) | {"text": standing.draft.text},
        "moved": standing.moved,
        "base_moved": standing.base_moved,
        "refusal": standing.refusal.message if standing.refusal else "",
        "remote": standing.target.remote if standing.target else None,
        "checks": [asdict(check) for check in standing.checks],
        "risk": found.risk,
        "forecast": [
            {
                "branch": one.branch,
                "base": one.is_base,
                "conflicts": None if one.conflicts is None else [*one.conflicts],
            }
            for one in found.forecast
        ],
        "size": {
            kind: {"files": count, "added": plus, "deleted": minus}
            for kind, count, plus, minus in sizes(found.files)
        },
        "last_seen": last.head if last else None,
        "open_subtasks": [*found.open_notes],
        "secrets": [
            {
                "kind": one.secret.kind,
                "shown": one.secret.shown,
                "place": one.place,
                "digest": one.secret.digest,
            }
            for one in found.secrets
        ],
        "commits": [
            {
                "n": number,
                "id": commit.id,
                "subject": commit.subject,
                "author": commit.author.name,
            }
            for number, commit in enumerate(found.commits, 1)
        ],
        "files": [{"path": file.path, "added": file.added, "deleted": file.deleted} for file in found.files],
    }
