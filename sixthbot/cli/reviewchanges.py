"""What a reviewer has changed, from `review --drop`, `--reword`, `--comment` and `--edit`: asked here, done by the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.cli.output import clean_text, one_line, plural
from sixthbot.cli.session import refuse_inside_task
from sixthbot.core.errors import SixthError, UsageError, WorkFailed
from sixthbot.core.names import BranchName
from sixthbot.core.reviewnotes import Comment, comment, comments_in, read_place, to_edit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sixthbot.cli.session import Session
    from sixthbot.core.drafts import Draft
    from sixthbot.engine.services import Services

_EDIT_LIMIT = 5_000_000
_GO_ON = "a running watch goes on with it; otherwise: sixthbot run"


def change(session: Session, draft: Draft, what: str, options: Mapping[str, Any]) -> None:
    """Do the one thing that was asked for, and say what comes next."""
    refuse_inside_task("changing a draft")
    if options["as_json"]:
        raise UsageError("--json is for looking only")
    services = session.services()
    if what in {"comments", "edit"}:
        _comment(session, services, draft, options)
    else:
        _rewrite(session, services, draft, what, options)


def _rewrite(
    session: Session, services: Services, draft: Draft, what: str, options: Mapping[str, Any]
) -> None:
    from sixthbot.engine.reviewing import (  # noqa: PLC0415 - lazy, see app
        drop_commit,
        open_for_change,
        pick,
        reword_commit,
    )

    opened = open_for_change(services, draft)
    commit = pick(opened.commits, options[what])
    named = f"{commit.id[:9]} {one_line(commit.subject, 80)}"
    if options["dry_run"]:
        session.out.say(f"would {what} {named}, then check {draft.branch} and write its draft anew")
        return
    if what == "drop":
        operation = drop_commit(services, opened, commit)
    else:
        message = options["message"]
        if message is None:
            message = _edited(
                services, clean_text(commit.body), name="message.txt", empty="the message is the same"
            )
        operation = reword_commit(services, opened, commit, message)
    done = "dropped" if what == "drop" else "reworded"
    session.out.say(f"{done} {named}; {draft.branch} is at {(operation.refs[0][2] or '')[:9]}")
    session.out.say(f"to do: checks and a new draft; sixthbot undo {operation.id} takes it back")
    session.out.talk(_GO_ON)


def _comment(session: Session, services: Services, draft: Draft, options: Mapping[str, Any]) -> None:
    from sixthbot.cli.programs import drop_copy  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.reviewing import add_comments  # noqa: PLC0415 - lazy, see app

    if options["edit"]:
        found, kept = _from_editor(services, draft)
    else:
        found, kept = [_placed(services, draft, place, text) for place, text in options["comments"]], None
    if not found:
        session.out.talk("no comment, so nothing changes")
        return
    if options["dry_run"]:
        for one in found:
            session.out.say(f"would add: {one_line(one.asks, 300)}")
        if kept is not None:
            session.out.talk(f"your comments are kept in {kept}")
        return
    try:
        numbers = add_comments(services, draft, found)
    except SixthError as error:
        if kept is None:
            raise
        raise UsageError(error.message, hint=f"your comments are kept in {kept}") from None
    if kept is not None:
        drop_copy(kept)
    for number, one in zip(numbers, found, strict=True):
        session.out.say(f"subtask {number}: {one_line(one.asks, 300)}")
    session.out.talk(f"{plural(len(numbers), 'subtask')} more for issue {draft.issue}; {_GO_ON}")


def _placed(services: Services, draft: Draft, place: str, text: str) -> Comment:
    """Return a comment whose file and line are there in what is reviewed."""
    import difflib  # noqa: PLC0415 - lazy, see app

    from sixthbot.git.trees import list_tree, read_blob  # noqa: PLC0415 - lazy, see app

    path, line = read_place(place)
    git = services.repo.git
    paths = [entry.path for entry in list_tree(git, draft.head)]
    if path not in paths:
        if place in paths:  # a file's name may end like a line
            return comment(place, 0, text)
        close = difflib.get_close_matches(path, paths, n=1)
        raise UsageError(
            f"there is no file {one_line(path, 120)!r} on {draft.branch}",
            hint=f"did you mean {one_line(close[0], 120)}?" if close else "FILE:LINE is as the diff names it",
        )
    if line:
        data = read_blob(git, draft.head, path) or b""
        lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        if line > lines:
            raise UsageError(f"{one_line(path, 120)} has {plural(lines, 'line')}, and no line {line}")
    return comment(path, line, text)


def _from_editor(services: Services, draft: Draft) -> tuple[list[Comment], Path | None]:
    from sixthbot.git.commits import merge_base  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.diffs import beginning, patch  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.refs import tip  # noqa: PLC0415 - lazy, see app

    git = services.repo.git
    base = tip(git, BranchName.parse(draft.base))
    start = None if base is None else merge_base(git, base, draft.head)
    if start is None:
        raise UsageError(
            f"the base of {draft.branch} is gone, so there is no diff", hint="use --comment FILE:LINE TEXT"
        )
    diff = beginning(patch(git, start, draft.head), _EDIT_LIMIT).decode("utf-8", "replace")
    kept: list[Path] = []
    text = _edited(
        services,
        to_edit(clean_text(diff), branch=draft.branch.value),
        name="review.diff",
        read=comments_in,
        kept=kept,
    )
    return list(text), kept[0] if kept else None


def _edited(
    services: Services,
    text: str,
    *,
    name: str,
    empty: str = "",
    read: Callable[[str], Sequence[Comment]] | None = None,
    kept: list[Path] | None = None,
) -> Any:
    """Let the person edit a text in a file of its own; return it, or what `read` makes of it.

    What was typed stays in that file where it cannot be used. Raise UsageError(`empty`) where it is as before.
    """
    from sixthbot.cli.programs import drop_copy, edit_copy  # noqa: PLC0415 - lazy, see app

    path = edit_copy(services.repo.git, text.encode(), name=name)
    try:
        after = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkFailed(f"what the editor left cannot be read: {error}") from None
    try:
        result: Any = _used(after, before=text, empty=empty, read=read)
    except UsageError as error:
        if after == text:
            drop_copy(path)
            raise
        raise UsageError(error.message, hint=f"your text is kept in {path}") from None
    if kept is not None and result:
        kept.append(path)
    else:
        drop_copy(path)
    return result


def _used(after: str, *, before: str, empty: str, read: Callable[[str], Sequence[Comment]] | None) -> Any:
    if after == before and empty:
        raise UsageError(empty)
    if read is None:
        return after
    found = read(after)
    if after != before and not found:
        raise UsageError("nothing of what you typed is a comment: a line of one begins with `> `")
    return found
