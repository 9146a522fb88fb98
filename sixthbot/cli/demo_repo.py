"""Makes the demo's scratch repository: a small Python package with a history of a few dozen commits by several people.

The history is made from a seed, with real code that works at every commit, and written by one `git fast-import`.
"""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.errors import WorkFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

AUTHORS = (
    ("Ada Byron", "ada@example.org"),
    ("Grace Murray", "grace@example.org"),
    ("Alan Mathison", "alan@example.org"),
    ("Edsger Wybe", "edsger@example.org"),
)
_VOCABULARY = [
    "lantern",
    "harbour",
    "willow",
    "copper",
    "meadow",
    "ember",
    "granite",
    "saffron",
    "thistle",
    "anchor",
    "velvet",
    "orchard",
    "cinder",
    "marble",
    "juniper",
    "falcon",
    "pebble",
    "quartz",
    "ribbon",
    "sparrow",
    "timber",
    "umber",
    "violet",
    "walnut",
    "yarrow",
    "zephyr",
    "barley",
    "candle",
    "dune",
    "fern",
    "glacier",
    "hazel",
]

# module, function, body, test: each pair becomes one commit whose tests pass
_FUNCTIONS = (
    ("text", "words", "return text.split()", 'words("a  b") == ["a", "b"]'),
    ("text", "clean", 'return " ".join(text.lower().split())', 'clean("  A  b ") == "a b"'),
    ("text", "count", "return len(text.split())", 'count("one two") == 2'),
    ("text", "longest", 'return max(text.split(), key=len, default="")', 'longest("a bcd ef") == "bcd"'),
    ("text", "initials", 'return "".join(word[0] for word in text.split())', 'initials("red fox") == "rf"'),
    ("text", "backwards", "return text[::-1]", 'backwards("abc") == "cba"'),
    ("shape", "title", "return text[:1].upper() + text[1:]", 'title("abc") == "Abc"'),
    ("shape", "shout", 'return text.upper() + "!"', 'shout("hey") == "HEY!"'),
    ("shape", "snake", 'return "_".join(text.lower().split())', 'snake("Big Cat") == "big_cat"'),
    ("shape", "kebab", 'return "-".join(text.lower().split())', 'kebab("Big Cat") == "big-cat"'),
    ("shape", "framed", 'return f"[{text}]"', 'framed("a") == "[a]"'),
    (
        "shape",
        "short",
        'return text if len(text) < 10 else text[:7] + "..."',
        'short("0123456789") == "0123456..."',
    ),
)

_SORT_WORDS = '''"""Sorts words.txt in place."""

from pathlib import Path

path = Path("words.txt")
path.write_text("".join(sorted(path.read_text().splitlines(keepends=True))))
'''

_COUNT_WORDS = '''"""Writes the number of words into NUMBERS.md."""

import os
from pathlib import Path

name = os.environ["SIXTH_ARG_LIST"]
count = len(Path(name).read_text().splitlines())
Path("NUMBERS.md").write_text(f"# Numbers\\n\\n{name} has {count} words.\\n")
'''

Files = dict[str, str]


