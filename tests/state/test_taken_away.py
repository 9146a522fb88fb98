"""`.sixth` taken away, by whatever means: brought back from the state ref, with what was not saved named."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import NoRepository
from sixthbot.core.issues import IssueStatus, SubtaskStatus
from sixthbot.core.lifecycle import Answered, step
from sixthbot.core.times import format_time
from sixthbot.engine.rebuild import bring_back, come_back
from sixthbot.engine.rebuilt import Rebuilt
from sixthbot.engine.savedstate import look_at_saved
from sixthbot.engine.saving import State
from sixthbot.sources.wake import Woken
from sixthbot.store import disk
from sixthbot.store.checkpoints import StepRecord
from sixthbot.store.open import open_store
from sixthbot.store.operations import Operation, operation_id
from sixthbot.store.presence import Presence
from sixthbot.store.state.index import Index, Row
from sixthbot.store.state.lay import Content, Layer
from sixthbot.store.state.layout import Spot
from tests.bot.home import CONFIG, Home, Watching, make_home, until
from tests.cli.support import sixthbot
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sixthbot.store.state.collect import Change

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ISSUE = "---\nid: {id}\n---\n# Issue {id}\n\n- [ ] Sort `do: sort-words`\n- [ ] By hand\n"


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def git_clean(repo: RepoDir) -> None:
    repo.try_git("clean", "-ffdxq")  # which grumbles when the bot makes a file at that moment


def git_stash(repo: RepoDir) -> None:
    repo.try_git("stash", "--all", "--quiet")
    repo.git("stash", "drop", "--quiet")


def remove_all(repo: RepoDir) -> None:
    shutil.rmtree(repo.path / ".sixth", ignore_errors=True)
    repo.git("checkout", "--quiet", ".")


def remove_the_core(repo: RepoDir) -> None:
    (repo.path / ".sixth/.home").unlink()
    shutil.rmtree(repo.path / ".sixth/queue")


WAYS = (git_clean, git_stash, remove_all, remove_the_core)


def subjects(home: Home, name: str) -> list[str]:
    return home.repo.subjects(f"main..sixth/issue-{name}")


def work_on(home: Home, *names: str) -> None:
    for name in names:
        home.drop(f"{name}.md", ISSUE.format(id=name))
    assert sixthbot("run", cwd=home.repo.path).code == 0


@pytest.mark.parametrize("way", WAYS)
def test_while_nobody_runs_the_next_command_brings_it_back(
    home: Home, way: Callable[[RepoDir], None]
) -> None:
    work_on(home, "a")
    before = {task.id: task.state.name for task in home.tasks()}
    way(home.repo)
    said = sixthbot("status", cwd=home.repo.path)
    assert said.code == 0
    assert "brought back" in said.err
    assert "waits for you: 2. By hand" in said.out
    assert {task.id: task.state.name for task in home.tasks()} == before
    assert home.repo.git("status", "--porcelain") == ""
    assert sixthbot("done", "a", cwd=home.repo.path).code == 0
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert subjects(home, "a").count("chore: sort") == 1
    assert "state.rebuilt" in home.kinds()


@pytest.mark.parametrize("folder", ["inbox", "drafts"])
def test_a_file_whose_name_is_no_utf8_comes_back_with_the_others(home: Home, folder: str) -> None:
    work_on(home, "a")
    odd = Path(os.fsdecode(os.fsencode(home.places.sixth / folder) + b"/odd-\xff\xed\xa0\x80.md~"))
    odd.parent.mkdir(exist_ok=True)
    odd.write_text("mine\n")
    work_on(home, "b")
    remove_all(home.repo)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    assert {record.id for record in home.store.issues.list()} == {"a", "b"}
    assert odd.read_text() == "mine\n"


def test_files_with_nothing_in_them_come_back_and_it_is_said_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as outside of a test
    empty = [
        home.places.sixth / name for name in ("inbox/rejected/no.md", "artifacts/t1/out", "rules/a.toml")
    ]
    for path in empty:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    home.drop("nothing.md", "")
    work_on(home, "a")
    assert look_at_saved(home.bot().services()).missing == ()
    tip = home.repo.git("rev-parse", "refs/sixth/state")
    digest = hashlib.sha256().hexdigest()
    assert home.repo.git("cat-file", "-s", f"{tip}:blobs/{digest[:2]}/{digest[2:]}") == "0"
    git_clean(home.repo)
    said = sixthbot("run", cwd=home.repo.path)
    assert said.err.count("is brought back as it was saved") == 1
    assert "left out" not in said.err
    assert all(path.read_bytes() == b"" for path in empty)
    assert (home.places.rejected / "nothing.md").read_bytes() == b""


def test_where_git_carries_nothing_of_it_the_settings_come_back_too(home: Home) -> None:
    home.repo.git("rm", "--cached", "--quiet", ".sixth/config.toml")
    home.repo.git("commit", "--quiet", "-m", "chore: settings are mine")
    settings = home.places.config_file.read_text()
    work_on(home, "a")
    git_clean(home.repo)
    assert not home.places.sixth.exists()
    said = sixthbot("status", cwd=home.repo.path)
    assert said.code == 0, said.err
    assert home.places.config_file.read_text() == settings


@pytest.mark.parametrize("way", WAYS)
def test_while_a_bot_watches_it_notices_and_goes_on(home: Home, way: Callable[[RepoDir], None]) -> None:
    with Watching(home.bot()) as watching:
        home.drop("a.md", ISSUE.format(id="a"))
        until(lambda: {task.issue for task in home.tasks("parked")} == {"a"})
        until(lambda: saved_state(home, "parked"))
        way(home.repo)
        until(lambda: "state.rebuilt" in home.kinds())
        assert {task.issue for task in home.tasks("parked")} == {"a"}
        home.drop("b.md", ISSUE.format(id="b"))
        until(lambda: {task.issue for task in home.tasks("parked")} == {"a", "b"})
        assert sixthbot("status", "--json", cwd=home.repo.path).json["watcher"]["running"]
    assert watching.left_after < 5
    assert [subjects(home, name).count("chore: sort") for name in "ab"] == [1, 1]


def test_an_issue_that_was_left_behind_does_not_come_out_of_the_inbox_again(home: Home) -> None:
    home.drop("a.md", ISSUE.format(id="a"))
    State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)).save()
    before = home.repo.tip("refs/sixth/state")
    work_on(home)
    home.repo.git("update-ref", "refs/sixth/state", before)  # as if the bot had not come to saving
    remove_the_core(home.repo)
    shutil.rmtree(home.places.inbox)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert [path.name for path in home.places.issues.iterdir()] == ["a"]
    assert subjects(home, "a").count("chore: sort") == 1


def test_a_second_time_neither(home: Home) -> None:
    home.drop("a.md", ISSUE.format(id="a"))
    home.drop("bad.md", "---\nid: ../up\n---\n# Bad\n")
    State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)).save()
    before = home.repo.tip("refs/sixth/state")
    git_clean(home.repo)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    for take in (remove_the_core, git_clean):
        assert sixthbot("run", cwd=home.repo.path).code in {0, 1}
        if take is remove_the_core:
            home.repo.git("update-ref", "refs/sixth/state", before)  # as if the bot had not come to saving
        take(home.repo)
        assert sixthbot("status", cwd=home.repo.path).code == 0
    assert [path.name for path in home.places.issues.iterdir()] == ["a"]
    assert not list(home.places.inbox.glob("*.md"))
    assert len(list(home.places.rejected.glob("bad.md*"))) == len({"the file", "its reason"})


def tasks(home: Home) -> dict[str, str]:
    return {
        task.issue: getattr(task.state, "reason", task.state.name)
        for task in home.tasks()
        if task.issue == "a"
    }


def rebuilt_from(home: Home, state: str) -> None:
    """Take `.sixth` away as if the bot had been killed before it saved more than `state`, and bring it back."""
    home.repo.git("update-ref", "refs/sixth/state", state)
    git_clean(home.repo)
    assert sixthbot("status", cwd=home.repo.path).code == 0


def accepted_only(home: Home) -> str:
    """Drop an issue, let it be accepted, and return the state as it is then; the work on it is done, and not in there."""
    home.drop("a.md", ISSUE.format(id="a"))
    bot = home.bot()
    until(lambda: [bot.tick(Woken()), home.tasks("ready")][1])
    State(home.places, bot.services().repo, clock=lambda: datetime.now(UTC)).save()
    before = home.repo.tip("refs/sixth/state")
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert subjects(home, "a") == ["chore: sort"]
    return before


def test_a_branch_that_was_made_and_moved_after_the_last_saving_is_still_the_bot_s(home: Home) -> None:
    before = accepted_only(home)
    moved = {change for one in home.store.operations.list() for change in one.refs}
    ids = {one.id for one in home.store.operations.list() if one.refs[0][1] is not None}
    rebuilt_from(home, before)
    assert {change for one in home.store.operations.list() for change in one.refs} == moved
    assert ids <= {one.id for one in home.store.operations.list()}, "their backups go by these ids"
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert tasks(home) == {"a": "subtask 2 waits for a person: By hand"}
    assert subjects(home, "a") == ["chore: sort"]
    assert home.repo.git("branch", "--format=%(refname:short)") == "main\nsixth/issue-a"


def test_a_lock_of_the_bot_s_is_known_for_its_own_though_nothing_that_names_it_was_saved(home: Home) -> None:
    refs = (("refs/heads/sixth/issue-a", None, home.repo.head()),)
    begun = Operation(id=operation_id(NOW, refs), time=format_time(NOW), task="", reason="branch", refs=refs)
    home.store.operations.begin(begun)
    lock = home.repo.git_dir / "refs/heads/sixth/issue-a.lock"
    others = lock.with_name("somebody-s.lock")
    for path in (lock, others):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{home.repo.head()}\n")
        os.utime(path, (0, 0))
    git_clean(home.repo)
    assert "taken away" in sixthbot("status", cwd=home.repo.path).err
    work_on(home, "a")
    assert subjects(home, "a") == ["chore: sort"]
    assert (lock.exists(), others.exists()) == (False, True)
    assert [one.state for one in home.store.operations.list() if one.id == begun.id] == ["reverted"]


@pytest.mark.parametrize("how", ["amended", "added to"])
def test_but_what_a_person_did_to_it_freezes_it(home: Home, how: str) -> None:
    before = accepted_only(home)
    message = home.repo.git("log", "-1", "--format=%B", "sixth/issue-a")  # with all its trailers
    home.repo.git("checkout", "--quiet", "sixth/issue-a")
    again = ("--amend",) if how == "amended" else ("--allow-empty",)
    home.repo.git("commit", "--quiet", *again, "-m", message)
    home.repo.git("checkout", "--quiet", "main")
    tip = home.repo.tip("sixth/issue-a")
    rebuilt_from(home, before)
    assert tip not in home.store.operations.tips_written("refs/heads/sixth/issue-a")


def saved_state(home: Home, place: str) -> bool:
    tree = home.repo.try_git("grep", "-h", f'"place":"{place}"', "refs/sixth/state", "--", "ops")
    return bool(tree.stdout)


def at_rest(home: Home) -> bool:
    """Tell whether the bot writes nothing for a moment: git stashes nothing whole out of a folder that fills again."""
    before = _times(home)
    time.sleep(0.6)
    return before == _times(home)


def _times(home: Home) -> dict[str, int]:
    found = {}
    for folder, _, names in os.walk(home.places.sixth):
        for name in (".", *names):
            with suppress(OSError):
                found[f"{folder}/{name}"] = os.lstat(f"{folder}/{name}").st_mtime_ns
    return found


def test_a_program_that_runs_is_ended_and_its_subtask_is_one_commit(home: Home) -> None:
    with Watching(home.bot()):
        home.drop(
            "a.md", "---\nid: a\n---\n# Issue a\n\n- [ ] Sort `do: sort-words`\n- [ ] Wait `do: slow`\n"
        )
        until(lambda: saved_state(home, "running"))
        until(lambda: subjects(home, "a"))
        git_clean(home.repo)
        until(lambda: "state.rebuilt" in home.kinds())
        until(lambda: home.tasks("running"))
    assert subjects(home, "a") == ["chore: sort"]


def stashed(home: Home) -> bool:
    """Stash everything. Git gives up half-way when the bot makes a file at that very moment; then once more, at rest."""
    for _ in range(5):
        until(lambda: saved_state(home, "parked") and at_rest(home), seconds=40)
        if home.repo.try_git("stash", "--all", "--quiet").returncode == 0:
            return True
        home.repo.try_git("stash", "drop", "--quiet")
    return False


def test_a_stash_that_is_popped_soon_is_waited_for(home: Home) -> None:
    with Watching(home.bot()):
        home.drop("a.md", ISSUE.format(id="a"))
        until(lambda: {task.issue for task in home.tasks("parked")} == {"a"})
        home.repo.write({"a.txt": "mine\n"})
        assert stashed(home)
        time.sleep(1.2)
        home.repo.git("stash", "pop", "--quiet")
        assert home.repo.git("status", "--porcelain") == "M a.txt"
        until(home.places.inbox.is_dir)  # an empty folder is nothing to git
        home.drop("b.md", ISSUE.format(id="b"))
        until(lambda: {task.issue for task in home.tasks("parked")} == {"a", "b"})


def test_where_the_repository_went_too_nothing_is_tried_for_ever(home: Home) -> None:
    services, presence = home.bot().services(), Presence(home.places)
    home.repo.path.rename(home.repo.path.with_name("away"))
    with pytest.raises(NoRepository, match="is gone"):
        come_back(services, threading.Event(), lost=(), here=presence.require)
    assert not home.repo.path.exists()


@dataclass
class NotSafe(disk.Disk):
    """A disk that knows what a power cut would take: bytes that were not synced, and names in folders that were not."""

    bytes: set[int] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=dict)
    torn: list[str] = field(default_factory=list)

    def write(self, descriptor: int, data: memoryview) -> int:
        self.bytes.add(os.fstat(descriptor).st_ino)
        return super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self.bytes.discard(os.fstat(descriptor).st_ino)
        self.names.pop(str(Path(f"/proc/self/fd/{descriptor}").readlink()), None)

    def rename(self, source: disk.StrPath, target: disk.StrPath) -> None:
        super().rename(source, target)
        self._named(target)

    def rename_exclusive(self, source: disk.StrPath, target: disk.StrPath) -> None:
        super().rename_exclusive(source, target)
        self._named(target)

    def _named(self, target: disk.StrPath) -> None:
        folder, _, name = os.fspath(target).rpartition("/")
        self.names.setdefault(folder, set()).add(name)
        if os.lstat(target).st_ino in self.bytes:
            self.torn.append(os.fspath(target))


def test_what_comes_back_survives_a_power_cut_before_it_counts_as_whole(home: Home) -> None:
    home.repo.git("rm", "--cached", "--quiet", ".sixth/config.toml")
    home.repo.git("commit", "--quiet", "-m", "chore: settings are mine")
    home.configure(CONFIG.replace('"process"', '"power"'))
    work_on(home, "a", "b")
    assert sixthbot("queue", "pause", "low", cwd=home.repo.path).code == 0
    git_clean(home.repo)
    seen = NotSafe()
    disk.use(seen)
    try:
        assert bring_back(home.places) is not None
    finally:
        disk.use(None)
    volatile = {str(home.places.local), str(home.places.locks), str(home.places.beside)}
    assert [path for path in seen.torn if path.rpartition("/")[0] not in volatile] == []
    assert {folder: names for folder, names in seen.names.items() if folder not in volatile} == {}
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert [subjects(home, name).count("chore: sort") for name in "ab"] == [1, 1]


@pytest.mark.parametrize("odd_first", [True, False])
def test_a_task_that_was_saved_under_two_names_comes_back_once(home: Home, *, odd_first: bool) -> None:
    work_on(home, "a")
    [task] = [one for one in home.tasks() if one.issue == "a"]
    path = Path(home.store.queue.paths_of(task.id)[0])
    data = path.read_bytes()
    path.unlink()
    names = [f"queue/20200101T000000000Z-{task.id}.json", f"queue/{path.name}"]
    wanted = [Content(Spot(name, "parked"), data) for name in (names if odd_first else names[::-1])]
    rows = list(Layer(open_store(home.places, durability="process")).put_all(wanted))
    assert [row.key for row in rows if isinstance(row, Row)] == [one.spot.key for one in wanted]
    assert [one.id for one in home.tasks("parked")] == [task.id]
    assert len(list((home.places.queue / "parked").glob("*.json"))) == 1


def test_a_record_that_was_written_as_all_was_taken_away_does_not_stand_for_its_issue(home: Home) -> None:
    home.drop("a.md", ISSUE.format(id="a"))
    State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)).save()
    before = home.repo.tip("refs/sixth/state")
    work_on(home)
    record = home.places.issues / "a/issue.toml"
    written = record.read_text()
    home.repo.git("update-ref", "refs/sixth/state", before)
    git_clean(home.repo)
    record.parent.mkdir(parents=True)
    record.write_text(written)  # by a bot that had not noticed yet
    assert sixthbot("status", cwd=home.repo.path).code == 0
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert home.store.issues.issue_text("a") == ISSUE.format(id="a").encode()
    assert [path.name for path in home.places.issues.iterdir()] == ["a"]
    assert tasks(home) == {"a": "subtask 2 waits for a person: By hand"}
    assert subjects(home, "a") == ["chore: sort"]


def test_an_issue_whose_task_was_not_saved_gets_it_again(home: Home) -> None:
    accepted_only(home)
    for path in home.store.queue.paths_of(next(task.id for task in home.tasks() if task.issue == "a")):
        Path(path).unlink()
    home.store.issues.change_record("a", lambda now: replace(now, status=IssueStatus.OPEN))
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert tasks(home) == {"a": "subtask 2 waits for a person: By hand"}
    assert subjects(home, "a") == ["chore: sort"]


def without_its_branch(home: Home) -> None:
    """Make the issue's record what it was before its branch was made."""
    home.store.issues.change_record(
        "a", lambda now: replace(now, branch="", base="", base_commit="", status=IssueStatus.OPEN)
    )


