"""`run`: everything there is, now, then an end."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import IssueStatus
from sixthbot.core.tasks import Parked, Task, Waiting
from sixthbot.engine.answers import answer_subtask
from sixthbot.engine.services import open_services
from sixthbot.store.clock import now
from tests.bot.home import CONFIG, Home, make_home
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def waits_for(task: Task) -> str:
    """What a parked task waits for."""
    assert isinstance(task.state, Parked)
    return task.state.kind


def test_a_file_dropped_while_the_bot_was_off_becomes_a_branch_and_a_draft(home: Home) -> None:
    home.drop("words.md", "# Sort the words\n\n- [ ] Sort them `do: sort-words`\n")
    before = fingerprint(home.repo.path)
    report = home.bot().run()
    assert report.failed == ()
    assert fingerprint(home.repo.path) == before
    assert home.repo.show("sixth/sort-the-words", "words.txt") == "apple\npear\n"
    (task,) = report.parked
    assert waits_for(task) == "review"
    assert [draft.branch.value for draft in home.store.drafts.list()] == ["sixth/sort-the-words"]
    assert not list(home.places.inbox.glob("*.md"))


def test_with_nothing_to_do_it_ends_at_once(home: Home) -> None:
    report = home.bot().run()
    assert (report.events, report.over, report.failed, report.unsettled) == (0, 0, (), ())


def test_doing_it_again_does_nothing_twice(home: Home) -> None:
    home.drop("words.md", "# Sort the words\n\n- [ ] Sort them `do: sort-words`\n")
    home.bot().run()
    tip = home.repo.tip("sixth/sort-the-words")
    tasks = home.tasks()
    assert home.bot().run().events == 0
    assert home.repo.tip("sixth/sort-the-words") == tip
    assert home.tasks() == tasks


def test_a_task_that_fails_is_in_the_report_once(home: Home) -> None:
    home.configure(
        (home.places.config_file).read_text(),
        '[[rule]]\nname = "t"\non = "commit"\ndo = [{ use = "shell", run = ["false"] }]\nretries = 1\n',
    )
    home.repo.commit("fix: something")
    report = home.bot().run()
    assert [task.rule for task in report.failed] == ["t"]
    assert report.failed[0].attempts == 2  # its retry was due within a minute and was waited for
    assert home.bot().run().failed == ()


@pytest.mark.parametrize("settle", ["1s", "10m"])
def test_settling_makes_one_task_of_several_events_and_holds_no_run_up(home: Home, settle: str) -> None:
    home.configure(
        (home.places.config_file).read_text(),
        f'[[rule]]\nname = "t"\non = "commit"\nsettle = "{settle}"\ndo = [{{ use = "shell", run = ["true"] }}]\n',
    )
    for number in range(3):
        home.repo.commit(f"fix: {number}")
    report = home.bot().run()
    (task,) = home.tasks("done")
    assert len(task.events) == 3
    assert (report.over, report.waiting) == (1, ())


def test_a_waiting_subtask_goes_on_when_a_commit_names_it(home: Home) -> None:
    home.drop("i.md", "---\nid: two\n---\n# Two\n\n- [ ] By hand\n- [ ] Sort `do: sort-words`\n")
    home.bot().run()
    assert home.store.issues.record("two").status is IssueStatus.WAITING_FOR_PERSON
    home.repo.git("switch", "--quiet", "sixth/two")
    home.repo.commit("feat: by hand\n\nSixth-Subtask: 1\n", {"hand.txt": "x\n"})
    assert waits_for(home.bot().run().parked[0]) == "subtask"  # still checked out: somebody is at it
    home.repo.git("switch", "--quiet", "main")
    (task,) = home.bot().run().parked
    assert waits_for(task) == "review"
    plan = home.store.issues.plan("two")
    assert [one.by for one in plan.subtasks] == ["person", "recipe sort-words"]
    assert home.repo.subjects("main..sixth/two")[0] == "feat: by hand"


@pytest.mark.parametrize("how", ["merge", "squash", "delete"])
def test_an_issue_ends_when_its_branch_is_merged_or_deleted(home: Home, how: str) -> None:
    home.drop("i.md", "---\nid: one\n---\n# One\n\n- [ ] Sort `do: sort-words`\n")
    home.bot().run()
    tip = home.repo.tip("sixth/one")
    if how == "delete":
        home.repo.git("branch", "-D", "sixth/one")
    elif how == "squash":
        home.repo.git("merge", "--quiet", "--squash", "sixth/one")
        home.repo.commit("feat: sorted")
    else:
        home.repo.git("merge", "--quiet", "--no-ff", "sixth/one")
    report = home.bot().run()
    assert home.store.issues.record("one").status is IssueStatus.ENDED
    assert report.parked == ()
    assert home.repo.tip("sixth/one") == ""
    if how != "delete":
        last = home.store.operations.list()[-1]
        assert last.refs == (("refs/heads/sixth/one", tip, None),)
        assert last.state == "done"


def test_a_merged_branch_that_is_checked_out_is_deleted_once_it_is_left(home: Home) -> None:
    home.drop("i.md", "---\nid: one\n---\n# One\n\n- [ ] Sort `do: sort-words`\n")
    home.bot().run()
    home.repo.git("merge", "--quiet", "sixth/one")
    home.repo.git("switch", "--quiet", "sixth/one")
    home.bot().run()
    assert home.store.issues.record("one").status is IssueStatus.ENDED
    assert home.repo.tip("sixth/one")
    home.repo.git("switch", "--quiet", "main")
    home.bot().run()
    assert not home.repo.tip("sixth/one")


def test_an_event_lost_between_acceptance_and_queue_is_made_up_for(home: Home) -> None:
    file = home.drop("i.md", "---\nid: one\n---\n# One\n\n- [ ] Sort `do: sort-words`\n")
    data = file.read_bytes()
    home.store.issues.accept(file, data, parse_issue(data, "i.md"), now=now())  # and then the process died
    report = home.bot().run()
    assert [task.issue for task in report.parked] == ["one"]
    assert home.bot().run().events == 0


def test_an_issue_that_no_rule_wants_is_not_let_in_again_at_every_start(home: Home) -> None:
    home.configure(CONFIG + '\n[rules]\ndisabled = ["work on an issue"]\n')
    home.drop("i.md", "# One\n")
    assert home.bot().run().events == 1
    assert home.bot().run().events == 0


def test_ten_kinds_of_bad_files_are_rejected_and_the_good_one_goes_on(home: Home) -> None:
    inbox = home.places.inbox
    home.drop("good.md", "# Sort the words\n\n- [ ] Sort `do: sort-words`\n")
    (inbox / "binary.md").write_bytes(bytes(range(256)) * 10)
    (inbox / "big.md").write_bytes(b"x" * 50_000_000)
    (inbox / "link.md").symlink_to("good.md")
    os.mkfifo(inbox / "pipe.md")
    (inbox / "id.md").write_text("---\nid: ../up\n---\n# Up\n")
    (inbox / "line\nbreak.md").write_text("# x")
    (inbox / "folder.md").mkdir()
    (inbox / "note.txt").write_text("not an issue")
    report = home.bot().run()
    assert {name for name, _ in report.rejected} >= {
        "binary.md",
        "big.md",
        "link.md",
        "pipe.md",
        "id.md",
        "line\nbreak.md",
    }
    for name, reason in report.rejected:
        assert (home.places.rejected / f"{name}.reason.txt").read_text().strip()
        assert os.path.lexists(home.places.rejected / name)
        assert reason
    assert [task.event.fields["title"] for task in report.parked] == ["Sort the words"]
    assert {path.name for path in inbox.iterdir()} == {"folder.md", "note.txt", "rejected"}


def test_a_cancelled_or_stopped_run_gives_its_work_back(home: Home) -> None:
    home.drop("i.md", "# Slow\n\n- [ ] Wait `do: slow`\n")
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    started = time.monotonic()
    home.bot().run(stop)
    assert time.monotonic() - started < 6.5
    (task,) = home.tasks("ready")
    assert (task.crashes, task.attempts) == (0, 0)


def test_a_branch_that_stays_checked_out_does_not_hold_a_run_for_ever(home: Home) -> None:
    home.drop("i.md", "---\nid: two\n---\n# Two\n\n- [ ] By hand\n- [ ] Sort `do: sort-words`\n")
    home.bot().run()
    home.repo.git("switch", "--quiet", "sixth/two")
    answer_subtask(open_services(home.repo.path), "two", None)
    started = time.monotonic()
    report = home.bot().run()
    assert time.monotonic() - started < 30
    assert [type(task.state) for task in report.waiting] == [Waiting]
    home.repo.git("switch", "--quiet", "main")
    assert (
        waits_for(home.bot().run().parked[0]) == "review"
    )  # left: it goes on without waiting for its next look


def test_two_runs_at_once_share_the_work(home: Home) -> None:
    for number in range(6):
        home.drop(
            f"{number}.md",
            f"---\nid: issue-{number}\n---\n# Number {number}\n\n- [ ] Sort `do: sort-words`\n",
        )
    threads = [threading.Thread(target=home.bot().run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(task.issue for task in home.tasks("parked")) == [f"issue-{number}" for number in range(6)]
    assert home.tasks("ready", "waiting", "running", "failed") == []
    claims = [one.task for one in home.store.journal.read() if one.kind == "task.claimed"]
    assert len(claims) == len(set(claims))


def test_an_issue_that_depends_on_another_goes_on_when_that_has_ended(home: Home) -> None:
    home.drop("a.md", "---\nid: first\n---\n# First\n\n- [ ] Sort `do: sort-words`\n")
    home.drop("b.md", "---\nid: second\ndepends: first\n---\n# Second\n\n- [ ] By hand\n")
    home.configure(f"{CONFIG}\n[branch]\nstack = false\n")
    report = home.bot().run()
    [task] = report.waiting
    assert task.issue == "second"
    assert isinstance(task.state, Waiting)
    assert task.state.reason == "it waits for issue first to be pushed or ended"
    home.repo.git("merge", "--quiet", "--no-ff", "sixth/first")
    report = home.bot().run()
    assert report.waiting == ()
    assert home.store.issues.record("second").status is IssueStatus.WAITING_FOR_PERSON
    assert home.repo.tip("sixth/second") == home.repo.tip("main")


def test_what_waited_for_trust_goes_on_when_the_trusted_bytes_come_back_while_no_bot_is_there(
    home: Home,
) -> None:
    trusted = home.places.config_file.read_text()
    home.places.config_file.write_text(trusted + "# changed\n")
    home.drop("i.md", "# One\n\n- [ ] Sort `do: sort-words`\n")
    assert waits_for(home.bot().run().parked[0]) == "untrusted"
    home.places.config_file.write_text(trusted)
    assert waits_for(home.bot().run().parked[0]) == "review"
