"""The repair `text.sort`: the lines of a list file in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from sixthbot.actions.base import Args, Repair
from sixthbot.actions.repairs.files import chosen, rewrite
from sixthbot.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class SortArgs(Args):
    """Arguments of `text.sort`."""

    paths: str = Field(description="files, folders or globs, comma-separated")
    unique: Literal["yes", "no"] = Field(default="no", description="whether equal lines become one")


def run(root: Path, files: Sequence[str], args: SortArgs) -> str:
    """Sort the chosen files; raise UsageError when no file was named."""
    if not args.paths.strip(" ,/"):
        raise UsageError("name the files to sort: paths=FILE")
    names = chosen(files, args.paths)
    changed = rewrite(root, names, lambda data: in_order(data, unique=args.unique == "yes"))
    return f"{len(changed)} of {len(names)} files put in order"


def in_order(data: bytes, *, unique: bool) -> bytes:
    """Return the lines sorted by their bytes, each with the line ending the file begins with."""
    ending = b"\r\n" if b"\r\n" in data[:4000] else b"\n"
    lines = data.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    ordered = sorted(set(lines)) if unique else sorted(lines)
    return ending.join(ordered) + ending if data else data


REPAIR = Repair(
    name="text.sort",
    summary="puts the lines of the named files in order",
    Args=SortArgs,
    run=run,
)
