from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import NeedsPerson, TryLater
from sixthbot.core.issues import IssueStatus

if TYPE_CHECKING:
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
    for name in ("one", "two"):
        drop(shop, name)
    drop(shop, "three", "one", "two")
    for name in ("one", "two"):
        with pytest.raises(TryLater, match=f"it waits for issue {name}"):
            shop.step("branch")
        assert shop.branch == ""
        show(shop, name, over)
    assert shop.step("branch").outputs["branch"] == "sixth/three"


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
    for status in (IssueStatus.CANCELLED, IssueStatus.REJECTED):
        show(shop, "one", status)
        shop.issue_id = "two"
        with pytest.raises(NeedsPerson, match=f"one, which is {status.value}") as caught:
            shop.step("branch")
        assert "sixthbot issue reopen one" in caught.value.hint


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