@dataclass(frozen=True)
class Person:
    """Somebody who works in a folder with plain git, under their own name."""

    name: str
    email: str
    folder: Path

    def git(self, *args: str, stdin: bytes = b"") -> str:
        """Run git as this person and return what it printed; raise WorkFailed with its words when it fails."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            env=self._environment(),
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise WorkFailed(f"git {args[0]} failed in {self.folder}: {words[-1] if words else 'no words'}")
        return done.stdout.decode("utf-8", "replace").strip("\n")

    def _environment(self) -> Mapping[str, str]:
        # neither the settings of whoever watches the demo (signing, templates, hooks) nor a repository of theirs
        foreign = {name for name in os.environ if name.startswith("GIT_")}
        return {name: value for name, value in os.environ.items() if name not in foreign} | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": self.name,
            "GIT_AUTHOR_EMAIL": self.email,
            "GIT_COMMITTER_NAME": self.name,
            "GIT_COMMITTER_EMAIL": self.email,
        }


@dataclass
class _History:
    """The commits so far: who, how long after the one before, what; and the files as they are after them."""

    chance: random.Random
    files: Files = field(default_factory=dict)
    commits: list[tuple[str, int, str, Files]] = field(default_factory=list)

    def commit(self, subject: str, changed: Files) -> None:
        """Add a commit by somebody, some hours after the one before."""
        name, email = self.chance.choice(AUTHORS)
        pause = self.chance.randrange(2 * 3600, 22 * 3600)
        self.commits.append((f"{name} <{email}>", pause, subject, changed))
        self.files |= changed

    def stream(self, end: int) -> bytes:
        """Return the input of `git fast-import` that writes them, the last one an hour before `end`."""
        when = end - 3600 - sum(pause for _, pause, _, _ in self.commits)
        parts = []
        for person, pause, subject, changed in self.commits:
            when += pause
            stamp = f"{person} {when} +0000"
            parts.append(f"commit refs/heads/main\nauthor {stamp}\ncommitter {stamp}\n".encode())
            parts.append(_data(subject + "\n"))
            parts += [f"M 100644 inline {path}\n".encode() + _data(text) for path, text in changed.items()]
        return b"".join(parts)


def _data(text: str) -> bytes:
    body = text.encode()
    return f"data {len(body)}\n".encode() + body + b"\n"


def make_repository(folder: Path, *, seed: int, now: datetime) -> tuple[Person, int]:
    """Make `folder/project` with its history and `folder/remote.git` beside it, and push `main` there.

    Returns the person who sits in the project and the number of commits. The last commit is a little before `now`.
    """
    project, remote = folder / "project", folder / "remote.git"
    project.mkdir(parents=True)
    person = Person(*AUTHORS[0], project)
    person.git("init", "--quiet", "--initial-branch=main")
    history = _history(random.Random(seed))  # noqa: S311 - a story, not a secret
    person.git("fast-import", "--quiet", stdin=history.stream(int(now.timestamp())))
    person.git("reset", "--quiet", "--hard", "main")
    person.git("init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    person.git("remote", "add", "origin", str(remote))
    person.git("push", "--quiet", "--set-upstream", "origin", "main")
    return person, len(history.commits)


def _history(chance: random.Random) -> _History:
    history = _History(chance)
    history.commit("chore: begin", {"README.md": "# wordbox\n\nSmall functions for words.\n"})
    history.commit("feat: make it a package", {"wordbox/__init__.py": '"""Small functions for words."""\n'})
    history.commit("chore: tests live in tests/", {"tests/__init__.py": ""})
    history.commit("feat(words): a first list of words", {"words.txt": _more_words(chance, "")})
    history.commit(
        "chore: tools for the word list",
        {"tools/sort_words.py": _SORT_WORDS, "tools/count_words.py": _COUNT_WORDS},
    )
    for module, name, body, test in _FUNCTIONS:
        history.commit(f"feat({module}): add {name}", _with_function(history.files, module, name, body, test))
        for _ in range(chance.choice((1, 1, 2, 3))):
            history.commit(*_small_change(chance, history.files, name))
    return history


def _with_function(files: Files, module: str, name: str, body: str, test: str) -> Files:
    code, tests = f"wordbox/{module}.py", f"tests/test_{module}.py"
    words = name.replace("_", " ")
    old_code = files.get(code, f'"""Functions for the {module} of words."""\n')
    old_tests = files.get(
        tests, f"import unittest\n\nfrom wordbox import {module}\n\n\nclass Test(unittest.TestCase):\n"
    )
    function = f'\n\ndef {name}(text):\n    """Return the {words} of a text."""\n    {body}\n'
    case = f"    def test_{name}(self):\n        self.assertTrue({module}.{test})\n\n"
    return {code: old_code + function, tests: old_tests + case}


def _small_change(chance: random.Random, files: Files, name: str) -> tuple[str, Files]:
    kind = chance.choice(("words", "words", "docs", "readme", "notes"))
    if kind == "words" and len(files["words.txt"].split()) < len(_VOCABULARY):
        return "chore(words): more words", {"words.txt": _more_words(chance, files["words.txt"])}
    if kind == "readme":
        return f"docs: mention {name}", {"README.md": files["README.md"] + f"\n- `{name}` is there\n"}
    idea = chance.choice(_VOCABULARY)
    notes = files.get("NOTES.md", "# Notes\n") + f"\n- {idea}: try it with `{name}`\n"
    return ("docs(notes): an idea" if kind == "notes" else f"docs(notes): {idea}"), {"NOTES.md": notes}


def _more_words(chance: random.Random, old: str) -> str:
    there = set(old.split())
    fresh = [word for word in _VOCABULARY if word not in there]
    return old + "".join(f"{word}\n" for word in chance.sample(fresh, min(2, len(fresh))))


def rename_helper(person: Person, worktree: Path) -> Person:
    """Call the helper `clean` `tidy` in a worktree, tests included; return the person, sitting there."""
    for name in ("wordbox/text.py", "tests/test_text.py"):
        path = worktree / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("clean(", "tidy(").replace("test_clean", "test_tidy"), encoding="utf-8")
    return Person(person.name, person.email, worktree)


def someone_else(project: Path) -> None:
    """Let another person commit on `main`, in the project's own work tree, leaving what is not theirs alone."""
    readme = project / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8") + "\nTests: python -m unittest\n", encoding="utf-8")
    Person(*AUTHORS[1], project).git(
        "commit", "--quiet", "--message", "docs: say how to run the tests", "README.md"
    )