def is_whole_again(home: Home) -> None:
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert tasks(home) == {"a": "subtask 2 waits for a person: By hand"}
    assert home.store.issues.record("a").branch == "sixth/issue-a"
    assert subjects(home, "a") == ["chore: sort"]
    assert home.repo.git("branch", "--format=%(refname:short)") == "main\nsixth/issue-a"


def test_an_issue_that_was_saved_older_than_its_task_begins_again(home: Home) -> None:
    accepted_only(home)
    without_its_branch(home)
    State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)).save()
    git_clean(home.repo)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    is_whole_again(home)


def reviewed(home: Home) -> dict[str, bytes]:
    """Do the person's part, let the draft be made, and return what all drafts have, by their paths below `.sixth`."""
    mine = home.repo.path.parent / "mine"
    home.repo.git("worktree", "add", "--quiet", str(mine), "sixth/issue-a")
    RepoDir(mine).commit("feat: by hand", {"hand.txt": "mine\n"})
    home.repo.git("worktree", "remove", str(mine))
    assert sixthbot("done", "a", cwd=home.repo.path).code == 0
    assert sixthbot("run", cwd=home.repo.path).code == 0
    return drafts_of(home)


def drafts_of(home: Home) -> dict[str, bytes]:
    files = [path for path in home.places.drafts.rglob("*") if path.is_file()]
    return {str(path.relative_to(home.places.sixth)): path.read_bytes() for path in files}


