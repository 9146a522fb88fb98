"""The doctor's checks of what was left behind: by dead processes, which `--fix` mends, and damaged files, which it keeps."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from sixthbot.cli.findings import Finding
from sixthbot.cli.output import one_line, plural
from sixthbot.core.errors import SixthError
from sixthbot.git.poolcare import USUAL
from sixthbot.store.atomic import process_lives, read_small
from sixthbot.store.leftovers import kept_aside as files_kept_aside
from sixthbot.store.taskfile import SIZE_LIMIT, from_json, id_in_name
from sixthbot.store.taskfiles import SECOND_FILE, TaskFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sixthbot.engine.services import Services
    from sixthbot.store.paths import Places

_TEMPORARY = re.compile(r"\.([1-9][0-9]{0,9})-[0-9]+-[0-9a-f]{6}\.tmp")
_FEW = 10
_LOCKS = ("index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock")
_OLD = 600.0  # seconds; git holds none of them that long, but for a person's editor


def left_behind(services: Services) -> Iterator[Finding]:
    """Look for work, operations, files and worktrees of processes that are gone."""
    from sixthbot.engine.recovery import recover, tidy_up  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.locks import is_free, lease_file  # noqa: PLC0415 - lazy, see app

    running = services.store.queue.all(states=("running",))
    workers = {task.state.worker for task in running if task.state.name == "running"}
    dead = [name for name in workers if is_free(lease_file(services.places, name))]
    begun = [each for each in services.store.operations.list() if each.state == "begun"]

    def mend() -> str:
        done = recover(services)
        settled = len(done.finished) + len(done.reverted)
        locks = f", {plural(len(done.locks), 'lock file')} of git's taken away" if done.locks else ""
        return f"{plural(len(done.tasks), 'task')} back in the queue, {plural(settled, 'operation')} settled{locks}"

    def tidy() -> str:
        tidy_up(services)
        return "half-written files and half-made worktrees taken away"

    if dead or begun:
        yield Finding(
            "bad", "left behind",
            f"{plural(len(dead), 'dead worker')} with tasks, {plural(len(begun), 'unfinished operation')}",
            "sixthbot run, or sixthbot doctor --fix", mend,
        )  # fmt: skip
    orphaned = _temporaries(services.places.sixth)
    if orphaned:
        yield Finding(
            "warn", "temporaries", f"{plural(len(orphaned), 'half-written file')} of processes that are gone",
            "sixthbot doctor --fix", tidy,
        )  # fmt: skip
    half_made = services.pool.half_made()
    if half_made:
        named = ", ".join(f".git/worktrees/{one_line(entry.name, 40)}" for entry in half_made[:_FEW])
        yield Finding(
            "warn", "worktrees", f"half made, of the bot's own: {named}", "sixthbot doctor --fix", tidy
        )
    if not (dead or begun or orphaned or half_made):
        yield Finding("ok", "left behind", "nothing of a process that is gone")


def torn_by_a_power_cut(services: Services) -> Iterator[Finding]:
    """Name git's objects that hold nothing, as far as they can be from what ran since the last start of a bot."""
    from sixthbot.engine.soundness import put_torn_aside, torn  # noqa: PLC0415 - lazy, see app

    def aside() -> str:
        return f"{plural(len(put_torn_aside(services)), 'object')} moved to .sixth/local/torn/"

    found = torn(services)
    if not found:
        yield Finding("ok", "objects", "none of git's is torn")
        return
    named = ", ".join(f"{path.parent.name}{path.name}"[:12] for path in found[:_FEW])
    yield Finding(
        "bad", "objects", f"{plural(len(found), 'object')} of git's torn, as after a power cut: {named}",
        "sixthbot doctor --fix, or the next start of the bot, puts them aside", aside,
    )  # fmt: skip


