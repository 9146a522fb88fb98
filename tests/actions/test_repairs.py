from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.actions.repairs.sort_lines import in_order
from sixthbot.actions.repairs.whitespace import tidy, tidy_markdown, tidy_python
from sixthbot.core.errors import WorkFailed

if TYPE_CHECKING:
    from tests.actions.workshop import Workshop

texts = st.text(alphabet="ab \t\r\n", max_size=60).map(str.encode)


@given(texts)
def test_tidying_twice_is_tidying_once(data: bytes) -> None:
    assert tidy(tidy(data)) == tidy(data)
    assert tidy_markdown(tidy_markdown(data)) == tidy_markdown(data)


@given(texts)
def test_tidying_changes_nothing_but_white_space(data: bytes) -> None:
    assert tidy(data).split() == data.split()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"\n\n", b""),
        (b"a", b"a\n"),
        (b"a  \nb\t\n\n\n", b"a\nb\n"),
        (b"a \r\nb\r\n", b"a\r\nb\r\n"),
        (b"  a\n", b"  a\n"),
        (b"\r\na\n", b"\r\na\n"),
    ],
)
def test_white_space(before: bytes, after: bytes) -> None:
    assert tidy(before) == after


def test_a_markdown_line_break_stays() -> None:
    assert tidy_markdown(b"a  \nb \nc   \n") == b"a  \nb\nc\n"


def test_strings_of_python_stay_to_the_byte() -> None:
    source = b'x = 1  \nBOX = """\n+-  \n|   \n"""  \ny = f"""{x}  \n  """\t\n\n\n'
    assert tidy_python(source) == b'x = 1\nBOX = """\n+-  \n|   \n"""\ny = f"""{x}  \n  """\n'
    assert tidy_python(b"x = 1 \r\n") == b"x = 1\r\n"


def test_python_that_does_not_parse_stays() -> None:
    assert tidy_python(b'"""open  \n') == b'"""open  \n'


def test_sorting_keeps_line_ends() -> None:
    assert in_order(b"b\r\na\r\n", unique=False) == b"a\r\nb\r\n"
    assert in_order(b"b\na\nb", unique=True) == b"a\nb\n"
    assert in_order(b"", unique=True) == b""


def test_an_issue_asks_for_a_repair_and_gets_one_commit(shop: Workshop) -> None:
    shop.dir.commit(
        "chore: files", {"src/a.txt": "a  \n", "src/bin": b"a \0 \n", "other.txt": "b  \n", "words": "b\na\n"}
    )
    (shop.dir.path / "src/link").symlink_to("../other.txt")
    shop.dir.commit("chore: link")
    shop.drop(
        "# Tidy\n\n- [ ] White space `do: format.whitespace paths=src`\n- [ ] Order `do: text.sort paths=words`\n"
    )
    shop.steps("branch", "plan", "work")
    assert [subtask.by for subtask in shop.plan.subtasks] == ["action format.whitespace", "action text.sort"]
    names = shop.dir.git("diff", "--name-only", "main", shop.branch).split()
    assert names == ["src/a.txt", "words"]
    assert shop.dir.show(shop.branch, "words") == "a\nb\n"
    assert shop.processes.ran == []


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("text.sort", "'paths' is missing"),
        ("text.sort paths=nowhere", "no tracked file"),
        ("text.sort paths=../../etc/passwd", "no tracked file"),
        ("text.sort paths=README.md unique=maybe", "unique"),
        ("format.whitespace path=x", "did you mean 'paths'"),
    ],
)
def test_wrong_arguments_fail_the_subtask_with_the_reason(shop: Workshop, asked: str, problem: str) -> None:
    shop.drop(f"# T\n\n- [ ] Do `do: {asked}`\n")
    shop.steps("branch", "plan")
    with pytest.raises(WorkFailed, match=problem):
        shop.step("work")
    assert problem in shop.plan.get(1).reason
