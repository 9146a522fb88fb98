"""The steps of a life: the whole main path, what else people do to the bot, and what must have come of it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sixthbot.actions.changelog_places import write_page_file
from sixthbot.cli.app import main as command_line
from sixthbot.core.names import BranchName, parse_oid
from sixthbot.engine.backups import expire_operations
from sixthbot.engine.services import open_services
from sixthbot.engine.undoing import undone_by
from sixthbot.git.commits import Person
from sixthbot.git.fastimport import NewCommit, PathChange, import_commits
from sixthbot.git.rebase import Conflict, rebase_in_memory
from sixthbot.store.changelogcache import ChangelogCache
from sixthbot.store.inboxfile import drop as drop_file
from sixthbot.store.leftovers import sweep_leftovers
from sixthbot.store.logs import write_report
from sixthbot.store.state.lay import Layer
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crash.life import Life

BRANCH, OTHER = "sixth/tidy", "sixth/linked"
_CONFIG = """\
[bot]
durability = "process"
workers = 1
[push]
second_look = false
[recipes.sort-words]
run = ["sort", "-o", "words.txt", "words.txt"]
[recipes.numbers]
run = ["sh", "-c", "seq 5 > numbers.txt"]
"""
_RULE = """\
[[rule]]
name = "look at the code"
on = "commit"
settle = "50ms"
do = [{ use = "report", insight = "complexity" }, { use = "health", job = "tests" }, { use = "clean-up" }]
"""
_GOOD = """\
# Tidy

- [ ] Sort `do: sort-words`
- [ ] Count `do: numbers`
- [ ] By hand
- [ ] Sort more `do: text.sort paths=more.txt`
"""
_FILES = {
    "tidy.md": _GOOD,
    "linked.md": "# Linked\n\n- [ ] Count `do: numbers`\n",
    "bad.md": "---\nid: ../up\n---\n# x\n",
}


def init(life: Life) -> int:
    """A person lets the bot in."""
    return life.say("init", "--hooks")


def trust(life: Life) -> int:
    """They say what it may run."""
    sixth = life.repo.path / ".sixth"
    (sixth / "config.toml").write_text(_CONFIG)
    (sixth / "rules/test.toml").write_text(_RULE)
    return life.say("trust", "--yes")


def drop(life: Life) -> int:
    """They drop an issue, one under two names and one that is none; a hook leaves a note; the queue is paused."""
    for name, text in _FILES.items():
        (life.repo.path / ".sixth/inbox" / name).write_text(text)
    os.link(life.repo.path / ".sixth/inbox/linked.md", life.folder / "other-name.md")
    (life.repo.path / ".sixth/local/notes/on-commit-1").write_text("on-commit\n")
    old = life.repo.path / ".sixth/artifacts/complexity/0123456789ab.md"
    old.parent.mkdir(exist_ok=True)
    old.write_text("a report of long ago\n")
    os.utime(old, (0, 0))
    return 0


def pause(life: Life) -> int:
    """They want to look first."""
    return life.say("queue", "pause")


def move_by_hand(life: Life) -> int:
    """They move tasks into another lane, or none, by hand; somebody's editor leaves broken files, a power cut an empty one."""
    queue = life.repo.path / ".sixth/queue"
    for number, path in enumerate(sorted((queue / "ready/normal").glob("*.json"))):
        path.rename(queue / ("ready/high" if number else "ready") / path.name)
    operations = life.repo.path / ".sixth/operations"
    operations.mkdir(exist_ok=True)
    # four of each: one may be put aside in a process that something else strikes at that very moment
    for number in range(4):
        (queue / f"ready/normal/junk{number}.json").write_text("{")
        (operations / f"20200101T000000000000Z-abc{number}.json").write_text("{")
    torn = life.repo.git_dir / "objects/ab" / ("c" * 38)
    torn.parent.mkdir(exist_ok=True)
    torn.touch()
    return 0


def resume(life: Life) -> int:
    """They let it go on."""
    return life.say("queue", "resume")


def run(life: Life) -> int:
    """The bot does what there is to do."""
    status = life.say("run")
    services = open_services(life.repo.path)
    for task in services.store.queue.all(states=("failed",)):
        life.say("queue", "retry", task.id)
        status = life.say("run")
    return 0 if status in {0, 1} and not list(services.store.queue.all(states=("failed",))) else 3


def do_by_hand(life: Life) -> int:
    """A person does the third subtask in a worktree of their own, and the base moves on."""
    place = RepoDir(life.folder / "mine")
    life.repo.git("worktree", "add", "--quiet", str(place.path), BRANCH)
    place.commit("Do it by hand", {"hand.txt": "mine\n"})
    life.repo.git("worktree", "remove", str(place.path))
    life.repo.commit("feat: the base moves", {"base.txt": "1\n"})
    return 0


def done(life: Life) -> int:
    """They say so; said twice, it is refused, which is as good."""
    status = life.say("done", _issue(life, BRANCH))
    return 0 if status in {0, 2, 4} else status


