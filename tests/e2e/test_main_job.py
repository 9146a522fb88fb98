"""The main job: an issue file dropped in the inbox becomes a reviewed, pushed branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.person import TIDY, Person, wait_until
from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

BRANCH = "sixth/tidy-the-notes"
DRAFT = ".sixth/drafts/sixth%2Ftidy-the-notes.md"


def make_dirty(repo: RepoDir) -> None:
    """Leave the tree as people leave it: a stash, a staged file, an edited one, an untracked one."""
    repo.write({"README.md": "stashed\n"})
    repo.git("stash")
    repo.write({"staged.txt": "staged\n"})
    repo.git("add", "staged.txt")
    repo.write({"README.md": "edited\n", "loose.txt": "untracked\n"})


def do_the_third_subtask(person: Person, tmp_path: Path) -> None:
    person.commit_on(BRANCH, "Rename the helper", {"helper.txt": "renamed\n"}, tmp_path / "mine")
    # the base moves on meanwhile, without the person's tree: somebody pushes to main
    tree = person.repo.git("rev-parse", "main^{tree}")
    blob = person.repo.git("hash-object", "-w", "--stdin", stdin="moved on\n")
    listing = person.repo.git("ls-tree", tree) + f"\n100644 blob {blob}\tmoved.txt\n"
    moved = person.repo.git("mktree", stdin=listing)
    commit = person.repo.git("commit-tree", moved, "-p", "main", "-m", "feat: the base moves on")
    person.repo.git("update-ref", "refs/heads/other", commit)


def check_waiting(person: Person, issue_id: str) -> None:
    (issue,) = person.issues()
    assert [subtask["status"] for subtask in issue["subtasks"]] == ["done", "done", "waiting"]
    assert issue["branch"] == BRANCH
    status = person.ok("status")
    assert "Rename the old helper" in status
    assert f"sixthbot done {issue_id}" in status
    assert person.json("status")["issues"] == {"open": 1, "waiting_for_person": 1}
    plan = (person.repo.path / ".sixth/issues" / issue_id / "plan.toml").read_text()
    assert 'status = "waiting"' in plan
    assert "Rename the old helper" in person.ok("log")
    assert person.repo.subjects(f"main..{BRANCH}") == [
        "chore: sort the word list",
        "chore: add today's numbers",
    ]
    for number, commit in enumerate(
        person.repo.git("rev-list", "--reverse", f"main..{BRANCH}").splitlines(), 1
    ):
        trailers = person.repo.git("show", "-s", "--format=%(trailers:only)", commit)
        assert f"Sixth-Issue: {issue_id}\n" in trailers
        assert f"Sixth-Subtask: {number}" in trailers


def check_draft(person: Person) -> None:
    (draft,) = person.drafts()
    tip = person.repo.tip(BRANCH)
    assert (draft["branch"], draft["status"], draft["head"]) == (BRANCH, "awaiting-review", tip)
    assert person.repo.git("merge-base", "main", BRANCH) == person.repo.tip("main")
    assert person.repo.subjects(f"main..{BRANCH}")[-1].startswith("docs(changelog): ")
    assert "Sort the word list" in person.repo.show(BRANCH, "CHANGELOG.md")
    text = (person.repo.path / DRAFT).read_text()
    assert person.repo.tip(f"{BRANCH}^{{tree}}") in text
    assert "the words are there" in text or "exit status 0" in text
    review = person.ok("review", BRANCH)
    for part in ("Tidy the notes", "chore: sort the word list", "+renamed", "passed"):
        assert part in review


def review_and_push(person: Person, remote: RepoDir) -> None:
    assert person.say("push", BRANCH).status == 4
    path = person.repo.path / DRAFT
    path.write_text(
        path.read_text().replace('title = "Tidy the notes"', 'title = "Tidy all notes"') + "\nMy words.\n"
    )
    person.ok("approve", BRANCH)
    path.write_text(path.read_text() + "\nOne word more.\n")
    assert person.say("push", BRANCH).status == 4, "an edit voids the approval"
    person.ok("approve", BRANCH)
    approved = person.repo.tip(BRANCH)
    person.ok("push", BRANCH)
    assert remote.tip(BRANCH) == approved
    (draft,) = person.drafts()
    assert (draft["status"], draft["title"]) == ("pushed", "Tidy all notes")
    assert "My words." in path.read_text()


@pytest.mark.parametrize("mode", ["run", "watch", "dropped while off"])
def test_an_issue_becomes_a_reviewed_pushed_branch(
    person: Person, remote: RepoDir, tmp_path: Path, mode: str
) -> None:
    repo = person.repo
    make_dirty(repo)
    before = fingerprint(repo.path)
    if mode == "watch":
        with person.watching():
            person.drop(TIDY, "tidy.md")
            wait_until(lambda: person.json("status")["issues"]["waiting_for_person"])
            issue_id = person.issues()[0]["id"]
            check_waiting(person, issue_id)
            do_the_third_subtask(person, tmp_path)
            person.ok("done", issue_id)
            wait_until(lambda: person.json("status")["drafts"].get("awaiting-review"))
    else:
        if mode == "dropped while off":
            with person.watching():
                pass
        person.drop(TIDY, "tidy.md")
        person.ok("run")
        issue_id = person.issues()[0]["id"]
        check_waiting(person, issue_id)
        do_the_third_subtask(person, tmp_path)
        person.ok("done", issue_id)
        person.ok("run")
    check_draft(person)
    review_and_push(person, remote)
    person.ok("run")
    assert [task["state"] for task in person.tasks() if task["state"] != "done"] == []
    for name in (issue_id, BRANCH):
        assert "Rename the old helper" in person.ok("why", name)
    for name in (repo.tip(BRANCH), repo.tip(f"{BRANCH}~2")[:9]):
        assert "Tidy the notes" in person.ok("why", name)
    assert fingerprint(repo.path) == before
    assert "error" not in repo.git("fsck", "--strict")


def test_a_repository_in_the_middle_of_a_merge_is_left_in_the_middle_of_it(person: Person) -> None:
    repo = person.repo
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit("feat: side", {"README.md": "side\n"})
    repo.git("switch", "--quiet", "main")
    repo.commit("feat: main", {"README.md": "main\n"})
    assert repo.try_git("merge", "side").returncode == 1
    before = fingerprint(repo.path)
    person.drop("# Sort `do: sort-words`\n")
    person.drop("Sort them\n\n- [ ] sort `do: sort-words`\n", "two.md")
    person.ok("run")
    assert fingerprint(repo.path) == before
    assert len(person.drafts()) >= 1


def test_a_person_may_push_their_part_from_another_clone(person: Person, tmp_path: Path) -> None:
    person.drop(TIDY, "tidy.md")
    person.ok("run")
    other = type(person.repo)(tmp_path / "clone")
    person.repo.git("clone", "--quiet", "--branch", BRANCH, str(person.repo.path), str(other.path))
    other.commit("Rename the helper\n\nSixth-Subtask: 3", {"helper.txt": "renamed\n"})
    other.git("push", "--quiet", "origin", BRANCH)
    person.ok("run")  # the trailer says that subtask 3 is done
    (issue,) = person.issues()
    assert [subtask["status"] for subtask in issue["subtasks"]] == ["done"] * 3
    assert [draft["status"] for draft in person.drafts()] == ["awaiting-review"]


def test_commits_that_follow_a_draft_are_accepted_by_done_and_make_a_new_draft(
    person: Person, remote: RepoDir, tmp_path: Path
) -> None:
    person.drop("# Sort\n\n- [ ] sort `do: sort-words`\n")
    person.ok("run")
    person.ok("approve", "sixth/sort")
    person.commit_on("sixth/sort", "fix: one thing more", {"more.txt": "more\n"}, tmp_path / "mine")
    assert person.say("push", "sixth/sort").status == 4
    assert "1 commit of yours" in person.ok("done", person.issues()[0]["id"])
    person.ok("run")
    (draft,) = person.drafts()
    assert (draft["status"], draft["head"]) == ("awaiting-review", person.repo.tip("sixth/sort"))
    assert "One thing more" in person.repo.show("sixth/sort", "CHANGELOG.md")
    person.ok("approve", "sixth/sort")
    person.ok("push", "sixth/sort")
    assert remote.tip("sixth/sort") == draft["head"]


def test_a_conflict_parks_the_issue_and_goes_on_once_a_person_solved_it(
    person: Person, tmp_path: Path
) -> None:
    repo = person.repo
    person.drop("# Sort\n\n- [ ] sort `do: sort-words`\n- [ ] mine\n")
    person.ok("run")
    repo.commit("docs: other words", {"words.txt": "zebra\npear\napple\nfig\n"})
    person.ok("done", person.issues()[0]["id"])
    person.ok("run")
    (task,) = [task for task in person.tasks() if task["state"] == "parked"]
    status = person.ok("status")
    assert "words.txt" in status + task["reason"]
    assert "git rebase" in person.ok("status") + person.ok("queue", "show", task["id"])
    place = type(repo)(tmp_path / "solve")
    repo.git("worktree", "add", "--quiet", str(place.path), "sixth/sort")
    assert place.try_git("rebase", "main").returncode == 1
    place.write({"words.txt": "apple\nfig\npear\nzebra\n"})
    place.git("add", "words.txt")
    place.git("-c", "core.editor=true", "rebase", "--continue")
    repo.git("worktree", "remove", str(place.path))
    person.ok("release", "sixth/sort")
    person.ok("run")
    (draft,) = person.drafts()
    assert draft["status"] == "awaiting-review"
    assert repo.show("sixth/sort", "words.txt") == "apple\nfig\npear\nzebra\n"
    assert repo.git("merge-base", "main", "sixth/sort") == repo.tip("main")


def test_a_branch_that_is_checked_out_is_left_alone_until_it_is_switched_away(
    person: Person, tmp_path: Path
) -> None:
    repo = person.repo
    person.drop("# Sort\n\n- [ ] mine\n- [ ] sort `do: sort-words`\n")
    person.ok("run")
    repo.git("worktree", "add", "--quiet", str(tmp_path / "mine"), "sixth/sort")
    tip = repo.tip("sixth/sort")
    person.ok("done", person.issues()[0]["id"])
    with person.watching():
        wait_until(lambda: "checked out" in person.ok("status") + person.ok("log"))
        assert repo.tip("sixth/sort") == tip
        repo.git("worktree", "remove", str(tmp_path / "mine"))
        wait_until(lambda: person.json("status")["drafts"].get("awaiting-review"), seconds=40)
