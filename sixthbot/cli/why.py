"""`sixthbot why`: the chain behind a thing, from the event through the verdicts of rules to tasks, steps and commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb
from sixthbot.store.clock import now

if TYPE_CHECKING:
    from sixthbot.cli.chain import Chain


@verb(
    ("sixthbot why tidy", "an issue, by its id or a unique prefix"),
    ("sixthbot why t1a2b3c", "a task: which rule made it, what it did, what it waits for"),
    ("sixthbot why sixth/tidy-the-notes", "a branch or a draft"),
    ("sixthbot why 9fceb02", "a commit or an event"),
)
@click.argument("wanted", metavar="ID")
@json_option
@pass_session
def command(session: Session, wanted: str, *, as_json: bool) -> None:
    """Explain what happened to an event, task, issue, commit, branch or draft, and what it waits for."""
    from sixthbot.cli.chain import chain_json, find_chain  # noqa: PLC0415 - lazy, see app
    from sixthbot.cli.chain_text import chain_lines  # noqa: PLC0415

    chain: Chain = find_chain(session, wanted)
    if as_json:
        session.out.json(chain_json(chain))
        return
    moment = now()
    session.out.say("\n".join(chain_lines(chain, moment, everything=session.out.verbosity > 0)))
