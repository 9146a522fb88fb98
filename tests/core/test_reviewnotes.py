"""Comments written into a diff: which line each belongs to, and that nothing else of the file is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.errors import UsageError
from sixthbot.core.reviewnotes import Comment, comment, comments_in, read_place, to_edit

PATCH = """\
diff --git a/a.py b/a.py
index 111111111..222222222 100644
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@ class A
 one
-two
+TWO
 three
@@ -10 +10,2 @@
-ten
+--- a/no.py
+more
\\ No newline at end of file
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-x
"""


def after(line: str, *added: str) -> list[Comment]:
    lines = PATCH.split("\n")
    at = lines.index(line)
    return comments_in(to_edit("\n".join([*lines[: at + 1], *added, *lines[at + 1 :]]), branch="b"))


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("+++ b/a.py", ("a.py", 0)),
        (" one", ("a.py", 1)),
        ("-two", ("a.py", 1)),
        ("+TWO", ("a.py", 2)),
        (" three", ("a.py", 3)),
        ("+--- a/no.py", ("a.py", 10)),
        ("+more", ("a.py", 11)),
        ("\\ No newline at end of file", ("a.py", 11)),
        ("-x", ("gone.py", 0)),
    ],
)
def test_a_comment_belongs_to_the_line_above_it(line: str, place: tuple[str, int]) -> None:
    assert after(line, "> why", "> so?") == [Comment(*place, "why so?")]


def test_an_untouched_diff_has_no_comments_and_an_empty_one_is_none() -> None:
    assert comments_in(to_edit(PATCH, branch="b")) == []
    assert after(" one", ">", "> ") == []


def test_what_a_comment_asks() -> None:
    assert comment("a.py", 3, "rename\tit ").asks == "In a.py:3: rename it"
    assert comment("a.py", 0, "x").asks == "In a.py: x"
    for bad in ("", " \x1b", "x" * 3000):
        with pytest.raises(UsageError):
            comment("a.py", 1, bad)


@pytest.mark.parametrize(
    ("text", "place"),
    [("a:3", ("a", 3)), ("a", ("a", 0)), ("a:b", ("a:b", 0)), (":3", (":3", 0)), ("a:", ("a:", 0))],
)
def test_places(text: str, place: tuple[str, int]) -> None:
    assert read_place(text) == place


@given(st.text("@-+ >ab\n,1", max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    for one in comments_in(PATCH + text):
        assert one.text
        assert one.line >= 0
