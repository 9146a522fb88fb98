"""A draft's facts: what each is read from, and what is said where nothing could be read."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest

from sixthbot.actions.complexity import measure_file
from sixthbot.actions.forecasting import foresee, keep
from sixthbot.actions.markdown import inline, quote
from sixthbot.core.names import Oid
from sixthbot.insight.api import compare_api
from tests.git.helpers import git_of, oid

if TYPE_CHECKING:
    from tests.actions.workshop import Workshop
    from tests.support.repos import RepoDir

OLD = "def keep(a):\n    return a\n\n\ndef gone():\n    return 1\n"
NEW = "def keep(a, b):\n    if a:\n        return b\n    return a\n\n\nclass New:\n    pass\n"
FILES = {
    "src/pack/__init__.py": "",
    "src/pack/core.py": OLD,
    "package-lock.json": "{}\n",
    "gen/out.py": "x = 1\n",
    ".gitattributes": "gen/** linguist-generated\n",
}
CHANGE = f"""
import pathlib
put = lambda name, text: (pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True), pathlib.Path(name).write_text(text))
put('src/pack/core.py', {NEW!r})
put('tests/test_core.py', 'def test_keep(): pass\\n')
put('package-lock.json', '{{"a": 1}}\\n' * 500)
put('gen/out.py', 'x = 2\\n')
put('app/migrations/0002_more.py', 'x = 1\\n')
"""


@pytest.fixture
def python(shop: Workshop) -> Workshop:
    shop.dir.commit("chore: begin", dict(FILES))
    shop.recipe("a", CHANGE)
    shop.drop("# Change the core\n\nCallers want b. More words.\n\n- [ ] Do it `do: a`\n")
    shop.steps("branch", "plan", "work", "rebase", "changelog")
    return shop


def check(shop: Workshop, *scripts: str) -> None:
    shop.config["check"] = {"run": [[sys.executable, "-c", script] for script in scripts]}


def test_the_facts_of_a_python_change(python: Workshop) -> None:
    report = {"files": {"src/pack/core.py": {"executed_lines": [1, 2, 4], "missing_lines": [3, 7]}}}
    script = f"open('coverage.json', 'w').write({json.dumps(report)!r}); print('3 passed, 1 skipped in 0.1s')"
    check(python, script, "print('Found 2 errors in 1 file (checked 3 source files)')")
    python.steps("check", "describe")
    text = python.draft().text
    assert text.startswith("Change the core. Callers want b. One thing was asked for and done: Do it.")
    assert (
        "\nSource, 2 files, +6 -3:\n\n- `app/migrations/0002_more.py`: new +1 -0\n- `src/pack/core.py`: +"
        in text
    )
    assert "\nTests, 1 file, +1 -0:\n\n- `tests/test_core.py`: new +1 -0\n" in text
    assert "\n1 generated file, +1 -1: `gen/out.py`\n\n1 lock file, +500 -1: `package-lock.json`\n" in text
    assert (
        "`pack`, by griffe on both trees: 2 breaking changes.\n\n"
        "- removed, **breaking**: `pack.core.gone`\n"
        "- changed, **breaking**: `pack.core.keep`: `parameter was added as required: (a) is now (a, b)`\n"
    ) in text
    assert "- added: `pack.core.New`\n" in text
    assert "exit status 0, 3 passed, 1 skipped, " in text
    assert "exit status 0, 2 type errors, " in text
    assert (
        "Of 4 changed lines that can run, tests ran 2 (`coverage.json`).\n\n- not run: `src/pack/core.py` line 3, 7"
        in (text)
    )
    assert "- `src/pack/core.py:keep`: 1 -> 2\n" in text
    assert "- `src/pack/core.py:gone`: 1 -> gone\n" in text
    assert "- `main` (the base): none\n" in text
    assert "- [x] Tests changed along with the source\n" in text
    assert "- [ ] Tests run every changed line that can run\n" in text
    assert "- [ ] The public interface keeps its callers\n" in text
    assert "- [ ] Read by a person\n" in text
    assert "Which type errors are new: the check did not run on the base." in text
    operation = python.store.operations.list()[-1]
    assert (
        f"`sixthbot undo {operation.id}` takes back the last thing that was done to this branch (changelog)"
        in text
    )
    (backup,) = [one for one, _, _ in operation.backups()]
    assert f"It was at {python.dir.tip(backup)[:12]} before, which `{backup}` keeps.\n" in text
    assert "\n\n\n" not in text


def test_the_risk_is_the_sum_of_its_terms(python: Workshop) -> None:
    python.step("describe")
    risk = re.search(r"## Risk\n(.*?)\n## ", python.draft().text, re.DOTALL)
    assert risk is not None
    points = [int(number) for number in re.findall(r"^- [a-z ]+: (\d+) of \d+, ", risk[1], re.MULTILINE)]
    assert f"**medium**, {sum(points)} of 100 (formula 1)" in risk[1]
    assert "- migrations: 10 of 10, 1 file\n" in risk[1]
    assert "- dependencies: 8 of 8, 1 file\n" in risk[1]
    assert "- broken interface: 24 of 32, 2 breaks\n" in risk[1]
    assert "Nothing for size, files that change often, untested files, conflicts.\n" in risk[1]


def test_a_branch_that_conflicts_is_named_but_not_for_the_changelog(
    python: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = python.branch
    python.drop("# Another\n\n- [ ] Do it `do: a`\n", name="b.md")
    python.recipe("a", "open('src/pack/core.py', 'w').write('mine = 1\\n')")
    python.steps("branch", "plan", "work", "rebase", "changelog", "describe")
    text = python.draft().text
    assert f"- `{first}`: **conflicts** in `src/pack/core.py`\n" in text
    assert "with 1 other branch" in text
    tips = {name: Oid(python.dir.tip(name)) for name in ("main", first, python.branch)}
    one, other = sorted((first, python.branch))
    pairs = [(tips["main"], tips[python.branch]), (tips[one], tips[other])]
    git, cursors = python.context().repo.git, python.store.cursors
    keep(cursors, foresee(git, cursors, pairs), [])

    def try_nothing(_: object, new: list[object]) -> dict[object, None]:
        assert new == []  # what is known of these tips is not tried again
        return {}

    monkeypatch.setattr("sixthbot.actions.forecasting.forecast", try_nothing)
    python.step("describe")
    assert python.draft().text == text


def test_what_lay_in_the_worktree_before_is_no_coverage(python: Workshop) -> None:
    python.dir.commit("chore: a report", {"coverage.json": "{}"})
    check(python, "pass")
    python.steps("rebase", "check", "describe")
    assert python.outputs["check"]["coverage"] == {}
    assert "no check left a coverage report" in python.draft().text


@pytest.mark.parametrize("report", ["{", '{"files": {"a": 1}}', '{"files": []}', "[1]"])
def test_a_report_that_is_none_is_told(python: Workshop, report: str) -> None:
    check(python, f"open('coverage.json', 'w').write({report!r})")
    python.step("check")
    assert python.outputs["check"]["coverage"] == {}
    assert (
        "the coverage report is left out: coverage.json is no coverage report that can be read" in python.told
    )


def test_without_griffe_it_is_said_that_nothing_was_compared(
    python: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixthbot.insight.api._griffe_is_there", lambda: False)
    python.step("describe")
    text = python.draft().text
    assert "The public interface was not compared: griffe is not installed (the extra \\`api\\`)." in text
    assert "Not counted: broken interface (not compared)." in text
    assert "## Public interface" not in text


def test_interfaces_of_odd_sources_are_compared_and_never_end_a_draft(
    repo: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    latin = "# coding: latin-1\nNAME = 'caf\xe9'\n".encode("latin-1")
    face = latin + b"class Old: ...\nclass Kept(Old, object): ...\n"
    before = oid(repo.commit("one", {"pack/__init__.py": face}))
    face = latin + b"from elsewhere import *\nclass Kept(object): ...\ndef new(a): ...\n"
    after = oid(repo.commit("two", {"pack/__init__.py": face}))
    found = compare_api(git_of(repo), before, after, ["pack/__init__.py"])
    assert (found.packages, found.unread, found.reason) == (("pack",), (), "")
    assert [(one.name, one.kind, one.detail) for one in found.changes] == [
        ("pack.Kept", "changed", "base class was removed: Old, object is now object"),
        ("pack.Old", "removed", ""),
        ("pack.new", "added", "(a)"),
    ]
    functions = measure_file("a.py", latin + b"def f(): ...\n")
    assert functions is not None
    assert [one.name for one in functions] == ["f"]

    def broken(*_: object) -> NoReturn:
        raise KeyError("a name that nobody thought of")

    monkeypatch.setattr("griffe.find_breaking_changes", broken)
    odd = compare_api(git_of(repo), before, after, ["pack/__init__.py"])
    assert (odd.packages, odd.changes) == ((), ())
    assert odd.reason == "griffe cannot compare it: 'a name that nobody thought of'"


TEMPLATE = """<!-- Tell us what you did -->
## Description