def edit_the_draft(life: Life) -> int:
    """They write a better text, and add a commit."""
    path = open_services(life.repo.path).store.drafts.path(BranchName(BRANCH))
    path.write_text(path.read_text() + "\nMy words.\n")
    place = RepoDir(life.folder / "mine")
    life.repo.git("worktree", "add", "--quiet", str(place.path), BRANCH)
    place.commit("fix: one thing more", {"one.txt": "more\n"})
    life.repo.git("worktree", "remove", str(place.path))
    return 0


@contextmanager
def _asked_for_a_text() -> Iterator[None]:
    os.environ["SIXTHBOT_PUSH__TARGET"] = "request-pull"
    try:
        yield
    finally:
        del os.environ["SIXTHBOT_PUSH__TARGET"]


def approve(life: Life) -> int:
    """They approve both drafts, for a push that leaves a text to send, and say of a finding that it is no secret."""
    no_secret = "sha256:" + "0" * 64
    with _asked_for_a_text():
        return max(life.say("approve", BRANCH, "--allow", no_secret), life.say("approve", OTHER))


def reject(life: Life) -> int:
    """On second thoughts, not the other one."""
    status = life.say("reject", OTHER, "--message", "not now")
    return 0 if status in {0, 2, 4} else status


def push(life: Life) -> int:
    """The good one goes out; what an older draft of it left for the mail is taken away."""
    left = life.repo.path / ".sixth/artifacts/outgoing/sixth%2Ftidy/0001-old.patch"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    with _asked_for_a_text():
        return life.say("push", BRANCH)


def merge(life: Life) -> int:
    """It comes into the base."""
    life.repo.git("merge", "--quiet", "--no-ff", "-m", "Merge", BRANCH)
    return 0


def odds_and_ends(life: Life) -> int:
    """What no one meets on an ordinary day: a cancelled task, a paused one, a step of many items, an old one, a report about a mistake, a draft of nothing, a changelog asked for by hand."""
    services = open_services(life.repo.path)
    queue = services.store.queue
    for task in queue.all(states=("done",)):
        queue.request_cancel(task.id)
        queue.clear_cancel(task.id)
        queue.request_pause(task.id)
        queue.clear_pause(task.id)
    items = services.store.checkpoints.items("t0", 0, basis="test")
    items.add("one", 1)
    items.save()
    services.store.checkpoints.clear("t0")
    report = write_report(services.places, "bug-test.txt", "nothing\n")
    Layer(services.store).take("local/bug", str(report.relative_to(services.places.sixth)))
    if services.store.drafts.find(BranchName(OTHER)) is not None:
        services.store.drafts.remove(BranchName(OTHER))
    queue.done.remove(list(queue.done.old(datetime.now(UTC) + timedelta(days=365), 0)))
    queue.compact(limit=0)
    sweep_leftovers(services.places, set(queue.ids()), datetime.now(UTC) + timedelta(days=365), rules=())
    expire_operations(services, keep=timedelta(0))
    ChangelogCache(services.places).save("test", {})
    drop_file(services.places, ".not-an-issue", b"\n").unlink()  # a hidden file, which the inbox passes over
    write_page_file(services.places.local, "changelog-of-a-test.md", b"\n")
    return 0


def note_an_idea(life: Life) -> int:
    """They think of something more."""
    return life.say("new", "An idea")


def keep_a_copy(life: Life) -> int:
    """They keep a copy of `.sixth`, as a backup does."""
    if not (life.folder / "copy").exists():
        shutil.copytree(life.repo.path / ".sixth", life.folder / "copy")
    return 0


def take_away(life: Life) -> int:
    """They clean the repository of all that git does not know."""
    life.repo.git("clean", "-ffdxq")
    return 0


def come_back(life: Life) -> int:
    """The next command finds `.sixth` gone."""
    return life.say("status", "--json")


def put_the_copy_back(life: Life) -> int:
    """They put their copy back: it is older than what was saved."""
    shutil.rmtree(life.repo.path / ".sixth")
    shutil.copytree(life.folder / "copy", life.repo.path / ".sixth")
    return 0


def pause_and_look(life: Life) -> int:
    """They pause a lane, and it is saved what is theirs alone."""
    return max(life.say("queue", "pause", "low"), life.say("run"))


def go_on(life: Life) -> int:
    """They resume it; what was kept of the pause goes."""
    return max(life.say("queue", "resume"), life.say("run"))


def rebase_in_vain(life: Life) -> int:
    """A commit that does not fit: git is asked for each in a conversation, and then for the files."""
    services = open_services(life.repo.path)
    git, onto, who = services.repo.git, parse_oid(life.repo.tip("main")), Person("A", "a@example.org", 0)
    sides = [
        import_commits(
            git,
            onto=onto,
            commits=[
                NewCommit(message="x", author=who, committer=who, changes=(PathChange("words.txt", text),))
            ],
        )[0]
        for text in (b"one\n", b"another\n")
    ]
    done = rebase_in_memory(git, branch_tip=sides[0], upstream_base=sides[1], onto=sides[1], committer=who)
    return 0 if isinstance(done, Conflict) else 1