def without_its_drafts(home: Home) -> None:
    shutil.rmtree(home.places.drafts)


def without_what_was_done(home: Home) -> None:
    home.store.issues.change_plan(
        "a",
        lambda plan: plan.with_subtask(replace(plan.get(1), status=SubtaskStatus.OPEN, commits=())),
    )


@pytest.mark.parametrize("older", [without_its_branch, without_its_drafts, without_what_was_done])
@pytest.mark.parametrize("comes_back", [True, False])
def test_a_finished_step_counts_only_while_what_it_left_is_there(
    home: Home, older: Callable[[Home], None], *, comes_back: bool
) -> None:
    accepted_only(home)
    drafts = reviewed(home)
    done = subjects(home, "a")
    assert drafts
    older(home)
    if comes_back:
        state = State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
        state.save()
        state.save({path: True for path in drafts if not (home.places.sixth / path).exists()})
        git_clean(home.repo)
        assert sixthbot("status", cwd=home.repo.path).code == 0
    else:
        [task] = home.tasks("parked")
        assert home.store.queue.settle(task, step(task, Answered(), datetime.now(UTC)))
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert drafts_of(home).keys() == drafts.keys()
    assert all(subtask.settled for subtask in home.store.issues.plan("a").subtasks)
    assert home.store.issues.record("a").branch == "sixth/issue-a"
    [task] = home.tasks("parked")
    assert getattr(task.state, "reason", "") == "the draft of sixth/issue-a waits for a person"
    assert subjects(home, "a") == done


