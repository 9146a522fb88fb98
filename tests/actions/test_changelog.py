from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import ConfigError, NeedsPerson, WorkFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.actions.workshop import Workshop


@pytest.fixture
def worked(shop: Workshop) -> Workshop:
    shop.recipe("a", "open('a', 'w').close()")
    shop.drop("---\nlabels: feature\n---\n# Tidy\n\n- [ ] Make a `do: a`\n")
    shop.steps("branch", "plan", "work", "rebase")
    return shop


def test_it_is_one_more_commit_with_the_issue_and_without_a_subtask(worked: Workshop) -> None:
    worked.step("changelog")
    assert worked.dir.subjects(f"main..{worked.branch}") == ["feat: make a", "docs(changelog): add Tidy"]
    message = worked.message(worked.branch)
    assert f"Sixth-Issue: {worked.issue_id}" in message
    assert "Sixth-Subtask" not in message
    text = worked.dir.show(worked.branch, "CHANGELOG.md")
    assert "## [Unreleased]" in text
    assert "### Added" in text
    assert "- Make a" in text
    assert worked.dir.git("diff", "--name-only", f"{worked.branch}~1", worked.branch) == "CHANGELOG.md"


def test_doing_it_again_finds_it_there(worked: Workshop) -> None:
    first = worked.step("changelog").outputs
    tip = worked.dir.tip(worked.branch)
    assert worked.step("changelog").outputs == first
    assert worked.dir.tip(worked.branch) == tip


def test_it_is_written_anew_when_the_branch_says_more(worked: Workshop, tmp_path: Path) -> None:
    worked.step("changelog")
    commit = worked.by_hand(tmp_path / "mine", "feat: another thing\n\nSixth-Subtask: 1\n", {"c": "1\n"})
    worked.step("work")
    worked.step("changelog")
    assert worked.dir.subjects(f"main..{worked.branch}") == [
        "feat: make a",
        "feat: another thing",
        "docs(changelog): add Tidy",
    ]
    assert "- Another thing" in worked.dir.show(worked.branch, "CHANGELOG.md")
    assert commit not in worked.plan.get(1).commits
    here = worked.dir.git("rev-list", f"main..{worked.branch}").split()
    assert set(worked.plan.get(1).commits) <= set(here)


def test_switched_off_it_says_so_and_writes_nothing(worked: Workshop) -> None:
    worked.config["changelog"] = {"enabled": False}
    assert worked.step("changelog").outputs["written"] is False
    assert len(worked.dir.subjects(f"main..{worked.branch}")) == 1


def test_a_branch_without_commits_has_nothing_to_say(shop: Workshop) -> None:
    shop.recipe("nothing", "pass")
    shop.drop("# T\n\n- [ ] Nothing `do: nothing`\n")
    shop.steps("branch", "plan", "work", "changelog")
    assert shop.outputs["changelog"]["written"] is False
    assert shop.dir.tip(shop.branch) == shop.dir.tip("main")


def test_published_sections_stay_to_the_byte(worked: Workshop) -> None:
    published = "## [1.0.0] - 2020-01-01\r\n\r\n### Fixed\r\n\r\n- Old  \r\n"
    worked.dir.commit("docs: log", {"CHANGELOG.md": f"# Changelog\r\n\r\n{published}"})
    worked.steps("rebase", "changelog")
    blob = worked.dir.path / "out"
    blob.write_bytes(b"")
    text = worked.repo.git.run("cat-file", "blob", f"{worked.branch}:CHANGELOG.md").stdout
    assert text.endswith(published.encode())


def test_another_file_may_be_named(worked: Workshop) -> None:
    worked.config["changelog"] = {"file": "docs/NEWS.md"}
    worked.step("changelog")
    assert "- Make a" in worked.dir.show(worked.branch, "docs/NEWS.md")


@pytest.mark.parametrize("file", ["../x.md", "a/../../x", ".git/x", "a//b"])
def test_a_path_elsewhere_is_an_error(worked: Workshop, file: str) -> None:
    worked.config["changelog"] = {"file": file}
    with pytest.raises(ConfigError, match="not a path below"):
        worked.step("changelog")


def test_a_link_or_folder_is_not_replaced(worked: Workshop) -> None:
    (worked.dir.path / "CHANGELOG.md").symlink_to("README.md")
    worked.dir.commit("docs: link", {"docs/x": "1\n"})
    worked.step("rebase")
    for name in ("CHANGELOG.md", "docs"):
        worked.config["changelog"] = {"file": name}
        with pytest.raises(ConfigError, match="not a plain file"):
            worked.step("changelog")


def test_a_file_in_utf_16_is_left_alone_with_a_reason(worked: Workshop) -> None:
    worked.dir.commit("docs: log", {"CHANGELOG.md": "# Log\n".encode("utf-16")})
    worked.step("rebase")
    with pytest.raises(WorkFailed, match="UTF-8"):
        worked.step("changelog")


def test_a_branch_that_somebody_changed_is_left_alone(worked: Workshop, tmp_path: Path) -> None:
    worked.by_hand(tmp_path / "mine", "wip", {"x": "1\n"})
    with pytest.raises(NeedsPerson) as caught:
        worked.step("changelog")
    assert caught.value.kind == "frozen"


def test_the_repositorys_own_template_is_used(worked: Workshop) -> None:
    worked.template(
        "changelog.md.j2",
        "{% for section in sections %}### {{ section.group }}\n{% for entry in section.entries %}"
        "{{ entry.line }}, hooray\n{% endfor %}{% endfor %}",
    )
    worked.step("changelog")
    assert ", hooray" in worked.dir.show(worked.branch, "CHANGELOG.md")


def test_a_template_with_an_error_fails_the_step_with_file_and_line(worked: Workshop) -> None:
    tip = worked.dir.tip(worked.branch)
    worked.template("changelog.md.j2", "fine\n{% for x in %}\n")
    with pytest.raises(ConfigError, match=r"\.sixth/templates/changelog\.md\.j2:2"):
        worked.step("changelog")
    assert worked.dir.tip(worked.branch) == tip


@pytest.mark.parametrize("name", ["CHANGES.rst", "HISTORY.md", "changelog", "News.txt"])
def test_the_changelog_that_the_base_has_is_gone_on_with(worked: Workshop, name: str) -> None:
    old = "Version 1.0\n-----------\n\n-   One `thing`\n"
    worked.dir.commit("docs: log", {name: old, "docs/CHANGELOG.md": "# Other\n"})
    worked.steps("rebase", "changelog", "check", "describe")
    assert worked.outputs["changelog"]["file"] == name
    assert f"{name}: 1 entry" in worked.told
    text = worked.dir.show(worked.branch, name)
    assert text.rstrip("\n").endswith(old.rstrip("\n"))
    assert "Unreleased\n----------\n\n**Added**\n\n-   Make a" in text
    assert worked.dir.git("diff", "--name-only", f"{worked.branch}~1", worked.branch) == name
    assert f"adds to `{name}` what the others do" in worked.draft().text


def test_a_changelog_that_the_settings_name_comes_before_the_one_that_is_there(worked: Workshop) -> None:
    worked.dir.commit("docs: log", {"CHANGES.md": "# Changes\n"})
    worked.config["changelog"] = {"file": "docs/log.md"}
    worked.steps("rebase", "changelog")
    assert worked.outputs["changelog"]["file"] == "docs/log.md"
