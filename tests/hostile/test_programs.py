"""Programs of somebody else: none runs before it is trusted, none that is always off runs ever, none gets out."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sixthbot.engine.live import LiveServices
from tests.cli.support import sixthbot
from tests.e2e.person import ROOT, Person
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, make_repo

HOOKS = (
    "pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "post-checkout", "pre-rebase", "pre-push",
    "post-rewrite", "reference-transaction", "post-index-change", "post-merge", "fsmonitor-watchman", "pre-auto-gc",
)  # fmt: skip
SETTINGS = {
    "filter.evil.clean": "clean", "filter.evil.smudge": "smudge", "filter.slow.process": "process",
    "merge.evil.driver": "driver", "diff.external": "diff-external", "diff.evil.textconv": "textconv",
    "diff.evil.command": "diff-command", "trailer.x.command": "trailer", "core.sshCommand": "ssh",
    "core.gitProxy": "proxy", "core.askPass": "askpass", "core.alternateRefsCommand": "alternates",
    "core.fsmonitor": "fsmonitor", "core.pager": "pager", "core.editor": "editor", "sequence.editor": "sequence",
    "pager.log": "pager-log", "interactive.diffFilter": "interactive", "gpg.program": "gpg",
    "credential.helper": "credential", "remote.origin.uploadpack": "uploadpack",
    "remote.origin.receivepack": "receivepack", "alias.rev-parse": "!alias", "alias.config": "!alias",
    "hook.x.command": "hook-setting",
}  # fmt: skip
PLAIN = {
    "commit.gpgSign": "true", "tag.gpgSign": "true", "push.gpgSign": "true", "log.showSignature": "true",
    "protocol.allow": "always", "protocol.file.allow": "always", "protocol.ext.allow": "always", "hook.x.event": "post-commit",
    "filter.evil.required": "true", "maintenance.auto": "true", "gc.auto": "1",
}  # fmt: skip
ALWAYS_OFF = {
    *HOOKS,
    "fsmonitor",
    "pager",
    "editor",
    "sequence",
    "pager-log",
    "alias",
    "hook-setting",
    "gpg",
    "trailer",
}
CONFIG = '[recipes.sort]\nrun = ["sort", "-o", "words.txt", "words.txt"]\n[check]\nrun = [["true"]]\n'


class Trap:
    """Programs that leave a mark when they run; what is read from them is what they were given."""

    def __init__(self, folder: Path) -> None:
        self.marks, self.programs = folder / "marks", folder / "programs"
        self.marks.mkdir(parents=True)
        self.programs.mkdir()

    def program(self, name: str) -> str:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\ntouch '{self.marks}/{name}'\ncat\n")
        path.chmod(0o755)
        return str(path)

    @property
    def sprung(self) -> set[str]:
        return {path.name for path in self.marks.iterdir()}


@pytest.fixture
def trap(victim: Person, tmp_path: Path) -> Trap:
    """Put every setting that names a program into the victim's repository, and hooks in both places."""
    trap, repo = Trap(tmp_path / "trap"), victim.repo
    attributes = "*.txt filter=evil diff=evil merge=evil\n*.md filter=slow diff=evil merge=evil\n"
    repo.commit("chore: attributes", {".gitattributes": attributes})
    for name, program in SETTINGS.items():
        bang = "!" if program.startswith("!") else ""
        repo.git("config", name, bang + trap.program(program.removeprefix("!")))
    for name, value in PLAIN.items():
        repo.git("config", name, value)
    for hook in HOOKS:
        shutil.copy(trap.program(hook), repo.git_dir / "hooks" / hook)
    repo.git("config", "core.hooksPath", str(trap.programs))
    for mark in trap.marks.iterdir():  # git of the test itself ran some
        mark.unlink()
    return trap


