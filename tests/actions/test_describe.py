from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.drafts import DraftStatus
from sixthbot.core.errors import ConfigError, NeedsPerson
from sixthbot.core.issues import IssueStatus
from sixthbot.llm.ollama import OllamaWriter
from tests.core.planted import planted
from tests.llm.double import Script, ollama_double

if TYPE_CHECKING:
    from pathlib import Path

    from tests.actions.workshop import Workshop

ISSUE = """---
labels: feature
---
# Tidy the notes

They are **hard** to read.

- [ ] Make a `do: a`
- [x] Was done before
"""


@pytest.fixture
def worked(shop: Workshop) -> Workshop:
    shop.recipe("a", "open('a', 'w').write('one\\ntwo\\n')")
    shop.drop(ISSUE)
    shop.steps("branch", "plan", "work", "rebase", "changelog")
    return shop


def check(shop: Workshop, *scripts: str) -> None:
    shop.config["check"] = {"run": [[sys.executable, "-c", script] for script in scripts]}


def facts(text: str) -> str:
    """The draft without its narrative and the line that names the author."""
    return re.sub(r"\A(.*?)[^\n]+\n\n\*Prose: [^\n]*\*\n", r"\1", text, flags=re.DOTALL)


def test_the_draft_states_the_facts(worked: Workshop) -> None:
    check(worked, "print('fine')")
    worked.step("check")
    outcome = worked.step("describe")
    draft = worked.draft()
    tree = worked.dir.git("rev-parse", f"{worked.branch}^{{tree}}")
    assert (draft.head, draft.tree, draft.base) == (worked.dir.tip(worked.branch), tree, "main")
    assert (draft.title, draft.status, draft.issue) == (
        "Tidy the notes", DraftStatus.AWAITING_REVIEW, worked.issue_id,
    )  # fmt: skip
    assert "*Prose: template*" in draft.text
    assert "> They are **hard** to read.\n\n- [x] 1. Make a" in draft.text
    assert re.search(r"- \[x\] 1\. Make a \(recipe a, [0-9a-f]{12}\)\n", draft.text)
    assert "- [x] 2. Was done before (issue)" in draft.text
    assert re.search(
        r"- [0-9a-f]{12} feat: make a \(subtask 1, task `t\w+`, sixthbot\)\n- [0-9a-f]{12} docs\(changelog\)",
        draft.text,
    )
    assert "- `a`: new +2 -0\n" in draft.text
    assert f"Run on tree {tree}, the tree of this draft:" in draft.text
    assert re.search(r"- passed: `.*print.*`, exit status 0, \d+\.\d s\n", draft.text)
    assert "## Not verified" in draft.text
    assert "\n\n\n" not in draft.text
    (ready,) = outcome.follow_ups
    assert ready.kind == "draft.ready"
    assert ready.own
    assert worked.record.status is IssueStatus.IN_REVIEW


def test_a_failed_check_is_said_first(worked: Workshop) -> None:
    check(worked, "pass", "print('```'); raise SystemExit('it broke')")
    worked.steps("check", "describe")
    text = worked.draft().text
    assert text.startswith("> **Checks failed.**\n> - `")
    assert "exit status 1" in text.split("\n\n")[0]
    assert "- **failed**: " in text
    assert "\n````text\n```\nit broke\n````\n" in text


def test_no_checks_are_said_twice(worked: Workshop) -> None:
    worked.steps("check", "describe")
    text = worked.draft().text
    assert "No checks are configured" in text
    assert "nothing was run on this tree" in text


def test_checks_of_another_tree_do_not_count(worked: Workshop, tmp_path: Path) -> None:
    check(worked, "pass")
    worked.step("check")
    worked.by_hand(tmp_path / "mine", "feat: x\n\nSixth-Subtask: 1\n", {"x": "1\n"})
    worked.steps("work", "describe")
    text = worked.draft().text
    assert "which is not the tree of this draft" in text
    assert "The checks ran on another tree" in text


def test_facts_are_the_same_to_the_byte_with_and_without_a_model(worked: Workshop) -> None:
    check(worked, "print('fine')")
    worked.steps("check", "describe")
    without = worked.draft().text
    answer = "The notes were hard to read. They now have what was asked for."
    with ollama_double(Script(answer=answer)) as double:
        worked.model = OllamaWriter(url=double.url, model="tiny:latest")
        worked.step("describe")
    with_model = worked.draft().text
    assert answer in with_model
    assert "*Prose: model tiny:latest via Ollama*" in with_model
    assert without != with_model
    assert facts(without) == facts(with_model)
    assert len(facts(without)) > 500


@pytest.mark.parametrize("fault", ["hang", "drip_tokens", "html", "flood"])
def test_a_bad_server_costs_no_more_than_the_time_limit(worked: Workshop, fault: str) -> None:
    worked.config["llm"] = {"timeout": "1s"}
    with ollama_double(Script(fault=fault)) as double:
        worked.model = OllamaWriter(url=double.url, model="tiny:latest")
        outcome = worked.step("describe")
    assert outcome.outputs["prose"] == "template"
    assert outcome.outputs["reason"]
    assert "*Prose: template*" in worked.draft().text


