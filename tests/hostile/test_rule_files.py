"""Every hostile rule file: judged in words, in a bounded time, and harmless to the rules beside it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sixthbot.actions.registry import check_steps
from sixthbot.core.events import make_event
from sixthbot.core.matching import match
from sixthbot.core.names import has_unsafe_characters
from sixthbot.core.reach import overlaps, unreachable
from sixthbot.store.rulefiles import read_rule_file
from tests.cli.support import sixthbot
from tests.hostile.rule_cases import ESC, rule_files
from tests.hostile.test_state import STEERS
from tests.store.support import START
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

CASES = dict(rule_files())
MOST, SLOWEST = 0.05, 2.0
EVENT = make_event(
    "commit",
    {
        "branch": f"a{ESC}/" + "a" * 240, "id": "1" * 40, "author": ESC, "subject": "a" * 900 + ESC, "files": 3000, "merge": False,
        "paths": tuple("a/" * 60 + "a" * 50 + str(n) for n in range(200)),
    },
    time=START,
)  # fmt: skip
_TIMES: dict[str, float] = {}


def judge(name: str) -> list[str]:
    """Do with a file what `rules check` and an event do; return all that is said of it, and note the time it took."""
    began = time.thread_time()
    file = read_rule_file(CASES[name], "r.toml", ".sixth/rules/r.toml")
    rules = [rule for rule in file.rules if not check_steps(rule)][:50]
    told = [one for rule in rules for one in unreachable(rule)]
    told += [pair.how for pair in overlaps(rules)]
    told += [match(rule, EVENT).reason for rule in rules]
    _TIMES[name] = time.thread_time() - began
    assert all(one.reason.startswith("r.toml") for one in file.disabled)
    return told + [one.reason for one in file.disabled]


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_rule_file_is_judged_in_words_and_in_time(name: str) -> None:
    told = judge(name)
    assert _TIMES[name] < SLOWEST, _TIMES[name]
    assert not [line for line in told if has_unsafe_characters(line)]


def test_of_twenty_hostile_rule_files_nineteen_take_less_than_a_twentieth_of_a_second() -> None:
    for name in CASES.keys() - _TIMES.keys():  # those that another process of the tests had
        judge(name)
    times = sorted(_TIMES.values())
    assert times[int(len(times) * 0.95)] < MOST, sorted(_TIMES.items(), key=lambda one: -one[1])[:10]


def test_all_of_them_together_stop_no_sound_rule(repo: RepoDir) -> None:
    assert sixthbot("init", cwd=repo.path).code == 0
    folder = repo.path / ".sixth/rules"
    for number, data in list(enumerate(CASES.values()))[::3]:
        (folder / f"{number}.toml").write_bytes(data)
    (folder / "z.toml").write_text('[[rule]]\nname = "sound"\non = "start"\ndo = ["check"]\n')
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    before = fingerprint(repo.path)
    for command in ("rules check", "rules list", "rules test", "status", "run"):
        said = sixthbot(*command.split(), cwd=repo.path)
        assert said.code in {0, 1}, said
        assert "Traceback" not in said.err, said
        assert STEERS.search(said.out + said.err) is None, command
    assert "sound" in sixthbot("rules", "list", cwd=repo.path).out
    assert fingerprint(repo.path) == before
    assert not list(repo.path.glob("pwned"))
