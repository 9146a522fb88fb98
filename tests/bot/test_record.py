"""The one record of what happened: every commit, ref move and foreign program of a life stands in it exactly once."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.times import format_time, parse_time
from sixthbot.engine.recovery import recover
from sixthbot.store.operations import Operation
from tests.bot.home import CONFIG, Home, make_home

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

_PLANTED = "hunter2-is-no-secret-any-more"
_CONFIG = f"""{CONFIG}
[recipes.say]
run = ["{sys.executable}", "-c", "import sys; print('--', sys.argv); open('said.txt', 'w').write('x')", "--token", "{_PLANTED}"]
[worktree.env]
DEPLOY_TOKEN = "{_PLANTED}"
[check]
run = [["sh", "-c", "echo it is $DEPLOY_TOKEN; exit 3"]]
"""
_ISSUE = "# Sort the words\n\n- [ ] Sort them `do: sort-words`\n- [ ] Say it `do: say`\n"


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def test_each_commit_ref_move_and_program_is_recorded_once(home: Home) -> None:
    home.configure(_CONFIG)
    home.drop("words.md", _ISSUE)
    home.bot().run()
    home.repo.commit("feat: the base moves on", {"base.txt": "1\n"})
    home.repo.git("branch", "-f", "unrelated")
    branch = "sixth/sort-the-words"
    records = list(home.store.journal.read())

    made = Counter(record.commit for record in records if record.kind == "commit.made")
    assert made == Counter(home.repo.git("rev-list", f"main..{branch}").split())
    moves = [record.data for record in records if record.kind == "ref.moved" and record.data]
    logged = home.repo.git("reflog", "show", "--format=%H", branch).split()
    assert [move["new"] for move in moves] == logged[::-1]
    assert {move["ref"] for move in moves} == {f"refs/heads/{branch}"}
    assert {move["operation"] for move in moves} == {each.id for each in home.store.operations.list()}

    ended = [record for record in records if record.kind == "process.ended"]
    assert [(record.argv or ("",))[0] for record in ended] == ["sort", sys.executable, "sh"]
    assert [record.exit for record in ended] == [0, 0, 3]
    assert len([record for record in records if record.kind == "process.started"]) == len(ended)
    for record in ended:
        assert record.commit
        assert record.duration is not None
        assert record.usage is not None
        assert record.usage["cpu"] >= 0
        assert record.usage["memory"] > 1 << 20


def test_the_history_of_a_task_says_everywhere_whose_it_is(home: Home) -> None:
    home.drop("words.md", "# Sort the words\n\n- [ ] Sort them `do: sort-words`\n")
    home.bot().run()
    (task,) = home.tasks("parked")
    records = [record for record in home.store.journal.read() if record.task == task.id]
    assert {record.kind for record in records} >= {
        "task.made", "task.claimed", "step.started", "step.finished", "process.ended", "commit.made", "ref.moved",
        "task.parked",
    }  # fmt: skip
    for record in records:
        assert (record.issue, record.event, record.rule, record.rule_hash) == (
            task.issue, task.event.id, task.rule, task.rule_hash,
        )  # fmt: skip
        assert format_time(parse_time(record.time)) == record.time
        if record.kind.startswith(("step", "process", "commit", "ref", "progress")):
            assert record.action, record
            assert record.step is not None
    parked = records[-1]
    assert parked.kind == "task.parked"
    assert parked.duration
    assert parked.usage


def test_no_secret_of_a_program_is_kept(home: Home) -> None:
    home.configure(_CONFIG)
    home.drop("words.md", _ISSUE)
    home.bot().run()
    own = home.places.config_file
    kept = [path for path in home.places.sixth.rglob("*") if path.is_file() and path != own]
    assert [path for path in kept if _PLANTED.encode() in path.read_bytes()] == []
    assert _PLANTED not in home.repo.git("log", "--all", "--format=%B", "-p", "sixth/sort-the-words", "^main")


def test_a_move_whose_process_died_before_it_was_written_down_is_recorded_by_recovery(home: Home) -> None:
    tip = home.repo.head()
    operation = Operation(
        id="20200101T000000000000Z-abc", time="2020-01-01T00:00:00Z", task="", reason="test",
        refs=(("refs/heads/sixth/x", None, tip),),
    )  # fmt: skip
    home.store.operations.begin(operation)
    home.repo.git("branch", "sixth/x", tip)
    services = home.bot().services()
    assert recover(services).finished == (operation.id,)
    home.store.operations.begin(operation)
    assert recover(services).finished == (operation.id,)
    told = [record for record in home.store.journal.read() if record.kind == "ref.moved"]
    assert [(record.commit, (record.data or {})["operation"]) for record in told] == [(tip, operation.id)]
