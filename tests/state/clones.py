"""Clones of one repository that each have a bot of their own, as on several machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.engine.services import open_services
from tests.bot.home import CONFIG
from tests.cli.support import Said, sixthbot
from tests.support.repos import RepoDir, clone, make_bare, make_repo

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.engine.services import Services

ISSUE = "---\nid: {id}\n---\n# Issue {id}\n\n- [ ] Sort `do: sort-words`\n- [ ] By hand\n"


@dataclass(frozen=True)
class Machine:
    """One clone with its bot."""

    repo: RepoDir

    def say(self, *args: str) -> Said:
        """Run one command line there."""
        return sixthbot(*args, cwd=self.repo.path)

    def do(self, *args: str) -> Said:
        """Run one that must succeed."""
        said = self.say(*args)
        assert said.code == 0, f"{args}: {said.out}{said.err}"
        return said

    def drop(self, name: str, text: str = "") -> None:
        """Drop an issue file."""
        (self.repo.path / f".sixth/inbox/{name}.md").write_text(text or ISSUE.format(id=name))

    @property
    def services(self) -> Services:
        """What commands there work with."""
        return open_services(self.repo.path)

    def states(self) -> dict[str, str]:
        """Return the state of each issue's own task, and what its subtasks are."""
        store = self.services.store
        return {task.issue: task.state.name for task in store.queue.all() if task.issue}

    def plans(self) -> dict[str, list[str]]:
        """Return the statuses of each issue's subtasks."""
        issues = self.services.store.issues
        return {one.id: [sub.status.value for sub in issues.plan(one.id).subtasks] for one in issues.list()}


def make_remote(folder: Path) -> RepoDir:
    """Make a bare repository with a first history in it, with a configuration that is tracked."""
    remote = make_bare(folder / "remote.git")
    seed = make_repo(folder / "seed")
    seed.commit("feat: words", {"words.txt": "pear\napple\n", "a.txt": "a\n", ".sixth/config.toml": CONFIG})
    seed.git("push", "--quiet", str(remote.path), "main")
    return remote


def machine(remote: RepoDir, path: Path, *options: str) -> Machine:
    """Clone the remote and let a bot in."""
    one = Machine(clone(remote, path, *options))
    one.do("init")
    one.do("trust", "--yes")
    return one