def take_back(life: Life) -> int:
    """They take the last change of a branch back, and have it again; what was begun is settled first."""
    life.say("run")
    operations = open_services(life.repo.path).store.operations
    last = next(one for one in reversed(operations.list()) if one.state == "done" and not one.undoes)
    if last.id not in undone_by(operations.list()) and life.say("undo", last.id):
        return 3
    return life.say("undo", undone_by(operations.list())[last.id])


def leave(life: Life) -> int:
    """They take the hooks out again."""
    return life.say("init", "--no-hooks")


def _issue(life: Life, branch: str) -> str:
    record = open_services(life.repo.path).store.issues.find_by_branch(branch)
    assert record is not None
    return record.id


def check_drafts(life: Life) -> int:
    """Look that each subtask is one commit, each issue one draft, and nothing else is there."""
    services, repo = open_services(life.repo.path), life.repo
    assert sorted(record.title for record in services.store.issues.list()) == ["Linked", "Tidy"]
    assert [path.name for path in services.places.rejected.iterdir() if path.suffix == ".md"] == ["bad.md"]
    assert repo.subjects(f"main..{BRANCH}") == [
        "chore: sort",
        "chore: count",
        "Do it by hand",
        "chore: sort more",
        "fix: one thing more",
        "docs(changelog): add Tidy",
    ], repo.subjects(f"main..{BRANCH}")
    assert repo.show(BRANCH, "words.txt") == "apple\npear\n"
    assert repo.git("merge-base", "main", BRANCH) == repo.tip("main")
    heads = {draft.branch.value: draft.head for draft in services.store.drafts.list()}
    assert heads == {BRANCH: repo.tip(BRANCH), OTHER: repo.tip(OTHER)}
    plan = services.store.issues.plan(_issue(life, BRANCH))
    on_branch = repo.git("rev-list", f"main..{BRANCH}").split()
    assert [
        (one.status.value, len(one.commits), {*one.commits} <= {*on_branch}) for one in plan.subtasks
    ] == [("done", 1, True)] * 4
    edited = services.places.issues / plan_folder(life) / "drafts"
    assert [path for path in edited.glob("*.md") if "My words." in path.read_text()]
    return 0


def plan_folder(life: Life) -> str:
    """Return the name of the issue's folder."""
    return _issue(life, BRANCH)


def check_end(life: Life) -> int:
    """Look that all came to its end and nothing was left lying about."""
    services, repo = open_services(life.repo.path), life.repo
    remote = RepoDir(life.folder / "remote.git")
    assert remote.tip(BRANCH) == repo.tip("main^2")
    assert not repo.tip(BRANCH), "a merged branch is deleted"
    assert [
        task.state.name for task in services.store.queue.all() if task.state.name not in {"done", "parked"}
    ] == []
    assert {operation.state for operation in services.store.operations.list()} <= {"done", "reverted"}
    assert "error" not in repo.git("fsck", "--strict")
    assert list(repo.git_dir.rglob("*.lock")) == []
    assert repo.git("status", "--porcelain") == ""
    assert [
        path.name for path in (repo.git_dir / "hooks").iterdir() if not path.name.endswith(".sample")
    ] == ["post-commit"]
    return 0


def another_clone(life: Life) -> int:
    """Somebody else has a clone with a bot of their own; they drop an issue there and let it travel."""
    other = life.folder / "other"
    if not other.exists():
        life.repo.git("clone", "--quiet", str(life.folder / "remote.git"), str(other))
        command_line(["-C", str(other), "-q", "init"])
        (other / ".sixth/inbox/travelled.md").write_text("# Travelled\n")
        return command_line(["-C", str(other), "-q", "sync", "--no-branches"])
    return 0


def sync(life: Life) -> int:
    """They let the state of both come together."""
    return life.say("sync")


def check_synced(life: Life) -> int:
    """Look that what travelled is there, and that all is at the remote."""
    assert (life.repo.path / ".sixth/inbox/travelled.md").read_text() == "# Travelled\n"
    assert RepoDir(life.folder / "remote.git").tip("refs/sixth/state") == life.repo.tip("refs/sixth/state")
    assert "error" not in life.repo.git("fsck", "--strict")
    return 0


STEPS: tuple[Callable[[Life], int], ...] = (
    init, trust, pause, drop, run, move_by_hand, resume, run, do_by_hand, done, run, edit_the_draft, done, run,
    check_drafts, pause_and_look, keep_a_copy, take_away, come_back, go_on, check_drafts, approve, reject, push, merge, run,
    put_the_copy_back, run, odds_and_ends, leave, run, check_end, note_an_idea, another_clone, sync,
    check_synced,
)  # fmt: skip
PERSONS = frozenset(
    {
        drop, move_by_hand, do_by_hand, edit_the_draft, merge, check_drafts, check_end, keep_a_copy, take_away,
        put_the_copy_back, another_clone, check_synced,
    }
)  # fmt: skip
"""Steps that are no work of the bot's: nothing strikes them."""
