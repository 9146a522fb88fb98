"""Issue files: anything may be dropped; what can be read is an issue, the rest is rejected with a reason."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.errors import Rejected
from sixthbot.core.issuefile import SIZE_LIMIT, parse_issue
from sixthbot.core.issues import Asked, Issue, SubtaskStatus
from sixthbot.core.names import has_unsafe_characters
from sixthbot.core.planning import plan_from

EXAMPLE = """\
---
labels: chore
---
# Tidy the notes

- [ ] Sort the word list `do: sort-words`
- [x] Add today's numbers `do: numbers since="last week" dry-run=no`
- [ ] Rename the old helper
"""


def read(text: str, file_name: str = "tidy.md") -> Issue:
    return parse_issue(text.encode(), file_name)


def test_the_example_is_read() -> None:
    issue = read(EXAMPLE)
    assert (issue.title, issue.labels, issue.warning) == ("Tidy the notes", ("chore",), "")
    assert [(task.n, task.text, task.status) for task in issue.subtasks] == [
        (1, "Sort the word list", SubtaskStatus.OPEN),
        (2, "Add today's numbers", SubtaskStatus.DONE),
        (3, "Rename the old helper", SubtaskStatus.OPEN),
    ]
    assert issue.subtasks[0].asked == Asked("sort-words")
    assert issue.subtasks[1].asked == Asked("numbers", {"since": "last week", "dry-run": "no"})
    assert issue.subtasks[1].asked.args == {"since": "last week", "dry-run": "no"}
    assert issue.subtasks[1].by == "issue"
    assert plan_from(issue).subtasks == issue.subtasks


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_bom_and_line_ends_make_no_difference(bom: str, newline: str) -> None:
    assert read(bom + EXAMPLE.replace("\n", newline)) == read(EXAMPLE)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: a: b #1\n---\n# Other", "a: b #1"),
        ("intro\n\n# Heading ##\n", "Heading"),
        ("```\n# comment\n```\n# Heading", "Heading"),
        ("\n\n  fix it \n", "fix it"),
        ("- [ ] sort the words `do: sort`", "sort the words"),
        ("## Second level\ntext", "Second level"),
        ("---\nlabels: x\n---\n", "tidy"),
        ("# a\u202eb\u200b\tc\x1b", "ab c"),
        ("# " + "x" * 500, "x" * 200),
        ("---\n- only a rule\n", "only a rule"),
    ],
)
def test_the_title_is_the_first_that_is_there(text: str, title: str) -> None:
    assert read(text).title == title


def test_every_known_key_is_read_and_unknown_ones_are_kept() -> None:
    issue = read(
        "---\nid: fix-1\ntitle: 'T: it''s'\nPriority: 1\nlabels:\n- bug\n  - \"ui, core\"\nbase: main\n"
        "branch: feature/x\ndepends: [a, b]\npaths: src/**, docs\ndo: imports.fix a=b\nagent: x\nintensity: High\n"
        "min-budget: 5m\nmax_budget: 1h\ndue: 2026-12-01\nsource: tracker\nmilestone: [no, 1.10]\n---\nbody\n"
    )
    assert (issue.id, issue.title, issue.priority) == ("fix-1", "T: it's", "high")
    assert (issue.labels, issue.depends, issue.paths) == (("bug", "ui, core"), ("a", "b"), ("src/**", "docs"))
    assert (issue.base, issue.branch, issue.do) == ("main", "feature/x", "imports.fix a=b")
    assert (issue.agent, issue.intensity, issue.due, issue.source) == ("x", "high", "2026-12-01", "tracker")
    assert (issue.min_budget, issue.max_budget) == ("5m", "1h")
    assert dict(issue.extra) == {"milestone": ("no", "1.10")}
    assert issue.warning == ""
    assert issue.body == "body\n"


def test_toml_front_matter_is_read() -> None:
    issue = read(
        '+++\nid = "a1"\npriority = 0\nlabels = ["x"]\ndue = 2026-12-01\n[other]\nk = 1.5\n+++\n# T\n'
    )
    assert (issue.id, issue.priority, issue.labels, issue.due) == ("a1", "critical", ("x",), "2026-12-01")
    assert dict(issue.extra) == {"other": {"k": 1.5}}


@pytest.mark.parametrize(
    ("given_value", "lane"), [("0", "critical"), ("2", "normal"), ("4", "low"), ("LOW", "low")]
)
def test_a_priority_is_a_lane_or_a_number(given_value: str, lane: str) -> None:
    assert read(f"---\npriority: {given_value}\n---\nx").priority == lane


@pytest.mark.parametrize(
    ("front", "warning"),
    [
        ("---\npriority: urgent!\n---\n", "line 2: priority 'urgent!' is none of critical"),
        ("---\nintensity: 11\n---\n", "line 2: intensity '11' is none of low"),
        ("---\ndue: soon\n---\n", "line 2: due 'soon' is not a date"),
        ("---\nlabels: a\nlabels: b\n---\n", "line 3: labels is given twice"),
        ("---\nnot a key\n---\n", "line 2 is not `key: value`"),
        ("---\ntitle: |\n  long\n---\n", "begins a block of text"),
        ("---\ntitle: 'open\n---\n", "without a closing one"),
        ("---\nlabels: [a\n---\n", "a list that does not end"),
        ("---\nlabels: [[a]]\n---\n", "a list in a list"),
        ("---\ntitle: x\n", "no closing ---"),
        ("+++\nx = \n+++\n", "not TOML"),
        ("+++\n" + ".".join("a" * 3000) + " = 1\n+++\n", "nested more than 16 deep"),
        ("+++\nx = " + "[" * 5000 + "\n+++\n", "nested more than 16 deep"),
        ("---\n" + "key: value\n" * 2000 + "---\n", "more than 16384 bytes"),
        ("```\n- [ ] a\n", "line 1 opens a code fence that is never closed"),
        ("---\ndo: x\n---\n- [ ] a\n", "`do` in the front matter"),
        ("+++\n\nx = \n+++\n", "line 3 is not TOML"),
        ("---\nlables: a\n---\n", "line 2: unknown key 'lables'; did you mean labels?"),
        ("---\nprio: high\n---\n", "did you mean priority?"),
        ("---\npriority: urgent\n---\n", "3, 4, and was ignored"),
        ("- [ ] a `do: x`\n  - [ ] b\n", "line 1: its `do:` is not run"),
        ("- [ ] a\n  - [ ] b\n\nAll of it: `do: x`\n", "line 4: a `do:` outside a checkbox is not run"),
        ("see `do: x`\n\n", "line 1: a `do:` outside the title is not run"),
        ("---\ntitle: The title `do: x` `do: y`\n---\n", "more than one `do:`"),
        ("---\ndo: a\ntitle: The title `do: b`\n---\n", "the front matter has one"),
    ],
)
def test_what_cannot_be_read_is_a_warning_and_the_issue_is_kept(front: str, warning: str) -> None:
    issue = read(front + "\n# The title\n\nThe text.\n")
    assert warning in issue.warning
    assert issue.title == "The title" or "```" in front
    assert "The text." in issue.body


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b" \n\t\r\n", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        ("\u200b\u202e\n".encode(), "no visible text"),
        (b"ok\nb\0c", "a NUL byte at byte 4, line 2"),
        (b"ok\n\xff\xfeno", "not UTF-8: byte 3, line 2"),
        (b"\x89PNG\r\n\x1a\n\0", "a NUL byte"),
        ("hello".encode("utf-16"), "UTF-16"),
        (b"x" * (SIZE_LIMIT + 1), f"it has {SIZE_LIMIT + 1} bytes"),
        (b"---\nid: ../x\n---\ny", "line 2: id: not a usable issue id"),
        (b"---\nid: 'a b'\n---\ny", "not a usable issue id"),
        (b"---\n\nbranch: main~1\n---\ny", "line 3: branch: not a usable branch name"),
        (b"---\nbase: -x\n---\ny", "base: not a usable branch name"),
        (b"---\nbase: HEAD\n---\ny", "base: not a usable branch name"),
        (b"---\ndepends: [a, b/c]\n---\ny", "depends: not a usable issue id"),
        (b"---\npaths: src, ../x\n---\ny", "not a path inside the repository"),
        (b"---\npaths: /etc\n---\ny", "not a path inside the repository"),
        (b"- [ ] a\n" * 501, "it has 501 subtasks"),
        (b"- [ ] a\n" * 30_000, "more than 5000 checkboxes"),
    ],
)
def test_what_cannot_be_an_issue_is_rejected_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(Rejected, match=r"\A[^\n]+\Z") as rejected:
        parse_issue(data, "x.md")
    assert reason in rejected.value.message


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        ("- [ ] Slow `do: slow", True), ("- [ ] Slow `do: slow``", True), ("Slow ` do: slow", True),
        ("- [ ] see `x` and `do: slow", True), ("- [ ] Slow `do: slow`", False), ("- [ ] a ` do, or do:", False),
        ("- [ ] write `` `do: x` `` so", False), ("- [ ] do: slow", False),
    ],
)  # fmt: skip
def test_a_request_whose_back_tick_is_not_closed_is_told(line: str, *, warned: bool) -> None:
    issue = parse_issue(f"# T\n\n- [ ] other\n\n{line}\n".encode(), "t.md")
    told = "line 5: the back-tick before `do:` is not closed, so nothing is asked for; close it"
    assert (told in issue.warnings) is warned


def test_five_hundred_subtasks_are_accepted() -> None:
    assert len(read("- [ ] a\n" * 500).subtasks) == 500


def test_an_issue_without_boxes_is_one_subtask_that_may_ask() -> None:
    plain = plan_from(read("Fix the typo\n"))
    assert [(task.n, task.text, task.asked) for task in plain.subtasks] == [(1, "Fix the typo", None)]
    asking = plan_from(read("---\ndo: fmt paths='a  b'\n---\nFormat")).get(1)
    assert asking.asked is not None
    assert dict(asking.asked.args) == {"paths": "a  b"}
    broken = plan_from(read("---\ndo: fmt a='\n---\nFormat")).get(1)
    assert (broken.status, broken.by) == (SubtaskStatus.WAITING, "person")
    assert "no closing quotation" in broken.reason


@pytest.mark.parametrize(
    "text",
    [
        "# Sort the words `do: sort-words by=size`\n\nSoon.\n",
        "Sort the words `do: sort-words by=size`",
        "---\ntitle: Sort the words `do: sort-words by=size`\n---\n",
        "---\ndo: sort-words by=size\n---\n# Sort the words `do: other`\n",
    ],
)
def test_the_title_of_an_issue_without_boxes_may_ask(text: str) -> None:
    issue = read(text)
    (subtask,) = plan_from(issue).subtasks
    assert (issue.title, subtask.text) == ("Sort the words", "Sort the words")
    assert subtask.asked == Asked("sort-words", {"by": "size"})
    assert dict(subtask.asked.args) == {"by": "size"}


def test_a_title_that_only_asks_is_named_by_it() -> None:
    assert read("`do: sort-words`\n").title == "do sort-words"


def test_a_request_inside_a_code_fence_is_none() -> None:
    issue = read("```\nSort `do: sort-words`\n```\n")
    assert plan_from(issue).get(1).asked is None


def test_unknown_keys_that_are_like_no_other_are_kept_without_a_word() -> None:
    assert read("---\nmilestone: 3\nassignee: me\nreviewers: [a]\n---\nx").warnings == ()


def test_no_more_warnings_are_told_than_anybody_reads() -> None:
    issue = read("- [ ] a\n" + "see `do: x`\n" * 50)
    assert (len(issue.warnings), issue.warnings[-1]) == (21, "and 30 more")


FRONT_PIECES = [
    "---\n",
    "+++\n",
    "title: x\n",
    "id: ",
    "'",
    '"',
    "[",
    "]",
    "\\",
    "- a\n",
    "a.b.c = 1\n",
    ": ",
    "#",
    "\n",
]
BODY_PIECES = [
    "- [ ] ", "* [x] ", "1. [ ] ", "  ", "\t", "`do: a b=c`", "`do: a b='`", "``", "```\n", "~~~\n", "<!--", "-->",
    "# T\n", "\n", "\r\n", "\u202e", "\ufeff", "word ", "`",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(FRONT_PIECES + BODY_PIECES), max_size=40).map("".join)


@given(st.one_of(TEXTS, st.text(max_size=200)), st.text(max_size=20))
def test_any_text_is_an_issue_or_rejected(text: str, file_name: str) -> None:
    with suppress(Rejected):
        issue = parse_issue(text.encode("utf-8", "surrogatepass"), file_name)
        assert issue.title
        assert len(issue.title) <= 200
        for line in (issue.title, issue.warning, *issue.labels, *(task.text for task in issue.subtasks)):
            assert not has_unsafe_characters(line)
        assert [task.n for task in issue.subtasks] == list(range(1, len(issue.subtasks) + 1))
        assert plan_from(issue).subtasks


@given(st.binary(max_size=300))
def test_any_bytes_are_an_issue_or_rejected(data: bytes) -> None:
    with suppress(Rejected):
        parse_issue(data, "x.md")


HOSTILE = {
    "spaces": " " * 250_000 + "x",
    "spaces in a heading": "# " + " " * 250_000 + "x",
    "spaces in a box": "- [ ] " + " " * 250_000 + "x `do: a`",
    "hashes": "# x" + " #" * 120_000 + " y",
    "dotted key": "+++\n" + ".".join("a" * 8000) + " = 1\n+++\nx",
    "dotted table": "+++\n[" + ".".join("a" * 8000) + "]\n+++\nx",
    "quoted dotted key": "+++\n" + ".".join(['""'] * 5000) + " = 1\n+++\nx",
    "inline tables": "+++\nx = " + "{a=" * 3000 + "1" + "}" * 3000 + "\n+++\nx",
    "brackets": "+++\nx = " + "[" * 16_000 + "\n+++\nx",
    "tables": "+++\n" + "[[a.b]]\n" * 1900 + "+++\nx",
    "quotes": "+++\n" + '"\\"' * 5000 + "\n+++\nx",
    "escapes": '+++\nx="""' + '\\"' * 7500 + "\n+++\nx",
    "list": "---\na: [" + "b," * 8000 + "\n---\nx",
    "boxes": "- [ ] a\n" * 32_000,
    "nested boxes": "\n".join(" " * (2 * (at % 200)) + "- [ ] a" for at in range(1000)),
    "ticks": "- [ ] " + "`" * 250_000,
    "ticks of two lengths": "- [ ] " + "` `` " * 50_000,
    "ticks of all lengths": "- [ ] " + " ".join("`" * at for at in range(1, 650)),
    "spans": "- [ ] " + "`do: a` " * 30_000,
    "a long span": "- [ ] `do: " + "a" * 250_000 + "`",
    "open quotes": "- [ ] x `do: a b='`\n" * 500,
    "comments": "<!--\n" * 50_000,
    "fences": "```\n" * 60_000,
    "bidi": "\u202e" * 85_000,
    "zero width": "\u200b\n" * 60_000,
    "carriage returns": "a" + "\r" * 250_000 + "b",
    "front matter fences": "---\n" * 60_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_costs_no_more_than_a_long_one(text: str) -> None:
    def once(text: str) -> float:
        start = time.process_time()
        with suppress(Rejected):
            read(text)
        return time.process_time() - start

    # a plain file of many lines in the same run is the measure, as machines are shared; what is quadratic takes 100 times
    plain = min(once("- [ ] a\n" * 400 + "a line of text\n" * 16_000) for _ in range(3))
    assert min(once(text) for _ in range(3)) < 10 * plain


@pytest.mark.parametrize(
    "text", ["14:00", "2h", "2026-12-01", "2026-12-01 08:00", "2026-12-01T08:00:00+01:00"]
)
def test_when_it_may_start_is_kept_as_it_is_written(text: str) -> None:
    issue = read(f"---\nnot_before: {text}\n---\n# T\n")
    assert (issue.not_before, issue.warning) == (text, "")


def test_a_start_that_cannot_be_read_is_ignored_and_told() -> None:
    issue = read("---\nnot_before: soon\n---\n# T\n")
    assert issue.not_before == ""
    assert issue.warning.startswith("line 2: not_before 'soon' was ignored: write it like 2h, 14:00")
    toml = read("+++\nnot_before = 2026-12-01T08:00:00Z\n+++\n# T\n")
    assert (toml.not_before, toml.warning) == ("2026-12-01T08:00:00+00:00", "")
