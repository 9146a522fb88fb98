from __future__ import annotations

from dataclasses import replace

from sixthbot.llm.ollama import OllamaWriter
from sixthbot.llm.port import Budget, Completion, Prompt
from sixthbot.llm.prose import WORD_LIMIT
from sixthbot.llm.twin import Story, narrate, prompt_for, tell
from tests.llm.double import Script, ollama_double

STORY = Story(
    title="Tidy the notes",
    goal="They are a mess.",
    done=(("Sort the word list", "recipe sort-words"), ("Rename the helper.", "person")),
    subjects=("chore: sort the word list", "refactor: rename the helper"),
    files=("words.txt", "helper.py", "CHANGELOG.md"),
    base="main",
)


class Parrot:
    def __init__(self, text: str) -> None:
        self.text = text

    def complete_text(self, prompt: Prompt, *, budget: Budget) -> Completion:
        return Completion(text=self.text, model="parrot via Test")


def test_the_twin_tells_the_facts_the_same_way_every_time() -> None:
    assert tell(STORY) == (
        "Tidy the notes. They are a mess. 2 things were asked for and done: Sort the word list; Rename the helper. "
        "It touches 3 files in 2 commits."
    )
    assert tell(STORY) == tell(STORY)
    assert tell(replace(STORY, more_commits=1)).endswith("It touches 3 files in 3 commits."), (
        "the changelog's, too"
    )


def test_the_twin_keeps_to_the_limit_and_says_what_it_left_out() -> None:
    many = Story(
        title="T",
        goal="",
        done=tuple((f"Do the thing number {n} with care", "person") for n in range(400)),
        subjects=(),
        files=(),
        base="main",
    )
    assert len(tell(many).split()) <= WORD_LIMIT
    assert "and 392 more" in tell(many)


def test_no_model_means_the_twin_writes() -> None:
    prose = narrate(STORY, lambda: None, seconds=1)
    assert (prose.text, prose.by, prose.reason) == (tell(STORY), "template", "")


def test_a_model_that_answers_is_named() -> None:
    prose = narrate(STORY, lambda: Parrot("The notes were a mess. The word list is sorted."), seconds=1)
    assert (prose.text, prose.by) == (
        "The notes were a mess. The word list is sorted.",
        "model parrot via Test",
    )


def test_a_model_that_invents_is_replaced_with_the_reason() -> None:
    prose = narrate(STORY, lambda: Parrot("Speeds everything up by 300%."), seconds=1)
    assert (prose.text, prose.by) == (tell(STORY), "template")
    assert "facts" in prose.reason


def test_a_server_that_hangs_is_replaced_in_time() -> None:
    with ollama_double(Script(fault="hang")) as double:
        writer = OllamaWriter(url=double.url, model="tiny:latest")
        prose = narrate(STORY, lambda: writer, seconds=1)
    assert (prose.by, prose.reason) == ("template", "the model did not answer in time")


def test_the_goal_comes_last_so_that_cutting_takes_it_first() -> None:
    lines = prompt_for(STORY).user.splitlines()
    assert lines[0] == "Title: Tidy the notes"
    assert lines[-1] == "They are a mess."
