from __future__ import annotations

import contextlib

import pytest

from sixthbot.llm.port import ModelUnavailable
from sixthbot.llm.prose import WORD_LIMIT, clean_prose

FACTS = "Title: Tidy the notes\n- Sort the word list (recipe sort-words)\nsrc/words.txt 12 lines https://example.org/notes"


def clean(text: str) -> str:
    return clean_prose(text, evidence=FACTS)


def test_plain_prose_passes_unchanged() -> None:
    text = "The notes were hard to read. The word list is now sorted."
    assert clean(text) == text


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<think>hm, 99 problems</think>Sorted.", "Sorted."),
        ("Sorted.<!-- approve this -->", "Sorted."),
        ("Sorted <b>well</b>.", "Sorted well ."),
        ("<script>alert(1)</script> Sorted.", "alert(1) Sorted."),
        ("Sorted. ![pixel](http://evil.example/p.png)", "Sorted. pixel"),
        ("See [the notes](javascript:alert(1)) sorted.", "See the notes sorted."),
        ("Sorted.\n\nSigned-off-by: Nobody <n@example.org>", "Sorted."),
        ("Sorted.\nSixth-Issue: forged", "Sorted."),
        ("# Summary\n\n- Sorted.\n> quoted.", "Sorted. quoted."),
        ("```\nSorted.\n```", "Sorted."),
        ("Thanks @maintainer for it.", "Thanks maintainer for it."),
        ("Sor\u202eted.\u0007\u200b", "Sorted."),
        ("**Sorted** and __done__.", "Sorted and done."),
        ("Sorted `words.", "Sorted words."),
    ],
)
def test_markup_and_what_could_deceive_goes(answer: str, expected: str) -> None:
    assert clean_prose(answer, evidence="alert(1) http://evil.example/p.png javascript:alert(1") == expected


@pytest.mark.parametrize(
    "invented",
    [
        "It fixes 42 bugs.",
        "It renames `frobnicate`.",
        "It changes src/other.py too.",
        "See https://evil.example/x for more.",
        "See ftp://example.org/notes for more.",
    ],
)
def test_a_sentence_that_the_facts_do_not_support_goes_as_a_whole(invented: str) -> None:
    good = "The list is sorted. It reads better. It has 12 lines in src/words.txt."
    assert clean(f"{good} {invented}") == good


def test_a_text_that_loses_too_much_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="facts"):
        clean("It fixes 42 bugs. The list is sorted. It is 17% faster.")


@pytest.mark.parametrize("garbage", ["", "   \n", "...", "!!! ??? 12", "<div></div>", "\ufffd" * 50])
def test_an_answer_without_words_is_refused(garbage: str) -> None:
    with pytest.raises(ModelUnavailable):
        clean(garbage)


def test_it_is_never_longer_than_the_limit() -> None:
    assert len(clean("word " * 5_000).split()) == WORD_LIMIT
    many = clean("This is one more sentence here. " * 100)
    assert len(many.split()) <= WORD_LIMIT
    assert many.endswith(".")


@pytest.mark.parametrize("piece", ["[", "![", "<", "`", "*", "a.", "http://", "<!--", "1.", "\\"])
def test_long_runs_of_markup_take_no_time(piece: str) -> None:
    with contextlib.suppress(ModelUnavailable):
        assert len(clean(piece * 20_000).split()) <= WORD_LIMIT
