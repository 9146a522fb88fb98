"""One seeded run: processes that let events in and work on them, trouble of every kind, calm, and what must then hold."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from sixthbot.core import lifecycle
from sixthbot.core.errors import SixthError
from sixthbot.core.events import Event, make_event
from sixthbot.core.rules import Rule, StepSpec
from sixthbot.core.tasks import Done, Failed, Lane, Task, task_id
from sixthbot.engine.admit import admit, wake_due
from sixthbot.engine.pool import WorkerPool
from sixthbot.engine.recovery import recover
from sixthbot.engine.services import Services
from sixthbot.engine.strays import Orphans
from sixthbot.engine.worker import Worker
from sixthbot.store.config import Config, Loaded
from sixthbot.store.locks import WorkerLease
from sixthbot.store.open import open_store
from sixthbot.store.rulefiles import RuleSet
from tests.simulation.disk import SimDisk
from tests.simulation.git import SimGit
from tests.simulation.machine import Killed, Machine, Process
from tests.simulation.seams import installed
from tests.simulation.step import BASE, branch_of
from tests.store.support import home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sixthbot.git.surroundings import Durability

_CURSOR = "simulation"
_SHM = "/dev/shm"


def _rule(name: str, kind: str, lane: Lane, **more: Any) -> Rule:
    steps = (StepSpec("part", {"first": 1, "last": 1}), StepSpec("part", {"first": 2, "last": 3}))
    return Rule(name=name, on=(kind,), do=steps, origin="test", digest="d" * 64, lane=lane, retries=2, **more)


RULES = (_rule("now", "commit", Lane.CRITICAL), _rule("later", "merge", Lane.NORMAL))
SUBTASKS = ["1", "2", "3"]


_ODDS = {
    "kill": 0.010, "power cut": 0.006, "full": 0.004, "failing": 0.003, "clock jump": 0.002, "told to leave": 0.003,
    "person": 0.004, "start twice": 0.004,
}  # fmt: skip
"""Of each kind of trouble, at every system call."""
_MOST_BOTS = 4


class Broken(AssertionError):
    """A promise that does not hold."""


class NoOrphans(Orphans):
    """Ends nobody: what a dead process of the simulation left running ends by itself."""

    def end(self, badge: str, lease: Path) -> None:
        """Leave it alone."""

    def end_badged(self, badge: str) -> bool:
        """Nobody carries a badge here."""
        return False


@dataclass
class SimRepo:
    """The part of a repository that the simulated action uses, and the witness of who is at work on what."""

    git: SimGit
    root: str
    world: World

    @contextmanager
    def at_work(self, task: str) -> Iterator[None]:
        """Bear witness that the process whose turn it is works on a task."""
        at_work, me = self.world.at_work, self.world.machine.running
        other = at_work.get(task)
        if other is not None and not other.dead:
            raise Broken(f"{task} is worked on by two at once")
        assert me is not None
        at_work[task] = me
        try:
            yield
        finally:
            if at_work.get(task) is me:
                del at_work[task]

    def unlucky(self) -> bool:
        """Tell whether a step fails by itself this time."""
        return self.world.machine.chaos is not None and self.world.dice.random() < 0.03


class Stop:
    """What tells a process to leave in good order; waiting for it lets the others go on."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._set = False

    def set(self) -> None:
        """Tell it."""
        self._set = True

    def is_set(self) -> bool:
        """Tell whether it was told."""
        return self._set

    def wait(self, timeout: float) -> bool:
        """Wait for so long."""
        if not self._set:
            self._machine.sleep(timeout)
        return self._set


