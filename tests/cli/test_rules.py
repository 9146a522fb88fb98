"""The commands about rules: what they say, that looking writes nothing, and their exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.support import sixthbot
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

RULES = """\
[[rule]]
name = "reports on python"
on = "commit"
when = { paths = "**/*.py" }
do = [{ use = "report" }]

[[rule]]
name = "never"
on = "commit"
if = "event.files > 5 and event.files < 3"
do = ["check"]

[[rule]]
name = "mistaken"
on = "comit"
do = [{ use = "reprot" }]

[[test]]
given = { on = "commit", paths = ["a.py"], files = 1 }
expect = ["reports on python"]
"""


@pytest.fixture
def ruled(repo: RepoDir) -> RepoDir:
    """Return a repository with rules that nobody trusts yet."""
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / ".sixth/rules/own.toml").write_text(RULES)
    repo.commit("chore: rules", {"b.txt": "1\n"})
    assert sixthbot("run", cwd=repo.path).code == 0
    return repo


def test_check_finds_everything_at_once_with_file_and_line(ruled: RepoDir) -> None:
    said = sixthbot("rules", "check", cwd=ruled.path)
    assert said.code == 1
    assert ".sixth/rules/own.toml:7: unreachable: never: it can never fire" in said.out
    assert ".sixth/rules/own.toml:15: error: mistaken: `on` names 'comit', which is not there" in said.out
    assert "own.toml: untrusted:" in said.out
    told = sixthbot("rules", "check", "--json", cwd=ruled.path).json
    assert {one["kind"] for one in told["findings"]} == {"error", "unreachable", "untrusted"}
    (ruled.path / ".sixth/rules/own.toml").unlink()
    assert sixthbot("rules", "check", cwd=ruled.path).code == 0


def test_nothing_is_written_by_looking(ruled: RepoDir) -> None:
    issue = ruled.path.parent / "issue.md"
    issue.write_text("---\nlabels: [bug]\n---\n# Mend it\n")
    ruled.commit("feat: code", {"a.py": "x = 1\n"})
    files = {path: path.read_bytes() for path in (ruled.path / ".sixth").rglob("*") if path.is_file()}
    before = fingerprint(ruled.path)
    for command in (
        ("check",), ("test",), ("test", str(issue)), ("test", "--commit", "HEAD"), ("show", "never"),
        ("test", "--event", '{"on": "commit"}'),
    ):  # fmt: skip
        assert sixthbot("rules", *command, cwd=ruled.path).code in {0, 1}, command
    after = {path: path.read_bytes() for path in (ruled.path / ".sixth").rglob("*") if path.is_file()}
    assert after == files
    assert fingerprint(ruled.path) == before


def test_a_commit_an_issue_and_an_event_are_tried(ruled: RepoDir) -> None:
    ruled.commit("feat: code", {"a.py": "x = 1\n"})
    told = sixthbot("rules", "test", "--commit", "HEAD", "--json", cwd=ruled.path).json
    verdicts = {one["rule"]: one for one in told["verdicts"]}
    assert told["event"]["fields"]["branch"] == "main"
    assert verdicts["reports on python"]["fired"]
    assert verdicts["never"]["terms"][-1] == {"text": "event.files > 5", "held": False, "value": "files is 1"}
    issue = ruled.path.parent / "issue.md"
    issue.write_text("# Mend it\n")
    assert "fires  work on an issue" in sixthbot("rules", "test", str(issue), cwd=ruled.path).out
    flat = json.dumps({"on": "commit", "paths": ["b.c"], "files": 9})
    said = sixthbot("rules", "test", "--event", "-", cwd=ruled.path, stdin=flat)
    assert "does not fire  reports on python: `paths = **/*.py` does not hold: paths is [b.c]" in said.out


def test_the_tables_are_run(ruled: RepoDir) -> None:
    assert sixthbot("rules", "test", cwd=ruled.path).code == 0
    path = ruled.path / ".sixth/rules/own.toml"
    path.write_text(RULES.replace('paths = ["a.py"]', 'paths = ["a.c"]'))
    said = sixthbot("rules", "test", cwd=ruled.path)
    assert said.code == 1
    assert "expected reports on python, fired nothing" in said.out


@pytest.mark.parametrize(
    "given",
    [
        ("--event", "{"), ("--event", "[]"), ("--event", "{}"), ("--event", '{"on": 5}'), ("--event", '{"on": "x"}'),
        ("--event", '{"on": "commit", "nope": 1}'), ("--event", '{"on": "commit", "paths": {}}'),
        ("--event", "[" * 100_000), ("--event", '{"on": "commit", "files": null}'), ("--commit", "--output=x"),
        ("--commit", "nope"), ("--commit", ""), ("no-such-file.md",), ("/dev/zero",), ("--commit", "HEAD", "--event", "{}"),
        ("--event", '{"kind": "commit", "key": 1, "time": "x", "fields": {}}'),
        ("--event", '{"kind": "commit", "key": "k", "time": "2026-01-01T00:00:00Z", "fields": {}, "generation": -1}'),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_in_words(ruled: RepoDir, given: tuple[str, ...]) -> None:
    said = sixthbot("rules", "test", *given, cwd=ruled.path)
    assert said.code == 2, said
    assert "Traceback" not in said.err


def test_a_file_that_waits_for_trust_is_no_mistake_and_one_that_is_gone_is_said_to_be(ruled: RepoDir) -> None:
    path = ruled.path / ".sixth/rules/own.toml"
    path.write_text('[[rule]]\nname = "mine"\non = "commit"\ndo = ["check"]\n')
    said = sixthbot("rules", "check", cwd=ruled.path)
    assert said.code == 0
    assert "own.toml: untrusted: not trusted as it is now, so its rules do not count" in said.out
    assert sixthbot("trust", "--yes", cwd=ruled.path).code == 0
    path.unlink()
    said = sixthbot("rules", "check", cwd=ruled.path)
    assert said.code == 0
    assert "own.toml: untrusted: missing: it was trusted, so its rules do not count" in said.out
    assert "own.toml: missing, it was trusted: its" in sixthbot("rules", cwd=ruled.path).out


def test_a_rule_that_cannot_be_used_is_told_of_as_it_is_trusted_and_at_each_run(ruled: RepoDir) -> None:
    off = '[rules]\ndisabled = ["work on an issue"]\n'
    (ruled.path / ".sixth/config.toml").write_text(off)
    (ruled.path / ".sixth/rules/sound.toml").write_text("[[rule]\n")
    told = "rules cannot be used: mistaken: .sixth/rules/own.toml:15: `on` names 'comit', which is not there"
    for command in (("trust", "--yes"), ("run",)):
        said = sixthbot(*command, cwd=ruled.path)
        assert (said.code, told in said.err) == (0, True), said.err
        assert " and 1 more; sixthbot rules check\n" in said.err, "what is switched off is not broken"
    (ruled.path / ".sixth/rules/own.toml").unlink()
    (ruled.path / ".sixth/rules/sound.toml").unlink()
    assert "rules cannot" not in sixthbot("trust", "--yes", cwd=ruled.path).err


def test_replay_acts_only_when_told_to_and_once(ruled: RepoDir) -> None:
    ruled.commit("feat: code", {"a.py": "x = 1\n"})
    assert sixthbot("run", cwd=ruled.path).code == 0
    told = sixthbot("why", ruled.tip("main"), "--json", cwd=ruled.path).json
    assert told["verdicts"] == []
    assert (
        "not asked  .sixth/rules/own.toml: not trusted"
        in sixthbot("why", ruled.tip("main"), cwd=ruled.path).out
    )
    event = told["events"][0]["event"]
    assert "fires  reports on python" in sixthbot("rules", "replay", event, cwd=ruled.path).out
    assert sixthbot("trust", "--yes", cwd=ruled.path).code == 0
    assert (
        "is in the queue for reports on python"
        in sixthbot("rules", "replay", event, "--do", cwd=ruled.path).out
    )
    assert "no rule wants a further task" in sixthbot("rules", "replay", event, "--do", cwd=ruled.path).out
    why = sixthbot("why", ruled.tip("main"), "--json", cwd=ruled.path).json["verdicts"]
    false = {one["rule"]: one["first_false"] for one in why}
    assert false["never"] == {"text": "event.files > 5", "value": "files is 1"}


def test_a_rule_is_shown_with_its_traces(ruled: RepoDir) -> None:
    assert sixthbot("trust", "--yes", cwd=ruled.path).code == 0
    ruled.commit("feat: code", {"a.py": "x = 1\n"})
    assert sixthbot("run", cwd=ruled.path).code == 0
    said = sixthbot("rules", "show", "reports on python", cwd=ruled.path).out
    assert "last success" in said
    assert "fails: event.files > 5 (files is 1)" in sixthbot("rules", "show", "never", cwd=ruled.path).out
    wrong = sixthbot("rules", "show", "report on python", cwd=ruled.path)
    assert (wrong.code, "did you mean 'reports on python'?" in wrong.err) == (2, True)


def test_a_shipped_rule_is_replaced_by_name_or_switched_off(ruled: RepoDir) -> None:
    path = ruled.path / ".sixth/rules/own.toml"
    path.write_text('[[rule]]\nname = "say that a draft waits"\non = "draft.ready"\ndo = ["check"]\n')
    (ruled.path / ".sixth/config.toml").write_text('[rules]\ndisabled = ["work on an issue"]\n')
    assert sixthbot("trust", "--yes", cwd=ruled.path).code == 0
    said = sixthbot("rules", "list", cwd=ruled.path).out
    assert ".sixth/rules/own.toml (instead of the shipped one)" in said
    assert "disabled work on an issue: switched off by rules.disabled" in said
    path.write_text(path.read_text() + "# touched\n")
    told = sixthbot("rules", "list", "--json", cwd=ruled.path).json
    assert told["untrusted"] == [".sixth/rules/own.toml"]
    assert "say that a draft waits" not in {rule["name"] for rule in told["rules"]}, (
        "what somebody replaced does not come back because their file was touched"
    )
