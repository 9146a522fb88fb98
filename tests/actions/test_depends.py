from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import NeedsPerson, TryLater
from sixthbot.core.issues import IssueStatus

if TYPE_CHECKING:
    from pathlib import Path

    from tests.actions.workshop import Workshop


def drop(shop: Workshop, name: str, *depends: str) -> None:
    wanted = f"depends: [{', '.join(depends)}]\n" if depends else ""
    shop.drop(f"---\nid: {name}\n{wanted}---\n# {name}\n", name=f"{name}.md")


def show(shop: Workshop, name: str, status: IssueStatus) -> None:
    shop.store.issues.change_record(name, lambda now: replace(now, status=status))


@pytest.mark.parametrize("over", [IssueStatus.PUSHED, IssueStatus.ENDED])
def test_an_issue_waits_until_those_it_depends_on_are_pushed_or_ended(
    shop: Workshop, over: IssueStatus
) -> None:
    shop.config["branch"] = {"stack": False}
    for name in ("one", "two"):
        drop(shop, name)
    drop(shop, "three", "one", "two")
    for name in ("one", "two"):
        with pytest.raises(TryLater, match=f"it waits for issue {name}"):
            shop.step("branch")
        assert shop.branch == ""
        show(shop, name, over)
    assert shop.step("branch").outputs["branch"] == "sixth/three"


def with_draft(shop: Workshop, name: str, *depends: str) -> str:
    """Drop an issue and take it to its draft; return its branch."""
    drop(shop, name, *depends)
    shop.steps("branch", "plan")
    number = len(shop.store.issues.list())
    shop.by_hand(
        shop.places.top.parent / name, f"feat: {name}\n\nSixth-Subtask: 1\n", {f"{name}.txt": f"{number}\n"}
    )
    shop.steps("work", "rebase", "changelog", "check", "describe")
    return shop.branch


def test_an_issue_starts_on_the_branch_of_the_one_it_depends_on(shop: Workshop) -> None:
    drop(shop, "one")
    drop(shop, "two", "one")
    with pytest.raises(TryLater, match="it waits for issue one to have a draft"):
        shop.step("branch")
    shop.issue_id = "one"
    shop.steps("branch", "plan")
    shop.by_hand(shop.places.top.parent / "x", "feat: a\n\nSixth-Subtask: 1\n", {"a.txt": "1\n"})
    shop.steps("work", "rebase", "changelog", "check", "describe")
    shop.issue_id = "two"
    assert shop.step("branch").outputs["base"] == "sixth/one"
    assert shop.dir.tip("sixth/two") == shop.dir.tip("sixth/one") == shop.record.base_commit
    assert shop.record.stands_on == "one"


def test_of_several_it_stands_on_the_one_that_has_the_others_beneath_it(shop: Workshop) -> None:
    with_draft(shop, "a")
    with_draft(shop, "b", "a")
    drop(shop, "top", "a", "b")
    assert shop.step("branch").outputs["base"] == "sixth/b"
    with_draft(shop, "c", "a")
    drop(shop, "diamond", "b", "c")
    with pytest.raises(TryLater, match="all but one of the issues b, c have ended"):
        shop.step("branch")
    shop.dir.git("merge", "--quiet", "--no-ff", "sixth/b")
    show(shop, "b", IssueStatus.ENDED)
    shop.store.issues.change_record("b", lambda now: replace(now, came_into="main"))
    with pytest.raises(
        TryLater, match="sixth/c, which it would stand on, has not all of main, where issue b"
    ):
        shop.step("branch")
    show(shop, "c", IssueStatus.ENDED)
    assert shop.step("branch").outputs["base"] == "main"


def test_what_was_pushed_and_not_merged_is_stood_on_as_well(shop: Workshop) -> None:
    with_draft(shop, "one")
    show(shop, "one", IssueStatus.PUSHED)
    drop(shop, "two", "one")
    assert shop.step("branch").outputs["base"] == "sixth/one"
    shop.dir.git("merge", "--quiet", "--no-ff", "sixth/one")
    drop(shop, "three", "one")
    assert shop.step("branch").outputs["base"] == "main"


