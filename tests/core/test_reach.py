"""What can be told of rules by reading them: which never fire, and which repeat another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.events import make_event
from sixthbot.core.matching import match
from sixthbot.core.reach import overlaps, unreachable
from sixthbot.core.rules import Rule, StepSpec
from tests.store.support import START


def rule(
    name: str = "r", *, on: tuple[str, ...] = ("commit",), when: Any = None, condition: str = "", **more: Any
) -> Rule:
    steps = (StepSpec("check", {}),)
    return Rule(
        name=name,
        on=on,
        do=more.pop("do", steps),
        origin="x",
        digest="d",
        when=when or {},
        condition=condition,
        **more,
    )


@pytest.mark.parametrize(
    "condition",
    [
        "1 > 2",
        "not True",
        "event.merge and not event.merge",
        "event.files > 5 and event.files < 3",
        "event.files < 0",
        "event.files == '3'",
        "event.branch == 'a' and event.branch == 'b'",
        "event.branch in ['a', 'b'] and event.branch not in ['a', 'b']",
        "event.type == 'fix' and event.added > 10 and event.added <= 10",
        "(event.files == 1 or event.files == 2) and event.files == 3",
        "event.origin == 'sixthbot'",
    ],
)
def test_conditions_that_never_hold(condition: str) -> None:
    (reason,) = unreachable(rule(condition=condition))
    assert "can never hold" in reason


@pytest.mark.parametrize(
    "condition",
    [
        "event.files > 5 or event.files < 3",
        "event.files >= 3 and event.files <= 3",
        "event.branch != 'a' and event.branch != 'b'",
        "event.branch > 'a' and event.branch < 'b'",
        "'a' in event.branch and 'b' in event.branch",
        "glob(event.branch, 'a*') and lower(event.branch) == 'ab'",
        "len(event.paths) > 3 and any(glob(event.paths, '*.py'))",
        "event.scope",
        "event.added > event.deleted",
        "not event.merge and event.origin == ''",
    ],
)
def test_conditions_that_may_hold(condition: str) -> None:
    assert unreachable(rule(condition=condition)) == []


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ({"branch": ("main",), "not_branch": ("ma*",)}, "not_branch keeps out"),
        ({"branch": ("a/*",), "not_branch": ("**",)}, "not_branch keeps out"),
        ({"author": ("Ann",), "not_author": ("*",)}, "not_author keeps out"),
        ({"merge": ("yes",)}, "merge is never yes"),
        ({"files": ("many",)}, "files is never many"),
        ({"origin": ("sixthbot",)}, "origin is never sixthbot"),
    ],
)
def test_a_when_that_lets_nothing_in(when: Any, reason: str) -> None:
    (said,) = unreachable(rule(when=when))
    assert reason in said


def test_a_kind_that_lacks_a_field_is_named() -> None:
    mixed = rule(on=("commit", "tag.created"), when={"paths": ("*.py",)})
    assert unreachable(mixed) == [
        "it can never fire for tag.created: `when` asks for paths, which tag.created does not have"
    ]


def test_when_and_if_are_looked_at_together() -> None:
    (said,) = unreachable(rule(when={"branch": ("main",)}, condition="event.branch == 'dev'"))
    assert said.endswith("can never hold with this `when`")
    assert unreachable(rule(when={"branch": ("m*",)}, condition="event.branch == 'main'")) == []


def how(first: Rule, second: Rule) -> list[str]:
    return [pair.how for pair in overlaps([first, second])]


def test_rules_that_repeat_each_other() -> None:
    assert "for the same commit" in how(rule("a"), rule("b"))[0]
    assert "for every commit it reacts to" in how(rule("a"), rule("b", when={"branch": ("main",)}))[0]
    assert "for every commit that one reacts to" in how(rule("a", when={"branch": ("main",)}), rule("b"))[0]
    assert (
        "may satisfy both"
        in how(rule("a", when={"branch": ("main",)}), rule("b", when={"paths": ("*.py",)}))[0]
    )


def test_rules_that_do_not() -> None:
    assert how(rule("a"), rule("b", on=("merge",))) == []
    assert how(rule("a"), rule("b", do=(StepSpec("report", {}),))) == []
    assert how(rule("a", when={"branch": ("main",)}), rule("b", when={"branch": ("dev",)})) == []
    assert how(rule("a", when={"branch": ("main",)}), rule("b", when={"branch": ("fix/**",)})) == []
    assert how(rule("a", condition="event.files > 5"), rule("b", condition="event.files < 5")) == []
    assert how(rule("a", condition="event.merge"), rule("b", condition="not event.merge")) == []


_TERMS = st.sampled_from(
    [
        "event.files > 2", "event.files < 2", "event.files == 2", "event.files != 2", "not event.merge", "event.merge",
        "event.branch == 'a'", "event.branch != 'a'", "event.branch in ['a', 'b']", "event.type == ''", "event.type",
    ]
)  # fmt: skip
_CONDITIONS = st.recursive(
    _TERMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" and ".join).map("({})".format),
        st.tuples(inner, inner).map(" or ".join).map("({})".format),
        inner.map("not ({})".format),
    ),
    max_leaves=6,
)
_PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "a*", "x/**"]), min_size=1, max_size=2).map(tuple)
_WHENS = st.dictionaries(st.sampled_from(["branch", "not_branch"]), _PATTERNS)


@given(
    condition=_CONDITIONS, when=_WHENS, branch=st.sampled_from(["a", "b", "ax", "x/y"]), files=st.integers(0, 4),
    merge=st.booleans(), kind=st.sampled_from(["", "fix"]),
)  # fmt: skip
def test_a_rule_that_fires_is_never_called_unreachable(
    condition: str, when: Any, branch: str, files: int, kind: str, *, merge: bool
) -> None:
    one = rule(condition=condition, when=when)
    fields = {"branch": branch, "files": files, "merge": merge, "type": kind}
    if match(one, make_event("commit", fields, time=START)).fired:
        assert unreachable(one) == []
