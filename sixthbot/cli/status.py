"""`sixthbot status`: what the bot does and what waits for the person."""

from __future__ import annotations

from sixthbot.cli.board import show_status
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb


@verb(
    ("sixthbot status", "what the bot does, and what waits for you"),
    ("sixthbot status --json", "the same as figures, for a prompt or a program"),
)
@json_option
@pass_session
def command(session: Session, *, as_json: bool) -> None:
    """Show watcher, queue, issues, drafts and the last error, each with what to type next."""
    show_status(session.start, session.out, as_json=as_json)
