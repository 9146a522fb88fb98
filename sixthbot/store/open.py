"""The store of one repository: everything the bot keeps, opened together."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sixthbot.core.text import clean_line
from sixthbot.store.approvals import Approvals
from sixthbot.store.checkpoints import Checkpoints
from sixthbot.store.clock import now
from sixthbot.store.cursors import Cursors
from sixthbot.store.drafts import Drafts
from sixthbot.store.issues import Issues
from sixthbot.store.journal import Journal
from sixthbot.store.operations import Operations
from sixthbot.store.queue import Queue
from sixthbot.store.seenrefs import SeenRefs
from sixthbot.store.taskfile import id_in_name
from sixthbot.store.traces import Traces
from sixthbot.store.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sixthbot.store.atomic import Durability
    from sixthbot.store.paths import Places


@dataclass(frozen=True, slots=True)
class Store:
    """What the bot keeps of one repository. Opening it reads and writes nothing."""

    places: Places
    durability: Durability
    queue: Queue
    checkpoints: Checkpoints
    issues: Issues
    drafts: Drafts
    approvals: Approvals
    trust: Trust
    journal: Journal
    operations: Operations
    cursors: Cursors
    traces: Traces
    seen_refs: SeenRefs


def open_store(
    places: Places, *, durability: Durability = "power", clock: Callable[[], datetime] = now
) -> Store:
    """Return the store at these places; `durability` says what must survive, `clock` dates the journal."""
    journal = Journal(places.journal, places.beside, durability=durability, clock=clock)
    return Store(
        places=places,
        durability=durability,
        queue=Queue(places.queue, durability, partial(_tell_set_aside, journal)),
        checkpoints=Checkpoints(places.checkpoints, durability),
        issues=Issues(places.issues, places.rejected, durability),
        drafts=Drafts(places.drafts, durability),
        approvals=Approvals(places.data_dir / "approvals", durability),
        trust=Trust(places.data_dir),
        journal=journal,
        operations=Operations(places.operations, durability, places.beside / "begun"),
        cursors=Cursors(places.cursors, durability),
        traces=Traces(places.local / "traces"),
        seen_refs=SeenRefs(places.cursors, durability),
    )


def _tell_set_aside(journal: Journal, was: str, place: str, reason: str) -> None:
    task = id_in_name(was.rpartition("/")[2])
    # names of files may be in no encoding, and what is wrong with a file may quote it
    was, place, reason = (clean_line(text, limit=300) for text in (was, place, reason))
    with suppress(
        OSError
    ):  # on a full disk the queue goes on; the doctor names the file and its reason all the same
        journal.append(
            "task.set-aside",
            f"queue/{was} was set aside as queue/{place}: {reason}",
            level="warning",
            task=task,
            data={"was": was, "file": place, "reason": reason},
        )
