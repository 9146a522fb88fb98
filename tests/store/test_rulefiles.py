from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.errors import ConfigError
from sixthbot.core.events import make_event
from sixthbot.core.matching import match
from sixthbot.core.rules import DisabledRule, Mode, StepSpec
from sixthbot.core.tasks import Lane
from sixthbot.store import rulefiles
from sixthbot.store.resources import read_shipped_rule_files, read_template, shipped_folder, shipped_templates
from sixthbot.store.rulefiles import load_rules, read_rule_file
from sixthbot.store.trust import Trust, items_of
from tests.store.support import SEARCH, START, home

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.store.paths import Places
    from sixthbot.store.rulefiles import RuleSet

GOOD = """
[[rule]]
name = "tests on a python change"
on = "commit"
when = { branch = ["main", "feature/**"], paths = "src/**/*.py", not_author = "sixthbot*", merge = false, files = 1 }
if = "event.files < 200 and not event.merge"
do = [{ use = "shell", run = ["pytest", "-q"] }, { use = "check", timeout = "10m" }]
lane = "high"
key = "{branch}"
mode = "restart"
settle = "2s"
cooldown = "10m"
timeout = "15m"
retries = 1
react_to_self = true

[[test]]
given = { on = "commit", branch = "main" }
expect = ["tests on a python change"]
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return home(tmp_path / "top")


def load(places: Places, *disabled: str) -> RuleSet:
    return load_rules(places, Trust(places.data_dir), disabled)


def write(places: Places, name: str, text: str, *, trusted: bool = True) -> None:
    (places.rules_dir / name).write_text(text)
    if trusted:
        data = {f".sixth/rules/{name}": text.encode()}
        Trust(places.data_dir).trust(items_of(data), data)


def reasons(rules: RuleSet) -> dict[str, str]:
    return {rule.name: rule.reason for rule in rules.disabled}


def test_the_shipped_rules_are_sound(places: Places) -> None:
    rules = load(places)
    assert "work on an issue" in {rule.name for rule in rules.rules}
    assert (rules.disabled, rules.untrusted) == ((), ())
    assert all(rule.origin == "shipped" and rule.enabled for rule in rules.rules)
    assert rules.switched_off
    assert rules.tests


def test_a_rule_is_read_to_the_letter(places: Places) -> None:
    write(places, "a.toml", GOOD)
    rules = load(places)
    assert rules.disabled == ()
    (rule,) = (rule for rule in rules.rules if rule.origin != "shipped")
    assert (rule.name, rule.on, rule.origin) == (
        "tests on a python change",
        ("commit",),
        ".sixth/rules/a.toml",
    )
    assert rule.when == {
        "branch": ("main", "feature/**"), "paths": ("src/**/*.py",), "not_author": ("sixthbot*",),
        "merge": ("false",), "files": ("1",),
    }  # fmt: skip
    assert rule.do == (
        StepSpec("shell", {"run": ["pytest", "-q"]}),
        StepSpec("check", {}, timedelta(minutes=10)),
    )
    assert rule.do[0].args == {"run": ["pytest", "-q"]}
    assert (rule.lane, rule.mode, rule.key, rule.retries) == (Lane.HIGH, Mode.RESTART, "{branch}", 1)
    assert (rule.settle, rule.cooldown) == (timedelta(seconds=2), timedelta(minutes=10))
    assert rule.timeout == timedelta(minutes=15)
    event = make_event(
        "commit",
        {
            "branch": "feature/a/b",
            "id": "a" * 40,
            "paths": ("src/x.py",),
            "files": 1,
            "merge": False,
            "author": "Ada",
        },
        time=START,
    )
    assert match(rule, event).fired
    assert rules.tests[-1].expect == ("tests on a python change",)


def test_one_bad_rule_is_disabled_with_its_line_and_the_others_run(places: Places) -> None:
    write(
        places,
        "b.toml",
        '[[rule]]\nname = "a"\non = "comit"\ndo = ["check"]\n\n[[rule]]\nname = "b"\non = "commit"\nwhn = {}\n'
        'lane = "hig"\nsettle = 3\nretries = -1\ndo = []\n\n  [[ rule ]]\nname = "c"\non = "commit"\ndo = ["check"]\n'
        '\n[[rule]]\non = "commit"\ndo = [{ run = 1 }]\n\n[[rule]]\nname = "d"\non = "schedule"\ndo = ["check"]\n',
    )
    rules = load(places)
    assert "c" in {rule.name for rule in rules.rules}
    found = reasons(rules)
    assert found["a"].startswith(".sixth/rules/b.toml:3: ")
    assert "comit" in found["a"]
    assert found["b"].startswith(
        ".sixth/rules/b.toml:9: there is no such key: 'whn'; did you mean 'when'?; line 10: "
    )
    for part in (
        "there is no such key: 'whn'; did you mean 'when'?",
        "lane: 'hig' is not one of 'critical', 'high', 'normal' or 'low'",
        "settle: not a duration; write it like 2s",
        "retries: input should be greater than or equal to 0 (it is -1)",
        "do: list should have at least 1 item",
    ):
        assert part in found["b"]
    assert found[".sixth/rules/b.toml"].startswith(".sixth/rules/b.toml:20: ")
    assert "name: this key is needed" in found[".sixth/rules/b.toml"]
    assert "needs `schedule`" in found["d"]


@pytest.mark.parametrize(
    "text",
    ["x = ", "\x00", "rule = 1", "[[rule]]\n[[rule]]", "[rules]", "[[test]]\nx = 1", "a." * 5000 + "b=1"],
)
def test_a_file_that_is_none_stops_no_other(places: Places, text: str) -> None:
    write(places, "0.toml", text)
    write(places, "a.toml", GOOD)
    rules = load(places)
    assert "tests on a python change" in {rule.name for rule in rules.rules}
    assert rules.disabled
    assert all(rule.reason.startswith(".sixth/rules/0.toml:") for rule in rules.disabled)


def test_a_file_that_is_not_trusted_is_named_and_the_shipped_rule_serves(places: Places) -> None:
    text = '[[rule]]\nname = "work on an issue"\non = "issue.added"\ndo = ["check"]\n'
    write(places, "a.toml", text, trusted=False)
    rules = load(places)
    assert rules.untrusted == (".sixth/rules/a.toml",)
    shipped = next(rule for rule in rules.rules if rule.name == "work on an issue")
    assert shipped.origin == "shipped"
    write(places, "a.toml", text)
    changed = load(places)
    assert changed.untrusted == ()
    own = next(rule for rule in changed.rules if rule.name == "work on an issue")
    assert own.origin == ".sixth/rules/a.toml"
    assert len(changed.rules) == len(rules.rules)
    assert changed.digest != rules.digest
    (places.rules_dir / "a.toml").write_text(text + "#")
    assert load(places).untrusted == (".sixth/rules/a.toml",)


def test_of_two_rules_of_one_name_the_first_serves(places: Places) -> None:
    text = '[[rule]]\nname = "x"\non = "commit"\ndo = ["check"]\n'
    write(places, "a.toml", text)
    write(places, "b.toml", text)
    rules = load(places)
    assert [rule.origin for rule in rules.rules if rule.name == "x"] == [".sixth/rules/a.toml"]
    assert reasons(rules)["x"].startswith(".sixth/rules/b.toml: .sixth/rules/a.toml has a rule of this name")


def test_rules_are_switched_off_by_name(places: Places) -> None:
    rules = load(places, "work on an issue", "nothing")
    assert "work on an issue" not in {rule.name for rule in rules.rules}
    assert DisabledRule("work on an issue", "switched off by rules.disabled") in rules.disabled
    assert DisabledRule("nothing", "rules.disabled: no rule has this name") in rules.disabled


def test_a_rule_file_that_is_a_link_is_not_read(places: Places, tmp_path: Path) -> None:
    (tmp_path / "evil.toml").write_text(GOOD)
    (places.rules_dir / "a.toml").symlink_to(tmp_path / "evil.toml")
    assert reasons(load(places)) == {".sixth/rules/a.toml": "a.toml is a link or special file"}


@SEARCH
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: b"[[rule]]\n" + data))
def test_any_bytes_are_rules_or_reasons(data: bytes) -> None:
    file = read_rule_file(data, "x.toml", "x.toml")
    assert all(rule.reason.startswith("x.toml:") for rule in file.disabled)


def test_shipped_things_are_found(places: Places) -> None:
    assert {name for name, _ in read_shipped_rule_files()} >= {"issues.toml", "drafts.toml"}
    assert shipped_folder("templates").is_dir()
    with pytest.raises(ConfigError, match="shipped nothing are missing"):
        shipped_folder("nothing")


def test_a_template_of_the_repository_counts_once_trusted(places: Places) -> None:
    name = shipped_templates()[0]
    shipped, origin = read_template(places, name, Trust(places.data_dir))
    assert origin == "shipped"
    (places.templates_dir / name).write_text("mine")
    trust = Trust(places.data_dir)
    assert read_template(places, name, trust) == (shipped, "shipped")
    data = {f".sixth/templates/{name}": b"mine"}
    trust.trust(items_of(data), data)
    assert read_template(places, name, trust) == ("mine", f".sixth/templates/{name}")
    assert read_template(None, name, None) == (shipped, "shipped")
    for wrong in ("", "../x", "nothing.j2", "a/b"):
        with pytest.raises(ConfigError):
            read_template(places, wrong, trust)


def test_rules_that_wait_for_each_other_or_for_no_rule_are_disabled_and_the_others_run(
    places: Places,
) -> None:
    names = {"a": "b", "b": "c", "c": "b", "d": "a", "e": "work on an isue", "f": "work on an issue"}
    write(
        places,
        "a.toml",
        "".join(
            f'[[rule]]\nname = "{name}"\non = "commit"\ndo = ["check"]\nafter = ["{after}"]\n'
            'after_failed = "skip"\nconcurrency = 2\nparallel_safe = false\ndelay = "2m"\n'
            for name, after in names.items()
        ),
    )
    rules = load(places)
    assert {rule.name for rule in rules.rules if rule.origin != "shipped"} == {"a", "d", "f"}
    said = reasons(rules)
    assert said["b"] == said["c"]
    assert "after: it would wait for itself: " in said["b"]
    assert said["e"].endswith("after: no rule is called 'work on an isue'; did you mean 'work on an issue'?")
    rule = next(rule for rule in rules.rules if rule.name == "f")
    assert (rule.after, rule.after_failed.value, rule.concurrency) == (("work on an issue",), "skip", 2)
    assert (rule.parallel_safe, rule.delay) == (False, timedelta(minutes=2))


def test_a_shipped_file_counts_as_it_is_now(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for name in ("before", "after"):
        text = f'[[rule]]\nname = "{name}"\non = "start"\ndo = [{{ use = "report" }}]\n'
        monkeypatch.setattr(
            rulefiles, "read_shipped_rule_files", lambda text=text: [("a.toml", text.encode())]
        )
        seen += [rule.name for rule in load(places).rules]
    assert seen == ["before", "after"]
