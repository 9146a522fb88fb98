"""One attempt at a task: its rule, limits, log and the context of its steps. Decides nothing about states."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.actions import registry
from sixthbot.actions.base import Context, run_step
from sixthbot.core.errors import Cancelled, ConfigError, NeedsPerson, Paused, WorkFailed
from sixthbot.core.events import caused_by
from sixthbot.core.names import short_hash
from sixthbot.core.tasks import Running
from sixthbot.core.times import format_duration, format_time
from sixthbot.engine.admit import admit
from sixthbot.engine.children import ChildProcesses, child_environment
from sixthbot.engine.confine import linked_worktrees
from sixthbot.engine.recorded import RecordedProcesses, RecordedWriter
from sixthbot.engine.strays import badge_of
from sixthbot.engine.telling import TaskProgress
from sixthbot.llm.choose import writer_for
from sixthbot.store.checkpoints import StepRecord
from sixthbot.store.logs import TaskLog
from sixthbot.store.records import about, add_usage
from sixthbot.store.rulesummary import steps_wait_for

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sixthbot.actions.base import Processes
    from sixthbot.actions.progress import Saved
    from sixthbot.core.rules import Rule, StepSpec
    from sixthbot.core.tasks import Outcome, Task
    from sixthbot.engine.services import Services
    from sixthbot.llm.port import Writer
    from sixthbot.store.itemsfile import DoneItems


def find_rule(services: Services, task: Task) -> Rule:
    """Return the task's rule as it is trusted now; raise NeedsPerson("untrusted") or ConfigError when there is none."""
    for rule in services.rules.rules:
        if rule.name == task.rule:
            return rule
    if any(rule.name == task.rule for rule in services.rules.switched_off):
        raise ConfigError(f"its rule {task.rule!r} is switched off", hint="sixthbot rules list")
    for disabled in services.rules.disabled:
        if disabled.name == task.rule:
            raise ConfigError(
                f"its rule {task.rule!r} is disabled: {disabled.reason}", hint="sixthbot rules check"
            )
    if services.rules.untrusted:
        raise NeedsPerson(
            f"its rule {task.rule!r} may be in a file that is not trusted: {', '.join(services.rules.untrusted)}",
            kind="untrusted",
            hint="sixthbot trust --show, then sixthbot trust",
        )
    raise ConfigError(f"its rule {task.rule!r} does not exist any more", hint="sixthbot rules list")


