"""The prose of a draft by a local model, and by the template when none answers: the facts stay the same."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.llm.double import Script, ollama_double

if TYPE_CHECKING:
    from tests.e2e.person import Person

ISSUE = "---\nid: sort\n---\n# Sort the words\n\n- [ ] Sort them `do: sort-words`\n"
DRAFT = ".sixth/drafts/sixth%2Fsort-the-words.md"


def configure(person: Person, url: str) -> None:
    path = person.repo.path / ".sixth/config.toml"
    path.write_text(path.read_text() + f'\n[llm]\nurl = "{url}"\nmodel = "tiny:latest"\ntimeout = "3s"\n')
    person.ok("trust", "--yes")


def facts(text: str) -> str:
    """Return the draft from its first heading on: everything but the narrative and who wrote it."""
    return text[text.index("\n## ") :]


def test_a_model_that_answers_writes_the_prose_and_the_draft_says_so(person: Person) -> None:
    with ollama_double(Script(answer="The words are in order now.")) as double:
        configure(person, double.url)
        person.drop(ISSUE)
        assert person.say("run", SIXTH_LLM="on").status == 0
        assert any(path == "/api/chat" for path, _ in double.requests)
    text = (person.repo.path / DRAFT).read_text()
    assert "The words are in order now." in text
    assert "Prose: model tiny:latest" in text


def test_a_server_that_hangs_costs_its_time_limit_and_the_template_writes(person: Person) -> None:
    with ollama_double(Script(fault="hang")) as double:
        configure(person, double.url)
        person.drop(ISSUE)
        started = time.monotonic()
        assert person.say("run", SIXTH_LLM="on").status == 0
        assert time.monotonic() - started < 15
    text = (person.repo.path / DRAFT).read_text()
    assert "Prose: template" in text
    assert "chore: sort them" in facts(text)
