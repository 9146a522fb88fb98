"""The command line's front door: global options and a table of commands, each imported only when it is used."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from sixthbot import __version__
from sixthbot.cli.errors import guarded
from sixthbot.cli.output import Output, wants_color
from sixthbot.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence


class Entry(NamedTuple):
    """Where a command lives, the section of `sixthbot --help` it stands in, and its line there."""

    module: str
    section: str
    summary: str


_WORK = "The bot"
_ISSUES = "Issues"
_LOOK = "Look and steer"
_DRAFTS = "From draft to remote"
_SETUP = "Set-up"

COMMANDS: dict[str, Entry] = {
    "init": Entry("init", _SETUP, "Make this repository the bot's home"),
    "demo": Entry("demo", _SETUP, "Show the whole main job on a scratch repository"),
    "watch": Entry("watch", _WORK, "Run the bot in the foreground"),
    "run": Entry("run", _WORK, "Handle everything there is to do now, then exit"),
    "work": Entry("work", _WORK, "Add one more worker process for a lane"),
    "new": Entry("new", _ISSUES, "Put an issue into the inbox"),
    "issue": Entry("issue", _ISSUES, "List, show, cancel or reopen issues"),
    "plan": Entry("plan", _ISSUES, "Show or edit the plan of an issue"),
    "done": Entry("done", _ISSUES, "Say that your subtask is finished"),
    "status": Entry("status", _LOOK, "Show what the bot does and what waits for you"),
    "queue": Entry("queue", _LOOK, "List, show, retry, cancel, move, pause or resume tasks"),
    "log": Entry("log", _LOOK, "Show the journal"),
    "why": Entry("why", _LOOK, "Explain what happened to something, and what it waits for"),
    "draft": Entry("draft", _DRAFTS, "List or show drafts"),
    "review": Entry("review", _DRAFTS, "Read a draft: title, checks, text, commits, diff"),
    "approve": Entry("approve", _DRAFTS, "Approve a draft as it is now"),
    "reject": Entry("reject", _DRAFTS, "Turn a draft down, saying why"),
    "push": Entry("push", _DRAFTS, "Push approved drafts to the remote"),
    "release": Entry("release", _DRAFTS, "Let the bot rewrite a branch that you changed"),
    "rules": Entry("rules", _SETUP, "List, check, test or replay rules"),
    "trust": Entry("trust", _SETUP, "Trust this repository's configuration, rules and templates"),
    "config": Entry("config", _SETUP, "Show settings and where each comes from"),
    "doctor": Entry("doctor", _SETUP, "Look for what keeps the bot from working well"),
}
"""Every command; a new one costs a file and a line here."""

_SECTIONS = (_WORK, _ISSUES, _LOOK, _DRAFTS, _SETUP)


class LazyGroup(click.Group):
    """A group whose commands are modules of this package, imported when called; its help imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return every command's name, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import and return the command, or None when there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(f"sixthbot.cli.{entry.module}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"sixthbot.cli.{entry.module}.command is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, naming the nearest one for a typo."""
        if args[0] not in COMMANDS:
            from difflib import get_close_matches  # noqa: PLC0415 - only a typo pays for it

            near = get_close_matches(args[0], COMMANDS, n=1)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"no such command: {args[0]!r}{guess}", ctx)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples first, then usage, commands by section and options."""
        with formatter.section("Examples"):
            formatter.write_dl(
                [
                    ("sixthbot init", "make this repository the bot's home"),
                    ("sixthbot watch", "let the bot work; drop issue files into .sixth/inbox/"),
                    ("sixthbot new 'Tidy the notes'", "or have one written for you"),
                    ("sixthbot status", "what it does, and what waits for you"),
                    ("sixthbot review", "read the draft; then approve and push"),
                ]
            )
        formatter.write_paragraph()
        self.format_usage(ctx, formatter)
        for section in _SECTIONS:
            with formatter.section(section):
                formatter.write_dl(
                    [(name, entry.summary) for name, entry in COMMANDS.items() if entry.section == section]
                )
        click.Command.format_options(self, ctx, formatter)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Act as if started in DIR.",
)
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what was asked for, and errors.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), help="When to use colour.")
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, directory: Path | None, verbose: int, *, quiet: bool, color: str | None) -> None:
    """Run a bot that lives in a git repository and works while its people do something else."""
    if verbose and quiet:
        raise click.UsageError("-v and -q exclude each other", ctx)
    out = Output(
        color_out=wants_color(color, stream=sys.stdout),
        color_err=wants_color(color, stream=sys.stderr),
        verbosity=-1 if quiet else verbose,
    )
    ctx.obj = Session(start=directory or Path(), out=out, color=color)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never raises for anything a user can cause."""
    arguments = list(sys.argv[1:] if args is None else args)
    return guarded(lambda: cli.main(arguments, prog_name="sixthbot", standalone_mode=False), arguments)
