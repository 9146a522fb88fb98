"""`sixthbot demo`: the whole main job on a scratch repository, told point by point; it plays the person too."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import paint
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.errors import UsageError, WorkFailed
from sixthbot.store.clock import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.cli.demo_repo import Person
    from sixthbot.cli.output import Output

_SEED = 6
_BRANCH = "sixth/tidy-the-word-list"

_CONFIG = """\
# What issues may ask for by name, and what must hold before anything is pushed.
[recipes.sort-words]
description = "sorts words.txt"
run = [{python}, "tools/sort_words.py"]

[recipes.count-words]
description = "writes into NUMBERS.md how many words there are"
run = [{python}, "tools/count_words.py"]

[check]
run = [[{python}, "-m", "unittest", "-q"]]
"""

_ISSUE = """\
---
labels: chore
---
# Tidy the word list

It has grown without order, and nobody knows how long it is.

- [ ] Sort the word list `do: sort-words`
- [ ] Write down how many words there are `do: count-words list=words.txt`
- [ ] Call the old helper `clean` by a better name
"""


@verb(
    ("sixthbot demo", "in a new temporary folder, in under a minute, without a network"),
    ("sixthbot demo --into ~/sixthbot-demo", "in a folder of your choice"),
    ("sixthbot demo --pause", "wait for Enter at each point"),
)
@click.option("--into", type=click.Path(path_type=Path), help="A folder that does not exist yet.")
@click.option("--pause", is_flag=True, help="Wait for Enter at each point.")
@click.option("--seed", type=int, default=_SEED, hidden=True)
@pass_session
def command(session: Session, *, into: Path | None, pause: bool, seed: int) -> None:
    """Make a small repository with a history and a remote, and show the whole main job on it.

    The folder stays, to look around in.
    """
    refuse_inside_task("the demo")
    if into is not None and into.exists():
        raise UsageError(f"{into} is there already", hint="name a folder that does not exist yet")
    folder = Path(tempfile.mkdtemp(prefix="sixthbot-demo-")) if into is None else into
    began = time.monotonic()
    tour = _Tour(session.out, folder.resolve(), seed=seed, pause=pause, color=session.color)
    with _plain_surroundings():
        for part in (
            _repository,
            _init,
            _issue,
            _first_run,
            _person,
            _second_run,
            _review,
            _approve,
            _look_back,
        ):
            part(tour)
    session.out.say(f"\nThat took {time.monotonic() - began:.0f} s. Everything is still there:")
    program = _program()
    session.out.say(f"\n    cd {shlex.quote(f'{tour.folder}/project')}\n    {program} status\n")
    session.out.say(f"Drop an issue of your own into .sixth/inbox/ and say: {program} run")
    session.out.say(f"When you have seen enough: rm -r {shlex.quote(str(tour.folder))}")


def _program() -> str:
    """Return what a person types to start this program: its name where that is on PATH, else all of its path."""
    if shutil.which("sixthbot"):
        return "sixthbot"
    started = Path(sys.argv[0]).absolute()
    if started.name == "sixthbot" and os.access(started, os.X_OK):
        return shlex.quote(str(started))
    beside = Path(sys.executable).with_name("sixthbot")
    return (
        shlex.quote(str(beside))
        if os.access(beside, os.X_OK)
        else f"{shlex.quote(sys.executable)} -m sixthbot"
    )


@contextmanager
def _plain_surroundings() -> Iterator[None]:
    """Let nothing wait for a person or a server: no pager to leave, no model to answer."""
    wanted = {"SIXTHBOT_DISPLAY__PAGER": "false", "SIXTH_LLM": "off"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass
class _Tour:
    """Tells the story and does what it tells: the bot's commands in this process, the person's with plain git."""

    out: Output
    folder: Path
    seed: int
    pause: bool
    color: str | None
    points: int = 0
    person: Person = field(init=False)

    @property
    def project(self) -> Path:
        """The person's own work tree."""
        return self.folder / "project"

    def point(self, title: str, *lines: str) -> None:
        """Begin the next point of the story."""
        if self.pause and self.points:
            click.prompt("\nEnter goes on", default="", show_default=False, prompt_suffix=" ", err=True)
        self.points += 1
        self.out.say(f"\n{paint(f'{self.points}. {title}', 'bold', 'cyan')}")
        for line in lines:
            self.out.say(line)

    def note(self, line: str) -> None:
        """Say what a command changed."""
        self.out.say(f"{paint('->', 'green')} {line}")

    def typed(self, line: str) -> None:
        """Show a line as somebody would type it."""
        self.out.say(f"\n{paint('$ ' + line, 'bold')}")

    def sixthbot(self, *args: str, shown: str = "") -> None:
        """Type one of the bot's own commands; raise WorkFailed when it does not end well."""
        from sixthbot.cli.app import main  # noqa: PLC0415 - app imports this module when the demo is asked for

        self.typed("sixthbot " + (shown or " ".join(args)))
        color = ["--color", self.color] if self.color else []
        code = main([*color, "-C", str(self.project), *args])
        if code:
            raise WorkFailed(
                f"the demo's `sixthbot {args[0]}` ended with {code}", hint=f"look into {self.folder}"
            )

    def git(self, *args: str, where: Person | None = None) -> str:
        """Type a git command as the person."""
        words = " ".join(f"'{arg}'" if " " in arg else arg for arg in args)
        self.typed(f"git {words}")
        said = (where or self.person).git(*args)
        for line in said.splitlines():
            self.out.say(line)
        return said


