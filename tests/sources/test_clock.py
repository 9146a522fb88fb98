"""The clock as a source: a cursor on disk, one event for each time, whatever happens in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.bot import Bot
from sixthbot.core.schedule import CORRECTION
from sixthbot.sources.clock import Jumps
from sixthbot.sources.wake import Woken
from tests.bot.home import CONFIG, Home, make_home
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from sixthbot.core.tasks import Task
    from tests.support.repos import RepoDir

HOUR = 3600.0
_OTHERS_OFF = '[rules]\ndisabled = ["type check", "nightly tests", "weekly clean-up"]\n'


def rule(name: str = "nightly", extra: str = "", when: str = "0 3 * * *") -> str:
    do = 'do = [{ use = "notify", text = "x" }]\n'
    return f'[[rule]]\nname = "{name}"\non = "schedule"\nschedule = "{when}"\ntimezone = "UTC"\n{extra}\n{do}'


class Night:
    """A bot that looks when told, on a clock that moves when told; tasks stay as they are put."""

    def __init__(self, home: Home, rules: str) -> None:
        self.home, self.clock = home, FixedClock()  # 03:04:05
        self.set(rules)

    def set(self, rules: str) -> None:
        self.home.configure(CONFIG + _OTHERS_OFF, rules)
        self.restart()

    def restart(self) -> None:
        self.bot = Bot.open(self.home.repo.path, clock=self.clock)

    def look(self, hours: float = 0) -> list[tuple[str, str, int]]:
        """Move the clock, look, and return what came of it: rule, time, missed."""
        before = {task.id for task in self.home.tasks()}
        self.clock.advance(hours * HOUR)
        self.bot.tick(Woken())
        new = [task for task in self.home.tasks() if task.id not in before]
        return sorted((task.rule, str(task.event.fields["due"])[5:16], _missed(task)) for task in new)

    def finish(self) -> None:
        for task in self.home.tasks("ready"):
            self.home.store.queue.cancel(task)


def _missed(task: Task) -> int:
    missed = task.event.fields["missed"]
    assert isinstance(missed, int)
    return missed


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def test_a_new_schedule_begins_now_and_comes_once_each_day(home: Home) -> None:
    night = Night(home, rule() + rule("other", when="30 4 * * *"))
    assert night.look() == []  # 03:00 was four minutes ago
    assert night.look(2) == [("other", "01-02T04:30", 0)]  # and of no other rule
    assert night.look(22) == [("nightly", "01-03T03:00", 0)]
    assert night.look() == []
    night.restart()
    assert night.look() == []


def test_an_outage_is_caught_up_with_once_and_the_number_is_in_the_event(home: Home) -> None:
    night = Night(home, rule())
    night.look()
    night.restart()
    assert night.look(24 * 9 + 1) == [("nightly", "01-11T03:00", 8)]
    assert "schedule.missed" in home.kinds()


def test_a_process_that_died_before_the_cursor_moved_makes_no_second_task(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = Night(home, rule())
    night.look()
    save = type(home.store.cursors).save

    def full(self: object, name: str, data: object) -> None:
        if name == "clock":
            raise OSError("the disk refuses")

    monkeypatch.setattr(type(home.store.cursors), "save", full)
    assert len(night.look(24)) == 1
    monkeypatch.setattr(type(home.store.cursors), "save", save)
    night.restart()
    assert night.look() == []
    assert night.look(24) == []  # the first one is not over, and may not overlap
    night.finish()
    assert night.look(24) == [("nightly", "01-05T03:00", 1)]


def test_a_clock_that_goes_back_makes_nothing_twice_and_one_put_right_by_hours_counts(home: Home) -> None:
    night = Night(home, rule(extra='overlap = "allow"'))
    night.look()
    assert night.look(24) != []
    assert night.look(-1) == []
    assert night.look(1) == []
    assert night.look(24 * 7) == [("nightly", "01-10T03:00", 6)]
    assert night.look(-24 * 7 - CORRECTION.total_seconds() / HOUR) == []
    assert "schedule.corrected" in home.kinds()
    assert night.look(CORRECTION.total_seconds() / HOUR) == []  # ran before, at the same time
    assert night.look(24) == [("nightly", "01-04T03:00", 0)]


def test_other_times_are_a_new_schedule_and_an_untrusted_file_is_waited_for(home: Home) -> None:
    night = Night(home, rule())
    night.look()
    night.set(rule(when="0 2 * * *"))
    assert night.look(0) == []
    (home.places.rules_dir / "test.toml").write_text(rule(when="0 2 * * *") + "# changed\n")
    assert night.look(24) == []
    night.set(rule(when="0 2 * * *"))
    assert night.look() == [("nightly", "01-03T02:00", 0)]
    night.set(rule("another"))
    night.look()
    night.set(rule(when="0 2 * * *"))
    assert night.look() == []  # it was away on purpose


def test_the_next_time_is_kept_for_status_and_a_broken_cursor_begins_anew(home: Home) -> None:
    night = Night(home, rule(extra='jitter = "10m"'))
    night.look()
    saved = home.store.cursors.load("clock") or {}
    assert saved["nightly"]["next"].startswith("2026-01-0")
    home.store.cursors.save("clock", {"nightly": {**saved["nightly"], "through": "then"}})
    night.restart()
    assert night.look() == []
    assert "bot.trouble" not in home.kinds()


def test_a_run_does_what_is_due(home: Home) -> None:
    night = Night(home, rule())
    night.look()
    night.clock.advance(24 * HOUR)
    report = Bot.open(home.repo.path, clock=night.clock).run()
    assert (report.events, report.over) == (1, 1)


def test_a_machine_that_slept_is_noticed_and_an_ordinary_second_is_not() -> None:
    wall, steady = [1000.0], [5.0]
    jumps = Jumps(wall=lambda: wall[0], steady=lambda: steady[0])
    wall[0], steady[0] = wall[0] + 2, steady[0] + 2
    assert not jumps.noticed()
    wall[0] += 3600
    assert jumps.noticed()
    assert not jumps.noticed()
    wall[0] -= 3600
    assert jumps.noticed()
