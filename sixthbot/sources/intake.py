"""Looks at every source in turn, hands on what happened, and moves a cursor only after that was taken safely."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.core.events import EventKind
from sixthbot.core.issues import Ending, IssueStatus
from sixthbot.core.names import clean_line
from sixthbot.sources.causes import Causes
from sixthbot.sources.default import DefaultBranch
from sixthbot.sources.inbox import Inbox, forgotten_issues
from sixthbot.sources.refs import OwnMoves, RefsContext, events_between, merged_into
from sixthbot.sources.snapshot import HEADS
from sixthbot.sources.tracker import RefsTracker
from sixthbot.sources.wake import Reason
from sixthbot.store.locks import try_hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sixthbot.core.events import Event
    from sixthbot.core.names import Oid
    from sixthbot.core.tasks import Task
    from sixthbot.git.repository import Repository
    from sixthbot.sources.snapshot import Snapshot
    from sixthbot.sources.tracker import RefsLook
    from sixthbot.sources.wake import Woken
    from sixthbot.store.open import Store

_OTHER_IS_AT_IT = 0.05
_MENDED_BY = 30.0
"""Seconds after which refs that could not be followed are looked at again."""
_INBOX_TURN = 0.5
"""Seconds after which a flood of files leaves the loop to its other duties."""
_EVENT_BATCH = 50
_OVER = {IssueStatus.ENDED, IssueStatus.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What one turn looks at. `own_email` is the address in the bot's commits, `woken` why this turn came."""

    store: Store
    repo: Repository
    own_email: str
    now: datetime
    woken: Woken


