"""`sixthbot draft`: the drafts there are, and one of them as its file has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.lookup import find_draft
from sixthbot.cli.output import clean_text, next_lines, one_line, paint, table
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import VerbGroup, json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.core.drafts import Draft
    from sixthbot.core.errors import SixthError
    from sixthbot.core.names import BranchName
    from sixthbot.store.open import Store

_COLORS = {"awaiting-review": "yellow", "approved": "green", "rejected": "red", "approval void": "yellow"}


@click.group(
    cls=VerbGroup,
    default="list",
    examples=[
        ("sixthbot draft list", "every draft and where it stands"),
        ("sixthbot draft show sixth/tidy-the-notes", "one draft's title and text"),
        ("sixthbot review sixth/tidy-the-notes", "the same with commits, checks and diff"),
    ],
)
def command() -> None:
    """List or show drafts: branches with their PR text, waiting for a person."""


@command.command(
    "list",
    examples=[
        ("sixthbot draft list", "every draft"),
        ("sixthbot draft list --json", "the same for a program"),
    ],
)
@json_option
@pass_session
def list_drafts(session: Session, *, as_json: bool) -> None:
    """List drafts; of one whose approval does not hold any more, say why."""
    store = session.store()
    drafts = store.drafts.list()
    void = _void(session, drafts)
    if as_json:
        found = [
            draft_json(store, draft) | {"void": void[draft.branch].message if draft.branch in void else ""}
            for draft in drafts
        ]
        session.out.json({"schema": 1, "drafts": found})
        return
    rows = [_row(draft, is_void=draft.branch in void) for draft in drafts]
    session.out.say(
        table(rows, head=("branch", "status", "commit", "title"), columns=session.out.columns, whole=(0,))
        or "no drafts yet"
    )
    for error in void.values():
        session.out.talk(f"{paint('approval void', 'yellow')}: {one_line(error.message, 300)}")
        session.out.talk("\n".join(next_lines(error.hint)))
    for name, reason in store.drafts.damaged().items():
        session.out.talk(f"{paint('damaged', 'red')} {one_line(name, 120)}: {one_line(reason, 300)}")


def _void(session: Session, drafts: Sequence[Draft]) -> Mapping[BranchName, SixthError]:
    if all(draft.status != "approved" for draft in drafts):
        return {}
    from sixthbot.cli.assess import void_approvals  # noqa: PLC0415 - lazy, see app

    return void_approvals(session.services(), drafts)


def draft_json(store: Store, draft: Draft) -> dict[str, Any]:
    """Return a draft as the contract's JSON has it."""
    return {
        "branch": draft.branch.value,
        "issue": draft.issue,
        "title": draft.title,
        "status": draft.status.value,
        "head": draft.head,
        "base": draft.base,
        "path": str(store.drafts.path(draft.branch)),
    }


def _row(draft: Draft, *, is_void: bool) -> tuple[str, ...]:
    status = "approval void" if is_void else draft.status.value
    return (
        paint(draft.branch.value, "cyan"),
        paint(status, _COLORS[status]) if status in _COLORS else status,
        draft.head[:9],
        one_line(draft.title),
    )


@command.command(
    "show", examples=[("sixthbot draft show sixth/tidy-the-notes", "title and text; edit the file it names")]
)
@click.argument("branch")
@json_option
@pass_session
def show(session: Session, branch: str, *, as_json: bool) -> None:
    """Show one draft's title and text."""
    store = session.store()
    draft = find_draft(store, branch)
    if as_json:
        more = {"tree": draft.tree, "text": draft.text}
        session.out.json({"schema": 1, "draft": draft_json(store, draft) | more})
        return
    session.out.say(f"{paint(one_line(draft.title), 'bold')}\n")
    session.out.say(clean_text(draft.text.replace("\r\n", "\n")).strip("\n"))
    session.out.talk(f"\nthe file to edit is {store.drafts.path(draft.branch)}")
