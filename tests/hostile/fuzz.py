"""A fuzzer, run by hand: `python -m tests.hostile.fuzz --seconds 300 --seed 1`.

Each round takes files of the bot's own (issue files, rules, tasks, drafts, plans, checkpoints, journals, cursors), changes
them as an attacker or a bad disk would, and says one command after the other. Whatever comes, every command ends in words
and in time, prints nothing that steers a terminal, and leaves what is the user's as it was. `--seed S --rounds 1` plays a
round again.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import time
from pathlib import Path
from unittest import mock

from tests.cli.support import Said, sixthbot
from tests.hostile.inbox_cases import cases
from tests.hostile.rule_cases import rule_files
from tests.hostile.test_state import CONFIG, STEERS
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, make_bare, make_repo

COMMANDS = (
    ("status",), ("status", "--json"), ("queue", "list", "--all"), ("issue", "list"), ("plan", "tidy"), ("review", "sixth/tidy"),
    ("log", "-n", "0"), ("log", "-n", "0", "--json"), ("why", "tidy"), ("why", "main"), ("rules", "list"), ("rules", "check"),
    ("rules", "test"), ("rules", "show", "work on an issue"), ("trust", "--show"), ("draft",), ("doctor",), ("run",),
    ("config", "show", "--origin"), ("rules", "list", "--json"), ("rules", "list", "--actions"), ("changelog",), ("service", "--json"),
)  # fmt: skip
_SOUND = b"""\
[[rule]]
name = "at night"
on = "schedule"
schedule = "0 3 * * MON-FRI"
timezone = "Europe/Berlin"
catch_up = "all"
catch_up_max = 3
overlap = "skip"
jitter = "5m"
do = [{ use = "check" }]

[[rule]]
name = "docs"
on = "file.changed"
when = { paths = ["docs/**", "*.md"], not_paths = "docs/generated/**" }
if = "event.files > 1 or any(glob(event.paths, 'docs/*.md'))"
settle = "2s"
cooldown = "1m"
limit = "20/h"
key = "{paths}"
after = ["at night"]
do = [{ use = "notify", text = "docs" }]

[[test]]
given = { on = "file.changed", paths = ["docs/a.md"], files = 1 }
expect = ["docs"]
"""
SLOWEST = 30.0  # seconds of work for one command, all repairs included
_BITS = (
    b"\x1b]0;pwned\x07", b"\xe2\x80\xae", b"\x9b31m", b"\0", b"\xff", b"\r\n", b"../../", b"--output=pwned", b"$(touch pwned)",
    b"{{ 7*7 }}", b'"', b"'''", b"+++\n", b"---\n", b"[[rule]]\n", b"[", b"{", b"9" * 400, b"-1", b"null", b"1e999", b"\xed\xa0\x80",
    b"\nSixth-Subtask: 1\n", b"\\u001b[2J", b"true", b"[]", b"{}", b".." * 50, b"refs/heads/main", b"HEAD~1", b"a" * 5000,
)  # fmt: skip


def main() -> int:
    """Fuzz until the time is up; return 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1_000_000)
    given = parser.parse_args()
    began, found, done = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="sixthbot-fuzz-") as folder, sealed(Path(folder)):
        place = Place(Path(folder))
        while done < given.rounds and time.monotonic() - began < given.seconds:
            seed = given.seed + done
            for problem in place.round(random.Random(seed)):  # noqa: S311 - to be played again, not to be secret
                found += 1
                print(f"seed {seed}: {problem}")
            done += 1
        print(f"{done} rounds, {place.said} commands, {place.changed} files changed; {found} problems")
    return 1 if found else 0


def sealed(folder: Path) -> mock._patch_dict:
    """Keep whatever runs away from the home and the git settings of whoever starts this."""
    home = folder / "home"
    home.mkdir()
    (home / "gitconfig").write_text("")
    return mock.patch.dict(
        os.environ,
        {
            "HOME": str(home), "XDG_CONFIG_HOME": str(home / "c"), "XDG_DATA_HOME": str(home / "d"), "XDG_CACHE_HOME": str(home / "e"),
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "PAGER": "cat", "EDITOR": "true", "SIXTH_LLM": "off",
            "TERM": "dumb",
        },
    )  # fmt: skip


