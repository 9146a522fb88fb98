"""Notes of hooks as events: with their arguments, once each, also after a crash; and nothing without a rule for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sixthbot.sources.wake import Woken
from tests.bot.home import CONFIG, Home, make_home

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

RULE = """\
[[rule]]
name = "seen"
on = ["hook.post-checkout", "hook.post-commit"]
do = [{ use = "notify", text = "x" }]
"""


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def note(home: Home, name: str, text: str, *, at: int = 1) -> None:
    (home.places.notes / name).write_text(text)
    os.utime(home.places.notes / name, ns=(at, at))


def args(home: Home) -> list[tuple[str, object]]:
    return sorted((task.event.kind, task.event.fields["args"]) for task in home.tasks())


def test_a_note_becomes_an_event_with_the_hook_s_arguments(home: Home) -> None:
    home.configure(CONFIG, RULE)
    note(home, "on-checkout-7", "on-checkout\nold\nnew\n1\n")
    note(home, "on-commit-8", "on-commit\n")
    note(home, "on-merge-9", "on-merge\n0\n")
    note(home, "junk", "rm -rf\n")
    home.bot().tick(Woken())
    assert args(home) == [("hook.post-checkout", ("old", "new", "1")), ("hook.post-commit", ())]
    assert list(home.places.notes.iterdir()) == []


def test_a_note_of_a_process_number_that_came_again_is_another_event(home: Home) -> None:
    home.configure(CONFIG, RULE)
    for at in (1, 2):
        note(home, "on-commit-8", "on-commit\n", at=at)
        home.bot().tick(Woken())
    assert len(home.tasks()) == 2


def test_a_note_that_could_not_be_removed_makes_no_second_task(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.configure(CONFIG, RULE)
    note(home, "on-commit-8", "on-commit\n")
    with monkeypatch.context() as patch:
        patch.setattr("sixthbot.sources.hooks.clear_notes", lambda *_: None)
        home.bot().tick(Woken())
    home.bot().tick(Woken())
    assert len(home.tasks()) == 1
    assert list(home.places.notes.iterdir()) == []


def test_without_a_rule_for_hooks_a_note_only_wakes(home: Home) -> None:
    note(home, "on-commit-8", "on-commit\n")
    home.bot().tick(Woken())
    assert list(home.places.notes.iterdir()) == []
    assert "hook" not in str([record.data for record in home.store.journal.read()])
