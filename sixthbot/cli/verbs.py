"""The shape of a command: its help begins with examples, and `--json` is spelt the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Examples = "Sequence[tuple[str, str]]"


class Verb(click.Command):
    """A command whose help starts with examples: pairs of a line to type and what it does."""

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples, usage, text, options."""
        write_examples(formatter, self.examples)
        super().format_help(ctx, formatter)


class VerbGroup(click.Group):
    """A command of several verbs (`queue list`, `queue show`); alone it does what `default` names, if anything."""

    command_class = Verb

    def __init__(
        self, *args: Any, examples: Sequence[tuple[str, str]] = (), default: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.default = default
        self.no_args_is_help = default is None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let the group alone, or with options only, mean its default verb."""
        if self.default and (not args or (args[0].startswith("-") and args[0] not in {"-h", "--help"})):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the verbs in the order they were written."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, naming the ones there are for a wrong one."""
        if args[0] not in self.commands:
            raise click.UsageError(f"no such verb: {args[0]!r}; there are {', '.join(self.commands)}", ctx)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples, usage, text, verbs and options."""
        write_examples(formatter, self.examples)
        super().format_help(ctx, formatter)


def write_examples(formatter: click.HelpFormatter, examples: Sequence[tuple[str, str]]) -> None:
    """Write the block of examples that every help text starts with."""
    if examples:
        with formatter.section("Examples"):
            formatter.write_dl(list(examples), col_max=48)
        formatter.write_paragraph()


def verb(*examples: tuple[str, str], name: str | None = None) -> Callable[[Callable[..., Any]], Verb]:
    """Make a function a command with examples: `@verb(("sixthbot status", "what goes on"))`."""
    return click.command(name, cls=Verb, examples=examples)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`, given to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, for programs.")(
        function
    )
