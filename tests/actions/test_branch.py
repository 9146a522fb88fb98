from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import ConfigError, NeedsPerson, TryLater, UsageError
from sixthbot.core.events import make_event
from tests.actions.workshop import Workshop, open_workshop
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, make_repo

if TYPE_CHECKING:
    from pathlib import Path

ISSUE = "# Tidy the notes\n\n- [ ] Sort them\n"


def test_the_branch_starts_at_the_default_branch_and_nothing_is_checked_out(shop: Workshop) -> None:
    shop.drop(ISSUE)
    before = fingerprint(shop.dir.path)
    outcome = shop.step("branch")
    assert outcome.outputs["branch"] == "sixth/tidy-the-notes"
    assert outcome.outputs["base"] == "main"
    assert shop.dir.tip("sixth/tidy-the-notes") == shop.dir.tip("main") == outcome.outputs["base_commit"]
    assert fingerprint(shop.dir.path) == before


def test_running_it_twice_finds_the_same_branch(shop: Workshop) -> None:
    shop.drop(ISSUE)
    first = shop.step("branch").outputs
    assert shop.step("branch").outputs == first
    assert len(shop.store.operations.list()) == 1


def test_a_crash_between_record_and_ref_makes_the_same_branch(shop: Workshop) -> None:
    record = shop.drop(ISSUE)
    base = shop.dir.head()
    shop.store.issues.change_record(
        record.id, lambda now: replace(now, branch="sixth/tidy-the-notes", base="main", base_commit=base)
    )
    assert shop.step("branch").outputs["branch"] == "sixth/tidy-the-notes"
    assert shop.dir.tip("sixth/tidy-the-notes") == base


def test_a_branch_of_that_name_gives_a_short_hash(shop: Workshop) -> None:
    shop.dir.git("branch", "sixth/tidy-the-notes")
    shop.drop(ISSUE)
    name = shop.step("branch").outputs["branch"]
    assert name.startswith("sixth/tidy-the-notes-")
    assert shop.step("branch").outputs["branch"] == name


def test_somebody_elses_branch_that_took_the_recorded_name_is_not_taken_over(shop: Workshop) -> None:
    record = shop.drop(ISSUE)
    shop.store.issues.change_record(
        record.id, lambda now: replace(now, branch="sixth/tidy-the-notes", base="main")
    )
    shop.dir.git("branch", "sixth/tidy-the-notes")
    assert shop.step("branch").outputs["branch"] != "sixth/tidy-the-notes"


def test_a_folder_of_branches_in_the_way_gives_a_short_hash(shop: Workshop) -> None:
    shop.dir.git("branch", "sixth/tidy-the-notes/old")
    shop.drop(ISSUE)
    assert shop.step("branch").outputs["branch"].startswith("sixth/tidy-the-notes-")


def test_two_issues_of_one_title_get_two_branches(shop: Workshop) -> None:
    shop.drop(ISSUE)
    first = shop.step("branch").outputs["branch"]
    shop.drop(ISSUE, name="again.md")
    assert shop.step("branch").outputs["branch"] != first


def test_a_branch_called_like_the_prefix_parks_with_a_hint(shop: Workshop) -> None:
    shop.dir.git("branch", "sixth")
    shop.drop(ISSUE)
    with pytest.raises(NeedsPerson, match="a branch called sixth exists") as caught:
        shop.step("branch")
    assert caught.value.kind == "input"
    assert "branch.prefix" in caught.value.hint


def test_a_repository_without_commits_parks_and_goes_on_after_the_first(tmp_path: Path) -> None:
    shop = open_workshop(make_repo(tmp_path / "empty", first_commit=False))
    shop.drop(ISSUE)
    with pytest.raises(NeedsPerson, match="no commits yet") as caught:
        shop.step("branch")
    assert caught.value.kind == "input"
    shop.dir.commit("chore: begin", {"a": "1\n"})
    assert shop.step("branch").outputs["base"] == "main"


def test_a_detached_head_does_not_matter_where_main_exists(shop: Workshop) -> None:
    shop.dir.git("checkout", "--quiet", "--detach")
    shop.drop(ISSUE)
    assert shop.step("branch").outputs["base"] == "main"


def test_a_detached_head_without_an_obvious_branch_asks(shop: Workshop) -> None:
    shop.dir.git("branch", "-m", "main", "trunk-2")
    shop.dir.git("checkout", "--quiet", "--detach")
    shop.drop(ISSUE)
    with pytest.raises(NeedsPerson, match="obvious") as caught:
        shop.step("branch")
    assert "base: NAME" in caught.value.hint


