"""The step `refresh`: a changelog that lacks something becomes an issue, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.actions.workshop import Workshop


def inbox(shop: Workshop) -> list[str]:
    return sorted(path.name for path in (shop.dir.path / ".sixth/inbox").glob("*.md"))


def test_what_the_changelog_lacks_becomes_an_issue_of_which_there_is_one(shop: Workshop) -> None:
    shop.dir.commit("docs(changelog): begin", {"CHANGELOG.md": "## Unreleased\n"})
    shop.dir.commit("feat: a menu", {"menu": "1\n"})
    assert shop.step("refresh").outputs["proposed"]
    assert inbox(shop) == ["refresh-the-changelog.md"]
    text = (shop.dir.path / ".sixth/inbox/refresh-the-changelog.md").read_text()
    assert "`do: changelog.refresh`" in text
    again = shop.step("refresh").outputs
    assert not again["proposed"]
    assert "about it already" in again["reason"]
    assert inbox(shop) == ["refresh-the-changelog.md"]


def test_nothing_is_proposed_where_nothing_lacks_or_people_write_it(shop: Workshop) -> None:
    assert shop.step("refresh").outputs["reason"] == "the repository keeps no changelog"
    shop.dir.commit("docs(changelog): begin", {"CHANGELOG.md": "## Unreleased\n"})
    for number in range(8):
        shop.dir.commit(f"Make the menu nicer {number}", {"menu": f"{number}\n"})
    assert "not in conventional form" in shop.step("refresh").outputs["reason"]
    assert shop.told[-1].startswith("no issue about the changelog: most commits are not in conventional form")
    assert inbox(shop) == []


def test_the_issue_ends_in_one_commit_that_is_no_entry_itself(shop: Workshop) -> None:
    shop.dir.commit("docs(changelog): begin", {"CHANGELOG.md": "## Unreleased\n"})
    shop.dir.commit("feat: a menu", {"menu": "1\n"})
    shop.step("refresh")
    shop.drop(
        (shop.dir.path / ".sixth/inbox/refresh-the-changelog.md").read_text(), name="refresh-the-changelog.md"
    )
    shop.steps("branch", "plan", "work", "rebase", "changelog")
    assert shop.dir.subjects(f"main..{shop.branch}") == ["docs(changelog): bring it up to date"]
    assert shop.dir.show(shop.branch, "CHANGELOG.md") == "## Unreleased\n\n### Added\n\n- A menu\n"
