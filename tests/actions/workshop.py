"""A repository with everything an action needs around it: real git, real store, real processes, no engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sixthbot.actions import registry
from sixthbot.actions.base import Context, Ran, run_step
from sixthbot.core.errors import Cancelled, WorkFailed
from sixthbot.core.events import Event, make_event
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.names import BranchName
from sixthbot.core.rules import Rule, StepSpec
from sixthbot.core.tasks import Lane, Outcome, Task, task_id
from sixthbot.git.repository import Repository, open_repository
from sixthbot.git.worktrees import Pool
from sixthbot.store.config import Config
from sixthbot.store.open import Store, open_store
from sixthbot.store.paths import Places, locate
from sixthbot.store.setup import initialise
from tests.support.clock import FixedClock
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sixthbot.core.drafts import Draft
    from sixthbot.core.issues import IssueRecord, Plan
    from sixthbot.llm.port import Writer

ISSUE_STEPS = ("branch", "plan", "work", "rebase", "changelog", "check", "describe")


@dataclass
class LocalProcesses:
    """Runs programs as they are; refuses what an action must never ask for."""

    ran: list[tuple[str, ...]] = field(default_factory=list)

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout: float | None,
        writable: Sequence[Path] = (),
        output_limit: int = 1_000_000,
    ) -> Ran:
        assert argv
        assert all(isinstance(word, str) for word in argv)
        assert cwd.is_dir()
        assert not any("\0" in name + value for name, value in env.items())
        assert timeout is not None
        self.ran.append(tuple(argv))
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env={**own, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise WorkFailed(f"cannot run {argv[0]!r}: {error.strerror}") from None
        try:
            data, _ = process.communicate(timeout=timeout)
            status: int | None = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            data, _ = process.communicate()
            status = None
        output = data[-output_limit:].decode("utf-8", "replace")
        return Ran(
            status=status, timed_out=status is None, output=output, duration=time.monotonic() - started
        )


@dataclass
class Workshop:
    """One initialised repository. `config` are settings by section; `outputs` those of the steps run so far."""

    dir: RepoDir
    places: Places
    repo: Repository
    store: Store
    clock: FixedClock
    config: dict[str, Any] = field(default_factory=dict)
    processes: LocalProcesses = field(default_factory=LocalProcesses)
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    shown: list[tuple[int, int, str]] = field(default_factory=list)
    trusted: bool = True
    model: Writer | None = None
    issue_id: str = ""
    cancelled: bool = False

    def check(self) -> None:
        if self.cancelled:
            raise Cancelled("cancelled", by_person=True)

    def show(self, *, done: int, total: int, item: str) -> None:
        self.shown.append((done, total, item))

    def recipe(self, name: str, script: str, *, timeout: str = "30s") -> None:
        """Configure a recipe that runs a Python script."""
        run = [sys.executable, "-c", script]
        self.config.setdefault("recipes", {})[name] = {"run": run, "timeout": timeout}

    def template(self, name: str, text: str) -> None:
        """Put a template of the repository's own in place, trusted."""
        path = self.places.templates_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        trust = self.store.trust
        trust.trust(trust.scan(self.places, b""), trust.collect(self.places, b""))

    def draft(self) -> Draft:
        return self.store.drafts.read(BranchName.parse(self.branch))

    def by_hand(self, path: Path, message: str, files: Mapping[str, str | bytes | None]) -> str:
        """Commit on the issue's branch as a person does: in a worktree of their own, left again."""
        self.dir.git("worktree", "add", "--quiet", str(path), self.branch)
        commit = RepoDir(path).commit(message, files)
        self.dir.git("worktree", "remove", "--force", str(path))
        return commit

    def drop(self, text: str, *, name: str = "issue.md") -> IssueRecord:
        """Accept an issue as the inbox would."""
        path = self.places.inbox / name
        path.write_text(text, encoding="utf-8")
        data = path.read_bytes()
        record = self.store.issues.accept(path, data, parse_issue(data, name), now=self.clock())
        self.issue_id = record.id
        self.outputs = {}
        return record

    def context(self, event: Event | None = None) -> Context:
        event = event or make_event("issue.added", {"id": self.issue_id}, time=self.clock())
        task = Task(
            id=task_id("test", event),
            rule="test",
            rule_hash="",
            events=(event,),
            lane=Lane.NORMAL,
            created=self.clock(),
            deadline=self.clock(),
            issue=self.issue_id if event.kind == "issue.added" else "",
        )
        rule = Rule(name="test", on=(event.kind,), do=(StepSpec("branch"),), origin="shipped", digest="")
        return Context(
            repo=self.repo,
            pool=Pool(self.repo.git, self.places.pool_dir, serialise=nullcontext),
            store=self.store,
            config=Config.model_validate(self.config),
            task=task,
            rule=rule,
            event=event,
            outputs=self.outputs,
            processes=self.processes,
            clock=self.clock,
            tell=self.told.append,
            note=partial(self.store.journal.note, task=task.id),
            trusted=self.trusted,
            writer=lambda: self.model,
            check_cancelled=self.check,
            progress=self,
            saved_items=lambda basis: self.store.checkpoints.items(task.id, 0, basis=basis),
        )

    def step(self, name: str, *, event: Event | None = None, **args: Any) -> Outcome:
        """Run one step as the engine would and keep its outputs."""
        self.clock.advance(1)
        outcome = run_step(registry.get(name), self.context(event), args)
        self.outputs[name] = outcome.outputs
        return outcome

    def steps(self, *names: str) -> None:
        for name in names or ISSUE_STEPS:
            self.step(name)

    @property
    def record(self) -> IssueRecord:
        return self.store.issues.record(self.issue_id)

    @property
    def plan(self) -> Plan:
        return self.store.issues.plan(self.issue_id)

    @property
    def branch(self) -> str:
        return self.record.branch

    def message(self, revision: str) -> str:
        return self.dir.git("log", "-1", "--format=%B", revision)

    def journal(self) -> list[str]:
        return [record.message for record in self.store.journal.read()]


def open_workshop(repo: RepoDir) -> Workshop:
    """Initialise a repository for the bot, as far as actions need it."""
    places = locate(repo.path)
    initialise(places)
    clock = FixedClock()
    repository = open_repository(places.top, places.git_dir, durability="process")
    store = open_store(places, durability="process", clock=clock)
    return Workshop(dir=repo, places=places, repo=repository, store=store, clock=clock)