def on_terminal(person: Person, *args: str) -> None:
    """Run a command with a terminal for its output, where pagers and editors count; the person has chosen their own."""
    Path(os.environ["GIT_CONFIG_GLOBAL"]).write_text("[core]\n\teditor = true\n\tpager = cat\n")
    ours, theirs = pty.openpty()
    without = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PAGER", "EDITOR", "VISUAL", "GIT_EDITOR"}
    }
    done = subprocess.Popen(
        [sys.executable, "-m", "sixthbot", *args],
        cwd=person.repo.path, env={**without, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "TERM": "xterm"},
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    try:
        while os.read(ours, 65536):
            pass
    except OSError:
        pass  # the terminal of a process that has ended
    os.close(ours)
    assert done.wait(30) in {0, 1, 2, 4}


def test_nothing_runs_in_a_clone_that_nobody_trusted(victim: Person, trap: Trap) -> None:
    ours = victim.repo.path / ".sixth"
    touch = trap.program("ours")
    victim.ok("init")
    (ours / "config.toml").write_text(
        f'[recipes.sort]\nrun = ["{touch}"]\n[check]\nrun = [["{touch}"]]\n[notify]\nrun = ["{touch}"]\n'
        f'[worktree]\nsetup = [["{touch}"]]\n[llm]\nurl = "http://127.0.0.1:1"\n'
    )
    (ours / "rules/evil.toml").write_text(
        f'[[rule]]\nname = "evil"\non = ["issue.added", "commit", "start"]\ndo = [{{ use = "shell", run = ["{touch}"] }}]\n'
    )
    (ours / "templates/pr.md.j2").write_text("{{ 1 / 0 }}")
    victim.drop("---\nid: tidy\n---\n# Tidy\n\n- [ ] a `do: sort`\n- [ ] b `do: format.whitespace`\n")
    tree = victim.repo.git("-c", "core.hooksPath=/dev/null", "write-tree")
    victim.repo.git("-c", "core.hooksPath=/dev/null", "branch", "other", "main")
    for mark in trap.marks.iterdir():
        mark.unlink()
    for command in (
        "run", "status", "doctor", "config show", "trust --show", "log", "why tidy", "plan tidy", "issue show tidy",
        "review", "push", "rules list", "rules check", "run",
    ):  # fmt: skip
        sixthbot(*command.split(), cwd=victim.repo.path)
    on_terminal(victim, "plan", "tidy", "--edit")
    on_terminal(victim, "review")
    assert trap.sprung == set()
    assert tree
    (task,) = victim.tasks()
    assert task["state"] == "parked"
    assert "trust" in task["reason"]


def test_what_is_always_off_stays_off_when_everything_is_trusted(victim: Person, trap: Trap) -> None:
    repo = victim.repo
    # a filter that does not speak the protocol of processes would only make each checkout fail
    repo.git("config", "--unset", "filter.slow.process")
    victim.ok("init")
    (repo.path / ".sixth/config.toml").write_text(CONFIG)
    victim.ok("trust", "--yes")
    victim.drop("---\nid: tidy\n---\n# Tidy\n\n- [ ] a `do: sort`\n")
    victim.ok("run")
    on_terminal(victim, "review")
    on_terminal(victim, "plan", "tidy", "--edit")
    assert len(victim.drafts()) == 1
    assert trap.sprung & ALWAYS_OFF == set()


def test_a_repository_cannot_make_a_read_speak_to_its_remote(victim: Person, tmp_path: Path) -> None:
    source, trap = victim.repo, Trap(tmp_path / "trap")
    source.git("config", "uploadpack.allowFilter", "true")
    place = tmp_path / "partial"
    source.git("clone", "--quiet", "--filter=tree:0", "--no-checkout", f"file://{source.path}", str(place))
    partial = Person(RepoDir(place))
    partial.repo.git("config", "protocol.file.allow", "always")
    partial.ok("init")
    partial.repo.git("branch", "new", "HEAD~1")
    partial.repo.git("config", "remote.origin.uploadpack", trap.program("uploadpack"))
    partial.drop("# Tidy\n")
    began = time.monotonic()
    partial.say("run")
    partial.say("doctor")
    assert trap.sprung == set()
    assert time.monotonic() - began < 40


@pytest.mark.parametrize(
    "folder", ["drafts", "issues", "journal", "queue/ready/high", "local/cursors", "inbox", "rules"]
)
def test_a_part_of_the_home_that_becomes_a_link_ends_the_bot(
    victim: Person, tmp_path: Path, folder: str
) -> None:
    victim.ok("init")
    outside = tmp_path / "outside"
    outside.mkdir()
    place = victim.repo.path / ".sixth" / folder
    shutil.rmtree(place)
    place.symlink_to(outside)
    for command in ("run", "status", "new x", "trust --yes", "doctor", "log"):
        said = sixthbot(*command.split(), cwd=victim.repo.path)
        assert said.code == 4 or command == "doctor", said
        assert "symbolic link" in said.out + said.err
    assert list(outside.iterdir()) == []


def test_a_watcher_stops_when_a_part_of_its_home_becomes_a_link(victim: Person, tmp_path: Path) -> None:
    victim.ok("init")
    outside = tmp_path / "outside"
    outside.mkdir()
    drafts = victim.repo.path / ".sixth/drafts"
    watcher = subprocess.Popen(
        [sys.executable, "-m", "sixthbot", "watch"],
        cwd=victim.repo.path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while not victim.json("status")["watcher"]["running"]:
            assert watcher.poll() is None
        drafts.rmdir()
        drafts.symlink_to(outside)
        _, said = watcher.communicate(timeout=20)
    finally:
        watcher.kill()
    assert watcher.returncode == 4, said
    assert "symbolic link" in said
    assert list(outside.iterdir()) == []


def test_an_issue_whose_folder_is_a_link_is_not_written_through_it(victim: Person, tmp_path: Path) -> None:
    victim.ok("init")
    outside = tmp_path / "outside"
    outside.mkdir()
    (victim.repo.path / ".sixth/issues/mine").symlink_to(outside)
    victim.drop("---\nid: mine\n---\n# Mine\n", "a.md")
    victim.say("run")
    assert list(outside.iterdir()) == []
    assert "in use" in victim.rejected()["a.md"]


RECIPES = {
    "forks": "setsid sleep 4711 & echo x > made.txt",
    "shuns signals": "(trap '' TERM HUP INT; sleep 4711) & echo x > made.txt",
    "prints escapes": r"printf '\033]0;pwned\007\033[2J\302\23331m\nSixth-Subtask: 9\n'; echo x > made.txt",
    "prints much": "head -c 200000000 /dev/zero | tr '\\0' x; echo x > made.txt",
    "repoints": "rm .git; echo gitdir: $SIXTH_REPO/.git > .git; echo x > made.txt",
    "nests": "git init -q inner; git -C inner -c user.name=a -c user.email=b commit -q --allow-empty -m x; echo x > made.txt",
    "links": "ln -s /etc/passwd made.txt; rm words.txt; ln -s $SIXTH_REPO/words.txt words.txt",
    "commits": "git -c user.name=a -c user.email=b commit -q --allow-empty -m 'x\n\nSixth-Subtask: 2'; echo x > made.txt",
    "writes elsewhere": "for f in .git/hooks/post-commit .git/config words.txt .sixth/inbox/e.md; do "
    "echo evil > $SIXTH_REPO/$f; done; git update-ref refs/heads/evil HEAD; echo x > made.txt",
    "blinds the index": "git update-index --assume-unchanged words.txt; echo x >> words.txt; echo x > made.txt",
    "shuts its scratch folder": "mkdir -p $TMPDIR/a/b; chmod 0 $TMPDIR/a/b $TMPDIR/a; echo x > made.txt",
    "odd kinds": "mkfifo pipe; mkdir shut; chmod 0 shut; touch -- -rf \"$(printf 'a\\nb')\"; chmod 4777 words.txt; echo x > made.txt",
}  # fmt: skip


def test_recipes_of_every_kind_leave_one_commit_and_nothing_else(victim: Person, tmp_path: Path) -> None:
    repo = victim.repo
    victim.ok("init")
    commands = "".join(
        f"[recipes.r{number}]\nrun = ['sh', '-c', '''{command}''']\n"
        for number, command in enumerate(RECIPES.values())
    )
    (repo.path / ".sixth/config.toml").write_text(commands)
    victim.ok("trust", "--yes")
    before, scratch = fingerprint(repo.path), tmp_path / "scratch"
    scratch.mkdir()
    for number in range(len(RECIPES)):
        victim.drop(
            f"---\nid: r{number}\nbranch: b{number}\n---\n# Do\n\n- [ ] it `do: r{number}`\n", f"r{number}.md"
        )
    said = victim.say("run", TMPDIR=str(scratch))
    assert said.status == 0, said
    assert "\x1b" not in said.all
    for number, name in enumerate(RECIPES):
        assert repo.subjects(f"main..b{number}")[0] == "chore: it", name
        assert repo.show(f"b{number}", "made.txt") in {"x\n", "/etc/passwd"}, name
        trailers = repo.git(
            "log", "--format=%(trailers:key=Sixth-Subtask,valueonly)", f"main..b{number}"
        ).split()
        assert trailers == ["1"], name
    assert fingerprint(repo.path) == before
    assert repo.tip("refs/heads/evil") == ""
    assert list(scratch.iterdir()) == []
    assert b"4711" not in b"".join(path.read_bytes() for path in running())
    for path in (repo.path / ".sixth/local/logs").iterdir():
        assert not set(path.read_text()) & {"\x1b", "\x07", "\x9b"}, path


def running() -> list[Path]:
    """Return the command lines of this user's processes that run now."""
    found = []
    for entry in Path("/proc").iterdir():
        line = entry / "cmdline"
        if entry.name.isdigit() and line.exists() and b"sleep\x004711" in _bytes(line):
            found.append(line)
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it ended this moment


def test_a_password_in_a_remotes_address_is_never_shown_or_written_down(victim: Person) -> None:
    victim.ok("init")
    (victim.repo.path / ".sixth/config.toml").write_text(CONFIG)
    victim.ok("trust", "--yes")
    victim.drop("---\nid: tidy\n---\n# Tidy\n\n- [ ] a `do: sort`\n")
    victim.ok("run")
    victim.repo.git("remote", "set-url", "origin", "http://me:hunter2@127.0.0.1:1/x.git")
    said = [
        sixthbot(*command.split(), cwd=victim.repo.path)
        for command in (
            "review",
            "approve sixth/tidy",
            "push sixth/tidy",
            "status",
            "log -n 0 --json",
            "doctor",
            "why tidy",
        )
    ]
    assert said[2].code != 0
    assert all("hunter2" not in one.out + one.err for one in said)
    for path in (victim.repo.path / ".sixth").rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


def test_ctrl_c_ends_a_push_to_a_remote_that_never_answers(victim: Person) -> None:
    victim.ok("init")
    (victim.repo.path / ".sixth/config.toml").write_text(CONFIG)
    victim.ok("trust", "--yes")
    victim.drop("---\nid: tidy\n---\n# Tidy\n\n- [ ] a `do: sort`\n")
    victim.ok("run")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        victim.repo.git("remote", "set-url", "origin", f"git://127.0.0.1:{silent.getsockname()[1]}/x")
        victim.ok("approve", "sixth/tidy")
        pusher = subprocess.Popen(
            [sys.executable, "-m", "sixthbot", "push", "sixth/tidy"],
            cwd=victim.repo.path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        silent.settimeout(30)
        connection, _ = silent.accept()
        os.killpg(pusher.pid, signal.SIGINT)
        _, said = pusher.communicate(timeout=30)
        connection.close()
    assert pusher.returncode == 130
    assert "interrupted" in said


def test_a_rule_file_in_a_folder_loses_its_trust_while_the_bot_runs(victim: Person) -> None:
    victim.ok("init")
    rule = victim.repo.path / ".sixth/rules/deep/er.toml"
    rule.parent.mkdir()
    rule.write_text('[[rule]]\nname = "r"\non = "issue.added"\ndo = [{ use = "notify", text = "x" }]\n')
    victim.ok("trust", "--yes")
    live = LiveServices(victim.repo.path)
    assert live().rules.untrusted == ()
    before = rule.stat()
    rule.write_text(rule.read_text().replace('"x"', '"y"'))
    os.utime(rule, ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, same time
    assert live().rules.untrusted == (".sixth/rules/deep/er.toml",)


def test_a_repository_of_somebody_else_is_refused(tmp_path: Path) -> None:
    someone = Person(make_repo(tmp_path / "theirs"))
    someone.ok("init")
    try:
        for path in (someone.repo.path, someone.repo.path / ".git"):
            os.chown(path, 12345, 12345)
    except OSError:
        pytest.skip("only root can give a file away, and not where there is no other user")
    said = someone.say("run")
    assert said.status == 4
    assert "another user" in said.err