@pytest.mark.parametrize("kind", ["subtask", "review"])
def test_a_task_that_waits_for_what_nobody_sees_goes_on(home: Home, kind: str) -> None:
    accepted_only(home)
    if kind == "review":
        reviewed(home)
        [task] = home.tasks("parked")
        home.store.checkpoints.drop_from(task.id, "describe")
    else:
        home.store.issues.change_plan(
            "a", lambda plan: plan.with_subtask(replace(plan.get(2), status=SubtaskStatus.OPEN, by=""))
        )
    before = home.tasks("parked")
    drafts = drafts_of(home)
    shutil.rmtree(home.places.drafts)
    state = State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    state.save()
    state.save(dict.fromkeys(drafts, True))
    git_clean(home.repo)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert home.tasks("parked") == before
    assert drafts_of(home).keys() == drafts.keys()
    assert [one.n for one in home.store.issues.plan("a").waiting()] == ([2] if kind == "subtask" else [])


class Taken(State):
    """A state whose `.sixth` goes while it looks at it."""

    def tracked(self, *, anew: bool) -> frozenset[str]:
        remove_the_core(RepoDir(self.places.top))
        return super().tracked(anew=anew)


def test_what_was_seen_while_all_was_taken_away_is_not_saved(home: Home) -> None:
    before = accepted_only(home)
    tip = home.repo.tip("refs/sixth/state")
    state = Taken(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    saved = state.save()
    assert (saved.ops, saved.whole) == (0, False)
    assert home.repo.tip("refs/sixth/state") == tip != before


def test_a_rejected_file_that_was_saved_without_its_reason_gets_one(home: Home) -> None:
    home.drop("bad.md", "---\nid: ../up\n---\n# Bad\n")
    assert sixthbot("run", cwd=home.repo.path).code == 0
    [reason] = home.places.rejected.glob("*.reason.txt")
    said = reason.read_text()
    reason.unlink()
    state = State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    state.save({f"inbox/rejected/{reason.name}": True})
    git_clean(home.repo)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    assert sorted(path.name for path in home.places.rejected.iterdir()) == ["bad.md", "bad.md.reason.txt"]
    assert "move it into the inbox" in reason.read_text()
    (home.places.rejected / "bad.md").rename(home.places.inbox / "bad.md")
    assert sixthbot("run", cwd=home.repo.path).code == 0
    assert said in {path.read_text() for path in home.places.rejected.glob("*.reason.txt")}


def test_nor_does_a_name_that_leaves_no_room_for_one_keep_all_from_coming_back(home: Home) -> None:
    (home.places.rejected / ("n" * 250)).write_text("x")
    State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)).save()
    git_clean(home.repo)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    assert sorted(path.name for path in home.places.rejected.iterdir()) == [
        "n" * 200,
        f"{'n' * 200}.reason.txt",
    ]


