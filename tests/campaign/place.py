"""One scratch place: a repository with the bot at home, its issues, its person and its user, and what was promised."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.campaign.disks import unmount
from tests.campaign.processes import MARK, kill_all
from tests.campaign.skewed import SkewedClock
from tests.e2e.person import ROOT, Person, Said
from tests.support.fingerprint import fingerprint
from tests.support.repos import GitSaidNo, RepoDir, make_repo

if TYPE_CHECKING:
    import random

    from tests.campaign.disks import Plain

_RECIPE = """\
exec 9>>"$CAMPAIGN_BASE/locks/$SIXTH_ISSUE_ID"
flock -n 9 || echo "overlap $SIXTH_ISSUE_ID $SIXTH_SUBTASK $$" >>"$CAMPAIGN_BASE/witness"
echo "start $SIXTH_ISSUE_ID $SIXTH_SUBTASK $$" >>"$CAMPAIGN_BASE/witness"
if [ "$1" = strays ]; then setsid sleep 300 & fi
sleep "0.$((SIXTH_SUBTASK % 4))"
mkdir -p out
echo "subtask $SIXTH_SUBTASK" >"out/$SIXTH_ISSUE_ID-$SIXTH_SUBTASK.txt"
echo "end $SIXTH_ISSUE_ID $SIXTH_SUBTASK $$" >>"$CAMPAIGN_BASE/witness"
"""
_CONFIG = """\
[bot]
durability = "{durability}"
[recipes.short]
run = ["sh", "{script}", "short"]
[recipes.strays]
run = ["sh", "{script}", "strays"]
[check]
run = [["sh", "-c", "test -d out"]]
"""
_ANSWERS = 80.0  # seconds until a command has ended
_COMES_BACK = 60.0  # seconds until `.sixth` is back, on a busy machine
PREFIX, _OWNER = "campaign-", "owner"
"""How the folder of a place begins, and the file in it that says which process plays there."""
_FOREIGN = ("GIT_", "SIXTH", "XDG_", "CAMPAIGN_")


@dataclass
class Place:
    """Everything about one round. `dropped` holds the subtasks of each issue by title, true for the bot's own.

    `struck` is when the last blow fell, in seconds of the monotonic clock. `loose` are titles and names of what was
    dropped and not yet saved when `.sixth` was taken away: those may be gone.
    """

    base: Path
    disk: Plain
    dice: random.Random
    durability: str
    dropped: dict[str, list[bool]] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    loose: set[str] = field(default_factory=set)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    struck: float = 0.0
    person: Person = field(init=False)
    kept: dict[str, str] = field(init=False)
    clock: SkewedClock = field(init=False)

    @property
    def repo(self) -> RepoDir:
        return self.person.repo

    def move_in(self) -> None:
        """Make the repository, with a person's things lying about in it, and the bot's set-up."""
        (self.base / _OWNER).write_text(str(os.getpid()))
        for name in ("locks", "said"):
            (self.base / name).mkdir()
        self.clock = SkewedClock(self.base)
        self.clock.make()
        self.disk.mount()
        home = self.disk.folder / "home"
        for folder in (home, home / "tmp"):
            folder.mkdir()
        _seal(home)
        script = self.base / "recipe.sh"
        script.write_text(_RECIPE)
        repo = make_repo(self.disk.folder / "repo")
        repo.commit("docs: words", {"words.txt": "pear\napple\n", "notes.txt": "one\n"})
        self.person = Person(repo)
        self.person.settle_in(_CONFIG.format(durability=self.durability, script=script))
        repo.write({"notes.txt": "stashed\n"})
        repo.git("stash")
        repo.write({"staged.txt": "staged\n"})
        repo.git("add", "staged.txt")
        repo.write({"words.txt": "edited\n", "loose.txt": "untracked\n"})
        self.kept = fingerprint(repo.path)
        self.disk.sync()

    def move_out(self) -> None:
        """End what still runs and take everything away."""
        kill_all(self.base)
        for one in self.running:
            one.wait()
        self.disk.leave()
        shutil.rmtree(self.base, ignore_errors=True)

    # the bot

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start sixthbot in a session of its own, with what it says going to a file."""
        with (self.base / "said" / f"{len(self.running)}-{command[0]}").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "sixthbot", *command],
                cwd=self.repo.path,
                env={**os.environ, **self._variables()},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def alive(self) -> list[subprocess.Popen[bytes]]:
        """Return the sixthbot processes of ours that run."""
        return [one for one in self.running if one.poll() is None]

    def say(self, *args: str) -> Said:
        """Say something to sixthbot and wait for the answer; raise TimeoutExpired, and note what it was at, without one."""
        process = subprocess.Popen(
            [sys.executable, "-m", "sixthbot", *args],
            cwd=self.repo.path,
            env={**os.environ, **self._variables()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        limit = _ANSWERS * _busy()
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.broken.append(
                f"`sixthbot {' '.join(args)}` did not end within {limit:.0f} s: {_at(self, process)}"
            )
            raise
        said = Said(process.returncode, out, err)
        assert "Traceback" not in said.all, said.all
        return said

    def _variables(self) -> dict[str, str]:
        return {"PYTHONPATH": f"{self.clock.site}{os.pathsep}{ROOT}", MARK: str(self.base)}

    def stop_politely(self, process: subprocess.Popen[bytes], number: signal.Signals, limit: float) -> None:
        """Ask a bot to leave; that it takes longer than `limit` seconds is a broken promise.

        On a machine with more to do than it has processors, it has that much longer.
        """
        began = time.monotonic()
        limit *= _busy()
        process.send_signal(number)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            self.broken.append(f"{number.name}: still there after {time.monotonic() - began:.1f} s")
            process.kill()
            process.wait()

    # people

    def drop(self) -> None:
        """Drop an issue; one in six cannot be used."""
        if not self._at_home():
            return
        number = len(self.dropped) + len(self.bad)
        if self.dice.random() < 1 / 6:
            name = f"bad-{number}.md"
            self.person.drop(f"---\nid: ../up-{number}\n---\n# Bad\n", name)
            self.bad.append(name)
        else:
            title = f"Issue number {number}"
            parts = [self.dice.random() < 0.8 for _ in range(self.dice.randint(1, 3))]
            lines = [
                f"- [ ] part {n} of {number}" + (f" `do: {self._recipe()}`" if own else "")
                for n, own in enumerate(parts, 1)
            ]
            self.dropped[title] = parts
            self.person.drop(f"# {title}\n\n" + "\n".join(lines) + "\n", f"issue-{number}.md")
        self.disk.sync()

    def _at_home(self) -> bool:
        """Wait until the inbox is there, which a bot or a command brings back where it was taken away."""
        until = time.monotonic() + _COMES_BACK
        while not (self.repo.path / ".sixth/inbox").is_dir():
            if time.monotonic() > until:
                self.broken.append("`.sixth` does not come back")
                return False
            if not self.alive():
                self.say("status")
            time.sleep(0.1)
        return True

    def take_away(self, *way: str) -> None:
        """Take `.sixth` away with a command of the user's; note what of the inbox was never saved.

        What has no saved state at all is waited for: its settings were nowhere else.
        """
        until = time.monotonic() + _COMES_BACK
        while self.repo.try_git("grep", "-qF", "[recipes.short]", "refs/sixth/state").returncode:
            if time.monotonic() > until:
                self.broken.append("the settings were never saved")
                return
            if not self.alive():
                self.start("watch")
            time.sleep(0.2)
        self.look("while the user looked away")
        self.loose |= {name for name in (*self.dropped, *self.bad) if not self._is_saved(name)}
        subprocess.run(way, cwd=self.repo.path, check=False, capture_output=True)
        self.kept = fingerprint(self.repo.path)
        self.disk.sync()

    def _is_saved(self, name: str) -> bool:
        """Tell whether what was dropped under a name is in the saved state itself; the journal is ahead of it."""
        line = (
            f"# {name}" if name in self.dropped else f"id: ../{name.removesuffix('.md').replace('bad', 'up')}"
        )
        found = self.repo.try_git("grep", "-q", f"^{re.escape(line)}$", "refs/sixth/state", "--", "blobs")
        return found.returncode == 0

    def _recipe(self) -> str:
        return "strays" if self.dice.random() < 0.3 else "short"

    def look(self, moment: str) -> None:
        """Compare the user's things with how the user left them."""
        now = fingerprint(self.repo.path)
        changed = [name for name in {*now, *self.kept} if now.get(name) != self.kept.get(name)]
        if not changed:
            return
        self.broken.append(f"the user's things changed {moment}: {', '.join(sorted(changed)[:5])}")
        self.kept = now

    def act_as_user(self) -> None:
        """Do what users do, in the work tree that the bot must not touch."""
        self.look("while the user looked away")
        repo, number = self.repo, self.dice.randrange(10**6)
        match self.dice.choice(("commit", "dirty", "stash", "pop", "stage")):
            case "commit":
                repo.write({f"user-{number}.txt": "theirs\n"})
                repo.git("add", f"user-{number}.txt")
                repo.git("commit", "--quiet", "-m", f"feat: by hand {number}", "--", f"user-{number}.txt")
            case "dirty":
                repo.write({"words.txt": f"edited {number}\n", f"loose-{number}.txt": "new\n"})
            case "stash":
                repo.git("stash")
            case "pop":
                repo.try_git("stash", "pop")
            case _:
                repo.write({"staged.txt": f"{number}\n"})
                repo.git("add", "staged.txt")
        self.kept = fingerprint(repo.path)
        self.disk.sync()

    def play_person(self) -> int:
        """Do the subtasks that wait for a person; return how many."""
        played = 0
        for issue in self.person.issues():
            waiting = [one for one in issue["subtasks"] if one["status"] == "waiting"]
            if issue["status"] != "waiting-for-person" or not waiting:
                continue
            name, n = f"hand-{issue['id']}-{waiting[0]['n']}.txt", waiting[0]["n"]
            if not self.repo.show(issue["branch"], name):
                place = Path(tempfile.mkdtemp(dir=self.disk.folder / "home")) / "mine"
                try:
                    self.person.commit_on(issue["branch"], f"Part {n} by hand", {name: "mine\n"}, place)
                except GitSaidNo as error:  # the bot moved the branch at this moment
                    self.repo.try_git("worktree", "remove", "--force", str(place))
                    if "already" not in str(error) and "not a commit" not in str(error):
                        raise
                    continue
                self.disk.sync()
            self.say("done", issue["id"])
            played += 1
        return played


def _busy() -> float:
    """Return how many times as long things take here as on a machine with nothing else to do."""
    return max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.2)


def _at(place: Place, process: subprocess.Popen[str]) -> str:
    """End a process that does not end; return what it says it was at."""
    process.send_signal(signal.SIGUSR1)
    time.sleep(_busy() * 2)
    process.kill()
    process.communicate()
    reports = sorted((place.repo.path / ".sixth/local/logs").glob("stacks-*.txt"))
    return reports[-1].read_text()[-4000:] if reports else "it did not say what it is at"


def sweep(top: Path) -> list[Path]:
    """Take away the places below a folder whose campaign was killed, with what runs and is mounted there; return them."""
    swept = []
    for base in sorted(top.glob(f"{PREFIX}*")):
        try:
            owner = int((base / _OWNER).read_text())
        except (OSError, ValueError):
            continue  # one that is just being made, or not ours
        if not Path(f"/proc/{owner}").exists():
            kill_all(base)
            unmount(base / "disk")
            shutil.rmtree(base, ignore_errors=True)
            swept.append(base)
    return swept


def _seal(home: Path) -> None:
    """Give this process, and all that it starts, a home of their own and nothing of the developer's."""
    for name in tuple(os.environ):
        if name.startswith(_FOREIGN):
            del os.environ[name]
    (home / "gitconfig").write_text("")
    os.environ.update({
        "HOME": str(home), "TMPDIR": str(home / "tmp"), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "EDITOR": "true", "VISUAL": "true", "PAGER": "cat",
        "TERM": "dumb", "TZ": "UTC", "LC_ALL": "C.UTF-8", "SIXTH_LLM": "off",
    })  # fmt: skip
    tempfile.tempdir = None
