"""The step `report`: a read-only look at the code at one commit, written as a page among the artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from sixthbot.actions.at_event import commit_of
from sixthbot.actions.base import Action, Args, Context
from sixthbot.actions.complexity import measure, page
from sixthbot.core.tasks import Outcome
from sixthbot.core.text import counted
from sixthbot.git.trees import list_tree, read_blobs
from sixthbot.store.atomic import make_dirs, point, write_file

if TYPE_CHECKING:
    from sixthbot.core.names import Oid

_WRITE = point("artifact.write")
_FILES = ("100644", "100755")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class ReportArgs(Args):
    """Arguments of `report`."""

    insight: Literal["complexity"] = Field(default="complexity", description="what to look at")
    report_to: str = Field(default="", description="the file's name among the artifacts; COMMIT.md if empty")

    @field_validator("report_to")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if name and (not _FILE_NAME.fullmatch(name) or ".." in name):
            raise ValueError("must be a file name of letters, digits, '.', '_' and '-', without folders")
        return name


def run(ctx: Context, args: ReportArgs) -> Outcome:
    """Measure the code at the event's commit; outputs `path` (below `.sixth`), `commit`, `files` and `worst`.

    The same commit always gives the same page.
    """
    commit = commit_of(ctx)
    sources = _python_sources(ctx, commit)
    ctx.check_cancelled()
    result = measure(sources)
    folder = ctx.store.places.artifacts / args.insight
    make_dirs(folder)
    path = folder / (args.report_to or f"{commit[:12]}.md")
    write_file(path, page(result, commit).encode(), point=_WRITE, durability=ctx.store.durability)
    ctx.tell(f"complexity of {counted(len(result.files), 'file')}: {path.name}")
    return Outcome(
        {
            "path": str(path.relative_to(ctx.store.places.sixth)),
            "commit": commit,
            "files": len(result.files),
            "worst": result.worst[0].complexity if result.worst else 0,
        }
    )


def _python_sources(ctx: Context, commit: Oid) -> dict[str, bytes]:
    git = ctx.repo.git
    entries = [
        entry for entry in list_tree(git, commit) if entry.path.endswith(".py") and entry.mode in _FILES
    ]
    blobs = read_blobs(git, [entry.oid for entry in entries])
    return {entry.path: blobs[entry.oid] for entry in entries if entry.oid in blobs}


ACTION = Action(
    name="report",
    summary="looks at the code at the event's commit and writes a page among the artifacts",
    Args=ReportArgs,
    run=run,
)
