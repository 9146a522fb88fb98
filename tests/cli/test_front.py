"""The front door: help, global options, typos, colour, failures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sixthbot import __version__
from sixthbot.cli.app import COMMANDS
from sixthbot.cli.group import LazyGroup, cli
from tests.cli.support import sixthbot

ROOT = Path(__file__).parents[2]


def test_help_begins_with_examples_and_names_every_command() -> None:
    said = sixthbot("--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Examples:\n  sixthbot init ")
    assert [name for name in COMMANDS if f"\n  {name} " not in said.out] == []


def test_the_version_is_the_packages() -> None:
    assert (
        sixthbot("--version").out == f"sixthbot, version {__version__}\n"
        or sixthbot("--version").out == f"sixthbot {__version__}\n"
    )


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_that_begins_with_examples(name: str) -> None:
    said = sixthbot(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Examples:\n  sixthbot {name}") or said.out.startswith("Examples:\n  ")
    assert f"Usage: sixthbot {name}" in said.out


@pytest.mark.parametrize("line", [(), ("review",), ("issue", "show"), ("queue", "defer")])
def test_the_page_on_commands_has_the_help_that_the_program_prints(line: tuple[str, ...]) -> None:
    page = " ".join((ROOT / "docs/commands.md").read_text(encoding="utf-8").split())
    assert " ".join(sixthbot(*line, "--help").out.split()) in page


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_verb_of_a_command_has_examples_too(name: str) -> None:
    group = LazyGroup.get_command(cli, click.Context(cli), name)
    for verb in group.commands if isinstance(group, click.Group) else ():
        said = sixthbot(name, verb, "--help")
        assert said.code == 0
        assert said.out.startswith("Examples:\n"), (name, verb)


def test_a_typo_names_the_nearest_command() -> None:
    said = sixthbot("stauts")
    assert (said.code, said.out) == (2, "")
    assert said.err == ("error: no such command: 'stauts'; did you mean 'status'?\nhint: sixthbot --help\n")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("cancel", "sixthbot issue cancel ID"), ("list", "sixthbot issue list"), ("retry", "sixthbot queue retry ID"),
    ],
)  # fmt: skip
def test_what_is_spelt_otherwise_is_told(word: str, told: str) -> None:
    said = sixthbot(word)
    assert (said.code, said.out) == (2, "")
    assert told in said.err.splitlines()[0]


def test_help_is_a_word_too() -> None:
    assert sixthbot("help") == sixthbot("--help")
    assert sixthbot("help", "watch") == sixthbot("watch", "--help")


def test_no_command_at_all_shows_the_help_and_is_a_usage_error() -> None:
    said = sixthbot()
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("Examples:\n")


def test_an_unknown_option_is_a_usage_error_with_a_hint() -> None:
    said = sixthbot("status", "--jsom")
    assert said.code == 2
    assert said.err.splitlines()[0].startswith("error: No such option '--jsom'") or said.err.startswith(
        "error: No such option"
    )
    assert said.err.splitlines()[1] == "hint: sixthbot status --help"


def test_verbose_and_quiet_exclude_each_other() -> None:
    assert sixthbot("-v", "-q", "status").code == 2


def test_outside_a_repository_every_reading_command_exits_3(tmp_path: Path) -> None:
    for line in (
        ["status"],
        ["queue"],
        ["issue"],
        ["log"],
        ["draft"],
        ["why", "x"],
        ["review"],
        ["rules", "list"],
    ):
        said = sixthbot(*line, cwd=tmp_path)
        assert (line, said.code, said.out) == (line, 3, "")
        assert said.err.startswith("error: no git repository at "), line
        assert "\nhint: git init, then sixthbot init\n" in said.err


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    said = sixthbot("status", cwd=tmp_path / "nowhere")
    assert (said.code, said.out) == (3, "")
    assert said.err.startswith("error: no such folder")


def test_color_is_on_where_it_is_asked_for_and_off_where_nobody_looks(tmp_path: Path) -> None:
    plain, painted = sixthbot("status", cwd=tmp_path), sixthbot("--color", "always", "status", cwd=tmp_path)
    assert "\x1b" not in plain.err
    assert painted.err.startswith("\x1b[31;1merror:\x1b[0m ")


def test_no_color_wins_over_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b" in sixthbot("status", cwd=tmp_path, terminal=True).err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in sixthbot("status", cwd=tmp_path, terminal=True).err


def test_a_reader_that_leaves_is_no_error() -> None:
    done = subprocess.run(
        [
            "sh",
            "-c",
            '"$0" -m sixthbot --help | true; "$0" -m sixthbot --help 2>&1 >/dev/full || true',
            sys.executable,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_every_command_that_a_message_or_document_names_exists() -> None:
    """A hint that cannot be typed is worse than none. What follows the name in prose is listed here."""
    prose = {
        "stays", "a", "already", "begin", "bot", "describes", "end", "here", "is", "keeps", "knows", "may", "needs", "put",
        "reads", "runs", "again", "task", "from", "has", "on", "one", "or", "the", "made", "asks", "that", "approval", "are", "for", "template", "was", "watches", "which", "works", "wrote", "never", "secret", "does", "and", "it", "will",
    }  # fmt: skip
    files = [
        *(ROOT / "sixthbot").rglob("*.py"), *(ROOT / "rules").iterdir(), *(ROOT / "templates").iterdir(),
        *(ROOT / "docs").glob("*.md"), ROOT / "README.md",
    ]  # fmt: skip
    named = {
        (found[1], path.name)
        for path in files
        if path.is_file()
        for found in re.finditer(
            r"(?<![\w./@-])(?<!from )(?<!import )sixthbot(?: -[Cqv] ?\S*)? ([a-z][a-z-]+)", path.read_text()
        )
    }
    assert {word for word, _ in named} >= {"run", "why", "approve"}
    assert sorted(one for one in named if one[0] not in {*COMMANDS, *prose}) == []