## Testing
- [x] I ran the tests and all tests pass
- [ ] I added a changelog entry
- [ ] I am happy

## Screenshots
```
none
"""


@pytest.mark.parametrize(
    "path", [".github/PULL_REQUEST_TEMPLATE.md", ".gitlab/merge_request_templates/Default.md"]
)
def test_the_repositorys_pr_template_gives_the_shape(python: Workshop, path: str) -> None:
    python.dir.commit("chore: template", {path: TEMPLATE})
    check(python, "print('3 passed in 0.1s')")
    python.steps("rebase", "changelog", "check", "describe")
    text = python.draft().text
    assert text.startswith("## Description\n\nChange the core.")
    assert "\n## Testing\n\nRun on tree " in text
    assert re.search(r"- \[x\] I ran the tests and all tests pass \(`.*`: 3 passed\)\n", text)
    assert "- [x] I added a changelog entry (`CHANGELOG.md`)\n- [ ] I am happy\n" in text
    assert "\n## Screenshots\n\n```\nnone\n```\n" in text
    assert text.index("## Screenshots") < text.index("\n## Asked for") < text.index("\n## Not verified")
    assert "Tell us" not in text
    assert text.count("## Checks") == 0
    python.config["draft"] = {"template": False}
    python.outputs.pop("describe")
    python.step("describe")
    assert "## Screenshots" not in python.draft().text


def test_a_failed_check_comes_before_the_template(python: Workshop) -> None:
    python.dir.commit("chore: template", {"PULL_REQUEST_TEMPLATE.md": TEMPLATE})
    check(python, "raise SystemExit(1)")
    python.steps("rebase", "changelog", "check", "describe")
    text = python.draft().text
    assert text.startswith("> **Checks failed.**\n> - `")
    assert "- [ ] I ran the tests and all tests pass\n" in text


