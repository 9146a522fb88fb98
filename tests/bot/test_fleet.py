"""Several repositories in one process: fair to all, and one that fails harms no other and comes back by itself."""

from __future__ import annotations

import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot import fleet as fleet_module
from sixthbot.bot import Bot
from sixthbot.core.errors import NoRepository
from sixthbot.fleet import Fleet
from sixthbot.store.locks import hold
from tests.bot.home import CONFIG, Home, make_home, until
from tests.support.repos import make_repo

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self


ISSUE = "---\nid: {id}\n---\n# Issue {id}\n\n- [ ] Sort `do: sort-words`\n"
RULE = """\
[[rule]]
name = "nap"
on = "commit"
do = [{ use = "shell", run = ["sleep", "0.3"] }]
"""


@pytest.fixture
def homes(tmp_path: Path) -> list[Home]:
    return [make_home(make_repo(tmp_path / name)) for name in ("one", "two", "three")]


class Serving:
    """A fleet that watches in a thread for the length of a block."""

    def __init__(self, starts: list[Path], *, limit: int | None = None) -> None:
        self.lines: list[tuple[str, str]] = []
        self.began: list[str] = []
        self.stop = threading.Event()
        self.left_after = 0.0
        self.fleet = Fleet(starts, env=os.environ, told=self._told, began=self._began, limit=limit)
        self._thread = threading.Thread(target=self.fleet.watch, args=(self.stop,), daemon=True)

    def _told(self, start: Path, line: str) -> None:
        self.lines.append((start.name, line))

    def _began(self, bot: Bot) -> None:
        self.began.append(bot.services().places.top.name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        started = time.monotonic()
        self.stop.set()
        self._thread.join(20)
        self.left_after = time.monotonic() - started
        assert not self._thread.is_alive()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what fails be tried again sooner than people need it."""
    monkeypatch.setattr(fleet_module, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(fleet_module, "_LONGEST_PAUSE", 0.4)


def parked(home: Home) -> set[str]:
    return {task.issue for task in home.tasks("parked")}


def paths(homes: list[Home]) -> list[Path]:
    return [home.repo.path for home in homes]


def test_all_are_served_and_all_leave_in_time(homes: list[Home]) -> None:
    homes[0].drop("slow.md", "---\nid: slow\n---\n# Wait\n\n- [ ] Wait `do: slow`\n")
    with Serving(paths(homes)) as serving:
        until(lambda: homes[0].tasks("running"))
        for home in homes[1:]:
            home.drop("a.md", ISSUE.format(id="a"))
        until(lambda: all(parked(home) == {"a"} for home in homes[1:]))
        assert sorted(serving.began) == ["one", "three", "two"]
    assert serving.left_after < 5
    assert [task.issue for task in homes[0].tasks("ready")] == ["slow"]


def test_a_busy_repository_leaves_the_next_turn_to_the_others(homes: list[Home]) -> None:
    homes[0].configure(CONFIG.replace("[bot]", "[bot]\nworkers = 4"), RULE)
    homes[0].repo.git("commit", "--quiet", "--allow-empty", "-m", "fix: x")
    for number in range(11):
        homes[0].repo.git("commit", "--quiet", "--allow-empty", "-m", f"fix: {number}")
    with Serving(paths(homes[:2]), limit=1):
        until(lambda: len(homes[0].tasks("done")) >= 1)
        homes[1].drop("a.md", ISSUE.format(id="a"))
        until(lambda: parked(homes[1]) == {"a"})
        # one worker did the other's task between those of the busy one, not after all of them
        assert len(homes[0].tasks("done")) < 12


def test_one_that_loses_its_trust_stops_its_own_rules_and_nobody_elses(homes: list[Home]) -> None:
    say = RULE.replace('run = ["sleep", "0.3"]', 'run = ["true"]')
    for home in homes[:2]:
        home.configure(CONFIG, say)

    def commit(*which: Home) -> None:
        for home in which:
            home.repo.git("commit", "--quiet", "--allow-empty", "-m", "fix: x")

    def naps(home: Home) -> int:
        return sum(task.rule == "nap" for task in home.tasks("done"))

    with Serving(paths(homes[:2])) as serving:
        until(lambda: len(serving.began) == 2)
        commit(*homes[:2])
        until(lambda: all(naps(home) == 1 for home in homes[:2]))
        rules = homes[0].places.rules_dir / "test.toml"
        rules.write_text(say.replace('"true"', '"touch", "pwned"'))
        commit(*homes[:2])
        until(lambda: naps(homes[1]) == 2)
        until(lambda: sum(r.message.startswith("commit ") for r in homes[0].store.journal.read()) == 2)
        homes[0].drop("a.md", ISSUE.format(id="a"))
        until(lambda: parked(homes[0]) == {"a"})  # shipped rules go on
        assert naps(homes[0]) == 1
        rules.write_text(say)
        commit(homes[0])
        until(lambda: naps(homes[0]) == 2)
    assert not list(homes[0].repo.path.rglob("pwned"))


def test_a_repository_that_is_gone_is_told_of_and_served_again_once_it_is_back(homes: list[Home]) -> None:
    away = homes[0].repo.path.with_name("away")
    with Serving(paths(homes)) as serving:
        until(lambda: len(serving.began) == 3)
        homes[0].repo.path.rename(away)
        until(lambda: any(name == "one" for name, _ in serving.lines))
        homes[1].drop("a.md", ISSUE.format(id="a"))
        until(lambda: parked(homes[1]) == {"a"})
        time.sleep(0.5)
        assert not homes[0].repo.path.exists()  # nobody made half of it anew
        away.rename(homes[0].repo.path)
        until(lambda: ("one", "it is served again") in serving.lines)
        homes[0].drop("b.md", ISSUE.format(id="b"))
        until(lambda: parked(homes[0]) == {"b"})
    said = [line for name, line in serving.lines if name == "one"]
    assert len(said) <= 4
    assert "is gone" in said[0]


def test_sixth_taken_away_comes_back_and_stops_nobody(homes: list[Home]) -> None:
    with Serving(paths(homes[:2])) as serving:
        until(lambda: len(serving.began) == 2)
        homes[0].places.sixth.rename(homes[0].repo.path.with_name("taken"))
        until(lambda: "state.rebuilt" in homes[0].kinds())
        for home in homes[:2]:
            home.configure(CONFIG)
            home.drop("a.md", ISSUE.format(id="a"))
        until(lambda: [parked(home) for home in homes[:2]] == [{"a"}, {"a"}])


def test_one_that_another_process_watches_is_served_once_that_ends(homes: list[Home]) -> None:
    with hold(homes[0].places.watch_lock, what="watch"):
        serving = Serving(paths(homes[:2]))
        serving.__enter__()
        until(lambda: any("already running" in line for _, line in serving.lines))
        until(lambda: serving.began == ["two"])
    until(lambda: sorted(serving.began) == ["one", "two"])
    serving.__exit__()
    assert sum("already running" in line for _, line in serving.lines) == 1


def test_a_broken_and_a_read_only_repository_stop_no_other(homes: list[Home]) -> None:
    config = homes[0].places.git_dir / "config"
    good = config.read_bytes()
    config.write_bytes(b"[broken")
    locks = homes[1].places.locks
    shutil.rmtree(locks, ignore_errors=True)
    locks.write_text("not a folder")  # what a disk that takes nothing does, also for root
    with Serving(paths(homes)) as serving:
        until(lambda: {name for name, _ in serving.lines} == {"one", "two"})
        homes[2].drop("a.md", ISSUE.format(id="a"))
        until(lambda: parked(homes[2]) == {"a"})
        config.write_bytes(good)
        locks.unlink()
        until(lambda: set(serving.began) == {"one", "two", "three"})


def test_a_mistake_in_the_program_stops_no_other_and_leaves_nobody_at_work(
    homes: list[Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = homes[:2]
    mistakes = {"open": 2, "began": 2}
    opened = Bot.open

    def strike(kind: str, name: str) -> None:
        if name == "two" and mistakes[kind]:
            mistakes[kind] -= 1
            raise RuntimeError(f"a mistake: {kind}")

    def oddly_open(start: Path, **more: Any) -> Bot:
        strike("open", start.name)
        return opened(start, **more)

    serving = Serving([one.repo.path, two.repo.path])

    def oddly_begin(bot: Bot) -> None:
        strike("began", bot.services().places.top.name)
        serving._began(bot)

    monkeypatch.setattr(Bot, "open", oddly_open)
    serving.fleet.began = oddly_begin
    with serving:
        until(lambda: set(serving.began) == {"one", "two"})
        assert mistakes == {"open": 0, "began": 0}
        workers = [thread for thread in threading.enumerate() if thread.name.startswith("worker ")]
        assert len(workers) == 4  # two of each repository, and none of those that did not come to begin
        two.drop("a.md", ISSUE.format(id="a"))
        until(lambda: parked(two) == {"a"})
    assert {name for name, line in serving.lines if "unexpected RuntimeError" in line} == {"two"}


def test_without_any_repository_the_first_reason_is_the_error(tmp_path: Path) -> None:
    fleet = Fleet([tmp_path / "no", tmp_path / "none"], env=os.environ, told=lambda _start, _line: None)
    with pytest.raises(NoRepository, match="no"):
        fleet.watch(threading.Event())
