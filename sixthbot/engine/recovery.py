"""After a crash: gives the work of dead workers back and finishes or reverts what they began. Safe to call at any time."""

from __future__ import annotations

import os
import stat
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from sixthbot.actions.moving import REF_MOVED, complete_moves, record_move
from sixthbot.core.errors import SixthError
from sixthbot.core.names import Oid
from sixthbot.core.tasks import Done, Failed
from sixthbot.core.times import parse_time
from sixthbot.engine.backups import expire_operations
from sixthbot.engine.reviewing import follow_review
from sixthbot.engine.strays import Orphans, badge_of, git_at_work
from sixthbot.engine.undoing import follow_undo
from sixthbot.git import refs
from sixthbot.git.run import entries
from sixthbot.git.scratch import sweep_scratch
from sixthbot.store.atomic import process_lives, sweep_temporaries
from sixthbot.store.locks import is_free, lease_file, told_file, try_hold
from sixthbot.store.operations import BACKUP
from sixthbot.store.progressfile import sweep_progress
from sixthbot.store.records import about, became
from sixthbot.store.state.home import look_at_home, note_seen, was_away

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services
    from sixthbot.store.operations import Operation
    from sixthbot.store.state.home import Seen

_SETTLED = timedelta(seconds=60)
"""An operation of no task, or a lease, that is younger than this may be of a process that has only just started."""
_LOCK_AGE = timedelta(seconds=5)
"""Git holds the lock of a ref for milliseconds. What seems to be made later than now was made before the clock was set."""
_CLOCK_GRAIN = timedelta(seconds=1)
_EVERY = 10.0  # seconds
_ENDING = 5.0
"""Seconds in which a process that noticed has given back what it had in hand, and leaves the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was mended: tasks given back or set aside, ids of operations finished and reverted, removed lock files."""

    tasks: tuple[Task, ...] = ()
    finished: tuple[str, ...] = ()
    reverted: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()


def recover(services: Services, orphans: Orphans | None = None) -> Recovered:
    """Mend what processes that died left behind; what lives, here or in another process, is left alone.

    `orphans` of an earlier call lets programs that a dead worker left be ended for good. One process recovers at a
    time; while another is at it, nothing is done.
    """
    held = try_hold(services.places.locks / "recovery.lock")
    if held is None:
        return Recovered()
    try:
        tasks = _dead_workers_tasks(services, orphans or Orphans())
        _forget_old_leases(services)
        locks = _forgotten_locks(services)
        finished, reverted = _begun_operations(services, locks)
    finally:
        held.release()
    return Recovered(
        tasks=tuple(tasks), finished=tuple(finished), reverted=tuple(reverted), locks=tuple(locks)
    )


def mend_rest(services: Services) -> bool:
    """Settle operations that are still begun now that nothing runs any more; tell whether anything was mended.

    At the start of a run their tasks may have been at work already.
    """
    if all(operation.state != "begun" for operation in services.store.operations.list()):
        return False
    try:
        mended = recover(services)
    except (SixthError, OSError):
        return False  # whoever looks now and then has told of it
    return bool(mended.tasks or mended.finished or mended.reverted)


class RecoveryWatch:
    """When a process looks for workers that died: as soon as one with a task in hand seems gone, and now and then."""

    def __init__(self) -> None:
        self._orphans = Orphans()
        self._looked_at = float("-inf")

    def look(self, services: Services) -> float | None:
        """Recover if it is time; return seconds until the next look, None for any."""
        now = time.monotonic()
        if now - self._looked_at >= _EVERY or is_needed(services):
            recover(services, self._orphans)
            self._looked_at = now
        # what dies beside us goes on within a second
        own = f"{os.getpid()}-"
        return None if all(one.startswith(own) for one in services.store.queue.workers()) else 1.0


def is_needed(services: Services) -> bool:
    """Tell, at little cost, whether the process of some worker with a task in hand seems to be gone."""
    return any(
        not _process_lives(worker) or (path.exists() and is_free(path))
        for worker in services.store.queue.workers()
        for path in (lease_file(services.places, worker),)
    )


def _process_lives(worker: str) -> bool:
    """Tell whether the process that a worker's name begins with is there."""
    pid = worker.partition("-")[0]
    return pid.isdigit() and process_lives(int(pid))


