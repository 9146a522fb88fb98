"""Rules that answer to their own doing come to an end, and say why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.events import caused_by
from sixthbot.core.limits import parse_limit
from sixthbot.core.matching import match
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from tests.cli.support import sixthbot
from tests.engine.scene import Scene, probe, rule
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

LOOP = """\
[[rule]]
name = "answers itself"
on = "commit"
when = { branch = "main" }
do = [{ use = "shell", run = ["sh", "-c", "git -C $SIXTH_REPO -c user.name=a -c user.email=b commit -q --allow-empty -m again"] }]
react_to_self = true
generations = 2
"""


def test_a_rule_whose_command_commits_stops_after_its_generations_and_status_says_so(repo: RepoDir) -> None:
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / ".sixth/config.toml").write_text("[worktree]\nconfine = false\n")
    (repo.path / ".sixth/rules/loop.toml").write_text(LOOP)
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    repo.commit("feat: by a person", {"a.txt": "1\n"})
    assert sixthbot("run", cwd=repo.path).code == 0
    assert repo.subjects("main")[-4:] == ["feat: by a person", "again", "again", "again"]
    status = sixthbot("status", "--json", cwd=repo.path).json
    (stopped,) = status["rules"]["stopped"]
    assert stopped["name"] == "answers itself"
    assert "tasks caused tasks 3 times over" in stopped["reason"]
    assert "stopped" in sixthbot("status", cwd=repo.path).out
    why = sixthbot("why", repo.tip("main"), cwd=repo.path)
    assert "tasks caused tasks 3 times over" in why.out
    assert sixthbot("run", cwd=repo.path).code == 0
    assert repo.subjects("main").count("again") == 3


def test_a_rule_that_changes_the_file_it_answers_to_stops_after_its_generations(repo: RepoDir) -> None:
    repo.commit("feat: sources", {"src/a.txt": "1\n"})
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / ".sixth/config.toml").write_text("[worktree]\nconfine = false\n")
    loop = """\
[[rule]]
name = "writes what it answers to"
on = "file.changed"
when = { paths = ["src/**"] }
do = [{ use = "shell", run = ["sh", "-c", "echo more >> $SIXTH_REPO/src/a.txt"] }]
generations = 1
"""
    (repo.path / ".sixth/rules/loop.toml").write_text(loop)
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    assert sixthbot("run", cwd=repo.path).code == 0
    file = repo.path / "src/a.txt"
    for written, lines in ((True, 1), (False, 2), (False, 2), (True, 3)):  # what a person writes begins anew
        if written:
            file.write_text(file.read_text() + "by a person\n")
        assert sixthbot("run", cwd=repo.path).code == 0
        assert file.read_text().count("more") == lines
    stopped = [
        one.message for one in open_store(locate(repo.path)).journal.read() if one.kind == "rule.stopped"
    ]
    assert len(stopped) == 1
    assert "tasks caused tasks 2 times over" in stopped[0]


def test_commits_of_a_task_are_the_bots_own(repo: RepoDir) -> None:
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / ".sixth/config.toml").write_text("[worktree]\nconfine = false\n")
    loop = LOOP.replace("react_to_self = true\n", "")
    (repo.path / ".sixth/rules/loop.toml").write_text(loop)
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    repo.commit("feat: by a person", {"a.txt": "1\n"})
    assert sixthbot("run", cwd=repo.path).code == 0
    assert repo.subjects("main").count("again") == 1


def test_what_a_step_causes_is_one_generation_further(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule("a loop", do=(probe("event"),), generations=1))
    scene.admit("first")
    scene.perform()
    [caused] = scene.services.store.queue.all(states=("ready",))
    assert caused.generation == 1


def test_a_limit_counts_the_tasks_of_an_hour(repo: RepoDir) -> None:
    clock = FixedClock()
    scene = Scene(repo.path, rule(limit=parse_limit("2/h")), clock=clock)
    assert [len(scene.admit(key)) for key in "abc"] == [1, 1, 0]
    (refused,) = scene.journal("rule.stopped")
    assert "its limit of 2 an hour is reached" in refused.message
    trace = scene.services.store.traces.of("probe it")
    assert [one["fired"] for one in trace["last"]] == [True, True, False]
    clock.advance(3601)
    assert len(scene.admit("d")) == 1


def test_traces_keep_the_last_few_and_how_tasks_ended(repo: RepoDir) -> None:
    scene = Scene(repo.path, rule(retries=0))
    for number in range(8):
        scene.admit(f"k{number}")
    done = scene.perform()
    kept = scene.services.store.traces.of("probe it")
    assert len(kept["last"]) == 5
    assert kept["succeeded"]["task"] == done.id
    assert kept["fired"]["about"] == "k7"
    scene.set_rules(rule(retries=0, do=(probe("fail"),)))
    failed = scene.perform()
    assert scene.services.store.traces.of("probe it")["failed"]["task"] == failed.id


def test_a_rule_that_follows_nothing_stops_at_the_first_generation(repo: RepoDir) -> None:
    scene = Scene(repo.path)
    event = caused_by(scene.event(), 0)
    assert match(rule(generations=1), event).fired
    verdict = match(rule(generations=0), event)
    assert (verdict.fired, verdict.stopped) == (False, True)
