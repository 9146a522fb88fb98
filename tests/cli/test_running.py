"""`run`, `watch`, `work` and `demo`: the bot itself, from the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.cli import signals
from sixthbot.core.tasks import Failed, Lane
from sixthbot.store.atomic import make_dirs
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot
from tests.store.support import make_task

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

ROOT = Path(__file__).parents[2]


def start(*args: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sixthbot", *args],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_until(child: subprocess.Popen[str], words: str) -> str:
    assert child.stderr is not None
    said = ""
    while words not in said:
        line = child.stderr.readline()
        assert line, said
        said += line
    return said


def test_closed_streams_are_as_empty_ones(home: RepoDir) -> None:
    for line in ("status >&-", "new Tidy --body-file - <&-", "run <&- >&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f'"$0" -m sixthbot {line}', sys.executable],
            cwd=home.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert not list((home.path / ".sixth/local/logs").glob("bug-*"))


def test_what_is_typed_in_no_known_encoding_is_no_answer(home: RepoDir) -> None:
    (home.path / ".sixth/config.toml").write_text('[check]\nrun = [["true"]]\n')
    for line, code in (("trust", 4), ("rules test --event -", 2)):
        done = subprocess.run(
            [sys.executable, "-m", "sixthbot", *line.split()],
            cwd=home.path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"},
            input=b"\xff\n",
            capture_output=True,
            check=False,
        )
        assert (done.returncode, b"unexpected" in done.stderr) == (code, False), done.stderr


def test_run_with_nothing_to_do_says_so(home: RepoDir) -> None:
    said = sixthbot("run", cwd=home.path)
    assert (said.code, said.out) == (0, "1 event; tasks: none\n") or said.out == "0 events; tasks: none\n"


def test_run_tells_what_it_did_and_what_waits(home: RepoDir) -> None:
    sixthbot("new", "Think about it", cwd=home.path)
    said = sixthbot("run", cwd=home.path)
    assert said.code == 0
    assert said.out.splitlines()[0].endswith("; tasks: 1 waiting for you")
    assert said.out.endswith("next: sixthbot status says what waits for you\n")
    assert "branch sixth/think-about-it starts at main" in said.err
    assert said.err.splitlines()[-1].strip().startswith("sixthbot done think-about-it-")
    assert sixthbot("-q", "run", cwd=home.path).err == ""


def test_run_exits_1_when_a_task_failed(home: RepoDir) -> None:
    (home.path / ".sixth/config.toml").write_text('[recipes.no]\nrun = ["false"]\n')
    (home.path / ".sixth/rules").mkdir(exist_ok=True)
    (home.path / ".sixth/rules/issues.toml").write_text(
        '[[rule]]\nname = "work on an issue"\non = "issue.added"\nretries = 0\ndo = ["branch", "plan", "work"]\n'
    )
    sixthbot("trust", "--yes", cwd=home.path)
    (home.path / ".sixth/inbox/a.md").write_text("# A\n- [ ] b `do: no`\n")
    said = sixthbot("run", cwd=home.path)
    assert said.code == 1
    assert "\nfailed t" in said.out
    assert "\n  next: sixthbot why t" in said.out
    assert "\n          next: sixthbot why t" in said.err, "as the line that tells of it goes by"
    told = sixthbot("status", cwd=home.path).out
    assert "\nlast error  " in told
    assert "\n    failed: 1. b" in told


def test_run_and_status_say_what_of_the_settings_does_not_count(home: RepoDir) -> None:
    config = home.path / ".sixth/config.toml"
    config.write_text("[notify]\n")
    note = "not trusted: .sixth/config.toml; recipes and checks wait for: sixthbot trust\n"
    assert f"\nsettings  {note}" in sixthbot("status", cwd=home.path).out
    assert sixthbot("run", cwd=home.path).err.startswith(f"settings {note}")
    assert f"\nsettings  {note}" in sixthbot("status", cwd=home.path).out
    said = sixthbot("rules", "check", cwd=home.path)
    assert said.code == 0
    assert ".sixth/config.toml: untrusted: not trusted as it is now, so it does not count: " in said.out
    config.write_text("[notfy]\n")
    broken = sixthbot("run", cwd=home.path)
    assert broken.err.startswith("settings broken: .sixth/config.toml:1: notfy: ")
    assert broken.code == 2
    config.write_text("[notify]\n?\n")
    assert "\nsettings  broken: .sixth/config.toml:2: " in sixthbot("status", cwd=home.path).out
    config.write_text("[notify]\n")
    sixthbot("trust", "--yes", cwd=home.path)
    assert sixthbot("run", cwd=home.path).err == ""
    assert "\nsettings" not in sixthbot("status", cwd=home.path).out
    config.unlink()
    sixthbot("run", cwd=home.path)
    assert "not trusted: .sixth/config.toml (missing); " in sixthbot("status", cwd=home.path).out


def test_status_agrees_with_trust_and_doctor_where_trusted_bytes_come_back(home: RepoDir) -> None:
    config = home.path / ".sixth/config.toml"
    for text in ("[notify]\n# a\n", "[notify]\n# bb\n"):
        config.write_text(text)
        sixthbot("trust", "--yes", cwd=home.path)
    config.write_text("[notify]\n# a\n")
    assert "\nsettings" not in sixthbot("status", cwd=home.path).out
    assert sixthbot("trust", "--show", cwd=home.path).out == "everything here is trusted\n"
    assert json.loads(sixthbot("status", "--json", cwd=home.path).out)["rules"]["disabled"] == []


def test_status_says_which_variable_is_broken(home: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXTHBOT_BOT__WORKERS", "many")
    said = sixthbot("status", cwd=home.path)
    assert said.code == 0
    assert "\nsettings  broken: SIXTHBOT_BOT__WORKERS: bot.workers: " in said.out
    assert "; nothing begins until that is mended\n" in said.out
    monkeypatch.delenv("SIXTHBOT_BOT__WORKERS")
    monkeypatch.setenv("SIXTHBOT_BOT_WORKERS", "3")
    lost = "not used: SIXTHBOT_BOT_WORKERS; a setting is named SIXTHBOT_SECTION__KEY, with two underscores between\n"
    assert f"\nsettings  {lost}" in sixthbot("status", cwd=home.path).out
    assert sixthbot("run", cwd=home.path).err == f"settings {lost}"


def test_a_second_ctrl_c_ends_watch_without_a_word(home: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_args: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sixthbot.cli.watch._watch_one", interrupt)
    said = sixthbot("watch", cwd=home.path)
    assert (said.code, said.out, said.err) == (130, "", "")


@pytest.mark.parametrize("moment", ["start", "hear"])
def test_no_ctrl_c_is_lost_while_the_bot_begins_to_listen(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """It comes just before a handler is there, or just after: it interrupts at once, or it is heard."""
    real = signals._Ears.start

    def start(ears: signals._Ears) -> int:
        if moment == "start":
            os.kill(os.getpid(), signal.SIGINT)
        return real(ears)

    monkeypatch.setattr(signals._Ears, "start", start)
    try:
        with signals.until_told() as stop:
            if moment == "hear":
                os.kill(os.getpid(), signal.SIGINT)
            heard = stop.wait(5)
    except KeyboardInterrupt:
        heard = True
    assert heard


def test_run_says_what_waits_and_why(waiting: RepoDir, tmp_path: Path) -> None:
    assert "\nwaits for you tidy: subtask 2 waits for a person" in sixthbot("run", cwd=waiting.path).out
    config = waiting.path / ".sixth/config.toml"
    text = config.read_text().replace("print(open('words.txt').read())", "raise SystemExit('no')")
    config.write_text(text)
    sixthbot("done", "tidy", cwd=waiting.path)
    said = sixthbot("run", cwd=waiting.path)
    assert " goes by .sixth/config.toml, which nobody has trusted yet\n" in said.out
    sixthbot("trust", "--yes", cwd=waiting.path)
    said = sixthbot("run", cwd=waiting.path)
    assert "; failed checks: " in said.out
    assert "raise SystemExit" in said.out


@pytest.mark.parametrize(("command", "code", "told"), [("run", 130, "interrupted"), ("watch", 0, "stopped")])
def test_what_is_interrupted_says_what_became_of_its_tasks(
    home: RepoDir, command: str, code: int, told: str
) -> None:
    (home.path / ".sixth/config.toml").write_text('[recipes.long]\nrun = ["sleep", "60"]\n')
    sixthbot("trust", "--yes", cwd=home.path)
    (home.path / ".sixth/inbox/a.md").write_text("# A\n- [ ] b `do: long`\n")
    child = start("-v", command, cwd=home.path)
    try:
        said_until(child, "step 3, work")
    finally:
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert child.returncode == code
    assert (out or err).endswith(f"{told}; 1 task went back to the queue\n")


def test_run_names_rejected_files(home: RepoDir) -> None:
    (home.path / ".sixth/inbox/bad.md").write_bytes(b"")
    said = sixthbot("run", cwd=home.path)
    assert "\nrejected bad.md: " in said.out
    assert (home.path / ".sixth/inbox/rejected/bad.md.reason.txt").exists()


def test_watch_works_until_it_is_told_to_stop_and_is_alone(home: RepoDir) -> None:
    child = start("watch", cwd=home.path)
    try:
        said_until(child, f"watching {home.path}; Ctrl-C ends it\n")
        again = sixthbot("watch", cwd=home.path)
        assert (again.code, again.out) == (5, "")
        assert again.err.startswith("error: watch is already running in this repository: ")
        assert "hint: sixthbot status shows what that one does" in again.err
        assert f"process {child.pid}" in again.err
        sixthbot("new", "Think", cwd=home.path)
        said_until(child, "sixthbot done think-")
        assert sixthbot("status", "--json", cwd=home.path).json["watcher"]["pid"] == child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        out, err = child.communicate(timeout=20)
    assert (child.returncode, out) == (0, "")
    assert err.endswith("stopped\n")
    assert time.monotonic() - began < 5


def test_watch_of_a_folder_that_is_none_names_it_and_serves_the_other(home: RepoDir, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    child = start("watch", str(home.path), str(tmp_path / "none"), str(home.path / ".sixth"), cwd=home.path)
    try:
        said = said_until(child, f"watching {home.path}; Ctrl-C ends it\n")
        assert "none: no git repository" in said
    finally:
        child.send_signal(signal.SIGTERM)
        _, rest = child.communicate(timeout=10)
    assert (child.returncode, rest.splitlines()[-1]) == (0, "stopped")
    assert sixthbot("watch", str(tmp_path / "none"), str(tmp_path), cwd=home.path).code == 3


def test_work_serves_one_lane_until_it_is_told_to_stop_and_takes_up_what_a_dead_worker_left(
    home: RepoDir,
) -> None:
    assert sixthbot("work", cwd=home.path).code == 2
    store = open_store(locate(home.path))
    assert store.queue.put(make_task(1, lane=Lane.LOW))
    assert store.queue.claim("1-gone") is not None
    make_dirs(store.places.workers)
    (store.places.workers / "1-gone.lock").touch()
    child = start("work", "--lane", "low", cwd=home.path)
    try:
        said_until(child, f"serving lane low in {home.path}; Ctrl-C ends it\n")
        end = time.monotonic() + 20
        while not any(store.queue.all(states=("failed",))) and time.monotonic() < end:
            time.sleep(0.05)
        [task] = store.queue.all()
        assert isinstance(task.state, Failed)  # nobody knows its rule
    finally:
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=20)
    assert (child.returncode, out) == (0, "")


def test_the_demo_goes_the_whole_way_and_leaves_its_folder(tmp_path: Path) -> None:
    began = time.monotonic()
    said = sixthbot("demo", "--into", str(tmp_path / "a demo"))
    assert said.code == 0, said.err
    assert time.monotonic() - began < 60
    points = [line for line in said.out.splitlines() if line[:1].isdigit() and line[1:3] == ". "]
    assert [point.split(".")[0] for point in points] == [str(number) for number in range(1, 10)]
    folder = tmp_path / "a demo"
    assert f"rm -r '{folder}'\n" in said.out
    typed = said.out.partition("\n    cd ")[2].splitlines()
    assert typed[0] == f"'{folder}/project'"
    line = f"cd {typed[0]} && {typed[1].strip()}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, check=True).stdout
    assert re.search(r"rules    \d+ active", shown)
    assert "pushed " in said.out
    branch = BRANCH.replace("words", "word-list")
    git = ["git", f"--git-dir={folder}/project/.git"]
    subjects = subprocess.run(
        [*git, "log", "--format=%s", f"main..{branch}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert subjects == [
        "docs(changelog): add Tidy the word list",
        "refactor(text): clean is called tidy now",
        "chore: write down how many words there are",
        "chore: sort the word list",
    ]
    tips = [
        subprocess.run(
            ["git", f"--git-dir={folder}/{place}", "rev-parse", branch], capture_output=True, check=True
        ).stdout
        for place in ("project/.git", "remote.git")
    ]
    assert tips[0] == tips[1]
    commits = subprocess.run(
        [*git, "log", "--format=%an", "main"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(commits) > 30
    assert len(set(commits)) >= 3


def test_the_demo_does_not_touch_a_folder_that_is_there(tmp_path: Path) -> None:
    said = sixthbot("demo", "--into", str(tmp_path))
    assert (said.code, said.out) == (2, "")
    assert list(tmp_path.iterdir()) == []
