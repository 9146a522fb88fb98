"""`service`: unit and property list, whatever the folders are called; read by their own readers where these are here."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.units import Service, launchd_plist, systemd_unit
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

ODD = ("plain", "two words", 'quo"te', "per%cent %h", "dollar $HOME", "back\\slash", "ü🌳", "it's; # no")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders with names that readers of service files could take for something else."""
    top = tmp_path_factory.mktemp("many")
    for name in ODD:
        (top / name / ".git").mkdir(parents=True)
        (top / name / ".sixth/queue").mkdir(parents=True)
        (top / name / ".sixth/local").mkdir()
        (top / name / ".git/HEAD").write_text("ref: refs/heads/main\n")
        (top / name / ".git/objects").mkdir()
        (top / name / ".git/refs").mkdir()
    return [top / name for name in ODD]


def test_the_plist_names_program_and_folders_exactly(folders: list[Path]) -> None:
    said = sixthbot("service", "--launchd", *map(str, folders))
    assert said.code == 0
    data = plistlib.loads(said.out.encode())
    assert data["ProgramArguments"][-len(ODD) - 1 :] == ["watch", *map(str, folders)]
    assert os.access(data["ProgramArguments"][0], os.X_OK)
    assert data["KeepAlive"] == {"SuccessfulExit": False}
    assert "launchctl bootstrap" in said.err


def words(line: str) -> list[str]:
    """Split as systemd.syntax(7) and systemd.service(5) say: quotes, backslashes, then %% and $$."""
    found, word, quoted, begun, at = [], "", False, False, 0
    while at < len(line):
        one = line[at]
        if one == "\\":
            at += 1
            word += line[at]
        elif one == '"':
            quoted, begun = not quoted, True
        elif one == " " and not quoted:
            if word or begun:
                found.append(word)
            word, begun = "", False
        else:
            word += one
        at += 1
    if word or begun:
        found.append(word)
    assert not quoted
    return [one.replace("%%", "%").replace("$$", "$") for one in found]


def test_the_unit_names_program_and_folders_exactly(folders: list[Path]) -> None:
    said = sixthbot("service", "--systemd", *map(str, folders))
    (line,) = [one for one in said.out.splitlines() if one.startswith("ExecStart=")]
    assert words(line.removeprefix("ExecStart="))[-len(ODD) - 1 :] == ["watch", *map(str, folders)]
    for needed in ("Restart=on-failure", "ExecReload=/bin/kill -HUP $MAINPID", "WantedBy=default.target"):
        assert needed in said.out
    assert "systemctl --user enable --now sixthbot" in said.err


def test_no_variable_but_the_few_that_are_needed_is_told(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "very-secret")
    monkeypatch.setenv("SIXTHBOT_PUSH__REMOTE", "very-secret")
    monkeypatch.setenv("PATH", "/opt/a b:/usr/bin")
    for kind in ("--systemd", "--launchd"):
        said = sixthbot("service", kind, str(folders[0]))
        assert "very-secret" not in said.out + said.err
        assert "/opt/a b:/usr/bin" in said.out


def test_a_folder_without_the_bot_and_a_bad_name_are_refused(folders: list[Path], repo: RepoDir) -> None:
    assert sixthbot("service", cwd=repo.path).code == 3
    assert sixthbot("service", "--name", "../up", str(folders[0])).code == 2


def test_as_json_for_programs(folders: list[Path]) -> None:
    said = sixthbot("service", "--systemd", "--json", str(folders[0])).json
    assert said["schema"] == 1
    assert said["path"].endswith("systemd/user/sixthbot.service")
    assert said["text"].startswith("[Unit]\n")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_itself_finds_no_fault(folders: list[Path], tmp_path: Path) -> None:
    unit = tmp_path / "sixthbot.service"
    unit.write_text(sixthbot("service", "--systemd", *map(str, folders)).out)
    done = subprocess.run(
        ["systemd-analyze", "--user", "--man=no", "verify", str(unit)],
        capture_output=True, text=True, check=False, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "sixthbot.service" in line]
    assert not complaints


def test_a_program_in_a_folder_with_a_dollar_is_started_by_env() -> None:
    service = Service("x", ("/a$b/sixthbot", "watch", "/r"), {})
    assert 'ExecStart=/usr/bin/env "/a$$b/sixthbot" watch /r\n' in systemd_unit(service)
    assert plistlib.loads(launchd_plist(service, log="/l").encode())["ProgramArguments"][0] == "/a$b/sixthbot"
