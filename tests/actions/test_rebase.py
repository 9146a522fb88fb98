from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import NeedsPerson, TryLater
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.actions.workshop import Workshop

ISSUE = "# Tidy\n\n- [ ] Make a `do: a`\n- [ ] Make b `do: b`\n"


@pytest.fixture
def worked(shop: Workshop) -> Workshop:
    for name in ("a", "b"):
        shop.recipe(name, f"open('{name}', 'w').write('{name}\\n')")
    shop.drop(ISSUE)
    shop.steps("branch", "plan", "work")
    return shop


def test_nothing_happens_while_the_base_has_not_moved(worked: Workshop) -> None:
    tip = worked.dir.tip(worked.branch)
    assert worked.step("rebase").outputs["rebased"] is False
    assert worked.dir.tip(worked.branch) == tip


def test_a_base_that_moved_on_takes_the_branch_along_without_a_checkout(worked: Workshop) -> None:
    base = worked.dir.commit("feat: more", {"other": "1\n"})
    worked.dir.write({"README.md": "half an edit\n"})
    before = fingerprint(worked.dir.path)
    outcome = worked.step("rebase").outputs
    assert (outcome["rebased"], outcome["onto"]) == (True, base)
    assert fingerprint(worked.dir.path) == before
    assert worked.dir.subjects(f"main..{worked.branch}") == [
        "feat: make a",
        "feat: make b",
    ] or worked.dir.subjects(f"main..{worked.branch}") == ["chore: make a", "chore: make b"]
    assert worked.dir.git("merge-base", "main", worked.branch) == base
    here = worked.dir.git("rev-list", "--reverse", f"main..{worked.branch}").split()
    assert [subtask.commits for subtask in worked.plan.subtasks] == [(here[0],), (here[1],)]
    assert worked.record.base_commit == base


def test_doing_it_again_changes_nothing(worked: Workshop) -> None:
    worked.dir.commit("feat: more", {"other": "1\n"})
    worked.step("rebase")
    tip, plan = worked.dir.tip(worked.branch), worked.plan
    assert worked.step("rebase").outputs["rebased"] is False
    assert (worked.dir.tip(worked.branch), worked.plan) == (tip, plan)


def test_a_crash_between_the_move_and_the_plan_is_healed(worked: Workshop) -> None:
    worked.dir.commit("feat: more", {"other": "1\n"})
    old = worked.plan
    worked.step("rebase")
    healed = worked.plan
    worked.store.issues.change_plan(worked.issue_id, lambda _: old)
    worked.step("rebase")
    assert worked.plan == healed != old


def test_a_conflict_parks_with_files_culprit_and_commands_and_moves_nothing(worked: Workshop) -> None:
    tip = worked.dir.tip(worked.branch)
    worked.dir.commit("feat: their own a", {"a": "theirs\n"})
    with pytest.raises(NeedsPerson) as caught:
        worked.step("rebase")
    assert caught.value.kind == "conflict"
    assert "conflicts with main in a;" in caught.value.message
    assert worked.plan.get(1).commits[0][:12] in caught.value.message
    assert "git rebase main" in caught.value.hint
    assert f"sixthbot release {worked.branch}" in caught.value.hint
    assert worked.dir.tip(worked.branch) == tip


def test_the_commands_of_the_hint_do_what_they_say(worked: Workshop, tmp_path: Path) -> None:
    worked.dir.commit("feat: their own a", {"a": "theirs\n"})
    worked.dir.git("worktree", "add", "--quiet", str(tmp_path / "resolve"), worked.branch)
    hand = type(worked.dir)(tmp_path / "resolve")
    assert hand.try_git("rebase", "main").returncode
    hand.write({"a": "both\n"})
    hand.git("add", "a")
    worked.dir.commit("feat: one more", {"z": "1"})
    with pytest.raises(TryLater, match="checked out"):
        worked.step("rebase")
    hand.git("rebase", "--continue")
    worked.dir.git("worktree", "remove", str(tmp_path / "resolve"))
    with pytest.raises(NeedsPerson) as caught:
        worked.step("rebase")
    assert caught.value.kind == "frozen"
    tip = worked.dir.tip(worked.branch)
    worked.store.issues.change_record(worked.issue_id, lambda now: replace(now, accepted_tips=(tip,)))
    worked.step("rebase")
    here = worked.dir.git("rev-list", "--reverse", f"main..{worked.branch}").split()
    assert [subtask.commits for subtask in worked.plan.subtasks] == [(here[0],), (here[1],)]


def test_commits_the_base_has_already_are_dropped_and_told(worked: Workshop) -> None:
    worked.dir.commit("feat: the same a", {"a": "a\n"})
    outcome = worked.step("rebase").outputs
    assert len(outcome["dropped"]) == 1
    assert len(worked.dir.subjects(f"main..{worked.branch}")) == 1
    assert worked.plan.get(1).commits == ()
    assert "already" in worked.plan.get(1).reason
    assert any("became empty" in line for line in worked.journal())


