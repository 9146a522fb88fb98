"""The step `clean-up`: takes away old logs and reports of the bot's own, and says what lies about that is a person's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from sixthbot.actions.base import Action, Args, Context
from sixthbot.core.errors import ConfigError
from sixthbot.core.names import clean_line
from sixthbot.core.tasks import Outcome
from sixthbot.core.text import counted
from sixthbot.core.times import format_time, parse_duration
from sixthbot.store.atomic import make_dirs, point, remove, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAGE = point("cleanup.page")
_OLD = point("cleanup.remove")
_SHOWN = 50
_REPORT = re.compile(r"[0-9a-f]{12}\.md")
_LOG = re.compile(r"(t[0-9a-f]{12})\.log(\.[0-9]+)?")


class CleanUpArgs(Args):
    """Arguments of `clean-up`."""

    older_than: str = Field(default="90d", description="what is old, like 90d")

    @field_validator("older_than")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        try:
            parse_duration(text)
        except ConfigError as error:
            raise ValueError(error.message) from None
        return text


def run(ctx: Context, args: CleanUpArgs) -> Outcome:
    """Clean up; outputs `removed` and `left` (both counts).

    Removed are logs of tasks that are over and reports named after a commit. Drafts and rejected files are a
    person's: they are only listed, in `.sixth/artifacts/health/clean-up.md`.
    """
    since = (ctx.clock() - parse_duration(args.older_than)).timestamp()
    removed = [path.name for path in _ours(ctx) if _is_old(path, since) and remove(path, point=_OLD)]
    left = [path for path in _theirs(ctx) if _is_old(path, since)]
    lines = [
        "# clean-up",
        "",
        f"{format_time(ctx.clock())}: {counted(len(removed), 'old file')} removed.",
        "",
    ]
    if left:
        lines += [f"Untouched for {args.older_than}, and yours to decide on:", ""]
        lines += [f"- {clean_line(str(path.relative_to(ctx.store.places.top)))}" for path in left[:_SHOWN]]
        if len(left) > _SHOWN:
            lines.append(f"- and {len(left) - _SHOWN} more")
    folder = ctx.store.places.artifacts / "health"
    make_dirs(folder)
    page = "\n".join(lines) + "\n"
    write_file(folder / "clean-up.md", page.encode(), point=_PAGE, durability=ctx.store.durability)
    ctx.tell(f"clean-up: {counted(len(removed), 'old file')} removed, {len(left)} left for you")
    return Outcome({"removed": len(removed), "left": len(left)})


def _ours(ctx: Context) -> Iterator[Path]:
    places = ctx.store.places
    for folder in _listed(places.artifacts):
        if folder.is_dir() and not folder.is_symlink():
            yield from (path for path in _listed(folder) if _REPORT.fullmatch(path.name))
    for path in _listed(places.logs):
        named = _LOG.fullmatch(path.name)
        task = ctx.store.queue.find(named[1]) if named else None
        if named and (task is None or task.state.name == "done"):
            yield path


def _theirs(ctx: Context) -> Iterator[Path]:
    places = ctx.store.places
    yield from (path for path in _listed(places.drafts) if path.name.endswith(".md"))
    yield from (path for path in _listed(places.rejected) if not path.name.endswith(".reason.txt"))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_old(path: Path, since: float) -> bool:
    try:
        return path.lstat().st_mtime < since
    except FileNotFoundError:
        return False


ACTION = Action(
    name="clean-up",
    summary="removes old logs and reports of the bot's own, and lists old drafts and rejected files",
    Args=CleanUpArgs,
    run=run,
)