def test_what_is_missed_while_all_goes_is_not_saved_as_gone(home: Home) -> None:
    """Somebody takes `.sixth` away file by file, the inbox first and the core last."""
    home.drop("a.md", ISSUE.format(id="a"))
    state = State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    state.save()
    tip = home.repo.tip("refs/sixth/state")
    (home.places.inbox / "a.md").unlink()
    slow = threading.Timer(0.2, remove_the_core, [home.repo])
    slow.start()
    saved = state.save({"inbox/a.md": True, "inbox/rejected/a.md": False})
    slow.join()
    assert not saved.whole
    assert home.repo.tip("refs/sixth/state") == tip


@pytest.mark.parametrize("still_dropped", [True, False])
def test_an_issue_of_which_no_record_was_saved_is_accepted_anew(home: Home, *, still_dropped: bool) -> None:
    accepted_only(home)
    state = State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    state.save()
    text = home.store.issues.issue_text("a")
    (home.places.issues / "a/issue.toml").unlink()
    if still_dropped:
        home.drop("a.md", text.decode())
    state.save({"issues/a/issue.toml": True, "inbox/a.md": False})
    git_clean(home.repo)
    assert sixthbot("status", cwd=home.repo.path).code == 0
    is_whole_again(home)
    assert [path.name for path in home.places.issues.iterdir()] == ["a"]
    assert not list(home.places.rejected.iterdir())


