"""Hook shims: they wake the bot, never stand in the way, run what was there as it was, and leave without a trace."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sixthbot.cli import hooks
from sixthbot.cli.hooks import KEPT, VERBS, shim
from sixthbot.engine.services import open_services
from sixthbot.store.locks import hold, is_free
from sixthbot.store.paths import locate
from tests.bot.home import until
from tests.cli.support import sixthbot
from tests.support.repos import RepoDir

ROOT = Path(__file__).parents[2]
NAMES = "post-commit, post-checkout, post-merge, post-rewrite"
HUSKY = b'#!/usr/bin/env sh\n. "$(dirname "$0")/h"'
HUSKY_H = """\
n=$(basename "$0")
s=$(dirname "$(dirname "$0")")/$n
[ ! -f "$s" ] && exit 0
sh -e "$s" "$@"
exit $?
"""


def notes(repo: RepoDir) -> list[str]:
    folder = repo.path / ".sixth/local/notes"
    return sorted(path.name.rpartition("-")[0].rpartition("-")[0] for path in folder.iterdir())


def script(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o755)
    return path


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        path.name: (path.lstat().st_mode, path.lstat().st_ino, path.read_bytes() if path.is_file() else b"")
        for path in folder.iterdir()
    }


def call(
    hook: Path, *args: str, cwd: Path, stdin: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(hook), *args], cwd=cwd, input=stdin, env={"PATH": "/nowhere"} if env is None else env, text=True,
        capture_output=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("hook", VERBS)
def test_a_shim_starts_no_program_and_needs_no_environment(home: RepoDir, hook: str) -> None:
    place = script(home.path / ".git/hooks" / hook, shim(hook))
    done = call(place, "old", "new", cwd=home.path, env={})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (note,) = (home.path / ".sixth/local/notes").iterdir()
    assert note.read_text() == f"{VERBS[hook]}\nold\nnew\n"
    assert not [
        line for line in shim(hook).decode().splitlines()[1:] if " /" in line.replace("/dev/null", "")
    ]


@pytest.mark.parametrize("trouble", ["no folder", "a file", "a link"])
def test_whatever_is_wrong_a_shim_says_nothing_and_exits_0(
    home: RepoDir, tmp_path: Path, trouble: str
) -> None:
    place = script(home.path / ".git/hooks/post-commit", shim("post-commit"))
    folder = home.path / ".sixth/local/notes"
    trap = tmp_path / "trap"
    trap.mkdir()
    folder.rmdir()
    if trouble == "a file":
        folder.write_text("x")
    elif trouble == "a link":
        folder.symlink_to(trap)
    done = call(place, cwd=home.path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(trap.iterdir()) == []


@pytest.mark.parametrize("disk", ["size=4k", "nr_inodes=1", "ro"])
def test_on_a_real_disk_that_takes_nothing_a_commit_goes_through_without_a_word(
    home: RepoDir, disk: str
) -> None:
    sixthbot("init", "--hooks", cwd=home.path)
    # in a mount namespace of its own, so that nothing of it stays
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*inside, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    text = f"""
        mount -t tmpfs -o {disk} none .sixth/local/notes
        {{ head -c 9999 /dev/zero >.sixth/local/notes/fill; }} 2>/dev/null
        git -c user.name=a -c user.email=a@b commit --quiet --allow-empty -m more && git checkout --quiet -b side || exit 9
        for hook in {" ".join(VERBS)}; do .git/hooks/$hook a b c || exit 8; done
        if find .sixth/local/notes -type f ! -name fill -size +0 | grep .; then exit 7; fi
    """
    done = subprocess.run([*inside, text], cwd=home.path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_hook_that_was_there_can_still_make_git_fail(home: RepoDir) -> None:
    script(home.path / ".git/hooks/post-checkout", "#!/bin/sh\necho no >&2\nexit 3\n")
    sixthbot("init", "--hooks", cwd=home.path)
    done = home.try_git("checkout", "-b", "side")
    assert (done.returncode, "no" in done.stderr) == (1, True)
    assert notes(home) == ["on-checkout"]


@pytest.mark.parametrize(
    "first", ["#!/bin/sh", "#!/bin/sh -e", "#!/usr/bin/env sh", "#!/bin/bash", "#!/usr/bin/env bash"]
)
def test_arguments_input_status_and_variables_reach_what_was_there(home: RepoDir, first: str) -> None:
    hook = home.path / ".git/hooks/post-rewrite"
    script(
        hook, f'{first}\necho "$1|$2|$(cat)|$(set | grep -c sixth_kept)|$-" >seen\necho x >seen2\nexit 7\n'
    )
    sixthbot("init", "--hooks", cwd=home.path)
    (home.path / "seen2").write_text("there: a shell that does not overwrite would say so")
    done = call(hook, "a b", "", cwd=home.path, stdin="one\ntwo\n", env=dict(os.environ))
    assert (done.returncode, done.stderr) == (7, "")
    assert (home.path / "seen").read_text().startswith("a b||one\ntwo|")
    assert (home.path / "seen2").read_text() == "x\n"


def test_husky_is_chained_under_its_own_name_and_put_back(home: RepoDir) -> None:
    folder = home.path / ".husky/_"
    for hook in ("post-commit", "pre-commit"):
        script(folder / hook, HUSKY)
    script(folder / "h", HUSKY_H)
    (folder / ".gitignore").write_text("*")
    script(home.path / ".husky/post-commit", "echo husky >>.git/ran\n")
    home.git("config", "core.hooksPath", ".husky/_")
    before = state(folder)
    said = sixthbot("init", "--hooks", cwd=home.path)
    assert said.out.startswith(f"hooks: {NAMES}\n")
    home.commit("feat: one", {"one": "1"})
    assert (home.path / ".git/ran").read_text() == "husky\n"
    assert notes(home) == ["on-commit"]
    assert home.git("status", "--porcelain") == ""
    script(folder / "post-commit", HUSKY)  # `npm install` puts its own there again
    assert sixthbot("init", "--hooks", cwd=home.path).out.startswith("hooks: post-commit\n")
    home.commit("feat: two", {"two": "2"})
    assert (home.path / ".git/ran").read_text() == "husky\nhusky\n"
    assert sixthbot("init", "--no-hooks", cwd=home.path).out.startswith(f"hooks: {NAMES} as before\n")
    after = state(folder)
    assert {name: (mode, data) for name, (mode, _, data) in after.items()} == {
        name: (mode, data) for name, (mode, _, data) in before.items()
    }


def test_a_folder_of_hooks_that_is_shared_tracked_or_not_there_is_refused(
    home: RepoDir, sealed: Path
) -> None:
    (sealed / "gitconfig").write_text(f"[core]\n\thooksPath = {sealed}/hooks\n")
    said = sixthbot("init", "--hooks", cwd=home.path)
    assert said.code == 4
    assert "in your global git configuration: all repositories share it" in said.err
    assert "sixthbot on-commit" in said.err
    home.git("config", "core.hooksPath", ".githooks")
    assert "there is no such folder" in sixthbot("init", "--hooks", cwd=home.path).err
    script(home.path / ".githooks/pre-commit", "#!/bin/sh\n")
    assert "belong to your work tree" in sixthbot("init", "--hooks", cwd=home.path).err
    home.git("config", "core.hooksPath", "/dev/null")
    assert "there is no such folder" in sixthbot("init", "--hooks", cwd=home.path).err
    assert [path.name for path in (home.path / ".githooks").iterdir()] == ["pre-commit"]
    outside = sealed / "mine"
    script(outside / "post-merge", "#!/bin/sh\n")
    home.git("config", "core.hooksPath", str(outside))
    before = state(outside)
    assert sixthbot("init", "--hooks", cwd=home.path).code == 0
    home.commit("feat: one", {"one": "1"})
    assert notes(home) == ["on-commit"]
    sixthbot("init", "--no-hooks", cwd=home.path)
    assert state(outside) == before


def test_notes_of_linked_work_trees_go_to_the_main_one_wherever_hooks_are(
    home: RepoDir, tmp_path: Path
) -> None:
    outside = tmp_path / "hooks"
    outside.mkdir()
    home.git("config", "core.hooksPath", str(outside))
    sixthbot("init", "--hooks", cwd=home.path)
    home.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "si de"))
    side = RepoDir(tmp_path / "si de")
    side.commit("feat: there", {"there": "1"})
    assert notes(home) == ["on-checkout", "on-commit"]
    assert not (side.path / ".sixth/local").exists()


@pytest.mark.parametrize("suffix", [".legacy", ".old"])
def test_another_manager_that_renames_the_shim_neither_loops_nor_loses_what_was_there(
    home: RepoDir, suffix: str
) -> None:
    folder = home.path / ".git/hooks"
    script(folder / "post-commit", "#!/bin/sh\necho first >>.git/ran\n")
    sixthbot("init", "--hooks", cwd=home.path)
    (folder / "post-commit").rename(folder / f"post-commit{suffix}")
    manager = f'#!/bin/sh\necho manager >>.git/ran\n"${{0%/*}}/post-commit{suffix}"\n'
    script(folder / "post-commit", manager)
    home.commit("feat: one", {"one": "1"})
    assert (home.path / ".git/ran").read_text() == "manager\nfirst\n"
    assert notes(home) == ["on-commit"]
    assert sixthbot("init", "--no-hooks", cwd=home.path).code == 0
    assert (folder / f"post-commit{suffix}").read_text() == "#!/bin/sh\necho first >>.git/ran\n"
    assert (folder / "post-commit").read_text() == manager
    # and the manager may have been what was there before
    (folder / f"post-commit{suffix}").unlink()
    sixthbot("init", "--hooks", cwd=home.path)
    (folder / "post-commit").rename(folder / f"post-commit{suffix}")
    script(folder / "post-commit", manager)
    home.commit("feat: two", {"two": "2"})
    assert (home.path / ".git/ran").read_text() == "manager\nfirst\nmanager\nmanager\n"


def test_a_shim_of_an_earlier_version_is_known_and_replaced(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home.path / ".git/hooks"
    script(folder / "post-commit", "#!/bin/sh\n# mine\n")
    old = "#!/bin/sh\n# old shim\n"
    with monkeypatch.context() as patch:
        patch.setattr(hooks, "_SHIM", old)
        sixthbot("init", "--hooks", cwd=home.path)
    monkeypatch.setattr(hooks, "_EARLIER", {f"{hook}:{_sha(old)}" for hook in VERBS})
    sixthbot("init", "--hooks", cwd=home.path)
    assert (folder / "post-commit").read_bytes() == shim("post-commit")
    sixthbot("init", "--no-hooks", cwd=home.path)
    assert (folder / "post-commit").read_text() == "#!/bin/sh\n# mine\n"
    assert not (folder / f"post-commit{KEPT}").exists()


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


AUTOSTART = """\
[hooks]
autostart = true
[worktree]
confine = false
"""
RULE = """\
[[rule]]
name = "seen"
on = "hook.post-commit"
do = [{ use = "shell", run = ["sh", "-c", "sleep 0.3; echo ran >>$SIXTH_REPO/.git/ran"] }]
"""


@pytest.fixture
def autostarting(home: RepoDir) -> RepoDir:
    (home.path / ".sixth/config.toml").write_text(AUTOSTART)
    (home.path / ".sixth/rules").mkdir(exist_ok=True)
    (home.path / ".sixth/rules/r.toml").write_text(RULE)
    assert sixthbot("trust", "--yes", cwd=home.path).code == 0
    assert sixthbot("rules", cwd=home.path).code == 0
    return home


def on_commit(repo: RepoDir, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "sixthbot", "on-commit"],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GIT_DIR": ".git", **more},
        capture_output=True,  # would not come back if the run kept its ends of these
        text=True,
        check=False,
        timeout=20,
    )


def test_where_it_is_wanted_and_nobody_watches_one_detached_run_is_started(autostarting: RepoDir) -> None:
    lock, ran = autostarting.path / ".sixth/local/locks/autostart.lock", autostarting.path / ".git/ran"
    started = time.monotonic()
    done = [on_commit(autostarting) for _ in range(3)]
    assert time.monotonic() - started < 5
    assert {(one.returncode, one.stdout, one.stderr) for one in done} == {(0, "", "")}
    until(lambda: ran.exists() and ran.read_text() == "ran\n" * 3 and is_free(lock), seconds=40)
    seen = [record.kind for record in open_services(autostarting.path).store.journal.read()]
    assert seen.count("task.succeeded") == 3


def test_beside_a_watch_inside_a_task_or_unasked_no_run_is_started(autostarting: RepoDir) -> None:
    lock = autostarting.path / ".sixth/local/locks/autostart.lock"
    with hold(locate(autostarting.path).watch_lock, what="watch"):
        on_commit(autostarting)
    on_commit(autostarting, SIXTH_TASK_ID="t1")
    (autostarting.path / ".sixth/config.toml").write_text("")
    sixthbot("trust", "--yes", cwd=autostarting.path)
    sixthbot("rules", cwd=autostarting.path)
    on_commit(autostarting)
    time.sleep(0.5)
    assert not lock.exists()
    assert len(notes(autostarting)) == 3


def test_a_shim_that_may_start_a_run_calls_the_program_only_where_nobody_watches(
    autostarting: RepoDir, tmp_path: Path
) -> None:
    assert sixthbot("init", "--hooks", cwd=autostarting.path).code == 0
    place = autostarting.path / ".git/hooks/post-commit"
    assert place.read_bytes() == shim("post-commit", autostart=True)
    script(tmp_path / "bin/sixthbot", '#!/bin/sh\necho "$@" >>called\n')
    env = {"PATH": f"{tmp_path}/bin"}
    assert call(place, "arg", cwd=autostarting.path, env=env).returncode == 0
    assert (autostarting.path / "called").read_text() == "on-commit arg\n"
    assert notes(autostarting) == []
    with hold(locate(autostarting.path).watch_lock, what="watch"):
        call(place, cwd=autostarting.path, env=env)
    assert notes(autostarting) == ["on-commit"]
    call(
        place, cwd=autostarting.path, env={"PATH": "/nowhere"}
    )  # a program that is not found: the note is left
    assert notes(autostarting) == ["on-commit"] * 2
    assert (autostarting.path / "called").read_text() == "on-commit arg\n"


def test_a_verb_behind_options_imports_nothing_of_the_folder_it_is_called_in(
    home: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(home.path / "sixthbot/__init__.py", "")
    script(home.path / "sixthbot/__main__.py", "open('ran', 'w')\n")
    monkeypatch.chdir(home.path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert sixthbot("--quiet", "on-commit", cwd=home.path).code == 0
    assert not (home.path / "ran").exists()
    assert notes(home) == ["on-commit"]