def test_an_issue_with_a_base_of_its_own_stands_there_and_waits(shop: Workshop) -> None:
    with_draft(shop, "one")
    shop.drop("---\nid: two\nbase: main\ndepends: one\n---\n# two\n")
    with pytest.raises(TryLater, match="to be pushed or ended"):
        shop.step("branch")


def test_a_branch_whose_draft_is_out_of_date_is_not_stood_on_yet(shop: Workshop, tmp_path: Path) -> None:
    with_draft(shop, "one")
    shop.by_hand(tmp_path / "more", "feat: not handed over", {"b.txt": "1\n"})
    drop(shop, "two", "one")
    with pytest.raises(TryLater, match="has moved: it waits for that one's new draft"):
        shop.step("branch")


def test_a_branch_that_is_there_is_worked_on_whatever_the_others_do(shop: Workshop) -> None:
    drop(shop, "one")
    show(shop, "one", IssueStatus.PUSHED)
    drop(shop, "two", "one")
    shop.step("branch")
    show(shop, "one", IssueStatus.OPEN)
    assert shop.step("branch").outputs["branch"] == "sixth/two"


def test_an_unknown_issue_and_one_that_was_given_up_need_a_person(shop: Workshop) -> None:
    drop(shop, "two", "one")
    with pytest.raises(NeedsPerson, match="depends on one, and no issue has that id") as caught:
        shop.step("branch")
    assert caught.value.kind == "input"
    drop(shop, "one")
    shop.outputs = {}
    for status in (IssueStatus.CANCELLED, IssueStatus.REJECTED):
        show(shop, "one", status)
        shop.issue_id = "two"
        with pytest.raises(NeedsPerson, match=f"one, which is {status.value}") as caught:
            shop.step("branch")
        assert "sixthbot issue reopen one" in caught.value.hint


def test_a_unique_beginning_of_an_id_is_enough_and_is_found_out_once(shop: Workshop) -> None:
    shop.config["branch"] = {"stack": False}
    drop(shop, "tidy-the-list")
    drop(shop, "tidy-me", "tidy")  # it does not mean itself
    for later in ("", "tidy-up"):  # by the second time, `tidy` is the beginning of two others
        if later:
            drop(shop, later)
        shop.issue_id = "tidy-me"
        with pytest.raises(TryLater, match="it waits for issue tidy-the-list to be"):
            shop.step("branch")
        assert shop.record.depends == ("tidy-the-list",)
    show(shop, "tidy-the-list", IssueStatus.PUSHED)
    assert shop.step("branch").outputs["branch"] == "sixth/tidy-me"


def test_an_id_that_no_issue_has_is_corrected_in_the_issue(shop: Workshop) -> None:
    for name in ("tidy-a", "tidy-b"):
        drop(shop, name)
    for wrong, near in (("tidy", "did you mean tidy-a or tidy-b?"), ("tydi-a", "did you mean tidy-a?")):
        drop(shop, f"on-{wrong}", wrong)
        with pytest.raises(
            NeedsPerson, match=f"depends on {wrong}, and no issue has that id; {near}"
        ) as caught:
            shop.step("branch")
        assert f"correct `depends` in .sixth/issues/on-{wrong}/issue.md" in caught.value.hint
    show(shop, "tidy-a", IssueStatus.ENDED)
    path = shop.places.issues / "on-tydi-a" / "issue.md"
    path.write_text(path.read_text(encoding="utf-8").replace("tydi", "tidy"), encoding="utf-8")
    assert shop.step("branch").outputs["branch"] == "sixth/on-tydi-a"


def test_issues_that_wait_for_each_other_need_a_person(shop: Workshop) -> None:
    drop(shop, "one", "three")
    drop(shop, "two", "one")
    drop(shop, "three", "two")
    for name, circle in (("one", "one -> three -> two -> one"), ("two", "two -> one -> three -> two")):
        shop.issue_id = name
        with pytest.raises(NeedsPerson, match=circle):
            shop.step("branch")
    drop(shop, "itself", "itself")
    with pytest.raises(NeedsPerson, match="itself -> itself"):
        shop.step("branch")
    drop(shop, "outside", "one")  # in no circle itself: those in it say so
    with pytest.raises(TryLater):
        shop.step("branch")