def test_the_issue_names_base_and_branch(shop: Workshop) -> None:
    shop.dir.git("branch", "release/1")
    shop.drop("---\nbase: release/1\nbranch: mine/here\n---\n# T\n")
    outcome = shop.step("branch").outputs
    assert (outcome["branch"], outcome["base"]) == ("mine/here", "release/1")


@pytest.mark.parametrize("base", ["nothing", "refs/heads/main", "origin/main"])
def test_a_base_that_is_no_branch_parks(shop: Workshop, base: str) -> None:
    shop.drop(f"---\nbase: '{base}'\n---\n# T\n")
    with pytest.raises(NeedsPerson) as caught:
        shop.step("branch")
    assert caught.value.kind == "input"


def test_a_base_that_is_misspelt_is_guessed_and_corrected_in_the_issue(shop: Workshop) -> None:
    shop.drop("---\nbase: mian\n---\n# T\n")
    with pytest.raises(NeedsPerson, match=r"'mian' is not a branch .*; did you mean main\?") as caught:
        shop.step("branch")
    path = shop.places.issues / shop.issue_id / "issue.md"
    assert f"correct `base` in .sixth/issues/{shop.issue_id}/issue.md" in caught.value.hint
    path.write_text("---\nbase: main\n---\n# T\n", encoding="utf-8")
    assert shop.step("branch").outputs["base"] == "main"


@pytest.mark.parametrize("branch", ["main", "main/x"])
def test_a_branch_that_cannot_be_had_parks(shop: Workshop, branch: str) -> None:
    shop.drop(f"---\nbranch: '{branch}'\n---\n# T\n")
    with pytest.raises(NeedsPerson) as caught:
        shop.step("branch")
    assert caught.value.kind == "input"


def test_the_name_template_is_followed(shop: Workshop) -> None:
    shop.config["branch"] = {"name": "{prefix}/{id}/{slug}", "prefix": "bot"}
    shop.drop("---\nid: N-7\n---\n# Tidy the notes\n")
    assert shop.step("branch").outputs["branch"] == "bot/n-7/tidy-the-notes"


def test_a_deleted_branch_is_made_again_when_the_issue_is_worked_on_again(shop: Workshop) -> None:
    shop.drop(ISSUE)
    name = shop.step("branch").outputs["branch"]
    shop.dir.git("branch", "-D", name)
    shop.dir.commit("feat: more", {"b": "1\n"})
    assert shop.step("branch").outputs["branch"] == name
    assert shop.dir.tip(name) == shop.dir.tip("main")


def test_a_ref_that_another_git_holds_is_waited_for_and_said(shop: Workshop) -> None:
    lock = shop.dir.git_dir / "refs/heads/sixth/tidy-the-notes.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    shop.drop(ISSUE)
    with pytest.raises(TryLater, match=r"another git process holds a ref.*delete that \.lock file"):
        shop.step("branch")
    assert lock.exists()
    assert [one.state for one in shop.store.operations.list()] == ["reverted"]
    lock.unlink()
    assert shop.step("branch").outputs["branch"] == "sixth/tidy-the-notes"


def test_without_trust_it_waits(shop: Workshop) -> None:
    shop.trusted = False
    shop.drop(ISSUE)
    with pytest.raises(NeedsPerson) as caught:
        shop.step("branch")
    assert caught.value.kind == "untrusted"


def test_a_rule_without_an_issue_is_told_so(shop: Workshop) -> None:
    event = make_event("branch.created", {"branch": "main", "id": "x"}, time=shop.clock())
    with pytest.raises(UsageError, match="works on an issue"):
        shop.step("branch", event=event)


def test_wrong_arguments_are_named_with_a_suggestion(shop: Workshop) -> None:
    shop.drop(ISSUE)
    with pytest.raises(ConfigError, match="did you mean 'base'"):
        shop.step("branch", bsae="main")


def test_in_a_linked_worktree_the_main_repository_is_used(shop: Workshop, tmp_path: Path) -> None:
    shop.dir.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    linked = open_workshop(RepoDir(tmp_path / "linked"))
    linked.drop(ISSUE)
    linked.step("branch")
    assert shop.dir.tip("sixth/tidy-the-notes") == shop.dir.tip("main")