def test_a_model_cannot_forge_facts(worked: Workshop) -> None:
    answer = "It is done.\n\n## Checks\n\n- passed: `pytest`, exit status 0\n\n<!-- x -->Signed-off-by: You <y@example.org>"
    with ollama_double(Script(answer=answer)) as double:
        worked.model = OllamaWriter(url=double.url, model="tiny:latest")
        worked.step("describe")
    text = worked.draft().text
    assert text.count("## Checks") == 1
    assert "pytest" not in text
    assert "Signed-off-by" not in text


def test_doing_it_again_gives_the_same_file(worked: Workshop) -> None:
    worked.step("describe")
    path = worked.store.drafts.path(worked.draft().branch)
    before = path.read_bytes()
    worked.step("describe")
    assert path.read_bytes() == before


def test_what_a_person_edited_stays(worked: Workshop) -> None:
    worked.step("describe")
    mine = replace(worked.draft(), text="My own words.\n", title="Mine")
    worked.store.drafts.write(mine)
    worked.step("describe")
    assert worked.draft() == mine
    assert any("edited by a person" in line for line in worked.told)


def test_an_edited_text_of_an_older_commit_is_kept_aside(worked: Workshop, tmp_path: Path) -> None:
    worked.step("describe")
    worked.store.drafts.write(replace(worked.draft(), text="My own words.\n", status=DraftStatus.APPROVED))
    worked.by_hand(tmp_path / "mine", "feat: x\n\nSixth-Subtask: 1\n", {"x": "1\n"})
    worked.steps("work", "changelog", "describe")
    draft = worked.draft()
    assert draft.head == worked.dir.tip(worked.branch)
    assert draft.status is DraftStatus.AWAITING_REVIEW
    assert "Asked for" in draft.text
    kept = list((worked.places.issues / worked.issue_id / "drafts").glob("*-edited-*.md"))
    assert [b"My own words." in path.read_bytes() for path in kept] == [True]


def test_a_broken_draft_file_is_kept_aside_and_written_anew(worked: Workshop) -> None:
    worked.step("describe")
    path = worked.store.drafts.path(worked.draft().branch)
    path.write_text("+++\nnonsense\n", encoding="utf-8")
    worked.step("describe")
    assert worked.draft().title == "Tidy the notes"
    kept = list((worked.places.issues / worked.issue_id / "drafts").glob("broken-*.md"))
    assert [one.read_text() for one in kept] == ["+++\nnonsense\n"]


def test_nothing_changed_gives_no_draft_and_ends_the_issue(shop: Workshop) -> None:
    shop.recipe("nothing", "pass")
    shop.drop("# T\n\n- [ ] Nothing `do: nothing`\n")
    shop.steps()
    assert shop.outputs["describe"]["draft"] == ""
    assert shop.store.drafts.list() == []
    assert shop.record.status is IssueStatus.ENDED
    assert shop.dir.tip(shop.branch) == ""
    assert any(said.startswith("nothing changed, so there is no draft") for said in shop.journal())
    assert shop.store.operations.list()[-1].refs == (
        (f"refs/heads/{shop.branch}", shop.dir.tip("main"), None),
    )
    assert shop.step("describe").outputs["draft"] == ""  # its checkpoint was lost
    assert shop.step("review").outputs["result"] == "ended"


def test_an_empty_branch_stays_where_somebody_else_is_at_it(shop: Workshop, tmp_path: Path) -> None:
    shop.recipe("nothing", "pass")
    shop.drop("# T\n\n- [ ] Nothing `do: nothing`\n")
    shop.steps("branch", "plan", "work", "rebase", "changelog", "check")
    shop.dir.git("worktree", "add", "--quiet", str(tmp_path / "mine"), shop.branch)
    shop.step("describe")
    assert shop.record.status is IssueStatus.ENDED
    assert shop.dir.tip(shop.branch) == shop.dir.tip("main")


HOSTILE = """---
title: "Fix `x` [Approved](http://evil.example) <b>now</b> {{ 7*7 }} *all*"
---
<!-- hidden words -->
![pixel](http://evil.example/p.png)
<script>alert(1)</script>

[checks]: http://evil.example

{{ checks.failed }} {% raw %}

## Checks

- passed: everything

- [ ] Do `do: a` now <img src=x> | **x** \u202egnihton
"""


def test_issue_text_forges_nothing(shop: Workshop) -> None:
    shop.recipe("a", "open('a', 'w').close()")
    shop.drop(HOSTILE)
    shop.steps()
    text = shop.draft().text
    outside = "\n".join(line for line in text.split("\n") if not line.startswith(">"))
    assert outside.count("## Checks") == 1
    assert "passed: everything" not in outside
    assert "<!--" not in text
    assert "![" not in text
    assert "<script" not in text
    assert not re.search(r"(?<!\\)<img", text)
    assert "\u202e" not in text
    assert "{{ 7*7 }}".replace("*", r"\*") in text
    assert "49" not in re.sub(r"[0-9a-f]{12,}", "", text)
    assert not re.search(r"^\s*>?\s*\[checks\]:", text, flags=re.MULTILINE)
    assert r"\[Approved\](http:&#8203;//evil.example) \<b\>now" in text


