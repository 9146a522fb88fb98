"""Notices tasks that a person gave up by moving their files into `done/`, and does what `queue cancel` does. Moves no others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.core.story import TOLD_STATES
from sixthbot.core.tasks import Done
from sixthbot.engine.following import let_follow
from sixthbot.engine.reopening import cancel_issue
from sixthbot.engine.steering import is_last_of_issue, is_of_issue
from sixthbot.store.counting import OPEN_ISSUES
from sixthbot.store.listing import Listing
from sixthbot.store.records import about, naming
from sixthbot.store.taskfile import in_folder

if TYPE_CHECKING:
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services

_AT_ONCE = 200
"""So many files are looked at in one turn: the bot has other things to do."""
_REASON = "given up: its file was moved into done/ by hand"


class GivenUpWatch:
    """Looks at what is new in `done/`. Not for use by two threads at once."""

    def __init__(self, services: Services) -> None:
        self._listing = Listing(services.places.queue / "done")
        self._seen: set[str] = set()
        self._read = 0

    def look(self, services: Services) -> float | None:
        """Look at some of them; return 0 where more are left, None otherwise."""
        self._listing.refresh()
        if self._listing.readings == self._read:
            return None
        names = set(self._listing)
        self._seen &= names
        fresh = sorted(names - self._seen)
        for name in fresh[:_AT_ONCE]:
            notice_given_up(services, f"{self._listing.folder}/{name}")
            self._seen.add(name)
        if len(fresh) > _AT_ONCE:
            return 0.0
        self._read = self._listing.readings
        return None


def notice_given_up(services: Services, path: str) -> bool:
    """Cancel the task of a file in `done/`, and its issue with the last one, if a person put it there; tell whether so."""
    queue = services.store.queue
    content = queue.files.content(path, quarantine=False)
    if content is None or isinstance(content.state, Done) or not _put_by_hand(services, content):
        return False
    task = in_folder(content, "done")
    if _is_open(services, task) and is_last_of_issue(services.store, task):
        cancel_issue(services, task.issue)
    after = replace(task, state=Done("cancelled", _REASON))
    if queue.settle(task, after) is None:
        return False  # somebody took it away again
    services.store.journal.append("task.cancelled", _REASON, **about(task))
    let_follow(services.store, after, services.clock())
    return True


def _put_by_hand(services: Services, content: Task) -> bool:
    """Tell whether a person put a file into `done/`, by what it says of its task.

    One that is parked or failed is given a new content before it can go on. Of any other, a success may have been no
    more than a rename; but that is told in the journal first, which is read only where an issue depends on it.
    """
    if content.state.name in {"parked", "failed"}:
        return True
    if not _is_open(services, content):
        return False
    told = services.store.journal.read(
        newest_first=True,
        where=lambda record: record.task == content.id and record.kind in TOLD_STATES,
        worth=naming([content.id]),
    )
    last = next(told, None)
    if last is None:
        return False
    # one that a worker has is left to that worker, which notices it
    return (last.data or {}).get("state", TOLD_STATES[last.kind]) not in {"done", "running"}


def _is_open(services: Services, task: Task) -> bool:
    if not is_of_issue(services.store, task):
        return False
    return services.store.issues.record(task.issue).status.value in OPEN_ISSUES
