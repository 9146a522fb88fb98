"""The one place where failures become lines for the reader and an exit code; unexpected ones become a report file."""

from __future__ import annotations

import os
import sys

from sixthbot.cli.output import ReaderGone, one_line, paint, unpaint, wants_color
from sixthbot.core.errors import ExitCode, SixthError

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def guarded(call: Callable[[], Any], arguments: Sequence[str]) -> int:
    """Run a command and return its exit code: what it returned, or what its failure stands for.

    `arguments` is the command line, for colour and for the report of an unexpected failure.
    """
    try:
        result = call()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the top: what nobody expected becomes a report
        code, message, hint = _ending(error, arguments)
        if message:
            _tell(message, hint, arguments)
        return int(code)
    return int(result) if isinstance(result, int) else int(ExitCode.OK)


def _ending(error: BaseException, arguments: Sequence[str]) -> tuple[int, str, str]:
    """Return exit code, message and hint for what ended a command; no message where there is nothing to say."""
    match error:
        case ReaderGone():
            _drop_stdout()
            return ExitCode.OK, "", ""
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED, "interrupted", ""
        case SixthError():
            return error.exit_code, error.message, error.hint
        case OSError():
            return ExitCode.FAILED, *_os_words(error)
        case _:
            return _of_click(error) or (ExitCode.FAILED, *_unexpected(error, arguments))


def _of_click(error: BaseException) -> tuple[int, str, str] | None:
    """Do the same for what click raises; None for anything else."""
    import click  # noqa: PLC0415 - `status` does without, unless it fails

    match error:
        case click.Abort():
            return ExitCode.INTERRUPTED, "interrupted", ""
        case click.exceptions.NoArgsIsHelpError():
            sys.stderr.write(error.format_message() + "\n")
            return ExitCode.USAGE, "", ""
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else "sixthbot"
            return ExitCode.USAGE, error.format_message().removesuffix("."), f"{path} --help"
        case click.ClickException():
            return ExitCode.FAILED, error.format_message(), ""
        case _:
            return None


def _tell(message: str, hint: str, arguments: Sequence[str]) -> None:
    # all mistakes of a configuration file come as one error, a line each
    first, *more = [one_line(line, 1000) for line in message.splitlines()] or [""]
    lines = [f"{paint('error:', 'red', 'bold')} {first}", *(f"       {line}" for line in more)]
    if hint:
        lines.append(f"{paint('hint:', 'cyan')} {one_line(hint, 1000)}")
    text = "\n".join(lines) + "\n"
    try:
        sys.stderr.write(text if wants_color(_color_choice(arguments), stream=sys.stderr) else unpaint(text))
        sys.stderr.flush()
    except OSError:
        # nobody listens there either; the exit code still says it
        return


def _color_choice(arguments: Sequence[str]) -> str | None:
    """Read --color by hand: an error can come before click has read the options."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word.startswith("--color="):
            return word.removeprefix("--color=")
        if word == "--color":
            return following
    return None


def _os_words(error: OSError) -> tuple[str, str]:
    """Say what the system refused and where: a full disk, a missing right, a vanished folder."""
    where = f": {error.filename}" if error.filename else ""
    hints = {
        "ENOSPC": "make room on the disk; nothing was lost, try again then",
        "EDQUOT": "make room in your quota; nothing was lost, try again then",
        "EACCES": "look at the owner and mode of that path",
        "EPERM": "look at the owner and mode of that path",
        "EROFS": "the file system is mounted read-only",
    }
    import errno  # noqa: PLC0415 - only a failure pays for it

    return f"{error.strerror or error}{where}", hints.get(errno.errorcode.get(error.errno or 0, ""), "")


def _unexpected(error: BaseException, arguments: Sequence[str]) -> tuple[str, str]:
    from sixthbot.cli.bugreport import write_bug_report  # noqa: PLC0415 - only an unexpected failure pays for it

    path = write_bug_report(error, arguments)
    return (
        one_line(f"unexpected failure, a mistake of sixthbot's: {type(error).__name__}: {error}", 500),
        f"the report to send is {path}",
    )


def _drop_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not complain about the closed pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
