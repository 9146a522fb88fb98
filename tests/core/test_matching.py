"""Whether a rule fires, and the reason it gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sixthbot.core.events import Event, make_event
from sixthbot.core.matching import check_rule, fill_key, match
from sixthbot.core.rules import Rule, StepSpec

NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
RULE = Rule(
    name="tests",
    on=("commit",),
    do=(StepSpec("shell"),),
    origin="shipped",
    digest="d",
    when={"branch": ("main", "feature/**"), "paths": ("src/**/*.py",), "not_author": ("sixthbot*",)},
    condition="event.files < 200 and not event.merge",
    key="{branch}",
)


def commit(**fields: Any) -> Event:
    whole = {"branch": "main", "id": "1", "paths": ("src/a.py",), "files": 1, "merge": False, "author": "Ann"}
    return make_event("commit", whole | fields, time=NOW)


def test_a_rule_fires_when_everything_holds() -> None:
    verdict = match(RULE, commit())
    assert verdict.fired
    assert verdict.key == "main"
    assert [term.held for term in verdict.terms] == [True] * 5


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"branch": "next"}, "`branch = main, feature/**` does not hold: branch is next"),
        ({"paths": ("docs/a.md",)}, "`paths = src/**/*.py` does not hold: paths is [docs/a.md]"),
        ({"paths": ()}, "`paths = src/**/*.py` does not hold: paths is []"),
        ({"author": "sixthbot <b@x>"}, "`not_author = sixthbot*` does not hold: author is sixthbot <b@x>"),
        ({"files": 300}, "`event.files < 200` does not hold: files is 300"),
        ({"merge": True}, "`not event.merge` does not hold: merge is true"),
        ({"files": ""}, "`event.files < 200` does not hold: no answer: empty and 200 have no order"),
    ],
)
def test_a_rule_that_does_not_fire_names_the_first_term_that_failed(
    fields: dict[str, Any], reason: str
) -> None:
    verdict = match(RULE, commit(**fields))
    assert not verdict.fired
    assert verdict.reason == reason
    assert verdict.key == ""


def test_one_of_several_values_is_enough_and_for_not_none_may_match() -> None:
    both = ("docs/a.md", "src/a.py")
    assert match(RULE, commit(paths=both)).fired
    assert not match(replace(RULE, when={"not_paths": ("docs/**",)}), commit(paths=both)).fired


def test_other_events_switched_off_rules_and_own_events_are_passed_over() -> None:
    assert "listens to commit" in match(RULE, make_event("merge", {}, time=NOW)).reason
    assert "switched off" in match(replace(RULE, enabled=False), commit()).reason
    own = commit(origin="sixthbot")
    assert "the bot itself" in match(RULE, own).reason
    assert match(replace(RULE, react_to_self=True), own).fired


def test_flags_and_numbers_are_matched_as_text() -> None:
    assert match(replace(RULE, when={"merge": ("false",), "files": ("1",)}, condition=""), commit()).fired


def test_a_field_that_the_event_lacks_never_holds() -> None:
    for name in ("tag", "not_tag"):
        verdict = match(replace(RULE, when={name: ("v*",)}), commit())
        assert not verdict.fired
        assert "no field tag" in verdict.reason


def test_a_condition_that_cannot_be_read_does_not_fire() -> None:
    assert "cannot be used" in match(replace(RULE, condition="print(1)"), commit()).reason


def test_a_key_is_filled_with_values_only() -> None:
    fields = {"branch": "a{id}b", "paths": ("x", "y"), "merge": True}
    assert fill_key("{branch}/{paths}/{merge}/{nope}/{0.__class__}", fields) == "a{id}b/x,y/true//"
    assert len(fill_key("{branch}" * 100, {"branch": "x" * 100})) <= 200


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"on": ("comit",)}, "did you mean 'commit'"),
        ({"on": ()}, "names no event"),
        ({"when": {"brunch": ("x",)}}, "did you mean 'branch'"),
        ({"when": {"not_brunch": ("x",)}}, "did you mean 'branch'"),
        ({"condition": "event.flies < 3"}, "did you mean 'files'"),
        ({"condition": "print(1)"}, "cannot be used"),
        ({"key": "{brunch}"}, "did you mean 'branch'"),
    ],
)
def test_a_mistake_in_a_rule_is_found_when_it_is_checked(change: dict[str, Any], problem: str) -> None:
    problems = check_rule(replace(RULE, **change))
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_good_rule_has_no_problems() -> None:
    assert check_rule(RULE) == []
    assert (
        check_rule(replace(RULE, on=("merge", "commit", "hook.post-receive"), when={"merged": ("x",)})) == []
    )
