"""The doctor's look for what lies in the queue and the inbox and is nothing there. Names it; moves and deletes nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.cli.findings import Finding
from sixthbot.cli.output import one_line
from sixthbot.store.counting import ALL_LANES, LANES, REASON, SUFFIX, kept_with_reason
from sixthbot.store.taskfiles import TaskFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.store.paths import Places

_FEW = 10
_FOLDERS = ("ready", "waiting", "running", "parked", "failed", "done", "paused")
_HOMES = (*(f"ready/{lane}" for lane in LANES), "waiting", "parked", "failed", "done")
"""Where task files lie, below the queue's folder; those of workers come and go."""
_AWAY = "take it away"
_LANE_NAMES = ", ".join(LANES)


def strangers(places: Places) -> Iterator[Finding]:
    """Name what is passed over for ever: folders and files of no meaning in the queue, and folders in the inbox."""
    found = [*_in_queue(f"{places.queue}"), *_unreadable(places), *_in_inbox(f"{places.inbox}")]
    for what, message, hint in found[:_FEW]:
        yield Finding("note", what, message, hint)
    if len(found) > _FEW:
        yield Finding(
            "note", "queue", f"and {len(found) - _FEW} more that mean nothing there", "ls -R .sixth/queue"
        )


def _in_queue(queue: str) -> Iterator[tuple[str, str, str]]:
    for entry in _entries(queue):
        # a task file that lies here, or in ready/, goes into the lane that it names
        if entry.name not in _FOLDERS and not _is_task(entry):
            yield _stranger(entry, entry.name, _AWAY)
    for entry in _entries(f"{queue}/ready"):
        if entry.is_dir(follow_symlinks=False) and entry.name not in LANES:
            shown = f"queue/ready/{one_line(entry.name, 80)}"
            hint = f"the lanes are {_LANE_NAMES}: move what is in it into one of them, then remove it"
            yield "queue", f"{shown} is a folder of no lane: nothing in it is done", hint
        elif entry.name not in LANES and not _is_task(entry):
            yield _stranger(entry, f"ready/{entry.name}", _AWAY)
    for home in _HOMES:
        aside = frozenset(kept_with_reason(f"{queue}/failed") if home == "failed" else ())
        for entry in _entries(f"{queue}/{home}"):
            noted = home == "failed" and (entry.name in aside or entry.name.endswith(REASON))
            if not noted and not _is_task(entry):
                yield _stranger(entry, f"{home}/{entry.name}", _AWAY)
    for entry in _entries(f"{queue}/paused"):
        if entry.name not in {*LANES, ALL_LANES}:
            shown = f"queue/paused/{one_line(entry.name, 80)}"
            hint = f"the lanes are {_LANE_NAMES}, and {ALL_LANES} stands for every one: give it such a name, or remove it"
            yield "queue", f"{shown} pauses nothing: there is no such lane", hint


def _unreadable(places: Places) -> Iterator[tuple[str, str, str]]:
    """Name task files that cannot be read, and why nothing becomes of them or what will."""
    files = TaskFiles(places.queue, "process")
    aside = kept_with_reason(f"{files.root}/failed")
    for path in files.paths():
        shown = path.removeprefix(f"{files.root}/")
        if shown.removeprefix("failed/") in aside or files.content(path, quarantine=False) is not None:
            continue
        named = f"queue/{one_line(shown, 100)}"
        if path in files.newer():
            yield (
                "queue",
                f"{named} is of a newer sixthbot: it is left alone",
                "use that one, or take it away",
            )
        elif shown.startswith(("ready/", "running/")):
            yield (
                "queue",
                f"{named} cannot be read as a task",
                "it is set aside, and why, when its turn comes",
            )
        else:  # nobody claims them, so nobody sets them aside
            yield "queue", f"{named} cannot be read as a task: it is passed over", "mend it, or remove it"


def _in_inbox(inbox: str) -> Iterator[tuple[str, str, str]]:
    for entry in _entries(inbox):
        if entry.is_dir(follow_symlinks=False) and entry.name != "rejected":
            yield (
                "inbox", f"inbox/{one_line(entry.name, 80)} is a folder, and nothing in it is taken up",
                "move the issues in it into .sixth/inbox itself",
            )  # fmt: skip


def _stranger(entry: os.DirEntry[str], path: str, hint: str) -> tuple[str, str, str]:
    kind = "folder" if entry.is_dir(follow_symlinks=False) else "file"
    if entry.is_symlink():
        kind, hint = "link", "links are not followed: put the file itself there, or take it away"
    return "queue", f"queue/{one_line(path, 100)} is no task but a {kind}: it is passed over", hint


def _is_task(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what lies in a folder under names that are not hidden, sorted; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    except OSError:
        return []
