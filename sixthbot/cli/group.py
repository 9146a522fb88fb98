"""The command line as click sees it: global options, and a group whose commands are imported when they are used."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from sixthbot import __version__
from sixthbot.cli.app import COMMANDS, SECTIONS
from sixthbot.cli.output import Output, wants_color
from sixthbot.cli.session import Session

_ELSEWHERE = {
    "cancel": "there are: sixthbot issue cancel ID, sixthbot queue cancel ID",
    "list": "there are: sixthbot issue list, queue list, draft list, rules list",
    "retry": "there is: sixthbot queue retry ID",
    "show": "there are: sixthbot issue show ID, queue show ID, draft show BRANCH, config show",
}
"""What people try that is spelt otherwise."""


class LazyGroup(click.Group):
    """A group whose commands are modules of this package, imported when called; its help imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return every command's name, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import and return the command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, _ = COMMANDS[cmd_name]
        command = importlib.import_module(f"sixthbot.cli.{module}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"sixthbot.cli.{module}.command is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, naming the nearest one for a typo."""
        if args[0] == "help" and args[1:] and args[1] in COMMANDS:
            return super().resolve_command(ctx, [args[1], "--help"])
        if args[0] == "help":
            click.echo(ctx.get_help())
            ctx.exit()
        if args[0] not in COMMANDS and args[0] in _ELSEWHERE:
            raise click.UsageError(f"no such command: {args[0]!r}; {_ELSEWHERE[args[0]]}", ctx)
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
        for section in SECTIONS:
            with formatter.section(section):
                formatter.write_dl(
                    [(name, summary) for name, (_, where, summary) in COMMANDS.items() if where == section]
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
    ctx.call_on_close(ctx.obj.close)
