from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.actions.markdown import block, code, inline, quote
from sixthbot.actions.templating import fill_text
from sixthbot.core.errors import ConfigError

words = st.text(alphabet="ab`~#<>[]()!*_|-+=1. \n\t\\&\u202e\x00:/{}%", max_size=80)


@given(words)
def test_inline_is_one_line_in_which_nothing_begins(text: str) -> None:
    shown = inline(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]`*|~]", shown)
    assert not re.match(r"[-+#=]|\d+[.)]", shown)


@pytest.mark.parametrize("text", ["snake_case_name", "3 apples", "a - b", "C# and C++", "50% {{ x }}"])
def test_inline_leaves_plain_words_alone(text: str) -> None:
    assert inline(text) == text


@given(words)
def test_a_code_span_ends_where_it_should(text: str) -> None:
    shown = code(text)
    fence = re.match(r"`+", shown)
    assert fence is not None
    runs = re.findall(r"`+", shown[len(fence[0]) : -len(fence[0])])
    assert fence[0] not in runs
    assert shown.endswith(fence[0])


@given(words)
def test_every_line_of_a_quotation_is_quoted(text: str) -> None:
    shown = quote(text)
    assert all(line.startswith(">") for line in shown.split("\n"))
    assert "<!--" not in shown
    assert "![" not in shown
    assert not re.search(r"<[A-Za-z/!?]", shown)


def test_a_long_quotation_is_cut_and_says_so() -> None:
    shown = quote("\n".join(["x"] * 100)).split("\n")
    assert len(shown) == 62
    assert shown[-1] == "> *The rest is in the issue.*"


@given(words)
def test_nothing_in_a_block_ends_it(text: str) -> None:
    lines = block(text).split("\n")
    fence = lines[0].removesuffix("text")
    assert lines[-1] == fence
    assert not any(fence in line for line in lines[1:-1])


def test_values_are_never_read_as_templates() -> None:
    assert fill_text("{{ x }}", {"x": "{{ 7*7 }}{% if %}"}, origin="t") == "{{ 7*7 }}{% if %}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("\n{{ missing }}", "t:2: 'missing' is undefined"),
        ("{{ x.y }}", "t:1: "),
        ("\n\n{{ 1/0 }}", "t:3: division by zero"),
        ("{{ x|nothing }}", "t:1: No filter named 'nothing'"),
        ("{{ [].append(1) }}", "t:1: "),
        ("{{ ''.__class__ }}", "t:1: access to attribute"),
        ("{{ cycler.__init__.__globals__ }}", "t:1: "),
        ("{% import 'os' as os %}", "t:1: "),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "t:1: maximum recursion"),
        ("{% for a in range(2000) %}{% for b in range(2000) %}x{% endfor %}{% endfor %}", "longer than"),
    ],
)
def test_a_template_that_cannot_be_used_says_where(template: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        fill_text(template, {"x": "text"}, origin="t")
