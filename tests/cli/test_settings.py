"""`trust`, `config`, `rules`, `doctor`."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sixthbot.engine.children import ChildProcesses
from sixthbot.store.paths import user_config_file
from tests.cli.support import sixthbot
from tests.support.repos import clone

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from sixthbot.actions.base import Ran
    from tests.support.repos import RepoDir

RULE = """\
[[rule]]
name = "say hello"
on = "commit"
if = "event.files < 3"
do = [{ use = "notify", text = "hello" }]

[[test]]
given = { on = "commit", branch = "main", files = 1 }
expect = ["say hello"]
"""


def write_rule(home: RepoDir, text: str, name: str = "mine.toml") -> None:
    (home.path / ".sixth/rules").mkdir(exist_ok=True)
    (home.path / ".sixth/rules" / name).write_text(text)


def test_what_init_wrote_is_trusted_and_a_changed_byte_is_not(home: RepoDir) -> None:
    assert sixthbot("trust", "--show", cwd=home.path).out == "everything here is trusted\n"
    config = home.path / ".sixth/config.toml"
    before = config.read_text()
    config.write_text(before + '[notify]\nrun = ["true"]\n')
    said = sixthbot("trust", "--show", cwd=home.path)
    assert said.code == 0
    assert said.out.startswith(".sixth/config.toml  never trusted\n    # Settings")
    assert '\n    run = ["true"]\n' in said.out
    sixthbot("trust", "--yes", cwd=home.path)
    config.write_text(before + '[notify]\nrun = ["false"]\n')
    said = sixthbot("trust", "--show", cwd=home.path)
    assert said.out.startswith(".sixth/config.toml  changed since it was trusted\n")
    assert '\n    -run = ["true"]\n    +run = ["false"]\n' in said.out
    config.write_text(before)
    assert sixthbot("trust", "--show", cwd=home.path).out == "everything here is trusted\n"


def test_trust_asks_and_takes_only_yes(home: RepoDir) -> None:
    write_rule(home, RULE)
    for answer in ("", "n\n", "\n"):
        said = sixthbot("trust", cwd=home.path, stdin=answer)
        assert said.code == 4, answer
        assert said.out.startswith(".sixth/rules/mine.toml  never trusted\n    [[rule]]\n")
    said = sixthbot("trust", cwd=home.path, stdin="y\n")
    assert said.code == 0
    assert said.out.endswith("trusted .sixth/rules/mine.toml\n")


def test_trust_is_revoked(home: RepoDir) -> None:
    assert sixthbot("trust", "--revoke", cwd=home.path).code == 0
    assert sixthbot("trust", "--show", cwd=home.path).out.startswith(".sixth/config.toml  never trusted\n")
    assert sixthbot("trust", "--yes", "--show", cwd=home.path).code == 2


def test_a_rule_that_is_a_link_can_never_be_trusted(home: RepoDir) -> None:
    write_rule(home, RULE)
    (home.path / ".sixth/rules/link.toml").symlink_to("mine.toml")
    said = sixthbot("trust", "--yes", cwd=home.path)
    assert (said.code, said.out) == (4, "")
    assert "link.toml cannot be trusted" in said.err


def test_executable_git_settings_are_shown_before_they_are_trusted(home: RepoDir) -> None:
    home.git("config", "filter.x.smudge", "evil \x1b[2J")
    said = sixthbot("trust", "--show", cwd=home.path)
    assert said.out == "git-settings  never trusted\n    filter.x.smudge = evil ^[[2J\n\n"


def test_settings_are_shown_with_where_they_come_from(home: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.path / ".sixth/config.toml").write_text('[branch]\nprefix = "bot"\n')
    sixthbot("trust", "--yes", cwd=home.path)
    monkeypatch.setenv("SIXTHBOT_BOT__WORKERS", "3")
    shown = sixthbot("config", "show", "--origin", "branch", cwd=home.path).out.splitlines()
    assert [line.split() for line in shown[:2]] == [
        ["branch.name", '"{prefix}/{slug}"', "default"],
        ["branch.prefix", '"bot"', ".sixth/config.toml"],
    ]
    settings = sixthbot("config", "--json", cwd=home.path).json["settings"]
    assert {"key": "bot.workers", "value": 3, "origin": "SIXTHBOT_BOT__WORKERS"} in settings
    said = sixthbot("config", "show", "nosuch", cwd=home.path)
    assert (said.code, said.out) == (2, "")


def test_every_mistake_of_a_configuration_is_told_at_once(home: RepoDir) -> None:
    (home.path / ".sixth/config.toml").write_text('[branch]\nprefx = "bot"\n[bot]\nworkers = "many"\n')
    said = sixthbot("trust", "--yes", cwd=home.path)
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("hint: mend it, then sixthbot trust; nothing was trusted\n")
    assert "never trusted" in sixthbot("trust", "--show", cwd=home.path).out
    first, second, *_ = said.err.splitlines()
    assert first.startswith("error: .sixth/config.toml:2: branch.prefx: ")
    assert "prefix" in first
    assert second.startswith("       .sixth/config.toml:4: bot.workers: ")
    for line in (["status"], ["queue"], ["issue"], ["log"], ["draft"]):
        assert sixthbot(*line, cwd=home.path).code == 0, line


def test_a_trusted_file_that_disappears_takes_the_trust_along(waiting: RepoDir) -> None:
    config = waiting.path / ".sixth/config.toml"
    text = config.read_text()
    config.unlink()
    said = sixthbot("trust", "--show", cwd=waiting.path)
    assert said.out.startswith(".sixth/config.toml  missing: it was trusted\n    -[recipes.sort-words]\n")
    sixthbot("done", "tidy", cwd=waiting.path)
    sixthbot("run", cwd=waiting.path)
    assert sixthbot("draft", "list", "--json", cwd=waiting.path).json["drafts"] == []
    assert sixthbot("trust", "--yes", cwd=waiting.path).out == (
        "trusted .sixth/config.toml (that it is missing)\n"
    )
    assert sixthbot("trust", "--show", cwd=waiting.path).out == "there is nothing here that needs trust\n"
    config.write_text(text)
    assert sixthbot("trust", "--show", cwd=waiting.path).out == "everything here is trusted\n"


def test_rules_are_listed_and_checked(home: RepoDir) -> None:
    write_rule(home, RULE)
    said = sixthbot("rules", "list", cwd=home.path)
    assert "work on an issue" in said.out
    assert "untrusted .sixth/rules/mine.toml: its rules do not count (sixthbot trust --show)\n" in said.out
    sixthbot("trust", "--yes", cwd=home.path)
    said = sixthbot("rules", "list", cwd=home.path)
    assert "say hello" in said.out
    assert sixthbot("rules", "check", cwd=home.path).code == 0


def test_a_bad_rule_is_disabled_with_file_and_line_and_the_others_run(home: RepoDir) -> None:
    write_rule(home, RULE)
    write_rule(home, '[[rule]]\nname = "typo"\nonn = "commit"\ndo = ["branch"]\n', "typo.toml")
    sixthbot("trust", "--yes", cwd=home.path)
    said = sixthbot("rules", "check", cwd=home.path)
    assert said.code == 1
    assert ".sixth/rules/typo.toml:1: error: typo: on: this key is needed" in said.out
    assert said.out.endswith(" can be used, 1 cannot\n")
    assert "say hello" in sixthbot("rules", "list", cwd=home.path).out
    assert "disabled typo" in sixthbot("status", cwd=home.path).out


def test_tests_beside_rules_are_run(home: RepoDir) -> None:
    write_rule(home, RULE)
    sixthbot("trust", "--yes", cwd=home.path)
    said = sixthbot("rules", "test", cwd=home.path)
    assert (said.code, said.out.partition(" ")[2]) == (0, "tests, 0 failed\n")
    write_rule(home, RULE.replace("files = 1", "files = 9"))
    sixthbot("trust", "--yes", cwd=home.path)
    said = sixthbot("rules", "test", cwd=home.path)
    assert said.code == 1
    assert " (.sixth/rules/mine.toml, commit): expected say hello, fired nothing\n" in said.out
    assert said.out.endswith(" tests, 1 failed\n")


def test_an_event_of_the_past_is_replayed_with_the_rules_of_today(home: RepoDir) -> None:
    home.commit("feat: one", {"one": "1"})
    sixthbot("run", cwd=home.path)
    records = sixthbot("log", "--json", "-n", "0", cwd=home.path).json["records"]
    event = next(record["event"] for record in records if record["message"].startswith("commit main"))
    write_rule(home, RULE)
    sixthbot("trust", "--yes", cwd=home.path)
    said = sixthbot("rules", "replay", event[:8], cwd=home.path)
    assert said.code == 0
    assert said.out.startswith(f"event {event}  commit  main {home.head()[:9]}\n")
    assert "\n  fires  say hello: " in said.out
    assert sixthbot("rules", "replay", "zz", cwd=home.path).code == 2


def test_actions_are_listed_with_their_arguments(home: RepoDir) -> None:
    said = sixthbot("rules", "list", "--actions", cwd=home.path)
    assert said.code == 0
    assert "\nshell  " in said.out
    assert "\npush  " not in said.out
    actions = sixthbot("rules", "list", "--actions", "--json", cwd=home.path).json["actions"]
    shell = next(action for action in actions if action["name"] == "shell")
    assert {argument["name"] for argument in shell["arguments"]} == {"run", "env", "timeout"}


def test_the_doctor_finds_a_healthy_repository_healthy(home: RepoDir, remote: RepoDir) -> None:
    said = sixthbot("doctor", cwd=home.path)
    assert said.code == 0
    assert said.out.endswith(" checks, 0 problems\n")
    levels = {
        finding["what"]: finding["level"]
        for finding in sixthbot("doctor", "--json", cwd=home.path).json["findings"]
    }
    assert levels["git"] == levels["repository"] == levels["exclude"] == levels["remote"] == "ok"
    assert levels["commands"] == "ok"


def test_the_doctor_says_when_commands_are_not_confined(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ChildProcesses.run

    def unconfined(self: ChildProcesses, *args: Any, **more: Any) -> Ran:
        return replace(run(self, *args, **more), confined=False)

    monkeypatch.setattr(ChildProcesses, "run", unconfined)
    said = sixthbot("doctor", cwd=home.path)
    assert (said.code, "\nwarn  commands       this system confines none: " in said.out) == (0, True)
    (home.path / ".sixth/config.toml").write_text("[worktree]\nconfine = false\n")
    sixthbot("trust", "--yes", cwd=home.path)
    assert "\nnote  commands       worktree.confine is false: " in sixthbot("doctor", cwd=home.path).out


def test_the_doctor_mends_what_is_missing(home: RepoDir) -> None:
    (home.path / ".git/info/exclude").write_text("")
    (home.path / ".sixth/inbox/rejected").rmdir()
    (home.path / ".sixth/inbox").rmdir()
    assert sixthbot("doctor", cwd=home.path).code == 1
    assert sixthbot("doctor", "--fix", cwd=home.path).code == 0
    assert (home.path / ".sixth/inbox").is_dir()
    assert ".sixth" in (home.path / ".git/info/exclude").read_text()


def test_the_doctor_names_broken_settings_and_missing_programs(home: RepoDir) -> None:
    config = home.path / ".sixth/config.toml"
    config.write_text('[check]\nrun = [["no-such-program", "x"]]\n')
    sixthbot("trust", "--yes", cwd=home.path)
    said = sixthbot("doctor", cwd=home.path)
    assert said.code == 1
    assert "check 1: no-such-program is not on PATH" in said.out
    config.write_text('nonsense = 1\n[check]\nrun = "x"\n')
    said = sixthbot("doctor", cwd=home.path)
    assert said.code == 1
    assert "\nbad   settings       .sixth/config.toml:1: nonsense: " in said.out
    assert "\nbad   settings       .sixth/config.toml:3: check.run: " in said.out
    assert (
        "\nwarn  trust          .sixth/config.toml not trusted: recipes and checks wait for it\n" in said.out
    )
    assert "hooks          none are installed" in said.out


def test_the_doctor_goes_on_where_the_persons_own_settings_are_broken(home: RepoDir) -> None:
    file = user_config_file()
    file.parent.mkdir(parents=True)
    file.write_text('[bot]\nworkers = "many"\nworkrs = 1\n')
    said = sixthbot("doctor", cwd=home.path)
    assert said.code == 1
    assert f"\nbad   settings       {file}:2: bot.workers: " in said.out
    assert f"\nbad   settings       {file}:3: bot.workrs: " in said.out
    assert "hooks          none are installed" in said.out


def test_in_a_repository_of_somebody_elses_status_and_doctor_say_what_init_says(
    repo: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, folder = shutil.which("git"), tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    told = sixthbot("init", cwd=repo.path)
    assert (told.code, "safe.directory" in told.err) == (4, True)
    for command in ("status", "doctor", "queue"):
        said = sixthbot(command, cwd=repo.path)
        assert (said.code, said.err) == (4, told.err), command


def test_outside_a_repository_the_doctor_says_so(tmp_path: Path) -> None:
    said = sixthbot("doctor", cwd=tmp_path)
    assert said.code == 3
    assert "bad   repository     no git repository at " in said.out


def test_init_in_a_clone_names_what_came_along_untrusted(home: RepoDir, tmp_path: Path) -> None:
    (home.path / ".sixth/config.toml").write_text('[notify]\nrun = ["evil"]\n')
    home.commit("chore: settings")
    theirs = clone(home, tmp_path / "clone")
    said = sixthbot("init", cwd=theirs.path)
    assert said.code == 0
    assert "\nnot trusted yet: .sixth/config.toml (sixthbot trust --show)\n" in said.out
    assert sixthbot("config", "show", "notify", cwd=theirs.path).out == (
        'notify.run      []\nnotify.timeout  "30s"\n'
    )
