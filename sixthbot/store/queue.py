"""The queue: one task is one file, its state is the folder it lies in, and a change of state is a rename.

`ls`, `cat` and `mv` by hand are legal: where a person put a file is where the task is. A file that cannot be a task
is set aside in `failed/` with its reason beside it, and never stops the others.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sixthbot.core.errors import UsageError
from sixthbot.core.lifecycle import Cancelled, GivenBack, Paused, WorkerLost, step
from sixthbot.core.tasks import STATE_NAMES, Done, Lane, Ready, Running, Task, Waiting
from sixthbot.store import disk, taskfile
from sixthbot.store.atomic import Durability, point, sync_folder
from sixthbot.store.between import REWRITE, SETTLE, Between
from sixthbot.store.counting import count_queue, folder_names, task_names
from sixthbot.store.groups import TaskGroups
from sixthbot.store.known import SPENT_LIMIT, KnownIds, SpentIds
from sixthbot.store.readyorder import ReadyOrder
from sixthbot.store.retiring import DoneTasks
from sixthbot.store.standing import Followers
from sixthbot.store.switches import Switches
from sixthbot.store.taskfile import id_in_name, in_folder, is_task_id
from sixthbot.store.taskfiles import SECOND_FILE, TaskFiles, rename
from sixthbot.store.waiting import WaitingTasks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from sixthbot.store.taskfiles import Told

_PUT = point("queue.put")
_CLAIM = point("queue.claim")
_CLAIM_REWRITE = point("queue.claim.rewrite")


def _never(_task: Task) -> bool:
    return False


class Queue(Switches):
    """The task files below one folder. Any number of processes and threads may use it at the same time.

    `told` hears of each file that is set aside.
    """

    def __init__(self, root: Path, durability: Durability, told: Told | None = None) -> None:
        super().__init__(root)
        self.root = root
        self.files = self._files = TaskFiles(root, durability, told)  # by the first name for looking only
        self._guard = threading.RLock()
        self.order = ReadyOrder(root / "ready", self._files)
        self.groups = TaskGroups(self._files)
        self._waiting = WaitingTasks(root, self._files)
        self._known = KnownIds(root / ".ids", self._files.ids_present)
        self._spent = SpentIds(root / ".spent", durability)
        self.followers = Followers(root, self._files, self._spent)
        self.done = DoneTasks(self._files, self._spend)
        self._between = Between(root, self._files, self._alone)

    # putting and finding

    def put(self, task: Task) -> bool:
        """Add a task; return False, with nothing done, when the queue knows one of its id, over or not.

        Returns only when the task would survive what `durability` says. Raises UsageError for an id that cannot be
        a file's name.
        """
        return bool(self.put_many([task]))

    def put_many(self, tasks: Sequence[Task]) -> list[Task]:
        """Add tasks as `put` does, with syncs that all of them share; return those that are new.

        One that raises OSError may have added some of them; all can be put again.
        """
        first: dict[str, Task] = {}
        for task in tasks:
            if not is_task_id(task.id):
                raise UsageError(f"not a usable task id: {task.id[:80]!r}")
            first.setdefault(task.id, task)
        self._between.finish()
        with self._alone():
            if new := [task for task in first.values() if not self._is_here(task.id)]:
                # known first: if this process dies in between, others look for the task, find none and put it
                self._known.add([task.id for task in new])
                self._files.add(new, point=_PUT)
                for task in new:
                    self._now_ready(task)
        return new

    def _is_here(self, task_id: str) -> bool:
        """Tell whether a task of that id was put before; if so, it would survive as much as after a `put`."""
        if task_id in self._spent:
            return True
        if task_id not in self._known:
            return False
        found = self._files.search(task_id)
        if found is None:
            return self._between.holds(task_id) or any(
                id_in_name(os.path.basename(path)) == task_id for path in self._files.newer()
            )
        if self._files.durability == "power":
            sync_folder(self._files.folder(found.state, found.lane))  # whoever put it may have failed to
        return True

    def find(self, task_id: str) -> Task | None:
        """Return the task of that id in whatever state, or None."""
        with self._guard:
            if not is_task_id(task_id) or task_id not in self._known:
                return None
        # a task that is moved while folders are read may be missed once
        return self._files.search(task_id) or self._files.search(task_id)

    def paths_of(self, task_id: str) -> list[str]:
        """Return where a file of that task is: one place, but for copies made by hand."""
        return list(self._files.paths(ending=f"-{task_id}.json")) if is_task_id(task_id) else []

    def all(self, states: Collection[str] | None = None) -> Iterator[Task]:
        """Yield all tasks in the given states (by default all), once each, in order of state, then deadline.

        What cannot be read is left out; a task that is moved meanwhile may be, too. One that a process died over
        while it moved it is put where it belongs first.
        """
        self._between.finish()
        seen: set[str] = set()
        for path in self._files.paths(STATE_NAMES if states is None else states):
            task = self._files.load(path)
            if task is not None and task.id not in seen:
                seen.add(task.id)
                yield task

    def ids(self) -> Iterator[str]:
        """Yield the ids of all tasks, as the names of their files tell them."""
        return self._files.ids_present()

    def counts(self) -> dict[str, dict[str, int] | int]:
        """Return how many tasks there are: `ready` for each lane, `waiting`, `running`, `parked`, `failed`."""
        return count_queue(self.root)

    def left_to_newer(self, lane: Lane) -> int:
        """Return how many files of a lane are passed over because a newer program wrote them, as far as met."""
        folder = f"{self._files.root}/ready/{lane.value}"
        return sum(os.path.dirname(path) == folder for path in self._files.newer())

    def knows(self, task_id: str) -> bool:
        """Tell whether a task of that id is there in any state, or will not come again; if so, that survives a crash."""
        with self._guard:
            # a task that is moved while folders are read may be missed once
            return is_task_id(task_id) and (self._is_here(task_id) or self._is_here(task_id))

    def about(self, issues: Collection[str], states: Collection[str] | None = None) -> Iterator[Task]:
        """Yield the tasks of issues, as `all` does; of other tasks' files only the bytes are looked at."""
        wanted = {issue: json.dumps(issue).encode() for issue in issues}
        for path in self._files.paths(STATE_NAMES if states is None else states) if wanted else ():
            if self._files.mentions(path, wanted.values()):
                task = self._files.load(path)
                if task is not None and task.issue in wanted:
                    yield task

    def spend(self, *task_ids: str) -> None:
        """Let no task of these ids be put any more: what they would be for is in others."""
        self._spend(task_ids)

    def _spend(self, task_ids: Collection[str]) -> None:
        with self._alone():
            self._spent.add(task_ids)

    def compact(self, limit: int = SPENT_LIMIT) -> None:
        """Let the file of ids that will not come again not grow beyond so many bytes: the oldest half goes."""
        with self._alone():
            self._spent.compact(limit)

    # claiming

    def claim(
        self, worker: str, *, lanes: Collection[Lane] | None = None, blocked: Callable[[Task], bool] = _never
    ) -> Task | None:
        """Give the task with the earliest deadline to `worker`, or return None when there is none for it.

        Only `lanes` that are not paused count, and no task for which `blocked` says yes. Of several workers that
        try, in any processes, exactly one gets a task.
        """
        with self._guard:
            self._between.finish()
            paused = self.paused()
            open_lanes = [lane for lane in Lane if (lanes is None or lane in lanes) and lane not in paused]
            self.order.refresh(open_lanes)
            while (turn := self.order.next(open_lanes, blocked)) is not None:
                lane, name = turn
                try:
                    claimed = self._take(worker, lane, name)
                except OSError:
                    # it is still there, and nothing in its folder changed that would tell
                    self.order.put_back(lane, name)
                    raise
                if claimed is not None:
                    return claimed
        return None

    def _take(self, worker: str, lane: Lane, name: str) -> Task | None:
        source = self.order.path(lane, name)
        target = f"{self._files.root}/running/{worker}/{name}"
        try:
            # not synced: a power cut that undoes a claim leaves a task that can be claimed
            rename(source, target, point=_CLAIM, durability="process")
        except FileNotFoundError:
            return None  # another worker was faster
        except FileExistsError:
            self._files.set_aside(source, SECOND_FILE)
            return None
        if self._files.has_twin(target):
            self._files.set_aside(target, SECOND_FILE)
            return None
        return self._taken(worker, target, lane)

    def in_hand(self, worker: str) -> Task | None:
        """Return a task that is in a living worker's folder, such as one whose claim the disk broke off; None without.

        Only for the worker itself, while it works on nothing.
        """
        folder = f"{self._files.root}/running/{worker}"
        found = (self._taken(worker, f"{folder}/{name}") for name in sorted(task_names(folder)))
        return next((task for task in found if task is not None), None)

    def _taken(self, worker: str, target: str, lane: Lane | None = None) -> Task | None:
        content = self._files.content(target, quarantine=True)
        if content is None:
            return None
        lane = content.lane if lane is None else lane
        task = in_folder(in_folder(content, "ready", lane=lane.value), "running", worker=worker)
        if content.lane is not lane or content.state.name not in {"ready", "running"}:
            # it was moved here by hand: while it runs, its content must not say that it belongs elsewhere
            self._files.write(target, task, point=_CLAIM_REWRITE)
        return task

    # settling

    def settle(self, before: Task, after: Task) -> Task | None:
        """Move a task from the state it was seen in to the one that a decision gave it, with its new content.

        Returns it as it is then: `after`, or ended or paused where a person asked for that while it ran. Returns None,
        with nothing done, when it is not there any more: somebody else, or a person by hand, moved it, and where it is
        now counts.
        """
        found = self._files.find(before, quarantine=True)
        if found is None:
            return None
        source, content = found
        seen = _seen_in_folder_of(after, content)
        # the second: what was never read from a file has times of more digits than a file has
        plain = seen == after or taskfile.encode(seen) == taskfile.encode(after)
        if isinstance(after.state, Ready) and content.state.name in {"parked", "failed"}:
            plain = False  # a worker that dies over its claim must not find in the content that it waits for a person
        try:
            if plain:
                self._files.move(source, self._files.path_for(after), point=SETTLE)
            elif isinstance(before.state, Running):
                # if only this gets done, recovery reads in the content where the task was to go
                self._files.write(source, after, point=REWRITE)
                self._files.move(source, self._files.path_for(after), point=SETTLE)
            else:
                self._between.move(source, after)
        except FileNotFoundError:
            return None
        self._now_ready(after)
        if isinstance(before.state, Running) and not isinstance(after.state, Running):
            return self._end_if_asked(after)
        return after

    def cancel(self, task: Task) -> Task | None:
        """Cancel a task wherever it is by now; return it as it is then, None when it was over already.

        One that runs comes back as running: its worker was asked to stop. Whoever puts it away sees the request, so
        that it ends even when the worker was stopped, killed or finished with something else at that moment.
        """
        asked = False
        while not isinstance(task.state, Done):
            if isinstance(task.state, Running):
                self.request_cancel(task.id)
                asked = True
            elif self.settle(task, after := step(task, Cancelled(), task.created)):
                self.clear_cancel(task.id)
                return after
            found = self.find(task.id)
            if found is None:
                break
            if isinstance(task.state, Running) and isinstance(found.state, Running):
                return found
            task = found
        self.clear_cancel(task.id)
        return task if asked and task.state == Done("cancelled") else None

    def holds(self, task: Task) -> bool:
        """Tell whether a task is still where it was seen, or was moved by hand or by somebody else."""
        return self._files.find(task) is not None

    def _end_if_asked(self, task: Task) -> Task:
        """End or pause a task whose worker put it away without having seen that somebody asked for it; return it."""
        if not self.cancel_requested(task.id):
            return self._pause_if_asked(task)
        ended = (
            task if isinstance(task.state, Done) else self.settle(task, step(task, Cancelled(), task.created))
        )
        if ended is None:
            return task  # somebody claimed it meanwhile, and will see the request
        self.clear_cancel(task.id)
        return ended

    def _pause_if_asked(self, task: Task) -> Task:
        if not self.pause_requested(task.id):
            return task
        free = isinstance(task.state, Ready | Waiting)
        paused = self.settle(task, step(task, Paused(), task.created)) if free else task
        if paused is None:
            return task  # as above
        self.clear_pause(task.id)
        return paused

    def _now_ready(self, task: Task) -> None:
        if isinstance(task.state, Ready):
            with self._guard:
                self.order.add(task)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._guard, self._known.alone():
            yield

    # waiting

    def due(self, now: datetime) -> list[Task]:
        """Return the waiting tasks whose time has come, the longest due first."""
        with self._guard:
            self._between.finish()
            return self._waiting.due(now)

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next waiting task is due, or None when none waits."""
        with self._guard:
            return self._waiting.next_due(now)

    # workers

    def workers(self) -> list[str]:
        """Return the names of the workers that have a folder, dead or alive."""
        return folder_names(self.root / "running")

    def recover_worker(self, worker: str, *, told_to_stop: bool = False) -> list[Task]:
        """Take the tasks from a worker that is gone, and return them as they are now.

        The caller holds the worker's lease. A task whose next state was written already goes there; any other was
        cut off, which counts as a crash unless its worker was told to stop.
        """
        self._between.finish()
        folder = self.root / "running" / worker
        recovered = []
        lost = GivenBack() if told_to_stop else WorkerLost()
        for name in sorted(task_names(folder)):
            content = self._files.content(f"{folder}/{name}", quarantine=True)
            if content is None:
                self._files.give_up_newer(f"{folder}/{name}")
                continue
            before = in_folder(content, "running", worker=worker)
            decided = content.state.name not in {"ready", "running"}
            # the table asks no time for a lost worker
            after = content if decided else step(before, lost, content.created)
            put = self.settle(before, after)
            if put is not None:
                recovered.append(put)
        with suppress(OSError):
            # who took its tasks before may have died before that was safe: a power cut that undoes the move needs this folder
            self._files.make_moves_safe()
            disk.remove_dir(folder)
        return recovered


def _seen_in_folder_of(after: Task, content: Task) -> Task:
    """Return what a file with this content would say in the folder of `after`."""
    worker = after.state.worker if isinstance(after.state, Running) else ""
    return in_folder(content, after.state.name, lane=after.lane.value, worker=worker)