def titles(home: Home, *, wanted: int) -> list[str]:
    """Let what lies in the inbox be accepted until there are so many issues; return the titles of all."""
    bot = home.bot()
    until(lambda: [bot.tick(Woken()), len(home.store.issues.list()) >= wanted][1])
    return sorted(record.title for record in home.store.issues.list())


def test_an_issue_that_was_accepted_anew_is_so_once(home: Home) -> None:
    """Its text names no id, so that it gets another one; half of it stays in the state under the old one."""
    home.drop("a.md", "# Some work\n")
    titles(home, wanted=1)
    state = State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    state.save()
    [half] = [record.id for record in home.store.issues.list()]
    (home.places.issues / half / "issue.toml").unlink()
    state.save({f"issues/{half}/issue.toml": True})
    git_clean(home.repo)
    home.places.inbox.mkdir(parents=True)
    home.drop(f"{half}.md", "# Work in a file of that name\n")
    for _ in range(2):
        bring_back(home.places)
        assert titles(home, wanted=2) == ["Some work", "Work in a file of that name"]
        assert not list(home.places.inbox.glob("*.md"))
        state.save()
        git_clean(home.repo)


def test_a_text_that_was_left_behind_without_its_record_is_accepted_anew(home: Home) -> None:
    home.drop("a.md", ISSUE.format(id="a"))
    State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)).save()
    home.drop("b.md", ISSUE.format(id="b"))
    titles(home, wanted=2)
    texts = {name: home.store.issues.issue_text(name) for name in "ab"}
    git_clean(home.repo)
    for name, text in texts.items():  # as of a bot that had not noticed yet
        (home.places.issues / name).mkdir(parents=True)
        (home.places.issues / name / "issue.md").write_bytes(text)
    yours = home.repo.path.parent / "yours"
    yours.mkdir()
    (yours / "issue.md").write_text("# Yours\n")
    (home.places.issues / "c").symlink_to(yours)
    bring_back(home.places)
    assert (yours / "issue.md").read_text() == "# Yours\n"
    (home.places.issues / "c").unlink()
    assert titles(home, wanted=2) == ["Issue a", "Issue b"]
    assert {name: home.store.issues.issue_text(name) for name in "ab"} == texts
    assert not [path for path in home.places.inbox.rglob("*") if path.is_file()]


