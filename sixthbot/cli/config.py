"""`sixthbot config`: the settings as they are in force, and where each comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.output import one_line, paint, table
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import VerbGroup, json_option
from sixthbot.core.errors import UsageError
from sixthbot.store.config import workers_note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@click.group(
    cls=VerbGroup,
    default="show",
    examples=[
        ("sixthbot config show", "every setting that is in force"),
        ("sixthbot config show --origin", "and where each comes from"),
        ("SIXTHBOT_BOT__WORKERS=4 sixthbot watch", "set one for a single run"),
    ],
)
def command() -> None:
    """Show settings. They are edited in .sixth/config.toml, or .sixth/local/config.toml for this clone alone."""


@command.command(
    "show",
    examples=[
        ("sixthbot config show --origin", "settings and where each comes from"),
        ("sixthbot config show branch", "one section"),
        ("sixthbot config show --json", "for a program"),
    ],
)
@click.argument("section", required=False, default="")
@click.option("--origin", is_flag=True, help="Say where each setting comes from.")
@json_option
@pass_session
def show(session: Session, section: str, *, origin: bool, as_json: bool) -> None:
    """Show the settings in force, of one section or all."""
    loaded = session.services().loaded
    settings = {
        key: value
        for key, value in _flat("", loaded.config.model_dump(mode="json"))
        if not section or key == section or key.startswith(section + ".")
    }
    if not settings:
        raise UsageError(f"there is no setting {one_line(section, 60)!r}", hint="sixthbot config show")
    if as_json:
        entries = [
            {"key": key, "value": value, "origin": _origin(loaded.origins, key)}
            for key, value in settings.items()
        ]
        session.out.json({"schema": 1, "untrusted": loaded.untrusted, "settings": entries})
        return
    rows = [
        (paint(key, "cyan"), one_line(json.dumps(value, ensure_ascii=False), 1000))
        + ((paint(one_line(_origin(loaded.origins, key), 300), "dim"),) if origin else ())
        for key, value in settings.items()
    ]
    session.out.say(table(rows, columns=session.out.columns))
    if loaded.untrusted:
        session.out.talk(
            "the repository's settings are not trusted, so only its display keys count: sixthbot trust --show"
        )
    if note := workers_note(loaded.config):
        session.out.talk(note)
    for problem in loaded.problems:
        session.out.talk(one_line(str(problem), 300))


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, dict) and value:
            yield from _flat(name, value)
        else:
            yield name, value


def _origin(origins: Mapping[str, str], key: str) -> str:
    """Return where a setting comes from: its own entry, or that of the table it stands in."""
    name = key
    while name:
        if name in origins:
            return origins[name]
        name = name.rpartition(".")[0]
    return "default"
