"""Finds the chain behind a thing in the journal, queue, issues and drafts, and tells it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sixthbot.cli.lookup import plan_of, unique
from sixthbot.cli.output import one_line
from sixthbot.cli.records import record_json
from sixthbot.core.errors import UsageError
from sixthbot.core.story import fold
from sixthbot.store.past import KIND, past_task
from sixthbot.store.records import naming

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sixthbot.cli.session import Session
    from sixthbot.core.drafts import Draft
    from sixthbot.core.issues import IssueRecord, Plan
    from sixthbot.core.story import Told
    from sixthbot.core.tasks import Task
    from sixthbot.store.open import Store
    from sixthbot.store.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Everything that belongs to one thing. `kind` and `id` name it; records are oldest first."""

    kind: str
    id: str
    issue_id: str = ""
    """The issue that it belongs to, which may be known no more."""
    events: Sequence[Record] = ()
    tasks: Sequence[Task] = ()
    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    issue: IssueRecord | None = None
    plan: Plan | None = None
    draft: Draft | None = None
    commits: Sequence[Record] = ()
    gone: Mapping[str, Told] = field(default_factory=dict)
    """How tasks were, by the journal, whose files somebody took away."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """The files, below the queue's folder, of tasks that cannot be read."""


_MOST_WORDS = 64
"""Where more is asked for, looking for all of it in each line costs more than reading the line."""


