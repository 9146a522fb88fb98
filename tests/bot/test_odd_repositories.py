"""The bot in repositories that are not as one expects, and after a death in the middle of work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.bot import Bot
from sixthbot.core.tasks import Lane, Parked
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise
from tests.bot.home import CONFIG, Home, make_home, until
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, clone, make_repo

if TYPE_CHECKING:
    from sixthbot.store.open import Store

ROOT = Path(__file__).parents[2]
ISSUE = "---\nid: one\n---\n# One\n\n- [ ] Tidy `do: format.whitespace`\n"


@pytest.fixture
def repo(tmp_path: Path) -> RepoDir:
    """A repository with something to tidy."""
    return messy(tmp_path / "repo")


def messy(path: Path) -> RepoDir:
    repo = make_repo(path)
    repo.commit("feat: messy", {"messy.txt": "x  \n"})
    return repo


def trouble(store: Store) -> list[str]:
    """What went wrong in the bot's own duties."""
    return [record.message for record in store.journal.read() if record.kind == "bot.trouble"]


def work_in(repo: RepoDir) -> tuple[Store, str]:
    """Drop an issue into a repository and run; return what the issue's task waits for."""
    places = locate(repo.path)
    initialise(places)
    (places.inbox / "one.md").write_text(ISSUE)
    before = fingerprint(repo.path)
    Bot.open(repo.path).run()
    assert fingerprint(repo.path) == before
    store = open_store(places)
    (task,) = (task for task in store.queue.all() if task.issue == "one" and task.event.kind == "issue.added")
    assert isinstance(task.state, Parked), task.state
    assert trouble(store) == []
    return store, task.state.kind


def test_without_a_commit_a_person_is_asked(tmp_path: Path) -> None:
    assert work_in(make_repo(tmp_path / "empty", first_commit=False))[1] == "input"


def test_with_a_detached_head_the_work_is_done(repo: RepoDir) -> None:
    repo.git("switch", "--quiet", "--detach")
    assert work_in(repo)[1] == "review"


def test_in_the_middle_of_a_merge_the_work_is_done_and_the_merge_goes_on_as_it_was(repo: RepoDir) -> None:
    repo.git("switch", "--quiet", "-c", "side")
    repo.commit("feat: side", {"README.md": "side\n"})
    repo.git("switch", "--quiet", "main")
    repo.commit("feat: main", {"README.md": "main\n"})
    assert repo.try_git("merge", "side").returncode
    assert work_in(repo)[1] == "review"


def test_a_shallow_clone_is_worked_in(repo: RepoDir, tmp_path: Path) -> None:
    for number in range(5):
        repo.commit(f"feat: {number}", {"n.txt": f"{number}  \n"})
    shallow = clone(RepoDir(repo.path), tmp_path / "shallow", "--depth=2", "--no-local")
    store, kind = work_in(shallow)
    assert kind == "review"
    shallow.git("fetch", "--quiet", "--unshallow")
    assert Bot.open(shallow.path).run().events == 0
    assert trouble(store) == []


def test_from_a_linked_worktree_the_main_one_s_inbox_is_used(repo: RepoDir, tmp_path: Path) -> None:
    home = make_home(repo)
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "side"))
    home.drop("one.md", ISSUE)
    assert len(Bot.open(tmp_path / "side").run().parked) == 1
    assert not (tmp_path / "side/.sixth/inbox").exists()


def test_a_path_with_spaces_and_other_letters_is_fine(tmp_path: Path) -> None:
    assert work_in(messy(tmp_path / "a 'b' \"ü\" $HOME"))[1] == "review"


def test_with_submodules_the_work_is_done(repo: RepoDir, tmp_path: Path) -> None:
    inner = make_repo(tmp_path / "inner")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(inner.path), "inner")
    repo.commit("feat: inner")
    assert work_in(repo)[1] == "review"


def test_where_the_prefix_is_a_branch_a_person_is_asked(repo: RepoDir) -> None:
    repo.git("branch", "sixth")
    assert work_in(repo)[1] == "input"


def test_a_run_does_not_wait_for_a_paused_lane(repo: RepoDir) -> None:
    home = make_home(repo)
    home.store.queue.pause(Lane.NORMAL)
    home.drop("one.md", ISSUE)
    home.bot().run()
    assert [task.state.name for task in home.tasks()] == ["ready"]
    home.store.queue.resume(None)
    assert len(home.bot().run().parked) == 1


@pytest.mark.parametrize("again", ["run", "watch"])
def test_after_a_kill_in_the_middle_of_work_the_next_one_finishes_it(repo: RepoDir, again: str) -> None:
    home = make_home(repo)
    touch = '\n[recipes.touch]\nrun = ["sh", "-c", "sleep 1.5; echo x >> touched.txt"]\n'
    home.configure(CONFIG + touch)
    home.drop("one.md", "---\nid: one\n---\n# One\n\n- [ ] Sort `do: sort-words`\n- [ ] Touch `do: touch`\n")
    process = _bot_process(home, "run")
    until(lambda: "subtask 2: recipe touch" in " ".join(one.message for one in home.store.journal.read()))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    if again == "run":
        home.bot().run()
    else:
        process = _bot_process(home, "watch")
        until(lambda: home.tasks("parked"))
        process.send_signal(signal.SIGTERM)
        process.wait()
    (task,) = home.tasks("parked")
    assert task.crashes == 1
    assert home.repo.show("sixth/one", "touched.txt") == "x\n"
    assert [line.split(":")[0] for line in home.repo.subjects("main..sixth/one")][-1] == "docs(changelog)"
    assert len(home.repo.subjects("main..sixth/one")) == 3


def _bot_process(home: Home, how: str) -> subprocess.Popen[bytes]:
    program = (
        "import sys, threading, pathlib; from sixthbot.bot import Bot; bot = Bot.open(pathlib.Path(sys.argv[1]));"
        "bot.run() if sys.argv[2] == 'run' else bot.watch(threading.Event())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(home.repo.path), how],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
