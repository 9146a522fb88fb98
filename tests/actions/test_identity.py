from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import NeedsPerson, WorkFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.actions.workshop import Workshop

ISSUE = "# Tidy\n\n- [ ] Make a `do: a`\n- [ ] Make b `do: b`\n"


@pytest.fixture
def busy(shop: Workshop) -> Workshop:
    """Return a workshop whose issue makes two commits; its user has no identity and git may not guess one."""
    shop.dir.git("config", "user.useConfigOnly", "true")
    for name in ("a", "b"):
        shop.recipe(name, f"open('{name}', 'w').close()")
    shop.drop(ISSUE)
    return shop


@pytest.fixture
def ssh_key(tmp_path: Path) -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed on this machine")
    key = tmp_path / "a key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bot", "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return key


def _good(shop: Workshop, key: Path) -> list[str]:
    """Return what git itself says of the signature of each commit of the branch."""
    allowed = key.with_name("allowed")
    public = key.with_name(key.name + ".pub").read_text()
    allowed.write_text(f"bot@corp.net {public}")
    settings = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")
    return shop.dir.git(*settings, "log", "--format=%G?", f"main..{shop.branch}").split()


def test_each_commit_is_signed_and_signed_again_when_it_is_rebased(busy: Workshop, ssh_key: Path) -> None:
    busy.config["commit"] = {"sign": "ssh", "key": str(ssh_key), "committer": "Bot <bot@corp.net>"}
    busy.steps()
    assert _good(busy, ssh_key) == ["G", "G", "G"]
    assert "Whether the 3 signatures on its commits are of keys you know." in busy.draft().text
    before = busy.dir.tip(busy.branch)
    busy.dir.commit("base moves", {"c": "1\n"})
    busy.steps("rebase", "changelog", "describe")
    assert busy.dir.tip(busy.branch) != before
    assert _good(busy, ssh_key) == ["G", "G", "G"]
    assert busy.dir.git("fsck", "--strict", "--no-dangling") == ""


def test_what_cannot_be_signed_is_not_committed(busy: Workshop, tmp_path: Path) -> None:
    busy.config["commit"] = {"sign": "ssh", "key": "~nobody-of-that-name/key"}
    busy.steps("branch", "plan")
    before = busy.dir.tip(busy.branch)
    with pytest.raises(NeedsPerson, match="no such person's folder: ~nobody-of-that-name/key"):
        busy.step("work")
    busy.config["commit"] = {"sign": "ssh", "key": str(tmp_path / "nothing there")}
    with pytest.raises(NeedsPerson, match="could not be signed, and was not made: ssh-keygen") as caught:
        busy.step("work")
    assert "sixthbot queue retry" in caught.value.hint
    assert busy.dir.tip(busy.branch) == before
    busy.config["commit"] = {}
    busy.steps("work")
    assert len(busy.dir.git("log", "--format=%h", f"main..{busy.branch}").split()) == 2


def test_a_key_that_wants_a_passphrase_is_not_asked_for_one(
    busy: Workshop, ssh_key: Path, tmp_path: Path
) -> None:
    key = ssh_key.with_name("locked")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "a phrase", "-f", str(key)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    busy.config["commit"] = {"sign": "ssh", "key": str(key)}
    busy.steps("branch", "plan")
    with pytest.raises(NeedsPerson, match="could not be signed"):
        busy.step("work")


def test_a_repository_names_no_program_and_no_key_to_sign_with(
    busy: Workshop, ssh_key: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\nexec ssh-keygen \"$@\"\n")
    program.chmod(0o755)
    busy.dir.git("config", "gpg.ssh.program", str(program))
    busy.dir.git("config", "user.signingKey", str(ssh_key))
    busy.config["commit"] = {"sign": "ssh", "key": str(ssh_key)}
    busy.steps("branch", "plan", "work")
    assert not marker.exists()
    assert "gpgsig" in busy.dir.git("cat-file", "commit", busy.branch)
    busy.config["commit"] = {"sign": "ssh"}
    busy.dir.commit("base moves", {"c": "1\n"})
    with pytest.raises(NeedsPerson, match="no key is named"):
        busy.step("rebase")


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed on this machine")
def test_gpg_signs_too(busy: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    made = [
        "gpg",
        "--batch",
        "--quiet",
        "--passphrase",
        "",
        "--quick-generate-key",
        "Bot <bot@corp.net>",
        "ed25519",
    ]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    try:
        busy.config["commit"] = {"sign": "gpg", "committer": "Bot <bot@corp.net>"}
        busy.steps("branch", "plan", "work")
        said = busy.dir.git("log", "--format=%G?", f"main..{busy.branch}").split()
        assert len(said) == 2
        assert set(said) <= {"G", "U"}  # good; by whether gpg trusts a key that was just made
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)