@dataclass(slots=True)
class _Known:
    """What can be asked about, and what the journal has about all that was asked for: its other lines are not parsed."""

    store: Store
    words: set[str] = field(default_factory=set)
    events: dict[str, Record] = field(default_factory=dict)
    by_task: dict[str, list[Record]] = field(default_factory=dict)
    by_event: dict[str, set[str]] = field(default_factory=dict)
    """The tasks that each event made or joined: what a task is for is not told by its file's name."""
    retired: dict[str, Record] = field(default_factory=dict)
    by_commit: dict[str, list[Record]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    """The file of each task in the queue: a long queue is not read for the few that belong to a thing."""
    issues: dict[str, IssueRecord] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    makers: dict[str, str] = field(default_factory=dict)
    """The issue that each commit of a plan was made for."""
    mentions: dict[frozenset[str], list[str]] = field(default_factory=dict)
    """The tasks whose files have one of some words in them: reading all files of a long queue once is enough."""

    @classmethod
    def read(cls, store: Store) -> _Known:
        known = cls(store)
        known.places = store.queue.files.places()
        known.issues = {record.id: record for record in store.issues.list()}
        known.makers = {
            commit: issue_id
            for issue_id in known.issues
            for subtask in plan_of(store.issues, issue_id).subtasks
            for commit in subtask.commits
        }
        known.drafts = {draft.branch.value: draft for draft in store.drafts.list()}
        return known

    def learn(self, words: Collection[str]) -> bool:
        """Have read all that the journal says about ids, or what begins with them; tell whether that was still to do."""
        more = self.words.union(words)
        if len(more) == len(self.words) or len(self.words) > _MOST_WORDS:
            return False  # all is read
        self.words = more
        for known in (self.events, self.by_task, self.by_event, self.retired, self.by_commit):
            known.clear()
        for record in self.store.journal.read(worth=naming(more) if len(more) <= _MOST_WORDS else None):
            self._take(record)
        return True

    def _take(self, record: Record) -> None:
        if record.kind == "event" and record.event:
            self.take_event(record)
            commit = _event_fields(record).get("id")
            if isinstance(commit, str) and len(commit) in _OID_LENGTHS:
                self.by_commit.setdefault(commit, []).append(record)
        elif record.task:
            self.take_task(record, record.task)
        if record.commit:
            self.by_commit.setdefault(record.commit, []).append(record)

    def take_event(self, record: Record) -> None:
        """Keep the first look at an event, or a later one (a replay) where the rules wanted something only then."""
        event = record.event or ""
        if event not in self.events or not (self.events[event].data or {}).get("tasks"):
            self.events[event] = record
        tasks = (record.data or {}).get("tasks")
        named = tasks if isinstance(tasks, list) else []
        self.by_event.setdefault(event, set()).update(task for task in named if isinstance(task, str))

    def take_task(self, record: Record, task: str) -> None:
        """Keep a record about a task."""
        self.by_task.setdefault(task, []).append(record)
        if record.event:
            self.by_event.setdefault(record.event, set()).add(task)
        if record.kind == KIND:
            self.retired[task] = record

    def load(self, task_id: str) -> Task | None:
        """Return the task in a file of the queue, also where a bot moved that while the journal was read."""
        path = self.places.get(task_id)
        task = self.store.queue.files.load(path) if path else None
        if task is None and path and not os.path.lexists(path):
            task = self.store.queue.find(task_id)
            if task is None:
                del self.places[task_id]
        return task

    def mentioning(self, named: frozenset[str]) -> list[str]:
        """Return the tasks whose files have one of these words in them, or are not where they were any more."""
        if named not in self.mentions:
            words = [json.dumps(word).encode() for word in named]
            files = self.store.queue.files
            self.mentions[named] = [
                task_id for task_id, path in self.places.items() if files.mentions(path, words)
            ]
        return self.mentions[named]

    def of_issue(self, issue: str) -> Iterator[str]:
        """Yield the tasks that records name together with an issue."""
        return (task for task, told in self.by_task.items() if any(one.issue == issue for one in told))

    def branches(self) -> dict[str, str]:
        """Return branches that events, issues and drafts name, each with the id of its issue or nothing."""
        named = {str(_event_fields(record).get("branch", "")): "" for record in self.events.values()}
        named |= {draft.branch.value: draft.issue for draft in self.drafts.values()}
        named |= {record.branch: record.id for record in self.issues.values()}
        return {branch: issue for branch, issue in named.items() if branch}


_OID_LENGTHS = (40, 64)
_KINDS = ("issue", "task", "event", "branch", "commit")


def find_chain(session: Session, wanted: str) -> Chain:
    """Return the chain of what `wanted` names, by id or unique prefix; raise UsageError for nothing or several."""
    known = _Known.read(session.store())
    known.learn([wanted])
    names: dict[str, list[str]] = {
        "issue": list(known.issues),
        "task": sorted({*known.places, *known.by_task}),
        "event": list(known.events),
        "branch": list(known.branches()),
        "commit": [*known.by_commit, *known.makers],
    }
    exact = [(kind, wanted) for kind in _KINDS if wanted in names[kind]]
    near = [(kind, name) for kind in _KINDS for name in names[kind] if wanted and name.startswith(wanted)]
    found = exact[:1] or near
    if not found:
        return _by_trailer(session, known, wanted)
    # raises for several; an event and a task made of it may share a beginning, an issue and its branch may not
    name = unique(wanted, [name for _, name in found], what="id", hint="give more of it")
    return _chain_of(known, next(kind for kind, each in found if each == name), name)


def _by_trailer(session: Session, known: _Known, wanted: str) -> Chain:
    """Ask git: a commit may be known by its trailers only, or under a name such as a tag."""
    from sixthbot.cli.revision import commit_named  # noqa: PLC0415 - only the last resort needs git

    commit = commit_named(session, wanted)
    if commit is None:
        raise UsageError(
            f"nothing is known by {one_line(wanted, 80)!r}",
            hint="an id stands in: sixthbot status, sixthbot queue list --all, sixthbot log",
        )
    issue_id = next((value for key, value in commit.trailers if key.lower() == "sixth-issue"), "")
    if issue_id in known.issues:
        known.makers.setdefault(commit.id, issue_id)
    known.learn([commit.id])
    if commit.id in known.by_commit or commit.id in known.makers:
        return _chain_of(known, "commit", commit.id)
    raise UsageError(
        f"commit {commit.id[:12]} is there, but no event told of it",
        hint="what was there before sixthbot init is no event, nor is what no branch leads to",
    )


def _chain_of(known: _Known, kind: str, name: str) -> Chain:
    chain = _chain_as_known(known, kind, name)
    while known.learn(_words_of(known, chain)):
        chain = _chain_as_known(known, kind, name)
    return chain


def _words_of(known: _Known, chain: Chain) -> set[str]:
    """Return the ids that a chain was put together by: what names none of them in the journal is no part of it."""
    events = {event.id for task in chain.tasks for event in task.events}
    events |= {record.event or "" for task_id in chain.gone for record in chain.records[task_id]}
    tasks = set(chain.records) | known.by_event.get(chain.id, set())
    tasks |= {record.task or "" for record in known.by_commit.get(chain.id, ())}
    return {word for word in {chain.id, chain.issue_id, *events, *tasks} if word}


def _chain_as_known(known: _Known, kind: str, name: str) -> Chain:
    records = known.by_commit.get(name, []) if kind == "commit" else []
    own = _load(known, [name]) if kind == "task" else []
    issue_id = {
        "issue": name,
        "task": own[0].issue if own else "",
        "branch": known.branches().get(name, ""),
        "commit": known.makers.get(name) or _issue_of_commit(known, records),
    }.get(kind, "")
    near = own if kind == "task" else _near(known, kind, name, issue_id, records)
    tasks = [task for task in near if _belongs(known, task, kind, name, issue_id, records)]
    wanted = {event.id for task in tasks for event in task.events} | ({name} if kind == "event" else set())
    gone = _gone(known, kind, name, {task.id for task in tasks})
    unread = _unread(known, kind, name, {task.id for task in tasks})
    wanted |= {
        record.event or "" for task_id in (*gone, *unread) for record in known.by_task.get(task_id, ())
    }
    events = [record for key, record in known.events.items() if key in wanted or _tells(record, kind, name)]
    return Chain(
        kind=kind,
        id=name,
        issue_id=issue_id or "",
        events=events,
        tasks=sorted(tasks, key=lambda task: task.created),
        records={
            task_id: known.by_task.get(task_id, [])
            for task_id in (*(task.id for task in tasks), *gone, *unread)
        },
        issue=known.issues.get(issue_id or ""),
        plan=plan_of(known.store.issues, issue_id) if issue_id in known.issues else None,
        draft=next(
            (each for each in known.drafts.values() if issue_id and each.issue == issue_id),
            known.drafts.get(name),
        ),
        commits=[record for record in records if record.kind != "event"],
        gone=gone,
        unread=unread,
    )


def _load(known: _Known, task_ids: Iterable[str]) -> list[Task]:
    """Return tasks from their files, and those that left the queue from the journal."""
    loaded = []
    for task_id in dict.fromkeys(task_ids):
        task = known.load(task_id)
        if task is None and task_id in known.retired:
            task = past_task(known.retired[task_id])
        loaded += [] if task is None else [task]
    return loaded


def _gone(known: _Known, kind: str, name: str, there: Collection[str]) -> dict[str, Told]:
    """Return how those tasks of a task's or an event's chain were that nothing is left of but their records."""
    asked = {"task": {name}, "event": known.by_event.get(name, set())}.get(kind, set())
    asked = asked.difference(known.places)
    told = {
        task_id: fold((record.kind, record.data or {}) for record in known.by_task.get(task_id, ()))
        for task_id in sorted(asked.difference(there))
    }
    return {task_id: one for task_id, one in told.items() if one is not None}


def _unread(known: _Known, kind: str, name: str, there: Collection[str]) -> dict[str, str]:
    """Return where the files of those tasks lie that are there and cannot be read."""
    asked = {"task": {name}, "event": known.by_event.get(name, set())}.get(kind, set())
    root = known.store.queue.files.root
    return {
        task_id: known.places[task_id].removeprefix(f"{root}/")
        for task_id in sorted(asked.difference(there).intersection(known.places))
    }


def _near(known: _Known, kind: str, name: str, issue_id: str | None, records: Sequence[Record]) -> list[Task]:
    """Return the tasks that may belong to a thing: an event's as the journal names them, else those that name it."""
    if kind == "event":
        return _load(known, known.by_event.get(name, ()))
    named = frozenset(word for word in (name, issue_id, *(record.task for record in records)) if word)
    ids = known.mentioning(named)
    told = {record.task or "" for record in records} | set(known.of_issue(issue_id) if issue_id else ())
    return _load(known, [*ids, *sorted(told)])


def _belongs(
    known: _Known, task: Task, kind: str, name: str, issue_id: str | None, records: Sequence[Record]
) -> bool:
    if kind == "task":
        return task.id == name
    if kind == "event":
        return task.id in known.by_event.get(name, ()) or any(event.id == name for event in task.events)
    if kind == "commit" and any(record.task == task.id for record in records):
        return True
    if kind in {"branch", "commit"} and any(_about(event.fields, kind, name) for event in task.events):
        return True
    return bool(issue_id) and task.issue == issue_id and not any(record.task for record in records)


def _issue_of_commit(known: _Known, records: Sequence[Record]) -> str:
    """Return the issue that made a commit, or on whose branch it was seen: a rebase gives commits new ids."""
    branches = known.branches()
    seen_on = [str(_event_fields(record).get("branch", "")) for record in records]
    named = [record.issue or "" for record in records] + [branches.get(branch, "") for branch in seen_on]
    return next((issue for issue in named if issue), "")


def _about(fields: Mapping[str, Any], kind: str, name: str) -> bool:
    return fields.get("id" if kind == "commit" else "branch") == name


def _tells(record: Record, kind: str, name: str) -> bool:
    return kind in {"branch", "commit"} and _about(_event_fields(record), kind, name)


def _event_fields(record: Record) -> Mapping[str, Any]:
    event = (record.data or {}).get("event")
    fields = event.get("fields") if isinstance(event, dict) else None
    return fields if isinstance(fields, dict) else {}


def _verdicts(record: Record) -> list[dict[str, Any]]:
    """Return what each rule said of an event, with the first term that did not hold; whole verdicts only."""
    found = (record.data or {}).get("verdicts")
    told = []
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict) and {"rule", "fired", "reason"} <= one.keys():
            terms = one.get("terms")
            false = (
                [t for t in terms if isinstance(t, dict) and not t.get("held")]
                if isinstance(terms, list)
                else []
            )
            first = (
                None if one["fired"] or not false else {key: false[0].get(key) for key in ("text", "value")}
            )
            told.append(
                {
                    "event": record.event,
                    "rule": one["rule"],
                    "fired": one["fired"],
                    "reason": one["reason"],
                    "first_false": first,
                }
            )
    return told


def chain_json(chain: Chain) -> dict[str, Any]:
    """Return a chain for programs."""
    return {
        "schema": 1,
        "kind": chain.kind,
        "id": chain.id,
        "events": [record_json(record) for record in chain.events],
        "verdicts": [verdict for record in chain.events for verdict in _verdicts(record)],
        "tasks": [
            {
                "id": task.id,
                "rule": task.rule,
                "state": task.state.name,
                "reason": str(getattr(task.state, "reason", "")),
                "hint": str(getattr(task.state, "hint", "")),
                "records": [record_json(record) for record in chain.records[task.id]],
            }
            for task in chain.tasks
        ],
        "gone": [
            {
                "id": task_id,
                "state": told.state,
                "records": [record_json(record) for record in chain.records[task_id]],
            }
            for task_id, told in chain.gone.items()
        ],
        "unread": [{"id": task_id, "file": f"queue/{path}"} for task_id, path in chain.unread.items()],
        "issue": chain.issue.id if chain.issue else None,
        "draft": chain.draft.branch.value if chain.draft else None,
    }
