"""`new`: issue files written into the inbox."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from sixthbot.store.inboxfile import drop
from sixthbot.store.paths import locate
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


def inbox(home: RepoDir) -> dict[str, str]:
    return {path.name: path.read_text() for path in (home.path / ".sixth/inbox").iterdir() if path.is_file()}


def test_a_title_becomes_an_issue_file(home: RepoDir) -> None:
    said = sixthbot("new", "Tidy the notes", cwd=home.path)
    assert (said.code, said.out) == (0, "wrote .sixth/inbox/tidy-the-notes.md\n")
    assert inbox(home) == {"tidy-the-notes.md": "# Tidy the notes\n"}


def test_the_same_title_again_gets_a_name_of_its_own(home: RepoDir) -> None:
    for _ in range(3):
        assert sixthbot("new", "Tidy", cwd=home.path).code == 0
    assert set(inbox(home)) == {"tidy.md", "tidy-2.md", "tidy-3.md"}


def test_the_body_comes_from_a_file_or_a_pipe_and_is_never_front_matter(
    home: RepoDir, tmp_path: Path
) -> None:
    (tmp_path / "body").write_text("---\nid: x\n---\n- [ ] one\n")
    assert sixthbot("new", "A", "--body-file", str(tmp_path / "body"), cwd=home.path).code == 0
    assert sixthbot("new", "B", "--body-file", "-", cwd=home.path, stdin="- [ ] two\n").code == 0
    assert inbox(home) == {
        "a.md": "# A\n\n---\nid: x\n---\n- [ ] one\n",
        "b.md": "# B\n\n- [ ] two\n",
    }


def test_labels_and_priority_become_front_matter(home: RepoDir) -> None:
    sixthbot("new", "A", "--label", "chore", "--label", 'q"x', "--priority", "high", cwd=home.path)
    (text,) = inbox(home).values()
    assert text == '+++\nlabels = [\n    "chore",\n    "q\\"x",\n]\npriority = "high"\n+++\n\n# A\n'


@pytest.mark.parametrize("title", ["", " \n\t", "\x1b\u202e"])
def test_an_empty_title_is_refused(home: RepoDir, title: str) -> None:
    said = sixthbot("new", title, cwd=home.path)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: the title is empty\n")
    assert inbox(home) == {}


@pytest.mark.parametrize(
    ("title", "name"),
    [("../../etc/passwd", "etc-passwd.md"), ("日本語", "issue.md"), ("a\nb", "a-b.md"), ("-rf", "rf.md")],
)
def test_a_strange_title_is_no_path_and_no_option(home: RepoDir, title: str, name: str) -> None:
    assert sixthbot("new", "--", title, cwd=home.path).code == 0
    assert list(inbox(home)) == [name]


def test_a_body_that_is_missing_binary_or_huge_is_refused(home: RepoDir, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    (tmp_path / "huge").write_text("x" * 300_000)
    for name, code, words in (
        ("missing", 1, "No such file or directory"),
        ("binary", 2, "is not UTF-8 text"),
        ("huge", 2, "the inbox takes at most 262144"),
    ):
        said = sixthbot("new", "A", "--body-file", str(tmp_path / name), cwd=home.path)
        assert (said.code, said.out) == (code, "")
        assert words in said.err
    assert inbox(home) == {}


def test_the_same_title_from_many_at_once_loses_nothing(home: RepoDir) -> None:
    places = locate(home.path)
    texts = {f"# Tidy\n\n{number}\n" for number in range(24)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: drop(places, "tidy", text.encode()), texts))
    assert set(inbox(home).values()) == texts
    assert not any(name.startswith(".") for name in inbox(home))


def test_a_title_may_ask_for_a_recipe_which_the_file_name_does_not_show(home: RepoDir) -> None:
    long = "x" * 300
    sixthbot("new", f"Sort the words `do: sort-words by={long}`", cwd=home.path)
    assert inbox(home) == {"sort-the-words.md": f"# Sort the words `do: sort-words by={long}`\n"}
