from __future__ import annotations

from dataclasses import dataclass

import pytest

from sixthbot.llm.choose import is_loopback, writer_for
from sixthbot.llm.fit import CUT_MARK, estimate_tokens, fit
from sixthbot.llm.port import ModelUnavailable, Prompt


@dataclass
class Settings:
    enabled: bool = True
    url: str = "http://127.0.0.1:11434"
    model: str = ""


def test_a_model_on_this_machine_may_be_asked() -> None:
    assert writer_for(Settings(), {}, trusted=False) is not None


@pytest.mark.parametrize("value", ["off", "OFF", "0", "false", " no "])
def test_one_variable_switches_every_model_off(value: str) -> None:
    assert writer_for(Settings(), {"SIXTH_LLM": value}) is None


def test_the_setting_switches_it_off() -> None:
    assert writer_for(Settings(enabled=False), {}) is None


def test_another_machine_counts_only_when_trusted() -> None:
    settings = Settings(url="http://192.0.2.1:11434")
    assert writer_for(settings, {}, trusted=False) is None
    assert writer_for(settings, {}, trusted=True) is not None


@pytest.mark.parametrize("url", ["", "127.0.0.1:11434", "ftp://127.0.0.1", "http://[", "http://"])
def test_an_address_that_is_none_gives_no_writer(url: str) -> None:
    assert writer_for(Settings(url=url), {}) is None


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:11434", True),
        ("http://localhost:11434", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://0.0.0.0", False),
        ("http://192.168.1.5", False),
    ],
)
def test_what_is_this_machine(url: str, here: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_loopback(url) is here


def test_a_short_prompt_is_not_touched() -> None:
    prompt = Prompt(system="s", user="u")
    assert fit(prompt, window=2048, answer=100) is prompt


def test_a_long_one_loses_whole_lines_at_its_end() -> None:
    prompt = Prompt(system="s", user="\n".join(["äöü wort"] * 4000))
    cut = fit(prompt, window=2048, answer=100)
    assert estimate_tokens(cut.user) <= 2048 - 100 - 64
    assert cut.user.removesuffix(CUT_MARK).endswith("wort")


def test_a_system_part_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ModelUnavailable):
        fit(Prompt(system="x" * 10_000, user="u"), window=2048, answer=100)
