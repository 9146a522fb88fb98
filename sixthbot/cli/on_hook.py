"""`sixthbot on-commit` and its like: what git hooks call. The front door answers them itself; this is their help."""

from __future__ import annotations

import subprocess
import sys

import click

from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import verb


@verb(
    ("sixthbot on-commit", "in .git/hooks/post-commit, or in a hook manager's configuration"),
    ('sixthbot on-checkout "$@"', "in post-checkout; on-merge and on-rewrite likewise"),
    ("sixthbot init --hooks", "or let init put shims in that do the same without Python"),
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
@pass_session
def command(session: Session, context: click.Context, args: tuple[str, ...]) -> None:
    """Leave a note for the bot, so that it looks at once. Always exits 0, says nothing, and takes next to no time."""
    # only options before the verb lead here; the same call without them is answered before click is loaded
    subprocess.call(
        # -P: nothing of the folder that it is called in is ever imported
        [sys.executable, "-P", "-m", "sixthbot", "-C", str(session.start), str(context.info_name), *args]
    )