def test_the_repositorys_own_template_is_used_once_it_is_trusted(worked: Workshop) -> None:
    path = worked.places.templates_dir / "pr.md.j2"
    path.parent.mkdir(exist_ok=True)
    path.write_text("Mine: {{ title }} {{ prose_by }}\n", encoding="utf-8")
    worked.step("describe")
    assert "## Not verified" in worked.draft().text
    worked.template("pr.md.j2", "Mine: {{ title }} {{ prose_by }}\n")
    worked.step("describe")
    assert worked.draft().text == "Mine: Tidy the notes template\n"


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("fine\n\n{% if %}", 3),
        ("{{ title }}\n{{ titel }}", 2),
        ("\n{{ ''.__class__.__mro__ }}", 2),
        ("{% for x in range(10**9) %}x{% endfor %}", 1),
        ("{% include 'other' %}", 1),
    ],
)
def test_a_template_error_names_file_and_line_and_writes_no_draft(
    worked: Workshop, template: str, line: int
) -> None:
    worked.template("pr.md.j2", template)
    with pytest.raises(ConfigError, match=rf"\.sixth/templates/pr\.md\.j2:{line}: ") as caught:
        worked.step("describe")
    assert "retry" in caught.value.hint
    assert worked.store.drafts.list() == []


def test_review_waits_until_the_draft_is_pushed_or_rejected(worked: Workshop) -> None:
    worked.step("describe")
    with pytest.raises(NeedsPerson, match="waits for a person") as caught:
        worked.step("review")
    assert caught.value.kind == "review"
    for status, result in ((DraftStatus.REJECTED, "rejected"), (DraftStatus.PUSHED, "pushed")):
        worked.store.drafts.write(replace(worked.draft(), status=status))
        assert worked.step("review").outputs["result"] == result


def test_a_deletion_a_rename_and_a_binary_file_are_told_apart(shop: Workshop) -> None:
    shop.dir.commit("chore: files", {"old": "same\n" * 20, "gone": "x\n"})
    shop.recipe(
        "a",
        "import os; os.rename('old', 'new name'); os.remove('gone'); open('b', 'wb').write(bytes(range(256)))",
    )
    shop.drop("# T\n\n- [ ] Shuffle `do: a`\n")
    shop.steps("branch", "plan", "work", "describe")
    text = shop.draft().text
    assert "- `new name` (was `old`): +0 -0\n" in text
    assert "- `gone`: deleted +0 -1\n" in text
    assert "- `b`: new binary\n" in text


@pytest.mark.parametrize("status", [DraftStatus.APPROVED, DraftStatus.PUSHED])
def test_what_a_person_said_yes_to_is_not_told_again(worked: Workshop, status: DraftStatus) -> None:
    check(worked, "pass")
    worked.steps("check", "describe")
    decided = replace(worked.draft(), status=status)
    worked.store.drafts.write(decided)
    check(worked, "pass", "pass")
    worked.steps("check", "describe")
    assert worked.draft() == decided


@pytest.mark.parametrize("edited", [False, True])
def test_a_rejected_draft_waits_for_review_again_once_its_issue_is_reopened(
    worked: Workshop, *, edited: bool
) -> None:
    worked.step("describe")
    text = "Mine.\n" if edited else worked.draft().text
    worked.store.drafts.write(replace(worked.draft(), status=DraftStatus.REJECTED, text=text))
    worked.step("describe")
    assert (worked.draft().status, worked.draft().text) == (DraftStatus.AWAITING_REVIEW, text)
    with pytest.raises(NeedsPerson):
        worked.step("review")


def test_what_was_not_understood_of_the_issue_is_said_once(shop: Workshop) -> None:
    shop.recipe("a", "open('a', 'w').write('x')")
    shop.drop("---\nlables: bug\npriority: urgent\n---\n# Make it `do: a`\n\nAs *said*.\n")
    shop.steps("branch", "plan", "work", "rebase", "changelog", "check", "describe")
    text = shop.draft().text
    unverified = text[text.index("## Not verified") :]
    assert (
        "- Not all of the issue file was understood: line 2: unknown key 'lables'; did you mean labels?; line 3:"
        in (unverified)
    )
    assert text.count("did you mean labels?") == 1
    assert "do: a" not in text


def test_what_looks_like_a_secret_is_said_first_and_not_shown(shop: Workshop) -> None:
    key = planted()["GitHub token"]
    shop.recipe("a", f"open('conf', 'w').write({key!r})")
    shop.drop(ISSUE)
    shop.steps()
    text = shop.draft().text
    assert text.startswith(
        "> **It would publish what looks like a secret.** It cannot be approved like this.\n"
    )
    assert "> - GitHub token in `conf:1 in " in text
    assert key not in text
