"""Checkboxes and `do:` spans."""

from __future__ import annotations

import pytest

from sixthbot.core.checkboxes import lines_outside_code, read_do, read_subtasks, without_do_spans
from sixthbot.core.issues import SubtaskStatus


def texts(markdown: str) -> list[str]:
    return [task.text for task in read_subtasks(lines_outside_code(markdown))]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("- [ ] a\n* [ ] b\n+ [ ] c\n1. [ ] d\n2) [X] e", ["a", "b", "c", "d", "e"]),
        ("- [ ]\n- [x](http://link)\n- [ ]x\n-[ ] x\n- [] x\n[ ] x\n- [y] x", ["(no text)"]),
        ("```\n- [ ] a\n```\n- [ ] b", ["b"]),
        ("~~~~\n- [ ] a\n~~~\n```\n~~~~~\n- [ ] b", ["b"]),
        ("- [ ] a\n  ```sh\n  - [ ] x\n  ```\n- [ ] b", ["a", "b"]),
        ("- ```\n  - [ ] x\n  ```\n- [ ] b", ["b"]),
        ("``` not `a` fence\n- [ ] a", ["a"]),
        ("```\n- [ ] a", []),
        ("- [ ] H\n  - [ ] a\n  - [x] b\n- [ ] c", ["a", "b", "c"]),
        ("- [ ] H\n  - [ ] I\n    - [ ] a\n  - [ ] b", ["a", "b"]),
        ("- [ ] H\n  - note\n    - [ ] a\n", ["a"]),
        ("- [ ] a\n- note\n  - [ ] b", ["a", "b"]),
        ("- [ ] a\n - [ ] b", ["a", "b"]),
        ("1. [ ] H\n\t- [ ] a", ["a"]),
        ("- [ ] a\n\n## Next\n\n  - [ ] b", ["a", "b"]),
        ("- [ ] a\n\nA paragraph.\n\n  - [ ] b", ["a", "b"]),
        ("- [ ] a\nlazy line\n  - [ ] b", ["b"]),
        ("<!--\n- [ ] hidden\n-->\n- [ ] a", ["a"]),
        ("<!-- never closed\n- [ ] a", ["a"]),
        ("<!-- closed --> text\n- [ ] a", ["a"]),
        ("> - [ ] quoted", []),
    ],
)
def test_the_leaves_outside_code_are_the_subtasks(markdown: str, expected: list[str]) -> None:
    assert texts(markdown) == expected


def test_a_line_keeps_its_text_and_other_code_spans() -> None:
    (task,) = read_subtasks(lines_outside_code("- [ ] Use `x` ``do: fmt a=`b` `` now"))
    assert task.text == "Use `x` now"
    assert task.asked is not None
    assert dict(task.asked.args) == {"a": "`b`"}
    assert without_do_spans("a `do: b` c ` d") == "a  c ` d"


def test_a_span_alone_gives_the_text() -> None:
    assert texts("- [ ] `do: fmt`") == ["do fmt"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names nothing"),
        ("a b", "'b', which is not key=value"),
        ("a B=1", "which is not key=value"),
        ("a =1", "which is not key=value"),
        ("a b='", "no closing quotation"),
        ("a b=\\", "no escaped character"),
        ("a b=1 b=2", "gives b twice"),
        ("a b-c=1 b_c=2", "gives b_c twice"),
        ("../x", "not a name"),
        ("--help", "not a name"),
        ("a;rm b=1", "not a name"),
        ("a b=\u202e", "control or invisible"),
        ("a b=" + "x" * 1000, "more than 1000 characters"),
    ],
)
def test_a_do_that_cannot_be_read_says_why(text: str, reason: str) -> None:
    asked, problem = read_do(text)
    assert asked is None
    assert reason in problem


def test_a_subtask_whose_do_cannot_be_read_waits_for_a_person() -> None:
    (broken, twice, ticked) = read_subtasks(
        lines_outside_code("- [ ] a `do: x y`\n- [ ] b `do: x` `do: y`\n- [x] c `do: x y`")
    )
    assert (broken.status, broken.by, broken.asked) == (SubtaskStatus.WAITING, "person", None)
    assert twice.reason == "it has more than one `do:` span"
    assert ticked.status is SubtaskStatus.DONE


def test_shell_signs_stay_plain_text() -> None:
    asked, _ = read_do("run a='$(id); `x` | y' b=\"*\" c=~")
    assert asked is not None
    assert dict(asked.args) == {"a": "$(id); `x` | y", "b": "*", "c": "~"}
