"""What the branches of issues are called, by settings, labels, types and ids; and what is in the way of a name."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from sixthbot.core.errors import NeedsPerson, TryLater
from sixthbot.core.names import short_hash
from sixthbot.store.config import Config

if TYPE_CHECKING:
    from sixthbot.core.issues import IssueRecord
    from tests.actions.workshop import Workshop

MAELSTROM = {"prefix_by": {"id:AAS-*": "maelstrom", "label:maelstrom": "maelstrom"}}


@pytest.mark.parametrize(
    ("settings", "issue", "name"),
    [
        (MAELSTROM, "---\nid: AAS-213\n---\n# Live event stream\n", "maelstrom/live-event-stream"),
        (MAELSTROM, "# AAS-213: Live event stream\n", "maelstrom/live-event-stream"),
        (MAELSTROM, "# [aas-213] Live event stream\n", "maelstrom/live-event-stream"),
        (MAELSTROM, "---\nlabels: [AAS-213, maelstrom]\n---\n# Live event stream\n", "maelstrom/live-event-stream"),
        ({"prefix_by": {"label:AAS-*": "maelstrom"}}, "---\nlabels: AAS-213\n---\n# Live event stream\n", "maelstrom/live-event-stream"),
        (MAELSTROM, "---\nid: AASX-1\n---\n# UTF-8 everywhere\n", "sixth/utf-8-everywhere"),
        ({"prefix_by": {"label:ui": "web/ui"}}, "---\nlabels: [area/UI]\n---\n# A\n", "web/ui/a"),
        ({"prefix_by": {"type:fix": "bugfix"}}, "---\nlabels: [bug]\n---\n# Late answers\n", "bugfix/late-answers"),
        ({"prefix_by": {"type:fix": "bugfix"}}, "# Fix the login\n", "bugfix/fix-the-login"),
        ({"prefix_by": {"label:a.b": "no"}}, "---\nlabels: axb\n---\n# T\n", "sixth/t"),
        ({"name": "{type}/{id}-{slug}"}, "---\nid: AAS-213\nlabels: feature\n---\n# AAS-213 Live\n", "feat/aas-213-live"),
        ({"name": "{prefix}/{id}", "prefix": "bot"}, "---\nid: N.7_x\n---\n# T\n", "bot/n-7-x"),
        ({}, "---\nid: X-1\n---\n# X-1\n", "sixth/x-1"),
        ({}, "---\nid: E1\n---\n# \U0001f600\n", "sixth/issue-e1"),
        ({}, "---\nid: R1\n---\n# \u05e9\u05dc\u05d5\u05dd \u202etxt.exe\n", "sixth/txt-exe"),
        ({}, "# --upload-pack=x; rm -rf / ..\n", "sixth/upload-pack-x-rm-rf"),
        ({}, "# HEAD@{1}^{/x}.lock\n", "sixth/head-1-x-lock"),
    ],
)  # fmt: skip
def test_a_branch_is_called_as_the_settings_say(
    shop: Workshop, settings: dict[str, Any], issue: str, name: str
) -> None:
    shop.config["branch"] = settings
    shop.drop(issue)
    assert shop.step("branch").outputs["branch"] == name


def test_a_name_has_at_most_sixty_characters_whatever_the_template(shop: Workshop) -> None:
    shop.config["branch"] = {"name": "{prefix}/{type}/{id}/{slug}-work", "prefix": "a" * 30}
    shop.drop(f"---\nid: {'i' * 64}\n---\n# {'word ' * 30}\n")
    name = shop.step("branch").outputs["branch"]
    assert len(name) <= 60
    assert shop.dir.tip(name)


@pytest.mark.parametrize("there", ["sixth/Tidy-The-Notes", "sixth/tidy-the-notes/x", "SIXTH/tidy-the-notes"])
def test_a_name_that_differs_only_in_case_or_is_a_folder_is_taken(shop: Workshop, there: str) -> None:
    shop.dir.git("branch", there)
    shop.drop("---\nid: n1\n---\n# Tidy the notes\n")
    name = shop.step("branch").outputs["branch"]
    assert name.startswith("sixth/tidy-the-notes-")
    assert len(name) == len("sixth/tidy-the-notes-") + 6


def test_a_name_that_a_remote_has_is_left_to_it(shop: Workshop) -> None:
    shop.dir.git("update-ref", "refs/remotes/origin/sixth/tidy", shop.dir.head())
    shop.drop("# Tidy\n")
    assert shop.step("branch").outputs["branch"].startswith("sixth/tidy-")


def test_a_branch_in_the_middle_of_a_template_s_path_is_said(shop: Workshop) -> None:
    shop.config["branch"] = {"name": "{prefix}/{id}/{slug}"}
    shop.dir.git("branch", "sixth/n-1")
    shop.drop("---\nid: N-1\n---\n# Tidy\n")
    with pytest.raises(NeedsPerson, match="a branch called sixth/n-1 exists"):
        shop.step("branch")


@pytest.mark.parametrize(
    "branch",
    [
        {"name": "fixed"}, {"name": "{prefix}/{title}"}, {"name": "../{slug}"}, {"prefix_by": {"ui": "x"}},
        {"prefix_by": {"label:ui": "Web"}}, {"prefix_by": {"label:ui": "-x"}},
    ],
)  # fmt: skip
def test_settings_that_give_no_usable_name_are_refused(branch: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"branch": branch})


def test_only_so_many_branches_are_open_at_once(shop: Workshop) -> None:
    shop.config["limits"] = {"open_branches": 1}
    first = shop.drop("---\nid: one\n---\n# One\n")
    shop.step("branch")
    assert shop.step("branch").outputs["branch"] == "sixth/one"
    shop.drop("---\nid: two\n---\n# Two\n")
    with pytest.raises(TryLater, match=r"1 branch of issues wait.*limits\.open_branches is 1"):
        shop.step("branch")
    assert shop.branch == ""
    shop.issue_id = first.id
    assert shop.step("branch").outputs["branch"] == "sixth/one"


@pytest.mark.parametrize(
    ("settings", "issues", "branches"),
    [
        ({"limits": {"open_branches": 1}}, ("One", "Two"), {"sixth/one"}),
        ({}, ("Same name", "Same name"), {"sixth/same-name"}),
    ],
)
def test_of_two_that_begin_at_once_the_second_knows_what_the_first_got(
    shop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    issues: tuple[str, str],
    branches: set[str],
) -> None:
    shop.config |= settings
    older, younger = (
        replace(shop, issue_id=shop.drop(f"---\nid: n{number}\n---\n# {title}\n").id, outputs={})
        for number, title in enumerate(issues)
    )
    looked, over = threading.Event(), threading.Event()
    read, me = shop.store.issues.list, threading.current_thread()

    def looks_and_waits() -> list[IssueRecord]:
        found = read()
        if threading.current_thread() is me and not over.is_set():
            looked.set()
            over.wait(0.3)  # the time that a younger one would need to take the same
        return found

    def the_younger_begins() -> None:
        looked.wait(10)
        try:
            younger.step("branch")
        except TryLater as later:
            refused.append(later.message)
        over.set()

    refused: list[str] = []
    monkeypatch.setattr(shop.store.issues, "list", looks_and_waits)
    other = threading.Thread(target=the_younger_begins)
    other.start()
    older.step("branch")
    other.join(10)
    listed = shop.dir.git("branch", "--list", "--format=%(refname:short)", "sixth/*").splitlines()
    assert {one.removesuffix(f"-{short_hash(younger.issue_id)}") for one in listed} == branches
    assert all("limits.open_branches is 1" in why for why in refused)
    assert len(refused) + len(listed) == len(issues)