def work_trees(services: Services) -> Iterator[Finding]:
    """Tell which of the bot's work trees nobody needs, and which hold something that is nowhere else."""
    keep, now = services.loaded.config.worktree.keep.total_seconds(), services.clock().timestamp()
    slots = services.pool.survey(keep=keep, now=now)
    idle = [slot for slot in slots if not slot.why]

    def mend() -> str:
        gone = services.pool.reap(keep=keep, now=now)
        services.pool.empty_trash()
        return f"{plural(len(gone), 'work tree')} taken away"

    for slot in slots:
        if slot.why not in {"", *USUAL}:
            yield Finding(
                "note", "work trees", f"{slot.path} {one_line(slot.why, 200)}",
                "look at it; the next use of it begins anew",
            )  # fmt: skip
    if idle:
        days = int(max(slot.idle for slot in idle) // 86_400)
        named = ", ".join(slot.path.name for slot in idle[:_FEW])
        yield Finding(
            "note", "work trees", f"{named} of the bot's: unused for up to {plural(days, 'day')}, nothing unsaved in them",
            "sixthbot doctor --fix", mend,
        )  # fmt: skip
    else:
        yield Finding("ok", "work trees", f"{plural(len(slots), 'work tree')} of the bot's kept for reuse")


def saved_state(services: Services) -> Iterator[Finding]:
    """Tell whether `.sixth` would come back as it is if somebody took it away this moment."""
    from sixthbot.engine.savedstate import look_at_saved  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.saving import save_changes  # noqa: PLC0415 - lazy, see app

    try:
        found = look_at_saved(services)
    except SixthError as error:
        yield Finding("bad", "saved state", f"refs/sixth/state cannot be read: {error.message}", _ANEW)
        return

    def save() -> str:
        return f"saved, {plural(save_changes(services.places, None, opened=services).ops, 'change')}"

    if not found.there and not found.acknowledged:
        yield Finding("ok", "saved state", "nothing to save yet: the bot has taken nothing up")
        return
    if not found.there:
        yield Finding(
            "warn", "saved state", "nothing is in refs/sixth/state: were .sixth taken away, it could not come back",
            "sixthbot doctor --fix", save,
        )  # fmt: skip
        return
    if found.missing:
        named = one_line(", ".join(found.missing[:_FEW]), 300)
        yield Finding(
            "bad", "saved state", f"{plural(len(found.missing), 'file')} could not come back, their contents are not in "
            f"refs/sixth/state: {named}", _ANEW,
        )  # fmt: skip
    if found.oldest > _SAVED_WITHIN:
        named = one_line(", ".join(found.behind[:_FEW]), 300)
        yield Finding(
            "warn", "saved state", f"{plural(len(found.behind), 'file')} changed up to {found.oldest:.0f} s ago and not saved yet: {named}",
            "sixthbot doctor --fix; a bot that runs does so by itself", save,
        )  # fmt: skip
    elif not found.missing:
        yield Finding("ok", "saved state", f"{plural(found.keys, 'file')} in refs/sixth/state")


_SAVED_WITHIN = 60.0
"""Seconds within which what people change by hand is saved, too, while a bot runs."""
_ANEW = "git fsck says more; to begin it anew: git update-ref -d refs/sixth/state, then sixthbot doctor --fix"


def git_locks(places: Places) -> Iterator[Finding]:
    """Show old lock files of git's. Whose they are cannot be told, so that only a person takes them away."""
    import time  # noqa: PLC0415 - nothing else here asks for it

    for name in _LOCKS:
        path = places.git_dir / name
        try:
            age = time.time() - path.lstat().st_mtime
        except OSError:
            continue
        if age > _OLD:
            yield Finding(
                "warn", "git's locks", f".git/{name} is {age / 60:.0f} min old: git refuses to work on what it guards",
                f"if no git and no editor of a commit message is running: rm {path}",
            )  # fmt: skip


def passed_by(places: Places) -> Iterator[Finding]:
    """Name what lies in the inbox and is never taken for an issue, because its name does not end in .md."""
    found = [
        path.name
        for path in sorted(places.inbox.iterdir() if places.inbox.is_dir() else ())
        if not path.name.startswith(".") and not path.name.lower().endswith(".md") and not path.is_dir()
    ]
    for name in found[:_FEW]:
        yield Finding(
            "note", "inbox", f"inbox/{one_line(name, 80)} is not taken up: an issue is a file that ends in .md",
            "give it such a name, or take it away",
        )  # fmt: skip
    if len(found) > _FEW:
        yield Finding("note", "inbox", f"and {len(found) - _FEW} more", "ls .sixth/inbox")


def kept_aside(places: Places) -> Iterator[Finding]:
    """Name the files that could not be used and were kept, with their reasons."""
    for path in sorted(places.queue.glob("failed/*.reason.txt")):
        yield _aside(places, path.with_name(path.name.removesuffix(".reason.txt")), path)
    rejected = sorted(places.rejected.glob("*.reason.txt"))
    for path in rejected[:_FEW]:
        yield Finding(
            "note", "rejected", f"inbox/rejected/{one_line(path.name.removesuffix('.reason.txt'), 80)}: {_first_line(path)}",
            "mend it and move it back into .sixth/inbox, or delete both files",
        )  # fmt: skip
    if len(rejected) > _FEW:
        yield Finding("note", "rejected", f"and {len(rejected) - _FEW} more", "ls .sixth/inbox/rejected")
    for path in files_kept_aside(places):
        shown = path.relative_to(places.top) if path.is_relative_to(places.top) else path
        yield Finding(
            "warn", "damaged", f"{shown} could not be read and was kept; the bot went on without it",
            "look at it, then delete it; after bot.keep_done it goes by itself",
        )  # fmt: skip


def _aside(places: Places, path: Path, reason: Path) -> Finding:
    shown = f"queue/failed/{one_line(path.name, 80)}: {_first_line(reason)}"
    copied = _copied_task(places, path)
    if copied or _first_line(reason) == SECOND_FILE:  # moved back, it would only be set aside again
        task_id = copied or _id_of(path)
        hint = f"sixthbot queue show {task_id}" if task_id else "sixthbot queue list"
        return Finding(
            "warn", "set aside", shown, f"delete both files; the task itself is in the queue: {hint}"
        )
    return Finding(
        "warn", "set aside", shown, "mend it and move it to .sixth/queue/ready/LANE, or delete both files"
    )


def _id_of(path: Path) -> str:
    """Return the id in the name that a second file had before it was set aside; empty where there is none."""
    return id_in_name(path.name.partition(".second")[0]) or ""


def _copied_task(places: Places, path: Path) -> str:
    """Return the id of the task that a file under another name is a copy of, if that is in the queue; else nothing."""
    try:
        task = from_json(json.loads(read_small(path, SIZE_LIMIT)))
    except (OSError, ValueError, RecursionError, SixthError):
        return ""
    return task.id if TaskFiles(places.queue, "process").search(task.id) is not None else ""


def _first_line(path: Path) -> str:
    try:
        text = path.read_text("utf-8", "replace")[:2000]
    except OSError:
        return "its reason cannot be read"
    return one_line(text.partition("\n")[0] or "no reason given", 200)


def torn_lines(places: Places) -> Finding:
    """Count the lines of the journals that are no records."""
    from sixthbot.store.records import count_torn  # noqa: PLC0415 - lazy, see app

    paths = sorted((*places.journal.glob("*.jsonl"), *places.journal.glob("*.jsonl.gz")))
    found = {path.name: torn for path in paths if (torn := count_torn(path))}
    if not found:
        return Finding("ok", "journal", "every line is whole")
    named = ", ".join(f"{name}: {count}" for name, count in found.items())
    return Finding(
        "note",
        "journal",
        f"lines that are torn are passed over ({named}): a process was killed as it wrote, or power went",
    )


def _temporaries(folder: Path) -> list[str]:
    return [
        f"{place}/{name}"
        for place, _, names in os.walk(folder)
        for name in names
        if (match := _TEMPORARY.fullmatch(name)) and not process_lives(int(match[1]))
    ]
