from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import ConfigError
from sixthbot.core.events import make_event
from sixthbot.core.lifecycle import CRASH_LIMIT, Retried, step
from sixthbot.core.rules import DisabledRule, StepSpec
from sixthbot.core.story import fold
from sixthbot.core.tasks import Done, Failed, Parked, Ready, Waiting
from sixthbot.engine.admit import admit
from sixthbot.engine.answers import resume_parked
from sixthbot.engine.worker import Worker
from sixthbot.store.home import HOME_MARK
from sixthbot.store.state.home import mark_home
from tests.engine.scene import SECOND, Scene, probe, rule
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.engine.services import Services
    from tests.support.repos import RepoDir


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record"


def lines(record: Path) -> list[str]:
    return [line.split(" ", 2)[2] for line in record.read_text().splitlines()] if record.exists() else []


def test_a_task_goes_through_its_steps_in_order_with_earlier_outputs(repo: RepoDir, record: Path) -> None:
    steps = (probe(record=str(record)), probe("run", record=str(record), run=["true"]))
    scene = Scene(repo.path, rule(do=steps))
    [task] = scene.admit()
    after = scene.perform()
    assert after.state == Done("succeeded")
    assert scene.task(task.id).state == Done("succeeded")
    assert lines(record) == ["nothing []", "run ['probe']"]
    assert scene.services.store.checkpoints.load(task.id) == {}
    kinds = [one.kind for one in scene.services.store.journal.read() if one.task == task.id]
    assert kinds == [
        "task.made", "task.claimed", "step.started", "step.finished", "step.started", "process.started",
        "process.ended", "step.finished", "task.succeeded",
    ]  # fmt: skip


def test_finished_steps_are_not_done_again(repo: RepoDir, record: Path) -> None:
    scene = Scene(repo.path, rule(do=(probe(record=str(record)), probe("ask", record=str(record)))))
    scene.admit()
    scene.perform()
    scene.set_rules(rule(do=(probe(record=str(record)), probe("event", record=str(record)))))
    assert len(resume_parked(scene.services)) == 1
    assert scene.perform().state == Done("succeeded")
    assert lines(record) == ["nothing []", "ask ['probe']", "event ['probe']"]


def test_a_failed_attempt_waits_longer_each_time_and_is_given_up_after_its_retries(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(do=(probe("fail"),), retries=3), clock=clock)
    scene.admit()
    for number, pause in enumerate((1, 2, 4), 1):
        after = scene.perform()
        assert after.attempts == number
        assert isinstance(after.state, Waiting)
        assert after.state.until == clock() + pause * SECOND
        clock.advance(pause - 0.001)
        assert scene.wake() == []
        clock.advance(0.001)
        assert len(scene.wake()) == 1
    after = scene.perform()
    assert after.state == Failed("it went wrong (mend it)")
    assert scene.journal("task.failed")[-1].message == "failed: it went wrong (mend it)"


@pytest.mark.parametrize(
    ("do", "pause", "reason"),
    [("later", 7, "not yet"), ("locked", 2, "somebody holds it"), ("full", 30, "the disk does not take it")],
)
def test_what_passes_by_itself_is_tried_later_and_counts_no_attempt(
    repo: RepoDir, do: str, pause: int, reason: str
) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(do=(probe(do),)), clock=clock)
    scene.admit()
    after = scene.perform()
    assert isinstance(after.state, Waiting)
    assert after.state.until == clock() + timedelta(seconds=pause)
    assert after.state.reason.startswith(reason)
    assert after.attempts == 0


def test_a_mistake_that_no_retry_can_mend_fails_at_once(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(do=(probe("misuse"),)))
    scene.admit()
    assert scene.perform().state == Failed("it can never work")


def test_what_needs_a_person_is_parked_with_reason_and_hint(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(do=(probe("ask"),)))
    scene.admit()
    assert scene.perform().state == Parked("subtask", "somebody has to look", "look")


@pytest.mark.parametrize("way", ["taken", "emptied", "replaced"])
def test_what_fails_while_all_of_sixth_is_taken_away_is_nobody_s_mistake(repo: RepoDir, way: str) -> None:
    scene = Scene(repo.path, rule(do=(probe(way),), retries=0))
    mark_home(scene.services.places)
    scene.admit()
    state = scene.perform().state
    assert isinstance(state, Waiting)
    assert state.reason == "`.sixth` was taken away"
    assert not list(scene.services.places.logs.glob("bug-*.txt"))


def test_nor_is_what_fails_once_it_is_gone(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(do=(probe("misuse"),)))
    mark_home(scene.services.places)
    scene.admit()
    (scene.services.places.sixth / HOME_MARK).unlink()
    assert isinstance(scene.perform().state, Waiting)


def test_a_mistake_in_the_program_becomes_a_report_and_the_worker_lives_on(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(do=(probe("bug"),), retries=0), rule("other", on="hook.x"))
    scene.admit()
    after = scene.perform()
    assert isinstance(after.state, Failed)
    assert (
        "unexpected ZeroDivisionError: a mistake in the program (report: .sixth/local/logs/bug-"
        in after.state.reason
    )
    [report] = scene.services.places.logs.glob("bug-*.txt")
    text = report.read_text()
    assert "Traceback" in text
    assert after.id in text
    admit(scene.services, [scene.event("next", kind="hook.x")])
    assert scene.perform().state == Done("succeeded")