class Taking(State):
    """A state whose issues go while it looks at them, and its core soon after."""

    def write(self, index: Index, changes: list[Change]) -> int:
        raise AssertionError(f"it saved {len(changes)} changes")

    def tracked(self, *, anew: bool) -> frozenset[str]:
        threading.Timer(0.3, remove_the_core, [RepoDir(self.places.top)]).start()
        return super().tracked(anew=anew)

    def _went(self, piece: Sequence[Change]) -> bool:
        shutil.rmtree(self.places.issues, ignore_errors=True)
        return super()._went(piece)


def test_what_went_right_after_it_was_read_is_not_saved(home: Home) -> None:
    accepted_only(home)
    home.store.issues.change_record("a", lambda now: replace(now, title="Another"))
    state = Taking(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    assert not state.save().whole


class Spending(State):
    """A state under which all is taken away once it has seen everything."""

    def _went(self, piece: Sequence[Change]) -> bool:
        (self.places.sixth / ".home").rename(self.places.top / "stashed")
        return super()._went(piece)


def test_ids_that_were_used_up_are_saved_after_a_saving_that_was_broken_off(home: Home) -> None:
    repo = home.bot().services().repo
    state = State(home.places, repo, clock=lambda: datetime.now(UTC))
    state.save()
    home.store.queue.spend("t0123456789ab")
    assert not Spending(home.places, repo, clock=lambda: datetime.now(UTC)).save().whole
    (home.repo.path / "stashed").rename(home.places.sixth / ".home")
    state.save()
    assert "t0123456789ab" in state.folded(state.ref.tip()).spent


def test_a_checkpoint_with_something_else_in_it_keeps_nothing_from_coming_back(home: Home) -> None:
    home.drop("a.md", ISSUE.format(id="a"))
    titles(home, wanted=1)
    [task] = home.tasks("ready")
    record = StepRecord("describe", {"draft": ["x"]}, "2026-11-20T19:30:00.000Z")
    home.store.checkpoints.save(task.id, 0, record)
    State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)).save()
    git_clean(home.repo)
    assert bring_back(home.places) is not None
    assert home.tasks("ready") == [task]