class Place:
    """A repository with a draft, taken back to how it was before each round."""

    def __init__(self, folder: Path) -> None:
        self.said = self.changed = 0
        self.folder, self.repo = folder, make_repo(folder / "repo")
        self.repo.commit("docs: words", {"words.txt": "pear\napple\n"})
        self.repo.git("remote", "add", "origin", str(make_bare(folder / "remote.git").path))
        self._begin(self.repo)
        self.home, self.kept = self.repo.path / ".sixth", folder / "kept"
        shutil.copytree(self.home, self.kept, symlinks=True)
        self.before, self.refs = fingerprint(self.repo.path), self._refs()
        self.outside = {path.name for path in folder.iterdir()}
        self.issues = [case.data for case in cases() if len(case.data) < 100_000]
        self.rules = [data for _, data in rule_files() if len(data) < 100_000]
        self.rules += [_SOUND] * (len(self.rules) // 4)  # what is nearly sound comes further

    def _begin(self, repo: RepoDir) -> None:
        sixthbot("init", cwd=repo.path)
        (repo.path / ".sixth/config.toml").write_text(CONFIG)
        sixthbot("trust", "--yes", cwd=repo.path)
        issue = "---\nid: tidy\n---\n# Tidy\n\n- [ ] sort `do: sort-words`\n"
        (repo.path / ".sixth/inbox/tidy.md").write_text(issue)
        assert sixthbot("run", cwd=repo.path).code == 0

    def _refs(self) -> str:
        return self.repo.git("for-each-ref", "refs/heads/main", "refs/tags")

    def round(self, chance: random.Random) -> list[str]:
        """Change some files and say every command; return what was wrong, in words."""
        shutil.rmtree(self.home)
        shutil.copytree(self.kept, self.home, symlinks=True)
        files = [path for path in sorted(self.home.rglob("*")) if path.is_file() and ".ids" not in path.name]
        what = []
        for path in chance.sample(files, chance.randint(1, 3)):
            path.write_bytes(mutated(path.read_bytes(), chance))
            what.append(str(path.relative_to(self.home)))
        (self.home / "inbox/fuzz.md").write_bytes(mutated(chance.choice(self.issues), chance))
        (self.home / "rules/fuzz.toml").write_bytes(mutated(chance.choice(self.rules), chance))
        if chance.random() < 0.3:
            sixthbot("trust", "--yes", cwd=self.repo.path)
        self.changed += len(what) + 2
        found = [problem for command in COMMANDS for problem in self._say(command)]
        if fingerprint(self.repo.path) != self.before:
            found.append("what is the user's changed")
        if self._refs() != self.refs:
            found.append("a ref of the user's moved")
        if strange := {path.name for path in self.folder.iterdir()} - self.outside:
            found.append(f"written outside: {strange}")
        return [f"{', '.join(what)}: {problem}" for problem in found]

    def _say(self, command: tuple[str, ...]) -> list[str]:
        began = time.process_time()
        said = sixthbot(*command, cwd=self.repo.path)
        self.said += 1
        return [f"{' '.join(command)}: {one}" for one in wrong_with(said, time.process_time() - began)]


def wrong_with(said: Said, seconds: float) -> list[str]:
    """Return what is wrong with how a command ended."""
    found = []
    if "Traceback" in said.out + said.err or "unexpected" in said.err:
        found.append(f"no words for it: {said.err[-600:]}")
    if steer := STEERS.search(said.out + said.err):
        found.append(f"prints {steer[0]!r}")
    if "No such command" in said.err:
        found.append("there is no such command")
    if not 0 <= said.code <= 5:
        found.append(f"exit code {said.code}")
    if seconds > SLOWEST:
        found.append(f"took {seconds:.1f} s")
    return found


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to six changes."""
    whole = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(whole))
        end = min(len(whole), at + chance.choice((1, 1, 4, 40, 400)))
        match chance.randint(0, 6):
            case 0:
                whole[at:at] = chance.choice(_BITS)
            case 1:
                whole[at:end] = b""
            case 2:
                whole[at:end] = chance.choice(_BITS)
            case 3:
                whole[at:at] = whole[at:end] * chance.choice((1, 2, 50))
            case 4 if at < len(whole):
                whole[at] = chance.randrange(256)
            case 5:
                del whole[at:]
            case _:
                text = bytes(whole)
                old = chance.choice((b'"', b"=", b":", b"\n", b"0", b"tidy", b"main"))
                whole = bytearray(text.replace(old, chance.choice(_BITS), chance.choice((1, -1))))
    return bytes(whole[: 1 << 20])


if __name__ == "__main__":
    raise SystemExit(main())
