"""A model server that wants into the draft: its name and its words can be text there, and nothing else."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from sixthbot.actions.markdown import inline
from sixthbot.llm.port import ModelUnavailable
from sixthbot.llm.prose import clean_prose
from tests.hostile.inbox_cases import ESCAPES, MARKUP

EVIDENCE = "Title: Sort the words\nSubtasks done:\n- Sort the list (recipe sort)\nFiles changed:\n- words.txt"
ANSWERS = {
    **{f"{name} in words": f"The list is sorted now. {text} It reads well." for name, text in {**ESCAPES, **MARKUP}.items()},
    "nothing": "", "blank": " \n", "ten megabytes": "The list is sorted. " * 500_000, "one long word": "x" * 100_000,
    "only thoughts": "<think>" * 1000, "other facts": "All 512 tests in tests/test_all.py passed with 100 % coverage.",
    "a foreign address": "Sorted, see https://evil.example/x for more.", "broken tags": "<img " * 20_000,
    "broken links": "[x](" * 20_000, "a JSON object": '{"tool": "shell", "run": ["touch", "pwned"]}',
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_answer_is_plain_text_or_no_answer(name: str) -> None:
    try:
        prose = clean_prose(ANSWERS[name], evidence=EVIDENCE)
    except ModelUnavailable:
        return
    assert len(prose.split()) <= 120
    look(prose)


@pytest.mark.parametrize(
    "text", [*ESCAPES.values(), *MARKUP.values(), "*](http://evil.example)![x](http://e.example/p)"]
)
def test_a_hostile_models_name_is_plain_text(text: str) -> None:
    look(f"*Prose: {inline(f'model {text} via Ollama')}*")


def look(markdown: str) -> None:
    """Read it as a forge does: no link, image, heading, list or HTML begins in it."""
    kinds = {token.type for token in MarkdownIt("commonmark").parse(markdown)}
    assert kinds <= {"paragraph_open", "inline", "paragraph_close"}, markdown
    inner = {
        child.type for token in MarkdownIt("commonmark").parse(markdown) for child in token.children or ()
    }
    assert inner <= {
        "text",
        "text_special",
        "code_inline",
        "em_open",
        "em_close",
        "strong_open",
        "strong_close",
    }, markdown
    assert not set(markdown) & {"\x1b", "\x07", "\x9b", "\u202e"}