@dataclass(kw_only=True)
class Attempt:
    """Runs the steps of `task` that are not done yet. `held` is what its children keep open: the worker's lease."""

    services: Services
    task: Task
    stopping: threading.Event
    held: Sequence[int] = ()
    rule: Rule = field(init=False)
    log: TaskLog = field(init=False)
    _deadline: float | None = field(init=False, default=None)
    _step_ends: float | None = field(init=False, default=None)
    _progress: TaskProgress = field(init=False)
    _items: DoneItems | None = field(init=False, default=None)
    _at: dict[str, Any] = field(init=False, default_factory=dict)
    _spent: dict[str, float] = field(init=False, default_factory=dict)
    _step_spent: dict[str, float] = field(init=False, default_factory=dict)

    def run(self) -> None:
        """Do every step; raise what a step raises, Cancelled when told to stop."""
        with self._opened():
            if self.rule.timeout is not None:
                self._deadline = time.monotonic() + self.rule.timeout.total_seconds()
            self._note_changed_rule()
            self._steps()

    def notify(self, text: str) -> None:
        """Tell a person, with the configured program; raise WorkFailed when that fails."""
        with self._opened():
            run_step(registry.get("notify"), self._context({}), {"text": text})

    def __post_init__(self) -> None:
        self._progress = TaskProgress(
            self.services.places, self.task.id, note=self.note, clock=self.services.clock
        )

    @contextmanager
    def _opened(self) -> Iterator[None]:
        self.rule = find_rule(self.services, self.task)
        self.log = TaskLog(self.services.places, self.task.id)
        try:
            yield
        finally:
            self._progress.end()
            self.log.close()

    def note(self, kind: str, message: str, *, level: str = "info", **fields: Any) -> None:
        """Write a journal record about this task, and about the step it is at."""
        whole = {**about(self.task), **self._at, **fields}
        self.services.store.journal.append(kind, message, level=level, **whole)

    def check(self) -> None:
        """Raise Cancelled when the task is to stop and WorkFailed when its rule's time is up."""
        self._progress.catch_up()
        self.check_wanted()
        if self._deadline is not None and time.monotonic() >= self._deadline and self.rule.timeout:
            raise WorkFailed(
                f"the rule's timeout of {format_duration(self.rule.timeout)} ran out",
                hint="raise `timeout` in the rule, or make it do less at once",
            )
        if self._step_ends is not None and time.monotonic() >= self._step_ends:
            spec = self.rule.do[self._at["step"]]
            raise WorkFailed(
                f"the timeout of the step {spec.use}, {format_duration(spec.timeout or timedelta())}, ran out",
                hint="raise the step's `timeout` in the rule, or make it do less at once",
            )

    def check_wanted(self) -> None:
        """Raise Cancelled when the task is to stop; also before it began."""
        if self.stopping.is_set():
            raise Cancelled("the bot is stopping", by_person=False)
        if self.services.store.queue.cancel_requested(self.task.id):
            raise Cancelled("cancelled by a person", by_person=True)
        if self.services.store.queue.pause_requested(self.task.id):
            raise Paused("paused by a person")
        if not self.services.store.queue.holds(self.task):
            raise Cancelled("its file was moved by hand", by_person=False)

    def tell(self, line: str) -> None:
        """Show a line of progress: in the task's log and in the journal."""
        self.log.line(line)
        self.note("progress", line)

    def processes(self) -> Processes:
        """Return what runs programs for this task."""
        services = self.services
        if services.processes is not None:
            return RecordedProcesses(services.processes, self.note, self._spend, self.log.hide)
        children = ChildProcesses(
            env=child_environment(services.env),
            protected=protected_paths(services) if services.loaded.config.worktree.confine else (),
            held=self.held,
            badge=self._badge(),
            check=self.check,
            log=self._printed,
        )
        return RecordedProcesses(children, self.note, self._spend, self.log.hide)

    def _badge(self) -> str:
        state = self.task.state
        return badge_of(state.worker, self.services.places.git_dir) if isinstance(state, Running) else ""

    def _printed(self, data: bytes) -> None:
        self.log.write(data)
        self._progress.printed(data)

    def _spend(self, usage: Mapping[str, float]) -> None:
        for spent in (self._spent, self._step_spent):
            add_usage(spent, usage)

    @property
    def usage(self) -> Mapping[str, float] | None:
        """What its programs and models took so far; None when nothing did."""
        return self._spent or None

    def _writer(self) -> Writer | None:
        services = self.services
        writer = writer_for(services.loaded.config.llm, services.env)
        return None if writer is None else RecordedWriter(writer, self.note, self._spend, self.check)

    def _note_changed_rule(self) -> None:
        if self.rule.digest != self.task.rule_hash:
            self.note(
                "rule.changed",
                "the rule's file changed since the task was made; the rule as it is now is followed",
                rule_hash=self.rule.digest,
            )

    def _steps(self) -> None:
        records = self.services.store.checkpoints.load(self.task.id)
        outputs: dict[str, Mapping[str, Any]] = {}
        finished = True
        for index, spec in enumerate(self.rule.do):
            record = records.get(index)
            finished = finished and record is not None and self._holds(spec, record)
            if finished and record is not None:
                outputs[spec.use] = record.outputs
            else:
                outputs[spec.use] = self._step(index, spec, outputs)

    def _holds(self, spec: StepSpec, record: StepRecord) -> bool:
        """Tell whether a record is of this step, and what the step left is still there."""
        return record.use == spec.use and registry.get(spec.use).still_holds(
            self.services.store, self.task.issue, record.outputs
        )

    def _step(
        self, index: int, spec: StepSpec, outputs: Mapping[str, Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        self._at = {"step": index, "action": spec.use}
        self._step_spent.clear()
        self.note("step.started", f"step {index + 1}, {spec.use}")
        self._progress.step(index + 1, spec.use, steps=len(self.rule.do))
        started = time.monotonic()
        try:
            action = registry.get(spec.use)
            run = partial(run_step, action, self._context(outputs))
            outcome: Outcome = run(self._limited(spec, started, own="timeout" in action.Args.model_fields))
        except BaseException:
            self._save_items()
            raise
        finally:
            self._step_ends = None
        # first what it caused, then the checkpoint: after a crash in between the step is repeated, nothing is lost
        if outcome.follow_ups:
            admit(
                self.services,
                [caused_by(event, self.task.generation) for event in outcome.follow_ups],
            )
        record = StepRecord(
            use=spec.use, outputs=outcome.outputs, finished=format_time(self.services.clock())
        )
        self.services.store.checkpoints.save(self.task.id, index, record)
        self.note(
            "step.finished",
            f"step {index + 1}, {spec.use}, is done",
            duration=round(time.monotonic() - started, 3),
            usage=dict(self._step_spent) or None,
        )
        self._at = {}
        return outcome.outputs

    def _limited(self, spec: StepSpec, started: float, *, own: bool) -> Mapping[str, Any]:
        """Begin a step's time and return its arguments; an action with a timeout of its `own` is told of it instead."""
        if spec.timeout is None:
            return spec.args
        if own:
            return {**spec.args, "timeout": f"{spec.timeout // timedelta(milliseconds=1)}ms"}
        self._step_ends = started + spec.timeout.total_seconds()
        return spec.args

    def _saved_items(self, basis: str) -> Saved:
        index = self._at["step"]
        spec = self.rule.do[index]
        whole = short_hash(spec.use, repr(sorted(spec.args.items())), basis, digits=32)
        self._items = self.services.store.checkpoints.items(self.task.id, index, basis=whole)
        return self._items

    def _save_items(self) -> None:
        """Keep the items that are done of a step that was cut off; where one is finished its checkpoint replaces them."""
        items, self._items = self._items, None
        if items is not None:
            with suppress(OSError):  # they are done again
                items.save()

    def _context(self, outputs: Mapping[str, Mapping[str, Any]]) -> Context:
        services = self.services
        return Context(
            repo=services.repo,
            pool=services.pool,
            store=services.store,
            config=services.loaded.config,
            task=self.task,
            rule=self.rule,
            event=self.task.events[-1],
            outputs=MappingProxyType(dict(outputs)),
            processes=self.processes(),
            clock=services.clock,
            tell=self.tell,
            note=self.note,
            trusted=services.trusted,
            untrusted=steps_wait_for(services.untrusted),
            writer=self._writer,
            check_cancelled=self.check,
            progress=self._progress,
            saved_items=self._saved_items,
        )


def protected_paths(services: Services) -> list[Path]:
    """Return what no foreign program may write to: the person's work trees, the git directory, the bot's own files.

    The bot's pool is not among them: it lies in the person's cache folder, which programs need, and a worktree in it
    is made clean before each use.
    """
    places = services.places
    own = places.pool_dir.resolve()
    theirs = [path for path in linked_worktrees(places.git_dir) if own not in path.parents]
    return [places.top, places.git_dir, places.sixth, places.data_dir, *theirs]