def tidy_up(services: Services) -> None:
    """Take away what killed processes left half-made and nobody needs: files, folders, worktrees.

    Takes a while.
    """
    sweep_temporaries(services.places.sixth)
    for folder in (
        services.places.data_dir,
        services.places.beside,
        services.places.git_dir / "hooks",
        services.places.git_dir / "info",
    ):
        sweep_temporaries(folder)
    sweep_scratch()
    services.pool.sweep()
    settings = services.loaded.config.worktree
    if services.pool.reap(keep=settings.keep.total_seconds(), now=services.clock().timestamp()):
        # moved aside at once; a large one takes seconds to delete, and what is left of it goes the next time
        threading.Thread(target=services.pool.empty_trash, name="trash", daemon=True).start()
    expire_operations(services, keep=services.loaded.config.bot.keep_backups)
    sweep_progress(services.places, {task.id for task in services.store.queue.all(states=("running",))})
    services.store.journal.pack()


def _dead_workers_tasks(services: Services, orphans: Orphans) -> list[Task]:
    tasks = []
    home, waits = look_at_home(services.places), False
    away = was_away(services.places, home)
    for worker in services.store.queue.workers():
        path, badge = lease_file(services.places, worker), badge_of(worker, services.places.git_dir)
        if away and _comes_back(services, home, worker):
            waits = True
            continue
        if not path.exists() and _process_lives(worker):
            continue  # somebody removed `.sixth/local`: the worker takes its lease anew within seconds
        lease = try_hold(path)
        if lease is None:
            orphans.end(badge, path)
            continue  # it lives, or a program it started does
        try:
            if orphans.end_badged(badge):
                continue  # a program that closed every file it inherited
            for operation in services.store.operations.list():
                _make_moves_safe(services, operation)
            told = away or told_file(path).exists()
            recovered = services.store.queue.recover_worker(worker, told_to_stop=told)
            told_file(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        finally:
            lease.release()
        for task in recovered:
            kind, message, level = _story(task, told=told, away=away)
            services.store.journal.append(kind, message, level=level, **became(kind, task, worker=worker))
        tasks += recovered
    if not waits:
        note_seen(services.places, home)
    return tasks


def _comes_back(services: Services, home: Seen, worker: str) -> bool:
    """Tell whether the process of a worker may only just be finding out that `.sixth` was away, and still end its work."""
    if worker.startswith(f"{os.getpid()}-") or not _process_lives(worker):
        return False
    return abs(services.clock().timestamp() - home["made"] / 1e9) < _ENDING


def _story(task: Task, *, told: bool, away: bool) -> tuple[str, str, str]:
    """Kind, message and level of the record of a task that was taken from a worker that is gone."""
    match task.state:
        case Failed(reason):
            return "task.failed", f"set aside: {reason}", "error"
        case Done("cancelled"):
            return "task.cancelled", "cancelled", "info"
        case _ if away:
            return "task.recovered", "`.sixth` was away while its worker had it", "info"
        case _ if told:
            return "task.recovered", "its worker left before it could give it back", "info"
        case _:
            return "task.recovered", "its worker died", "warning"


def _forget_old_leases(services: Services) -> None:
    """Remove the lease files of dead workers that had no task in hand. Young ones may belong to a worker that starts."""
    for path in services.places.workers.glob("*.lock"):
        try:
            age = services.clock() - datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        except OSError:
            continue  # its worker just took it away
        if abs(age) < _SETTLED or (services.places.queue / "running" / path.stem).exists():
            continue
        lease = try_hold(path)
        if lease is not None:
            told_file(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            lease.release()


def _begun_operations(services: Services, locks: list[str]) -> tuple[list[str], list[str]]:
    """Look where the refs of unfinished operations are, and finish where git was killed between two of them.

    Adds the lock files that it removes to `locks`. Where one cannot be settled, the others are first; then that is
    raised.
    """
    finished: list[str] = []
    reverted: list[str] = []
    failure: SixthError | None = None
    begun = [operation for operation in services.store.operations.list() if operation.state == "begun"]
    running = {task.id for task in services.store.queue.all(states=("running",))} if begun else set()
    for operation in begun:
        if _may_be_at_work(services, operation, running):
            continue
        removed, young = _remove_stale_locks(services, operation)
        locks += removed
        if young:
            continue  # only while it is unfinished does anything tell that the lock is ours
        try:
            (finished if _settled(services, operation) else reverted).append(operation.id)
        except SixthError as error:
            failure = error
    if failure is not None:
        raise failure
    return finished, reverted


def _make_moves_safe(services: Services, operation: Operation) -> None:
    """Let what a killed process's git has moved survive a power cut: the process would have done that.

    Before its task is given back, or somebody builds on a commit that may go.
    """
    if operation.state == "begun":
        names = [ref for ref, _, _ in (*operation.refs, *operation.backups()) if ref.startswith("refs/")]
        refs.make_safe(services.repo.git, names, gone=True)


def _settled(services: Services, operation: Operation) -> bool:
    """Finish an operation, or revert it where none of its refs was moved; tell whether it is finished."""
    _mend_torn_refs(services, operation)
    moved = _moved(services, operation)
    _make_moves_safe(services, operation)
    complete_moves(services.repo.git, operation)
    if moved:
        _journal_moves(services, operation)
        follow_undo(services, operation)
        follow_review(services, operation)
        services.store.operations.finish(operation.id)
    else:
        services.store.operations.revert(operation.id)
    return moved


def _mend_torn_refs(services: Services, operation: Operation) -> None:
    """Put refs of an unfinished operation back to where they were that a power cut left as empty files.

    Git fails over such a file for ever, and nothing is in it that could be lost.
    """
    for ref, old, _ in operation.refs:
        path = services.places.git_dir / ref
        try:
            torn = not path.read_bytes().strip(b"\0\n")
        except OSError:
            continue
        if torn and ref.startswith("refs/"):
            path.unlink(missing_ok=True)
            if old is not None:
                move = refs.RefMove(ref, None, Oid(old))
                refs.move_refs(services.repo.git, [move], message=f"sixthbot: {operation.reason}: torn")


def _may_be_at_work(services: Services, operation: Operation, running: set[str]) -> bool:
    if operation.task:
        return operation.task in running
    return abs(services.clock() - parse_time(operation.time)) < _SETTLED


def _moved(services: Services, operation: Operation) -> bool:
    """Tell whether the refs were moved; one that a person moved on since, from the new place, was."""
    tips = refs.all_refs(services.repo.git)
    return not all(tips.get(ref) == old for ref, old, _ in operation.refs)


def _journal_moves(services: Services, operation: Operation) -> None:
    """Write down the moves of an operation whose process died before it did, or just after."""
    told = {
        (record.data or {}).get("ref")
        for record in takewhile(
            lambda record: record.time >= operation.time, services.store.journal.read(newest_first=True)
        )
        if record.kind == REF_MOVED and (record.data or {}).get("operation") == operation.id
    }
    task = services.store.queue.find(operation.task) if operation.task else None
    fields = {} if task is None else about(task)
    for change in operation.refs:
        if change[0] not in told:
            record_move(services.store.journal.note, operation, change, **fields)


def _remove_stale_locks(services: Services, operation: Operation) -> tuple[list[str], bool]:
    """Remove git's lock files of the operation's refs, which a killed git left; nobody else's are touched.

    Return those removed, and whether there are others too young to tell.
    """
    removed, young = [], False
    for path in _lock_files(services, operation):
        try:
            found = os.lstat(path)
        except OSError:
            continue
        made = datetime.fromtimestamp(found.st_mtime, UTC)
        shared = path.parent == services.places.git_dir
        if not stat.S_ISREG(found.st_mode) or (shared and made < parse_time(operation.time) - _CLOCK_GRAIN):
            continue  # what was locked before we began is somebody else's
        if abs(services.clock() - made) > _LOCK_AGE:
            path.unlink(missing_ok=True)
            removed.append(str(path))
        else:
            young = True
    return removed, young


def _forgotten_locks(services: Services) -> list[str]:
    """Remove what a killed git left of operations whose records were not saved when `.sixth` was taken away.

    The lock of a backup names the branch whose lock was taken with it. None goes while any git of the bot's is at work.
    """
    top = services.places.git_dir / BACKUP
    known = {operation.id for operation in services.store.operations.list()}
    found = [lock for folder in entries(top) if folder.name not in known for lock in folder.rglob("*.lock")]
    if not found:
        return []
    removed = []
    patience = _SETTLED if (at_work := git_at_work(services.places.git_dir)) is None else _LOCK_AGE
    for lock in found if not at_work else ():
        twin = services.places.git_dir / "refs" / "/".join(lock.relative_to(top).parts[1:])
        times = [path.lstat().st_mtime if path.exists() else None for path in (lock, twin)]
        made, beside = times
        if made is None:
            continue
        ours = [lock] if beside is None or abs(beside - made) > _TOGETHER else [lock, twin]
        if abs(services.clock() - datetime.fromtimestamp(made, UTC)) > patience:
            for path in ours:
                path.unlink(missing_ok=True)
                removed.append(str(path))
    return removed


_TOGETHER = 2.0
"""Seconds between the locks of one transaction, at most."""


def _lock_files(services: Services, operation: Operation) -> list[Path]:
    git_dir = services.places.git_dir
    paths = [git_dir / f"{ref}.lock" for ref, _, _ in (*operation.refs, *operation.backups())]
    if any(new is None for _, _, new in operation.refs):
        paths += [
            git_dir / "packed-refs.lock",
            git_dir / "packed-refs.new",
        ]  # a ref is deleted from both places
    return paths