def test_only_a_setting_has_the_forge_close_an_issue(shop: Workshop) -> None:
    shop.recipe("a", "open('a', 'w').close()")
    shop.drop("---\nsource: '#12'\n---\n# T\n\ncloses #12 @ann\n\n- [ ] a `do: a`\n")
    shop.steps()
    assert "#12" not in shop.draft().text
    shop.config["draft"] = {"closes": True}
    shop.step("describe")
    assert "\nCloses #12\n" in shop.draft().text


def test_a_title_of_a_person_outlives_a_new_commit(python: Workshop) -> None:
    python.step("describe")
    path = python.store.drafts.path(python.draft().branch)
    path.write_text(path.read_text().replace('title = "Change the core"', 'title = "My title"'))
    python.dir.commit("feat: more", {"more": "1\n"})
    python.steps("rebase", "changelog", "describe")
    assert python.draft().title == "My title"
    assert any("the one you edited is kept: .sixth/issues/" in line for line in python.told)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("ask @ann/team about #3", "ask @&#8203;ann/team about #&#8203;3"),
        ("closes o/r#3, !4 and GH-5", "closes o/r#&#8203;3, !&#8203;4 and GH&#8203;-5"),
        ("see https://x.example", "see https:&#8203;//x.example"),
        ("mail a.b@c.example", "mail a.b@c.example"),
    ],
)
def test_nobody_is_called_and_nothing_is_referred_to(given: str, shown: str) -> None:
    assert inline(given) == shown
    assert quote(given) == f"> {shown}"


def test_code_in_a_quotation_stays_as_it_is() -> None:
    assert quote("use `@property` @ann") == "> use `@property` @&#8203;ann"
    assert quote("```python\n@property\n```\n@ann") == "> ```python\n> @property\n> ```\n> @&#8203;ann"
    # where a span does not end on its line, nobody can be sure
    assert "@&#8203;b" in quote("a ` b\n`@b`")
    assert "@&#8203;b" in quote("- x\n  ```\n@b")
    assert quote("[x](http://e.example)") == "> [x]\\(http:&#8203;//e.example)"


def test_what_does_not_parse_is_named_and_not_compared(shop: Workshop) -> None:
    shop.dir.commit(
        "chore: begin", {"pack/__init__.py": "", "pack/a.py": "def f(): ...\n", "other.py": "x = 1\n"}
    )
    shop.recipe("a", "open('pack/a.py', 'w').write('def (\\n'); open('other.py', 'w').write('y = (\\n')")
    shop.drop("# T\n\n- [ ] a `do: a`\n")
    shop.steps("branch", "plan", "work", "describe")
    text = shop.draft().text
    assert "Not Python that can be read, so not compared: `other.py`, `pack/a.py`." in text
    assert "removed" not in text
    assert "- [ ] The public interface keeps its callers\n" in text