class Intake:
    """The sources of one repository.

    `admit` puts what rules want done about events into the queue and returns the tasks, `end` ends the issues of
    branches; both may be called again with the same. `interrupted` tells that the bot is to stop.
    """

    def __init__(
        self,
        store: Store,
        *,
        admit: Callable[[Sequence[Event]], list[Task]],
        end: Callable[[Sequence[Ending]], object],
        interrupted: Callable[[], bool],
    ) -> None:
        self._inbox = Inbox(store)
        self._tracker = RefsTracker()
        self._default = DefaultBranch()
        self._admit = admit
        self._end = end
        self._interrupted = interrupted
        self._renamed: set[str] = set()
        self._unadmitted: list[Event] = []
        self._told: set[str] = set()
        self._refs_wanted = True
        self._unfollowed: set[str] = set()
        self._full_look_at = 0.0
        self.tips: Mapping[str, Oid] | None = None
        """All branches and tags as last seen, by full name; None before the first look."""
        self.events = 0
        """How many events were let in."""
        self.rejected: list[tuple[str, str]] = []
        """Names of rejected inbox files, with the reasons."""
        self.unsettled: tuple[str, ...] = ()
        """Names of inbox files that were not finished at the last look."""

    @property
    def at_rest(self) -> bool:
        """Whether the last looks left nothing to come back to soon."""
        return not (self.unsettled or self._refs_wanted or self._unadmitted)

    def refs_moved(self, store: Store) -> bool:
        """Tell cheaply whether a look at the branches would find anything."""
        return self._tracker.may_have_moved(store)

    def begin(self, store: Store, now: datetime) -> None:
        """Let in what an earlier process took from the inbox and died before letting in."""
        noted = set(_unwanted(store))
        unwanted = noted & {record.id for record in store.issues.list() if record.status is IssueStatus.OPEN}
        if (
            unwanted != noted
        ):  # of the others nobody asks, so the note is never longer than the list of open issues
            store.cursors.save("inbox", {"unwanted": sorted(unwanted)})
        events = forgotten_issues(store, known=unwanted, now=now)
        # few issues are open and not waiting, and of many tasks' files only the bytes are looked at
        known = {task.issue for task in store.queue.about({str(event.fields["id"]) for event in events})}
        self.let_in(store, [event for event in events if event.fields["id"] not in known])

    def let_in(self, store: Store, events: Sequence[Event]) -> None:
        """Admit events; those of an attempt that failed are kept and come first the next time."""
        self._unadmitted += events
        if not self._unadmitted:
            return
        wanted = {task.issue for task in self._admit(self._unadmitted)}
        added = {str(one.fields["id"]) for one in self._unadmitted if one.kind == EventKind.ISSUE_ADDED}
        if added - wanted:
            store.cursors.save("inbox", {"unwanted": sorted((added - wanted) | set(_unwanted(store)))})
        self.events += len(self._unadmitted)
        self._unadmitted = []

    def look_at_inbox(self, world: World) -> float | None:
        """Take what is finished in the inbox; return seconds until it wants to be looked at again, None for no wish."""
        store = world.store
        self.let_in(store, [])
        self._renamed |= world.woken.renamed
        self.unsettled = ()
        if not self._inbox.waiting():
            self._renamed.clear()
            return None
        with _alone(store) as alone:
            if not alone:
                self.unsettled = ("another process looks at the inbox",)
                return _OTHER_IS_AT_IT
            tick = time.monotonic()
            scan = self._inbox.scan(
                now=world.now,
                tick=tick,
                renamed=self._renamed,
                enough=lambda: self._interrupted() or time.monotonic() > tick + _INBOX_TURN,
            )
            try:
                self.let_in(store, scan.events)
            finally:
                self._inbox.sync_taken()
        if not scan.more:
            self._renamed.clear()
        self.unsettled = scan.unsettled
        self._tell(store, scan.rejected, scan.problems)
        return 0.0 if scan.more else scan.next_look

    def _tell(self, store: Store, rejected: Sequence[tuple[str, str]], problems: Sequence[str]) -> None:
        for name, reason in rejected:
            store.journal.append(
                "issue.rejected", f"inbox/{name} was rejected: {reason}", level="warning", data={"file": name}
            )
        self.rejected += rejected
        for problem in set(problems) - self._told:  # the same trouble at every look is told once
            self._told.add(problem)
            store.journal.append("issue.trouble", problem, level="error")

    def look_at_refs(self, world: World) -> float | None:
        """Let in what happened to branches and tags; return as `look_at_inbox` does."""
        told = world.woken.reasons & {Reason.REFS, Reason.NOTE, Reason.LOST}
        if self._unfollowed and time.monotonic() >= self._full_look_at:
            self._tracker.forget()
        self._refs_wanted = bool(told) or self._refs_wanted or self._tracker.may_have_moved(world.store)
        if not self._refs_wanted:
            return None
        with _alone(world.store) as alone:
            if not alone:
                return _OTHER_IS_AT_IT
            look = self._tracker.look(world.store, world.repo.git)
            troubles = {} if look.old is None else self._tell_refs(world, look.old, look)
            if troubles is None:
                self._tracker.forget()
                return 0.0
            look = look.without(troubles)
            self._tracker.save(world.store, look)
        self.tips = look.new.refs
        self._refs_wanted = False
        return self._come_back(world.store, look, troubles)

    def _come_back(self, store: Store, look: RefsLook, troubles: Mapping[str, str]) -> float | None:
        """Tell once of refs that cannot be followed; look at everything again after a while for as long as there are."""
        lines = [*look.problems, *(f"{ref}: {why}" for ref, why in troubles.items())]
        told = {line for line in lines if line not in self._unfollowed}
        self._unfollowed = set(lines)
        for line in sorted(told):
            store.journal.append("refs.trouble", clean_line(line, limit=500), level="error")
        if not lines:
            return None
        self._full_look_at = time.monotonic() + _MENDED_BY
        return _MENDED_BY

    def _tell_refs(self, world: World, old: Snapshot, look: RefsLook) -> dict[str, str] | None:
        """Let in what happened between two snapshots; return the refs with trouble, None when it was not done to the end."""
        if not look.moves:
            with suppress(GitFailed):  # whoever needs it is told
                self._default.of(
                    world.repo, came_or_went=False
                )  # half a dozen calls, before the first commit
            return {}
        new = look.new
        came_or_went = any(at is None or ref not in old.refs for ref, at in look.moves.items())
        context = RefsContext(
            git=world.repo.git,
            default=self._default.of(world.repo, came_or_went=came_or_went),
            own=OwnMoves.of(world.store.operations.list()),
            own_email=world.own_email,
            time=world.now,
            commits=look.commits,
        )
        causes = Causes(world.store, world.store.places.git_dir, new.refs)
        events = map(causes.told, events_between(context, old, new, look.moves))
        size = 1  # the first one at once: finding out what a commit brought in may take longer than all else
        while batch := list(islice(events, size)):
            size = _EVENT_BATCH
            self.let_in(world.store, batch)
            if self._interrupted():
                return None
        self._end(_endings(world, old, new))
        return context.troubles


def _endings(world: World, old: Snapshot, new: Snapshot) -> list[Ending]:
    """Return the branches of issues that came into their base between the snapshots, or were deleted."""
    issues = world.store.issues.list()
    records = [record for record in issues if record.branch and record.status not in _OVER]
    tips = {**old.refs, **new.refs}
    wanted = {
        record.branch: record.base
        for record in records
        if record.base and tips.get(HEADS + record.branch) != record.base_commit
    }
    merged = merged_into(world.repo.git, old, new, wanted)
    endings = [Ending(branch=branch, tip=tip, into=base) for branch, base, tip in merged]
    into = {branch for branch, _, _ in merged}
    for record in records:
        ref = HEADS + record.branch
        if ref in old.refs and ref not in new.refs and record.branch not in into:
            endings.append(Ending(branch=record.branch, tip=old.refs[ref]))
    return endings


@contextmanager
def _alone(store: Store) -> Iterator[bool]:
    """Keep other processes from taking in events at the same time; gives False when one is at it."""
    held = try_hold(store.places.locks / "intake.lock")
    try:
        yield held is not None
    finally:
        if held is not None:
            held.release()


def _unwanted(store: Store) -> list[str]:
    """Return the issues that no rule wanted to do anything about."""
    saved = (store.cursors.load("inbox") or {}).get("unwanted")
    return [str(one) for one in saved] if isinstance(saved, list) else []