def test_what_cannot_come_back_is_told_of_once(home: Home) -> None:
    bad = home.places.queue / "done/20200101T000000000Z-t0123456789ab.json"
    bad.parent.mkdir(exist_ok=True)
    bad.write_text("no JSON")
    State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC)).save()
    git_clean(home.repo)
    said = sixthbot("status", cwd=home.repo.path).err
    assert "state .sixth was taken away and is brought back as it was saved on" in said
    assert said.count(f"state left out, which is said this once: queue/{bad.name}: it is not JSON") == 1
    git_clean(home.repo)
    again = sixthbot("status", cwd=home.repo.path).err
    assert "is brought back as it was saved" in again
    assert "left out" not in again


def test_of_what_cannot_come_back_the_rest_is_counted() -> None:
    told = Rebuilt(datetime.now(UTC), refused=[f"no {number}" for number in range(12)]).story()
    assert told[-2:] == [f"left out, which is said this once: {what}" for what in ("no 9", "2 more")]


def test_what_comes_back_in_other_bytes_is_saved_so(home: Home) -> None:
    work_on(home, "a")
    [path] = [path for one in home.tasks() if one.issue == "a" for path in home.store.queue.paths_of(one.id)]
    task = json.loads(Path(path).read_bytes())
    Path(path).write_text(json.dumps(task, indent=1))
    state = State(home.places, home.bot().services().repo, clock=lambda: datetime.now(UTC))
    state.save()
    git_clean(home.repo)
    assert bring_back(home.places) is not None
    assert json.loads(Path(path).read_bytes()) == task
    assert state.save().ops > 0
    assert look_at_saved(home.bot().services()).behind == ()