def test_the_bots_own_changelog_commit_never_conflicts(worked: Workshop) -> None:
    worked.step("changelog")
    worked.dir.commit(
        "docs: log", {"CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n### Added\n\n- Theirs\n"}
    )
    worked.step("rebase")
    worked.step("changelog")
    text = worked.dir.show(worked.branch, "CHANGELOG.md")
    assert "- Theirs" in text
    assert "Make a" in text
    assert len([one for one in worked.dir.subjects(f"main..{worked.branch}") if "changelog" in one]) == 1


def test_a_base_that_was_rewritten_gives_the_branch_none_of_its_old_commits(shop: Workshop) -> None:
    shop.dir.commit("feat: wrong turn", {"wrong": "1\n"})
    shop.recipe("a", "open('a', 'w').close()")
    shop.drop("# T\n\n- [ ] Make a `do: a`\n")
    shop.steps("branch", "plan", "work")
    shop.dir.git("reset", "--quiet", "--hard", "HEAD~1")
    shop.dir.commit("feat: right turn", {"right": "1\n"})
    shop.step("rebase")
    assert len(shop.dir.subjects(f"main..{shop.branch}")) == 1
    assert "wrong" not in shop.dir.git("ls-tree", "--name-only", shop.branch)


@pytest.mark.parametrize(
    ("policy", "conflict"), [("never", False), ("conflicted", False), ("conflicted", True)]
)
def test_the_policy_is_followed(worked: Workshop, policy: str, *, conflict: bool) -> None:
    worked.config["rebase"] = {"policy": policy}
    tip = worked.dir.tip(worked.branch)
    worked.dir.commit("feat: more", {"a" if conflict else "other": "theirs\n"})
    if conflict:
        with pytest.raises(NeedsPerson):
            worked.step("rebase")
    else:
        assert worked.step("rebase").outputs["rebased"] is False
    assert worked.dir.tip(worked.branch) == tip


def test_a_persons_commits_keep_their_author(shop: Workshop, tmp_path: Path) -> None:
    shop.drop("# T\n\n- [ ] By hand\n")
    shop.steps("branch", "plan")
    shop.by_hand(tmp_path / "mine", "rename\n\nSixth-Subtask: 1\n", {"x": "1\n"})
    shop.step("work")
    shop.dir.commit("feat: more", {"other": "1\n"})
    shop.step("rebase")
    assert shop.dir.git("log", "-1", "--format=%an|%cn|%s", shop.branch) == "Ada|sixthbot|rename"
    assert shop.plan.get(1).commits == (shop.dir.tip(shop.branch),)


def test_a_base_that_is_gone_is_said(worked: Workshop) -> None:
    worked.dir.git("checkout", "--quiet", "-b", "other")
    worked.dir.git("branch", "-D", "main")
    made_at = worked.record.base_commit
    with pytest.raises(NeedsPerson, match="the branch main, the base of") as caught:
        worked.step("rebase")
    assert caught.value.kind == "input"
    assert f"git branch main {made_at}" in caught.value.hint
    worked.dir.git("branch", "main", made_at)
    worked.step("rebase")


def test_the_same_tip_is_never_rebased_onto_the_same_base_twice(worked: Workshop) -> None:
    tip = worked.dir.tip(worked.branch)
    worked.dir.commit("feat: more", {"other": "1\n"})
    assert worked.step("rebase").outputs["rebased"] is True
    worked.dir.git("update-ref", f"refs/heads/{worked.branch}", tip)
    outputs = worked.step("rebase").outputs
    assert (outputs["rebased"], "put back" in str(outputs["reason"])) == (False, True)
    assert worked.dir.tip(worked.branch) == tip
    worked.dir.commit("feat: even more", {"other": "2\n"})
    assert worked.step("rebase").outputs["rebased"] is True


def test_a_conflict_is_tried_once_and_told_again_with_its_stages_in_the_journal(worked: Workshop) -> None:
    worked.dir.commit("feat: their own a", {"a": "theirs\n"})
    told = []
    for _ in range(2):
        with pytest.raises(NeedsPerson) as caught:
            worked.step("rebase")
        told.append((caught.value.message, caught.value.hint))
    assert told[0] == told[1]
    [record] = [one for one in worked.store.journal.read() if one.kind == "rebase.conflict"]
    assert record.commit == worked.plan.get(1).commits[0]
    assert record.data is not None
    [file] = record.data["files"]
    assert (file["path"], [stage[0] for stage in file["stages"]]) == ("a", [2, 3])


def test_with_the_policy_conflicted_a_conflict_of_the_changelog_alone_is_solved(worked: Workshop) -> None:
    worked.config["rebase"] = {"policy": "conflicted"}
    worked.step("changelog")
    worked.dir.commit(
        "docs: log", {"CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n### Added\n\n- Theirs\n"}
    )
    assert worked.step("rebase").outputs["rebased"] is True
