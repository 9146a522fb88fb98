"""A commit that brings or changes rules is never handled by those; once they are trusted, the next one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

RULE = """\
[[rule]]
name = "mark"
on = "commit"
do = [{ use = "report" }]
"""
FILE = ".sixth/rules/mark.toml"


def fired(repo: RepoDir) -> list[str]:
    """Return the subjects of the commits that the rule made a task for."""
    assert sixthbot("run", cwd=repo.path).code == 0
    told = sixthbot("log", "-n", "0", "--json", cwd=repo.path).json["records"]
    events = [one["data"] for one in told if one["kind"] == "event"]
    return [one["event"]["fields"]["subject"] for one in events if one["tasks"]]


def test_rules_that_were_trusted_before_their_commit_handle_it(repo: RepoDir) -> None:
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / FILE).write_text(RULE)
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    repo.commit("feat: a rule", {"a.txt": "1\n"})
    assert FILE in repo.git("show", "--format=", "--name-only")
    assert fired(repo) == ["feat: a rule"]


def test_a_commit_is_not_handled_by_the_rules_it_brings(repo: RepoDir) -> None:
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / FILE).write_text(RULE)
    repo.commit("feat: a rule", {"a.txt": "1\n"})
    assert (
        sixthbot("trust", "--yes", cwd=repo.path).code == 0
    )  # in the same second, which times could not tell
    assert fired(repo) == []
    assert "changed before that was trusted" in sixthbot("why", repo.tip("main"), cwd=repo.path).out
    repo.commit("feat: the next", {"a.txt": "2\n"})
    assert fired(repo) == ["feat: the next"]


def test_a_commit_that_changes_trusted_rules_stops_them(repo: RepoDir) -> None:
    assert sixthbot("init", cwd=repo.path).code == 0
    (repo.path / FILE).write_text(RULE)
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    repo.commit("feat: a rule", {FILE: RULE + "# changed\n"})
    assert fired(repo) == []
    told = sixthbot("why", repo.tip("main"), cwd=repo.path).out
    assert f"not asked  {FILE}: not trusted" in told
    (repo.path / FILE).write_text(RULE)
    repo.commit("feat: back", {"b.txt": "2\n"})
    assert fired(repo) == ["feat: back"], "bytes that were trusted once are not asked about again"
