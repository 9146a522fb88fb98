"""The pure parts of a draft's evidence: counts of checks, kinds of files, coverage reports, risk, PR templates."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.checkcounts import count, from_record, to_record
from sixthbot.core.coverage import NAMES, FileLines, on_changed_lines, parse_coverage
from sixthbot.core.errors import UsageError
from sixthbot.core.filekinds import FileKind, is_dependency, is_migration, kind_of
from sixthbot.core.prtemplate import choose, merge, split
from sixthbot.core.risk import RiskFacts, assess

PYTEST = "..F\n=== short test summary info ===\n==== 1 failed, 2 passed, 3 skipped, 1 warning in 0.10s ====\n"
CARGO = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n\ntest result: FAILED. 1 passed; 2 failed; 0 ignored;\n"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (PYTEST, "2 passed, 1 failed, 3 skipped"),
        ("\x1b[32m====== \x1b[1m5 passed\x1b[0m\x1b[32m in 1.23s ======\x1b[0m", None),
        ("5 passed, 1 error in 1.2s", "5 passed, 1 failed"),
        ("no tests ran in 0.01s", "0 passed"),
        ("Ran 12 tests in 0.001s\n\nOK (skipped=2)\n", "10 passed, 2 skipped"),
        ("Ran 5 tests in 0.001s\n\nFAILED (failures=1, errors=2)\n", "2 passed, 3 failed"),
        (CARGO, "4 passed, 2 failed, 1 skipped"),
        (
            "--- PASS: TestA (0.00s)\n    --- PASS: TestA/sub\n--- FAIL: TestB (0.00s)\nFAIL\n",
            "1 passed, 1 failed",
        ),
        ("--- FAIL: TestB (0.00s)\nFAIL\nok  \tx\t0.1s\n", None),
        ("Tests:       1 failed, 2 passed, 3 total\nTime: 1 s\n", "2 passed, 1 failed"),
        (" Test Files  1 passed (1)\n      Tests  2 passed | 1 skipped (3)\n", "2 passed, 1 skipped"),
        ("Found 3 errors in 2 files (checked 10 source files)\n", "3 type errors"),
        ("Success: no issues found in 10 source files\n", "0 type errors"),
        ("0 errors, 0 warnings, 0 informations \n", "0 type errors"),
        (PYTEST + "Ran 12 tests in 0.001s\n\nOK\n", None),
        ("we think that 3 passed in the end", None),
        ("", None),
    ],
)
def test_counts_are_read_where_a_program_is_known_for_its_words(output: str, said: str | None) -> None:
    found = count(output)
    if "\x1b" in output:
        said = "5 passed"
    assert (found and found.said) == said
    assert from_record(to_record(found)) == found


@pytest.mark.parametrize(
    "raw", [None, 1, {}, {"tool": 1}, {"tool": "x", "passed": "1"}, {"tool": "x", "failed": True}]
)
def test_a_damaged_record_of_counts_is_none(raw: object) -> None:
    assert from_record(raw) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/app.py", FileKind.SOURCE),
        ("tests/test_app.py", FileKind.TEST),
        ("pkg/app_test.go", FileKind.TEST),
        ("web/app.spec.tsx", FileKind.TEST),
        ("src/main/java/FooTest.java", FileKind.TEST),
        ("src/latest.py", FileKind.SOURCE),
        ("src/contest.py", FileKind.SOURCE),
        ("docs/index.md", FileKind.DOCS),
        ("README", FileKind.DOCS),
        ("requirements.txt", FileKind.SOURCE),
        ("Cargo.lock", FileKind.LOCK),
        ("web/package-lock.json", FileKind.LOCK),
        ("api/x_pb2.py", FileKind.GENERATED),
        ("static/app.min.js", FileKind.GENERATED),
    ],
)
def test_kinds_of_files(path: str, kind: FileKind) -> None:
    assert kind_of(path) is kind


def test_what_the_repository_calls_generated_is_so() -> None:
    assert kind_of("src/app.py", generated=True) is FileKind.GENERATED
    assert is_migration("app/migrations/0001_x.py")
    assert not is_migration("app/migrations/__init__.py")
    assert is_dependency("requirements/dev.txt")
    assert is_dependency("pyproject.toml")
    assert not is_dependency("src/setup/x.py")


COBERTURA = b"""<?xml version="1.0"?><!DOCTYPE coverage SYSTEM "http://x/coverage-04.dtd">
<coverage><packages><package><classes><class filename="a.py"><lines><line number="1" hits="1"/>
<line number="2" hits="0"/></lines></class></classes></package></packages></coverage>"""
LCOV = b"TN:\nSF:/ci/src/a.py\nDA:1,3\nDA:2,0,x\nend_of_record\n"
JSON = b'{"files": {"src/a.py": {"executed_lines": [1], "missing_lines": [2]}}}'


@pytest.mark.parametrize(
    ("name", "data"), [("coverage.xml", COBERTURA), ("lcov.info", LCOV), ("coverage.json", JSON)]
)
def test_coverage_is_held_against_the_changed_lines(name: str, data: bytes) -> None:
    report = parse_coverage(name, data)
    found = on_changed_lines(report, {"src/a.py": frozenset({1, 2, 3}), "other.py": frozenset({1})})
    assert found is not None
    assert (found.measured, found.missed) == (2, {"src/a.py": (2,)})
    assert on_changed_lines(report, {"b.py": frozenset({1})}) is None


def test_a_name_that_could_be_two_files_is_neither() -> None:
    lines = FileLines(frozenset({1}), frozenset())
    assert on_changed_lines({"x/src/a.py": lines, "y/src/a.py": lines}, {"src/a.py": frozenset({1})}) is None


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><coverage>&a;</coverage>'


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "data", [b"", b"x", b"{}", b"<a>", b"[" * 100_000, BOMB, b"SF:x\nDA:a,b\n", b"\xff" * 9]
)
def test_what_is_no_report_is_refused(name: str, data: bytes) -> None:
    if (name.endswith("json") and data == b"{}") or (name.endswith("xml") and data == b""):
        data = b"<"
    with pytest.raises(UsageError, match="no coverage report"):
        parse_coverage(name, data)


@given(
    st.builds(
        RiskFacts,
        lines=st.integers(0, 10**6),
        hot=st.lists(st.text(max_size=3), max_size=9),
        measured=st.none() | st.integers(0, 50),
        missed=st.integers(0, 50),
        sources=st.integers(0, 9),
        tests=st.booleans(),
        breaks=st.none() | st.integers(0, 99),
        base_conflict=st.booleans(),
        conflicts=st.none() | st.integers(0, 9),
    )
)
def test_a_score_is_the_sum_of_its_terms_within_bounds(facts: RiskFacts) -> None:
    risk = assess(facts)
    assert 0 <= risk.score <= 100
    assert risk.score == min(sum(term.points for term in risk.terms), 100)
    assert all(0 <= term.points <= term.most and term.why for term in risk.terms)
    assert all(term.points == 0 for term in risk.terms if not term.known)
    assert assess(facts) == risk


def test_more_of_anything_never_lowers_the_score() -> None:
    small = RiskFacts(lines=10, breaks=0, conflicts=0)
    large = RiskFacts(
        lines=900, breaks=2, conflicts=1, hot=["a"], sources=1, migrations=["m"], base_conflict=True
    )
    assert (assess(small).score, assess(small).level) == (0, "low")
    assert (assess(large).score, assess(large).level) == (20 + 4 + 4 + 24 + 10 + 24, "high")


def test_the_places_of_pr_templates() -> None:
    assert choose(["a", "docs/pull_request_template.md"]) == "docs/pull_request_template.md"
    assert choose([".github/PULL_REQUEST_TEMPLATE/one.md"]) == ".github/PULL_REQUEST_TEMPLATE/one.md"
    many = [".gitlab/merge_request_templates/Bug.md", ".gitlab/merge_request_templates/default.md"]
    assert choose(many) == many[1]
    assert choose([f".github/PULL_REQUEST_TEMPLATE/{name}.md" for name in "ab"]) == ""


DRAFT = "> **Checks failed.**\n> - x\n\nThe story.\n\n*Prose: me*\n\n## Asked for\n\nIssue 1\n\n## Checks\n\n```text\n## no heading\n```\n\n## Not verified\n\n- all\n"


def test_a_template_without_a_fitting_heading_has_the_draft_around_it() -> None:
    text = merge("# Rules\n\nBe kind.\n", DRAFT, ())
    assert text.startswith(
        "> **Checks failed.**\n> - x\n\nThe story.\n\n*Prose: me*\n\n# Rules\n\nBe kind.\n\n## Asked for"
    )
    assert text.endswith("## Not verified\n\n- all\n")


def test_nothing_of_a_draft_is_lost_in_a_template() -> None:
    template = "## What\n\n## Related issue\n- [x] mine\n\n### How was it tested?\n\n<!-- open\n## Hidden"
    text = merge(template, DRAFT, ((re.compile("mine"), "a record"),))
    assert "- [x] mine (a record)\n" in text
    assert "Hidden" not in text
    for section in split(DRAFT.partition("\n\n")[2]):
        assert section.body in text
    assert text.index("### How was it tested?") < text.index("## no heading") < text.index("## Not verified")


@given(st.text("#-[x] `~<!>\na", max_size=80))
def test_no_template_breaks_the_sections_that_follow_it(template: str) -> None:
    text = merge(template, DRAFT, ())
    titles = [section.title for section in split(text)]
    assert titles[-1] == "Not verified"
    assert text.startswith("> **Checks failed.**")
    assert "- [x]" not in text.replace("- [x]a", "")