def test_a_disabled_rule_fails_its_task_with_the_reason(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()
    disabled = (DisabledRule("probe it", "x.toml:3: no action 'prob'"),)
    scene.set_rules()
    scene.services = replace(scene.services, rules=replace(scene.services.rules, disabled=disabled))
    state = scene.perform().state
    assert isinstance(state, Failed)
    assert "x.toml:3: no action 'prob'" in state.reason


def test_a_rule_in_an_untrusted_file_parks_its_task(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()
    scene.set_rules()
    untrusted = (".sixth/rules/mine.toml",)
    scene.services = replace(scene.services, rules=replace(scene.services.rules, untrusted=untrusted))
    state = scene.perform().state
    assert isinstance(state, Parked)
    assert (state.kind, state.hint) == ("untrusted", "sixthbot trust --show, then sixthbot trust")


def test_a_rule_that_changed_is_followed_as_it_is_now_and_the_journal_says_so(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()
    scene.set_rules(replace(rule(), digest="e" * 64))
    assert scene.perform().state == Done("succeeded")
    assert len(scene.journal("rule.changed")) == 1


def test_a_rules_timeout_ends_its_program_and_counts_as_a_failed_attempt(repo: RepoDir, record: Path) -> None:
    do = (probe("run", record=str(record), run=["sleep", "60"]),)
    scene = Scene(repo.path, rule(do=do, timeout=timedelta(seconds=0.5), retries=0))
    scene.admit()
    state = scene.perform().state
    assert isinstance(state, Failed)
    assert "the rule's timeout of 500ms ran out" in state.reason


def test_a_steps_own_timeout_ends_it_and_no_other_step(repo: RepoDir, record: Path) -> None:
    quick = probe(record=str(record))
    slow = replace(probe("run", record=str(record), run=["sleep", "60"]), timeout=timedelta(milliseconds=500))
    scene = Scene(repo.path, rule(do=(quick, slow, quick), retries=1))
    scene.admit()
    assert isinstance(scene.perform().state, Waiting)
    in_time = replace(slow, args={**slow.args, "run": ("true",)}, timeout=timedelta(seconds=60))
    scene.set_rules(rule(do=(replace(quick, timeout=timedelta(hours=1)), in_time, quick)))
    assert scene.journal("task.waiting")[0].message.startswith(
        "waits: attempt 1 failed: the timeout of the step probe, 500ms, ran out"
    )
    [task] = scene.services.store.queue.all(states=("waiting",))
    scene.services.store.queue.settle(task, step(task, Retried(), scene.clock()))
    assert scene.perform().state == Done("succeeded")
    done = [line.split()[2] for line in record.read_text().splitlines()]
    assert done == ["nothing", "run", "run", "nothing"], "the first step was not done again"


def test_a_steps_timeout_reaches_an_action_that_has_one_of_its_own(repo: RepoDir) -> None:
    shell = StepSpec("shell", {"run": ["sleep", "60"]}, timedelta(seconds=1.5))
    scene = Scene(repo.path, rule(do=(shell,), retries=0))
    scene.services = replace(scene.services, trusted=True)
    scene.admit()
    state = scene.perform().state
    assert isinstance(state, Failed)
    assert "1.5" in state.reason, state.reason


def test_cancel_ends_a_running_task(repo: RepoDir, record: Path) -> None:
    scene = Scene(repo.path, rule(do=(probe("run", record=str(record), run=["sleep", "60"]),)))
    [task] = scene.admit()
    threading.Timer(0.3, scene.services.store.queue.request_cancel, [task.id]).start()
    assert scene.perform().state == Done("cancelled")
    assert not scene.services.store.queue.cancel_requested(task.id)


def test_a_stop_gives_the_task_back_with_its_checkpoint(repo: RepoDir, record: Path) -> None:
    do = (probe(record=str(record)), probe("run", record=str(record), run=["sleep", "60"]))
    scene = Scene(repo.path, rule(do=do))
    [task] = scene.admit()
    stopping = threading.Event()

    def stop_at_the_second_step() -> None:
        while not scene.services.store.checkpoints.load(task.id):
            time.sleep(0.01)
        stopping.set()

    threading.Thread(target=stop_at_the_second_step, daemon=True).start()
    after = scene.worker(stopping=stopping).perform(scene.claim())
    assert (after.state, after.attempts, after.crashes) == (Ready(), 0, 0)
    assert list(scene.services.store.checkpoints.load(task.id)) == [0]


def test_events_that_a_step_causes_are_let_in(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(on="hook.x", do=(probe("event"),)), rule("second"))
    [task] = admit(scene.services, [scene.event("go", kind="hook.x")])
    scene.perform()
    [caused] = scene.services.store.queue.all(states=("ready",))
    assert (caused.rule, caused.event.key) == ("second", f"caused by {task.id}")


def test_a_rule_may_answer_to_what_becomes_of_tasks_but_not_to_its_own(repo: RepoDir) -> None:
    scene = Scene(
        repo.path,
        rule(do=(probe("misuse"),)),
        rule("tell", on="task.failed"),
        rule("cheer", on="task.succeeded", react_to_self=False),
    )
    [task] = scene.admit()
    scene.perform()
    told = scene.perform()
    assert (told.rule, told.event.fields["task"], told.event.fields["error"]) == (
        "tell",
        task.id,
        "it can never work",
    )
    assert (
        scene.services.store.queue.claim("w1") is None
    )  # "cheer" hears of "tell", as the bot's own doing, and skips it


def test_settings_that_cannot_be_used_postpone_the_task(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()
    worker = scene.worker()
    claimed = scene.claim()

    def broken() -> object:
        raise ConfigError("config.toml:3: not TOML")

    worker._services = broken  # type: ignore[assignment]
    state = worker.perform(claimed).state
    assert isinstance(state, Waiting)
    assert "config.toml:3: not TOML" in state.reason


def test_a_task_moved_by_hand_while_it_ran_stays_where_it_was_put(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()
    claimed = scene.claim()
    queue = scene.services.places.queue
    [path] = (queue / "running" / "w1").iterdir()
    (queue / "parked").mkdir(exist_ok=True)
    path.rename(queue / "parked" / path.name)
    after = scene.worker().perform(claimed)
    assert after.state.name == "parked"
    assert scene.task(claimed.id).state.name == "parked"
    [told] = scene.journal("task.parked")
    assert (told.message, told.level) == ("moved to parked/ by hand", "warning")
    assert (told.data or {})["hint"] == f"sixthbot queue retry {claimed.id}"
    assert not scene.journal("task.given-back"), "nobody told the bot to stop"


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("parked", "parked"), ("failed", "failed"), ("waiting", "waiting"), ("ready/low", "given-back"),
        ("running/w2", "given-back"), ("done", "given-back"),
    ],
)  # fmt: skip
def test_the_journal_tells_where_a_task_was_moved_by_hand_while_it_ran(
    repo: RepoDir, folder: str, kind: str
) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()
    claimed = scene.claim()
    queue = scene.services.places.queue
    [path] = (queue / "running" / "w1").iterdir()
    (queue / folder).mkdir(parents=True, exist_ok=True)
    path.rename(queue / folder / path.name)
    scene.worker().perform(claimed)
    records = [one for one in scene.services.store.journal.read() if one.task == claimed.id]
    told = fold((one.kind, one.data or {}) for one in records)
    assert told is not None
    assert told.state == scene.task(claimed.id).state.name == folder.partition("/")[0]
    assert records[-1].kind == f"task.{kind}"
    assert "by hand" in records[-1].message


def test_a_task_that_kills_its_workers_is_set_aside(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    [task] = scene.admit()
    for crash in range(1, CRASH_LIMIT + 1):
        scene.claim(f"dead{crash}")
        [recovered] = scene.services.store.queue.recover_worker(f"dead{crash}")
        assert recovered.crashes == crash
    state = scene.task(task.id).state
    assert isinstance(state, Failed)
    assert f"died {CRASH_LIMIT} times" in state.reason


def test_an_issue_shows_that_its_task_waits(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(on="issue.added", do=(probe("ask"),)))
    event = make_event("issue.added", {"id": "no-such-issue"}, time=scene.clock())
    admit(scene.services, [event])
    assert scene.perform().state.name == "parked"  # its folder is gone, which is no reason to stumble


def test_a_cancel_is_not_lost_when_the_bot_stops_at_the_same_moment(repo: RepoDir, record: Path) -> None:
    scene = Scene(repo.path, rule(do=(probe("run", record=str(record), run=["sleep", "60"]),)))
    [task] = scene.admit()
    stopping = threading.Event()
    stopping.set()
    claimed = scene.claim()
    scene.services.store.queue.request_cancel(task.id)
    assert scene.worker(stopping=stopping).perform(claimed).state == Done("cancelled")
    assert len(scene.journal("task.cancelled")) == 1


def test_a_task_moved_away_by_hand_is_left_alone_at_once(repo: RepoDir, record: Path) -> None:
    """Whoever claims it from its new place would otherwise work beside the one that had it."""
    scene = Scene(repo.path, rule(do=(probe("run", record=str(record), run=["sleep", "60"]),)))
    scene.admit()
    claimed = scene.claim()
    queue = scene.services.places.queue
    [path] = (queue / "running" / "w1").iterdir()
    threading.Timer(0.3, path.rename, [queue / "ready" / "low" / path.name]).start()
    started = time.monotonic()
    assert scene.worker().perform(claimed).state == Ready()
    assert time.monotonic() - started < 5
    assert scene.task(claimed.id).lane.value == "low"


def test_settings_that_the_disk_does_not_give_put_the_task_off(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule())
    scene.admit()

    def refused() -> Services:
        raise PermissionError(13, "Permission denied", "config.toml")

    after = Worker("w1", refused, last=scene.services).perform(scene.claim())
    assert isinstance(after.state, Waiting)
    assert after.state.reason.startswith("the settings cannot be used: ")