def _repository(tour: _Tour) -> None:
    from sixthbot.cli.demo_repo import make_repository  # noqa: PLC0415 - lazy, see app

    tour.point(
        "A repository, as people have them", "A small Python package with tests, and a bare remote beside it."
    )
    tour.person, commits = make_repository(tour.folder, seed=tour.seed, now=now())
    notes = tour.project / "NOTES.md"
    notes.write_text(notes.read_text() + "\n- half a thought, not committed\n")
    tour.note(
        f"{tour.project} has {commits} commits by several people on main; {tour.folder}/remote.git has them too"
    )
    tour.note("NOTES.md has a change that is not committed; the bot must never touch it")
    tour.git("log", "--oneline", "-5")
    tour.git("status", "--short")


def _init(tour: _Tour) -> None:
    tour.point("The bot moves in", "Its files live in .sixth/, kept out of git's sight by .git/info/exclude.")
    tour.sixthbot("init")
    python = json.dumps(sys.executable)
    (tour.project / ".sixth/config.toml").write_text(_CONFIG.format(python=python))
    tour.note(
        ".sixth/config.toml now names two recipes and a check; what names a program counts only once trusted"
    )
    tour.sixthbot("trust", "--yes")
    tour.git("add", ".sixth/config.toml")
    tour.git("commit", "--quiet", "--message", "chore: what sixthbot may run here")
    tour.note("a team may track config, rules and templates; everything else of the bot stays out of git")


def _issue(tour: _Tour) -> None:
    tour.point(
        "Somebody drops an issue into the inbox",
        "Two subtasks ask for a recipe; nothing is said of the third.",
    )
    (tour.project / ".sixth/inbox/tidy.md").write_text(_ISSUE)
    tour.typed("cat .sixth/inbox/tidy.md")
    for line in _ISSUE.splitlines():
        tour.out.say(line.rstrip())


def _first_run(tour: _Tour) -> None:
    tour.point(
        "The bot works",
        "`sixthbot watch` would have begun by itself; `run` does what there is to do and exits.",
    )
    tour.sixthbot("run")
    tour.note(
        f"the ref refs/heads/{_BRANCH} was made, with one commit for each recipe; no work tree was touched"
    )
    tour.git("log", "--oneline", f"main..{_BRANCH}")
    tour.sixthbot("status")


def _person(tour: _Tour) -> None:
    tour.point(
        "A person does the third subtask, in a worktree of their own",
        "Meanwhile somebody else commits on main, so that the branch's base moves on.",
    )
    from sixthbot.cli.demo_repo import rename_helper, someone_else  # noqa: PLC0415 - lazy, see app

    tour.git("worktree", "add", "--quiet", "../mine", _BRANCH)
    mine = rename_helper(tour.person, tour.folder / "mine")
    tour.git(
        "commit", "--quiet", "--all", "--message", "refactor(text): clean is called tidy now", where=mine
    )
    tour.git("worktree", "remove", "../mine")
    tour.note(f"one commit more on {_BRANCH}, by {mine.name}; the branch is checked out nowhere again")
    someone_else(tour.project)
    tour.note("one commit more on main, by somebody else")
    tour.sixthbot("done", "tidy")


def _second_run(tour: _Tour) -> None:
    tour.point(
        "The bot goes on",
        "It rebases onto the new main, in memory, writes the changelog, runs the checks and writes a draft.",
    )
    tour.sixthbot("run")
    tour.note(f".sixth/drafts/{_BRANCH.replace('/', '%2F')}.md is the draft; nothing has been pushed")
    tour.git("log", "--format=%h %an: %s", f"main..{_BRANCH}")


def _review(tour: _Tour) -> None:
    tour.point("A person reviews it", "Without --stat the diff follows, in your pager.")
    tour.sixthbot("review", "--stat")


def _approve(tour: _Tour) -> None:
    tour.point(
        "And approves, and pushes",
        "An approval is for exactly this commit, text and remote, and lies outside the repository.",
    )
    tour.sixthbot("approve", _BRANCH)
    tour.sixthbot("push")
    remote = tour.person.git(f"--git-dir={tour.folder}/remote.git", "rev-parse", _BRANCH)
    if remote != tour.person.git("rev-parse", _BRANCH):
        raise WorkFailed("the remote does not have the approved commit", hint=f"look into {tour.folder}")
    tour.note(f"{tour.folder}/remote.git has {_BRANCH} at {remote[:9]} now, the approved commit")


def _look_back(tour: _Tour) -> None:
    tour.point(
        "Looking back",
        "The bot sees that its draft was pushed. Every decision of its own can be explained,",
        "and the person's own work is as it was.",
    )
    tour.sixthbot("-q", "run", shown="-q run")
    tour.sixthbot("why", "tidy")
    tour.git("status", "--short")
