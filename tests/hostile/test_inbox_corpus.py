"""Every hostile file against the real inbox, in one process: what becomes of it, how fast, and what it leaves behind."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from sixthbot.actions.branches import IssueBranch
from sixthbot.actions.evidence import Delta, Evidence
from sixthbot.actions.facts import Draftable, story, template_values
from sixthbot.actions.forecasting import Forecast
from sixthbot.actions.markdown import inline
from sixthbot.actions.templating import fill_text
from sixthbot.core.coverage import ChangedLines
from sixthbot.core.filekinds import FileKind
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.messages import build_message, own_trailers, subject_for
from sixthbot.core.names import BranchName, Oid, has_unsafe_characters
from sixthbot.core.risk import RiskFacts, assess
from sixthbot.git.diffs import FileChange
from sixthbot.insight.api import ApiChange, ApiReport
from sixthbot.llm.twin import tell
from sixthbot.sources.inbox import Inbox, Scan
from sixthbot.store.open import Store, open_store
from sixthbot.store.operations import Operation
from sixthbot.store.resources import read_template
from tests.hostile.inbox_cases import ACCEPTED, REJECTED, Case, cases
from tests.store.support import home

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.issues import Issue, IssueRecord

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CASES = cases()
SLOWEST, MOST = 1.0, 0.05
HEADINGS = [
    "Asked for", "Risk", "Commits", "Files", "Public interface", "Checks", "Conflicts", "Checklist", "Undo", "Not verified",
]  # fmt: skip
OID = Oid("1" * 40)
_TIMES: dict[str, float] = {}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(home(tmp_path / "repo"), durability="process")


def take(store: Store, case: Case) -> tuple[Scan, float]:
    """Drop the file and look at the inbox as the bot does; return what came of it, and the seconds of work it took."""
    path = store.places.inbox / case.file_name
    path.write_bytes(case.data)
    source = Inbox(store)
    began = time.thread_time()
    source.scan(now=NOW, tick=1.0)
    scan = source.scan(now=NOW, tick=2.0)
    return scan, time.thread_time() - began


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"[^\w .'-]+", "_", case.name)[:60])
def test_a_hostile_file_ends_as_the_contract_says(store: Store, tmp_path: Path, case: Case) -> None:
    scan, seconds = take(store, case)
    _TIMES[case.name] = seconds
    assert seconds < SLOWEST
    assert scan.problems == ()
    assert scan.unsettled == ()
    assert [path.name for path in tmp_path.iterdir()] == ["repo"]
    assert {path.name for path in (tmp_path / "repo").iterdir()} == {".git", ".sixth"}
    if case.outcome == ACCEPTED:
        assert scan.rejected == ()
        (record,) = store.issues.list()
        (event,) = scan.events
        assert store.issues.issue_text(record.id) == case.data
        assert not any(has_unsafe_characters(str(value)) for value in event.fields.values())
        look_at_issue(store, record, parse_issue(case.data, case.file_name))
    elif case.outcome == REJECTED:
        ((name, reason),) = scan.rejected
        assert (scan.events, store.issues.list(), name) == ((), [], case.file_name)
        assert 10 < len(reason) < 400
        assert not has_unsafe_characters(reason)
        kept = [path for path in store.places.rejected.iterdir() if not path.name.endswith(".reason.txt")]
        assert [path.read_bytes() for path in kept] == [case.data]
    else:
        assert (scan.events, scan.rejected, store.issues.list()) == ((), (), [])
        assert (store.places.inbox / case.file_name).read_bytes() == case.data


def look_at_issue(store: Store, record: IssueRecord, issue: Issue) -> None:
    """Follow an accepted issue into everything that its text reaches."""
    plan = store.issues.plan(record.id)
    assert 0 < len(plan.subtasks) <= 500
    for text in (record.title, issue.warning, *(subtask.text for subtask in plan.subtasks)):
        assert not has_unsafe_characters(text), text
    assert 0 < len(record.title) <= 200
    assert all(
        subtask.asked is None or re.fullmatch(r"[\w.-]+", subtask.asked.name) for subtask in plan.subtasks
    )
    trailers = (("Sixth-Issue", record.id), ("Sixth-Task", "t1"), ("Sixth-Subtask", "1"))
    for text in (issue.body[:40_000], plan.subtasks[0].text):
        message = build_message(subject_for(issue.labels, record.title), f"Asked for:\n{text}", trailers)
        assert own_trailers(message) == dict(trailers)
        assert own_trailers(build_message("chore: x", text)) == {}
        assert not has_unsafe_characters(message.replace("\n", ""))
    look_at_draft(store, record, issue)


CALLS = re.compile(r"(?<![\w.])@[A-Za-z0-9]|(?<![A-Za-z0-9&])#\d|://")
"""What a forge makes mentions, references and links of."""


def hostile_evidence(words: str) -> Evidence:
    """Evidence in which everything that comes from outside has these words."""
    api = ApiReport(
        packages=(words,), changes=(ApiChange(words, "changed", words, breaking=True),), unread=(words,)
    )
    forecasts = tuple(
        Forecast(branch=words, is_base=base, conflicts=found)
        for base, found in ((True, (words,)), (False, None))
    )
    operation = Operation(id="1", time="", task="", reason=words, refs=((words, OID, OID),))
    return Evidence(
        kinds={words: FileKind.SOURCE}, hot={words: 12}, api=api, forecasts=forecasts, left_out=1, operation=operation,
        deltas=(Delta(where=words, old=0, new=3),), coverage_file=words, risk=assess(RiskFacts(lines=1, hot=[words])),
        coverage=ChangedLines(measured=2, missed={words: (1, 2)}),
    )  # fmt: skip


def look_at_draft(store: Store, record: IssueRecord, issue: Issue) -> None:
    """Read the draft as markdown: its headings, boxes and links are the bot's own, whatever the issue says."""
    branch = IssueBranch(
        name=BranchName("sixth/x"), base=BranchName("main"), tip=OID, base_tip=OID, commits=()
    )
    hostile = record.title
    change = FileChange(path=hostile, added=1, deleted=0, status="M", binary=False)
    check = {
        "command": hostile,
        "ok": False,
        "exit": 1,
        "duration": 0.1,
        "problem": "",
        "output": issue.body[:5000],
    }
    of = Draftable(
        record=record, issue=issue, plan=store.issues.plan(record.id), branch=branch, tree=OID, files=(change,),
        checks={"tree": OID, "results": [check]}, evidence=hostile_evidence(hostile), changelog=hostile,
        manual=(hostile,),
    )  # fmt: skip
    template, _ = read_template(None, "pr.md.j2", None)
    text = fill_text(
        template,
        {**template_values(of), "prose": inline(tell(story(of)), limit=2000), "prose_by": inline(hostile)},
        origin="pr.md.j2",
    )
    assert not has_unsafe_characters(re.sub(r"[\n\t]", "", text))
    depth, headings = 0, []
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for at, token in enumerate(tokens):
        depth += token.nesting if token.type.startswith("blockquote") else 0
        if token.type == "heading_open" and depth == 0:
            headings.append(tokens[at + 1].content)
        assert token.type != "html_block", token.content
        for child in token.children or ():
            assert child.type not in {"image", "html_inline"}, token.content
            assert child.type != "link_open", token.content
            assert child.type != "text" or not CALLS.search(child.content), token.content
    assert headings == HEADINGS


def test_the_corpus_is_large_and_fast() -> None:
    assert len(CASES) >= 300
    assert len({case.name for case in CASES}) == len(CASES)
    times = sorted(_TIMES.values())
    if len(times) < 100:  # run alone, or in another process than most of the cases
        return
    assert times[int(len(times) * 0.95)] < MOST, json.dumps(times[-20:])
