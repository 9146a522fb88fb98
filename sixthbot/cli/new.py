"""`sixthbot new`: writes an issue file into the inbox, whole and under a name of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sixthbot.cli.output import one_line
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import verb
from sixthbot.core.checkboxes import without_do_spans
from sixthbot.core.errors import UsageError
from sixthbot.core.names import clean_line, slug
from sixthbot.core.tasks import Lane

_LIMIT = 256 * 1024  # what the inbox accepts
_TITLE_LIMIT = 1500  # a title may have a `do:` span


@verb(
    ("sixthbot new 'Tidy the notes'", "an issue that is all one subtask"),
    ("sixthbot new 'Sort the words `do: sort-words`'", "one that a recipe does"),
    ("sixthbot new 'Tidy the notes' --body-file plan.md", "with subtasks: lines like - [ ] Sort the list"),
    ("git log -1 --format=%B | sixthbot new 'Follow up' --body-file -", "the text from a pipe"),
)
@click.argument("title")
@click.option("--body-file", metavar="F", help="The text under the title; - for standard input.")
@click.option("--label", "labels", multiple=True, metavar="NAME", help="A label; may be given several times.")
@click.option(
    "--priority", type=click.Choice([lane.value for lane in Lane]), help="The lane to work on it in."
)
@pass_session
def command(
    session: Session, title: str, body_file: str | None, labels: tuple[str, ...], priority: str | None
) -> None:
    """Put an issue into the inbox. The bot takes it up when it runs.

    A file that you put there yourself may name its own id in its front matter (`id: LOG-1`), so that another one can
    come after it (`depends: LOG-1`).
    """
    heading = clean_line(title, limit=_TITLE_LIMIT)
    if not heading:
        raise UsageError("the title is empty", hint="sixthbot new 'What is to be done'")
    places = session.places()
    body = "" if body_file is None else _read_body(body_file)
    text = _front_matter(labels, priority) + f"# {heading}\n" + (f"\n{body}" if body else "")
    data = text.encode("utf-8")
    if len(data) > _LIMIT:
        raise UsageError(f"the issue would have {len(data)} bytes", hint=f"the inbox takes at most {_LIMIT}")
    from sixthbot.store.inboxfile import drop  # noqa: PLC0415 - lazy, see app

    path = drop(places, slug(without_do_spans(heading)) or "issue", data)
    session.out.say(f"wrote {path.relative_to(places.top)}")
    session.out.talk("a running watch takes it up at once; otherwise: sixthbot run")


def _read_body(name: str) -> str:
    if name == "-":
        data = sys.stdin.buffer.read(_LIMIT + 1)
    else:
        with Path(name).open("rb") as file:
            data = file.read(_LIMIT + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{one_line(name, 80)} is not UTF-8 text") from None


def _front_matter(labels: tuple[str, ...], priority: str | None) -> str:
    keys: dict[str, object] = {}
    if labels:
        keys["labels"] = [clean_line(label, limit=60) for label in labels]
    if priority:
        keys["priority"] = priority
    if not keys:
        return ""
    import tomli_w  # noqa: PLC0415 - most issues need none

    return f"+++\n{tomli_w.dumps(keys)}+++\n\n"