def test_unsigned_is_said_and_needs_no_identity_of_the_user(busy: Workshop) -> None:
    busy.steps()
    assert "No commit is signed." in busy.draft().text
    assert "No git hooks ran on the bot's commits (the setting is skip)." in busy.draft().text


def _hook(shop: Workshop, name: str, script: str) -> None:
    path = shop.dir.git_dir / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


def test_hooks_run_only_where_the_settings_say_so(busy: Workshop, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    _hook(busy, "pre-commit", f"echo ran >>'{marker}'\n")
    busy.steps("branch", "plan", "work")
    assert not marker.exists()


def test_where_there_are_no_hooks_none_is_said_to_have_run(busy: Workshop) -> None:
    busy.config["commit"] = {"hooks": "run"}
    busy.steps("branch", "plan", "work", "describe")
    assert "No git hooks ran on the bot's commits (the setting is run)." in busy.draft().text


def test_hooks_see_the_change_staged_and_may_change_it_and_its_message(busy: Workshop) -> None:
    busy.config["commit"] = {"hooks": "run"}
    _hook(busy, "pre-commit", "git diff --cached --name-only >seen && git add seen\n")
    _hook(busy, "commit-msg", 'echo "Reviewed-by: a hook" >>"$1"\n')
    busy.steps()
    first = busy.dir.git("log", "--reverse", "--format=%H", f"main..{busy.branch}").split()[0]
    assert busy.dir.git("show", f"{first}:seen").strip() == "a"
    assert busy.message(first).rstrip().endswith("Reviewed-by: a hook")
    assert "Sixth-Subtask: 1" in busy.message(first)
    told = "Git hooks ran, pre-commit and commit-msg on 2 commits of subtasks; on the other commits none did"
    assert f"{told} (the setting is run)." in busy.draft().text
    busy.config["commit"] = {"hooks": "skip"}
    busy.step("describe")
    assert f"{told} (the setting is skip)." in busy.draft().text  # what happened, not what would now
    assert not (busy.dir.path / "seen").exists()


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg"])
def test_a_hook_that_refuses_fails_the_subtask_with_its_words(busy: Workshop, hook: str) -> None:
    busy.config["commit"] = {"hooks": "run"}
    _hook(busy, hook, "echo not on a Friday; exit 1\n")
    busy.steps("branch", "plan")
    with pytest.raises(WorkFailed, match=f"was refused by the hook {hook}, which .*not on a Friday"):
        busy.step("work")
    assert "refused by the hook" in busy.plan.get(1).reason
    assert busy.dir.tip(busy.branch) == busy.dir.tip("main")


def test_a_hook_cannot_take_the_bots_trailers_away(busy: Workshop) -> None:
    busy.config["commit"] = {"hooks": "run"}
    _hook(busy, "commit-msg", 'echo "feat: other words" >"$1"\n')
    busy.steps("branch", "plan")
    with pytest.raises(WorkFailed, match="took the bot's own trailers"):
        busy.step("work")


def test_gerrit_finds_a_commit_again_after_a_rebase(busy: Workshop) -> None:
    busy.config["push"] = {"target": "gerrit"}
    busy.steps()
    trailer = "--format=%(trailers:key=Change-Id,valueonly,separator=%x2C)"
    before = busy.dir.git("log", trailer, f"main..{busy.branch}").split()
    assert len(set(before)) == 3
    assert all(one.startswith("I") and len(one) == 41 for one in before)
    busy.dir.commit("base moves", {"c": "1\n"})
    busy.steps("rebase", "changelog")
    assert busy.dir.git("log", trailer, f"main..{busy.branch}").split() == before