@dataclass
class World:
    """A run. `steps` is for how many system calls there is trouble; `trace` gets a line for each call."""

    seed: int
    steps: int = 0
    trace: Callable[[str], None] | None = None
    at_work: dict[str, Process] = field(default_factory=dict)
    deaths: int = 0
    blows: Counter[str] = field(default_factory=Counter)
    cancelled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - not a secret
        self.machine = Machine(self.dice, seed=self.seed, trace=self.trace)
        self.durability: Durability = "power" if self.dice.random() < 0.75 else "process"
        self.steps = self.steps or self.dice.randint(60, 300)
        self.events = [self._event(number) for number in range(self.dice.randint(1, 3))]
        self._stops: list[Stop] = []
        self._cut = False
        self._idle = 0
        self._phase = (0, "")

    def _event(self, number: int) -> Event:
        kind = self.dice.choice(("commit", "merge"))
        return make_event(
            kind, {"branch": "main", "id": f"{number:040x}"}, time=self.machine.clock(), key=f"event {number}"
        )

    def run(self) -> None:
        """Play it to its end; raise Broken for the first promise that does not hold."""
        base = Path(tempfile.mkdtemp(prefix="simulation-", dir=_SHM if os.access(_SHM, os.W_OK) else None))
        try:
            self.places = home(base / "repo")
            self.git = SimGit(self.places.git_dir, self.machine, self.durability)
            self.disk = SimDisk(base / "repo", self.machine, journaled=self.dice.random() < 0.5)
            self.disk.tracked = self.durability == "power"
            self._root = self._first_commit()
            with installed(self.machine, self.disk):
                self.disk.adopt()
                self._play()
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def _first_commit(self) -> str:
        body = f"tree {BASE}\n\nroot".encode()
        whole = b"commit %d\0" % len(body) + body
        oid = hashlib.sha1(whole).hexdigest()  # noqa: S324 - as git does
        path = self.places.git_dir / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir()
        path.write_bytes(whole)
        (self.places.git_dir / "refs/heads/sixth").mkdir(parents=True)
        return oid

    def _play(self) -> None:
        self.machine.chaos = self._trouble
        while True:
            for _ in range(self.dice.randint(1, 3)):
                self.machine.start("bot", self._bot)
            self.machine.run()
            if self.machine.is_calm():
                break
            self._switch_on_again()
        self._in_good_order(self._last_words)
        self._in_good_order(self._look)

    def _in_good_order(self, body: Callable[[], None]) -> None:
        self.machine.start("person", body)
        self.machine.run()

    def _switch_on_again(self) -> None:
        self.at_work.clear()
        if self._cut:
            self.disk.cut()
            self.machine.tell("the power is back")
        self._cut = False

    # trouble

    def _trouble(self, what: str) -> None:
        """Perhaps do something bad at this call."""
        dice, machine = self.dice, self.machine
        if machine.steps > self.steps:
            self._calm_down()
            return
        self._end_phase()
        odds = dict(_ODDS)
        if self.durability != "power":
            odds["power cut"] = 0.0
        blow = dice.choices((*odds, ""), (*odds.values(), 1 - sum(odds.values())))[0]
        match blow:
            case "kill":
                self._kill(what)
            case "power cut":
                self._cut_power()
            case "full" | "failing":
                self._begin_phase(blow)
            case "clock jump":
                machine.jump += dice.choice((-3600, 7 * 86400, -60, 60))
                self._note(blow)
            case "told to leave" if self._stops:
                dice.choice(self._stops).set()
                self._note(blow)
                machine.start("bot", self._bot)
            case "person":
                machine.start("person", self._person)
            case "start twice" if machine.alive() < _MOST_BOTS:
                self._note(blow)
                machine.start("bot", self._bot)
            case _:
                pass

    def _note(self, blow: str) -> None:
        self.blows[blow] += 1
        self.machine.tell(blow)

    def _cut_power(self) -> None:
        self._note("power cut")
        self._cut = True
        self.machine.kill_all()

    def _kill(self, what: str) -> None:
        with_children = self.dice.random() < 0.5
        self.blows["kill" if with_children else "kill of the leader"] += 1
        self.machine.tell(f"killed at: {what}")
        if self.machine.alive() < 3 or self.dice.random() < 0.5:
            self.machine.start("bot", self._bot)
        self.machine.kill(with_children=with_children)

    def _begin_phase(self, name: str) -> None:
        self.blows[f"disk {name}"] += 1
        self._phase = (self.machine.steps + self.dice.randint(5, 60), name)
        setattr(self.disk, name, True)
        self.machine.tell(f"the disk is {name}")

    def _end_phase(self) -> None:
        until, name = self._phase
        if name and self.machine.steps > until:
            setattr(self.disk, name, False)
            self._phase = (0, "")
            self.machine.tell("the disk is well")

    def _calm_down(self) -> None:
        self.machine.chaos = None
        self.disk.full = self.disk.failing = False
        self.machine.tell("calm from here on")
        self.machine.start("bot", self._bot)
        self.machine.start("person", lambda: self._services().store.queue.resume(None))

    # processes

    def _services(self) -> Services:
        rules = RuleSet(rules=RULES, disabled=(), untrusted=(), tests=(), digest="")
        return Services(
            places=self.places,
            store=open_store(self.places, durability=self.durability, clock=self.machine.clock),
            repo=cast("Any", SimRepo(self.git, self._root, self)),
            pool=cast("Any", None),
            loaded=Loaded(config=Config(), origins={}, untrusted=False, problems=()),
            rules=rules,
            trusted=True,
            processes=cast("Any", object()),
            clock=self.machine.clock,
            env=MappingProxyType({}),
        )

    def _bot(self) -> None:
        """What `watch` and `run` do: let events in, recover, wake what is due, work; with one worker."""
        stop = Stop(self.machine)
        self._stops.append(stop)
        services = self._services()
        try:
            self._serve(services, stop)
        except (OSError, SixthError) as error:
            self.machine.tell(f"ended: {error}")  # it could not even take its lease: somebody starts it again
            self.machine.start("bot", self._bot)
        finally:
            self._stops.remove(stop)

    def _serve(self, services: Services, stop: Stop) -> None:
        name = f"{10_000 + self.machine.steps}-{self.dice.randrange(16**8):08x}"
        lease, orphans = WorkerLease(self.places, name), NoOrphans()
        lease.acquire()
        try:
            pool = WorkerPool(lambda: services, workers=1)
            pool._stopping = cast("Any", stop)
            worker = Worker(
                name, lambda: services, last=services, stopping=cast("Any", stop), jitter=self.dice.random
            )
            while not stop.is_set() and not self._finished(services):
                self._turn(services, pool, worker, orphans)
        except Killed:
            self.deaths += 1
            raise
        finally:
            lease.release()

    def _turn(self, services: Services, pool: WorkerPool, worker: Worker, orphans: Orphans) -> None:
        try:
            self._let_in(services)
            recover(services, orphans)
            wake_due(services)
        except (OSError, SixthError) as error:
            self.machine.tell(f"trouble: {error}")
            self.machine.sleep(1)
        task = pool._claim(worker, None)
        if task is None:
            self.machine.sleep(self._pause())
            return
        pool._do(worker, task)
        # on a disk that takes nothing, one that leaves cannot give its task back: that counts as if it had died
        self.deaths += pool._stopping.is_set()

    def _pause(self) -> float:
        """Return how long a bot with nothing to do waits; once all is calm, mostly for what has to wait, and longer."""
        self._idle = 0 if not self.machine.is_calm() else self._idle + 1
        return self.dice.uniform(0.1, 1.0) * float(1 << min(self._idle, 10))

    def _let_in(self, services: Services) -> None:
        """Let in the next event and remember that it was, as every source does, in this order."""
        seen = int((services.store.cursors.load(_CURSOR) or {"seen": 0})["seen"])
        if seen < len(self.events):
            admit(services, [self.events[seen]])
            services.store.cursors.save(_CURSOR, {"seen": seen + 1})

    def _finished(self, services: Services) -> bool:
        if not self.machine.is_calm():
            return False
        seen = (services.store.cursors.load(_CURSOR) or {"seen": 0})["seen"]
        counts = services.store.queue.counts()
        return (
            seen == len(self.events)
            and not any(counts[state] for state in ("waiting", "running"))
            and not any(cast("dict[str, int]", counts["ready"]).values())
        )

    def _person(self) -> None:
        """A person cancels something, moves it to another lane by hand, or asks for a retry."""
        queue = self._services().store.queue
        try:
            tasks = list(queue.all(states=("ready", "waiting", "running", "failed")))
            if not tasks:
                return
            task = self.dice.choice(tasks)
            match self.dice.choice(("cancel", "retry", "lane", "pause")):
                case "cancel":
                    self.cancelled.add(task.id)
                    queue.cancel(task)
                case "retry" if isinstance(task.state, Failed):
                    queue.settle(task, lifecycle.step(task, lifecycle.Retried(), self.machine.clock()))
                case "lane":
                    self._move_by_hand(task)
                case _:
                    queue.pause(None)
                    self.machine.sleep(2)
                    queue.resume(None)
        except (OSError, SixthError) as error:
            self.machine.tell(f"refused: {error}")

    def _move_by_hand(self, task: Task) -> None:
        ready = self.places.queue / "ready"
        for path in sorted((ready / task.lane.value).glob(f"*-{task.id}.json")):
            (ready / "low").mkdir(exist_ok=True)
            self.disk.rename_exclusive(path, ready / "low" / path.name)

    # the end

    def _last_words(self) -> None:
        """A person takes back a pause that was cut off, retries what failed; then the bot does the rest."""
        services = self._services()
        services.store.queue.resume(None)
        for task in services.store.queue.all(states=("failed",)):
            services.store.queue.settle(task, lifecycle.step(task, lifecycle.Retried(), self.machine.clock()))
        self.machine.sleep(2 * 86400)  # long enough after a clock that went back
        self._bot()
        self.machine.sleep(100)
        recover(services, NoOrphans())

    def _look(self) -> None:
        """Look at every promise."""
        services = self._services()
        tasks = {task.id: task for task in services.store.queue.all()}
        expected = [
            task_id(rule.name, event) for event in self.events for rule in RULES if event.kind in rule.on
        ]
        if sorted(tasks) != sorted(expected):
            raise Broken(f"there should be the tasks {expected} and are {sorted(tasks)}")
        for task in tasks.values():
            self._look_at(task)
        if sum(task.crashes for task in tasks.values()) > self.deaths:
            raise Broken("more crashes were counted than processes died")
        begun = [one.id for one in services.store.operations.list() if one.state == "begun"]
        if begun:
            raise Broken(f"operations are neither finished nor reverted: {begun}")
        left = [
            str(path.relative_to(self.places.top))
            for path in self.places.top.rglob("*")
            if path.name.endswith((".reason.txt", ".damaged"))
            or (path.suffix == ".lock" and "heads" in path.parts)
        ]
        if left:
            raise Broken(f"these lie about: {left}")
        for path in services.store.journal.paths():
            numbers = [record.n for record in services.store.journal.read() if record.actor == path.stem]
            if len(set(numbers)) != len(numbers):
                raise Broken("two records of the journal have one number")

    def _look_at(self, task: Task) -> None:
        tip = self.git.resolve(branch_of(task.id).ref)
        done = self.git.subtasks(tip)
        if task.state == Done("succeeded"):
            if done != SUBTASKS:
                raise Broken(f"{task.id} succeeded and its branch has the subtasks {done}")
        elif task.state == Done("cancelled") and task.id in self.cancelled:
            if done != SUBTASKS[: len(done)]:
                raise Broken(f"{task.id} was cancelled and its branch has the subtasks {done}")
        else:
            raise Broken(f"{task.id} is {task.state}")
