"""The step `report`: a read-only look at the code at one commit, written as a page among the artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from sixthbot.actions.at_event import commit_of
from sixthbot.actions.base import Action, Args, Context
from sixthbot.actions.complexity import Function, measure_file, page, summed_up
from sixthbot.core.tasks import Outcome
from sixthbot.core.text import counted
from sixthbot.git.trees import list_tree, read_blobs
from sixthbot.store.atomic import make_dirs, point, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.trees import TreeEntry

_WRITE = point("artifact.write")
_FILES = ("100644", "100755")
_MEASURE = "complexity 1"  # another number when the same blob may give another result
_AT_ONCE = 200
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
    result = summed_up(_measured(ctx, commit))
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


def _measured(ctx: Context, commit: Oid) -> dict[str, list[Function] | None]:
    """Measure each file, those first that no earlier attempt came to; the result of a file depends on its blob alone."""
    listed = list_tree(ctx.repo.git, commit)
    entries = [entry for entry in listed if entry.path.endswith(".py") and entry.mode in _FILES]
    items = ctx.items(
        entries, key=lambda entry: f"{entry.oid} {entry.path}", shown=lambda entry: entry.path, basis=_MEASURE
    )
    blobs = _Blobs(ctx, entries)
    for entry in items:
        data = blobs.of(entry)
        found = None if data is None else measure_file(entry.path, data)
        items.keep(None if found is None else [(one.line, one.name, one.complexity) for one in found])
    return {key.partition(" ")[2]: _functions(key, kept) for key, kept in items.results.items()}


def _functions(key: str, kept: list[tuple[int, str, int]] | None) -> list[Function] | None:
    path = key.partition(" ")[2]
    return (
        None
        if kept is None
        else [
            Function(path=path, line=line, name=name, complexity=complexity)
            for line, name, complexity in kept
        ]
    )


class _Blobs:
    """The contents of files, read from git some at a time: not all are in memory, and not each costs a process."""

    def __init__(self, ctx: Context, entries: Sequence[TreeEntry]) -> None:
        self._ctx = ctx
        self._entries = entries
        self._at = {entry.path: at for at, entry in enumerate(entries)}
        self._read: Mapping[Oid, bytes] = {}

    def of(self, entry: TreeEntry) -> bytes | None:
        """Return a file's content; None for one that a partial clone does not have."""
        if entry.oid not in self._read:
            at = self._at[entry.path]
            wanted = [each.oid for each in self._entries[at : at + _AT_ONCE]]
            self._read = read_blobs(self._ctx.repo.git, wanted)
        return self._read.get(entry.oid)


ACTION = Action(
    name="report",
    summary="looks at the code at the event's commit and writes a page among the artifacts",
    Args=ReportArgs,
    run=run,
)
