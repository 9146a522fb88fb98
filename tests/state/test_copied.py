"""`.sixth`, or the whole repository, copied to another place while tasks ran: a writer of its own, and no commit twice."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.bot.home import Home, Watching, make_home, until
from tests.state.clones import Machine, machine, make_remote
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from pathlib import Path

SLOW = "---\nid: a\n---\n# Issue a\n\n- [ ] Sort `do: sort-words`\n- [ ] Wait `do: slow`\n"


def actor(repo: RepoDir) -> str:
    return str(json.loads((repo.git_dir / "sixth/actor").read_text())["id"])


def copied_while_running(home: Home, target: Path) -> Machine:
    """Copy the whole repository at a moment in which a task runs and has made its first commit."""
    with Watching(home.bot()):
        home.drop("a.md", SLOW)
        until(lambda: "sort" in home.repo.try_git("log", "--format=%s", "main..sixth/issue-a").stdout)
        until(lambda: home.tasks("running"))
        shutil.copytree(home.repo.path, target, symlinks=True)
    return Machine(RepoDir(target))


def test_a_copied_repository_takes_up_what_ran_as_another_writer(repo: RepoDir, tmp_path: Path) -> None:
    home = make_home(repo)
    copy = copied_while_running(home, tmp_path / "copy")
    copy.do("trust", "--yes")
    config = copy.repo.path / ".sixth/config.toml"
    config.write_text(config.read_text().replace('run = ["sleep", "30"]', 'run = ["true"]'))
    copy.do("trust", "--yes")
    copy.do("run")
    assert actor(copy.repo) != actor(repo)
    assert copy.repo.subjects("main..sixth/issue-a").count("chore: sort") == 1
    assert copy.plans() == {"a": ["done", "done"]}
    assert not list(copy.services.store.queue.all(states=("running",)))


def test_sixth_alone_copied_into_another_clone_is_gone_on_with(tmp_path: Path) -> None:
    remote = make_remote(tmp_path)
    one, other = machine(remote, tmp_path / "one"), machine(remote, tmp_path / "other")
    one.drop("a")
    one.do("run")
    shutil.rmtree(other.repo.path / ".sixth")
    shutil.copytree(one.repo.path / ".sixth", other.repo.path / ".sixth")
    other.do("run")
    assert other.plans()["a"][1] == "waiting"
    assert actor(one.repo) != actor(other.repo)
    issues = other.do("issue", "list", "--json").json["issues"]
    assert [issue["status"] for issue in issues] != ["ended"], "the branches of the other clone are not here"
    for each in (one, other, one):
        each.do("sync")
    assert list(one.plans()) == list(other.plans()) == ["a"]
    assert one.repo.tip("sixth/issue-a") == other.repo.tip("sixth/issue-a")
