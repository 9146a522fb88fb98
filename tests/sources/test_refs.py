"""Events from two snapshots of a real repository: the contract's table, and what must cause nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.names import BranchName
from sixthbot.git.run import Git
from sixthbot.sources.refs import OwnMoves, RefsContext, events_between, merged_into
from sixthbot.sources.snapshot import branches_in_use, refs_mark, take_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.events import Event
    from tests.support.repos import RepoDir

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Eyes:
    """Looks at a repository again and again, as the bot does."""

    def __init__(self, repo: RepoDir) -> None:
        self.git = Git(repo.path / ".git", durability="process")
        self.git_dir = repo.path / ".git"
        self.last = take_snapshot(self.git, self.git_dir).snapshot

    def look(self, *, own: OwnMoves | None = None) -> list[Event]:
        new = take_snapshot(self.git, self.git_dir, before=self.last).snapshot
        context = RefsContext(
            git=self.git,
            default=BranchName("main"),
            own=own or OwnMoves(),
            own_email="sixthbot@localhost",
            time=NOW,
        )
        events = list(events_between(context, self.last, new))
        self.last = new
        return events


@pytest.fixture
def eyes(repo: RepoDir) -> Eyes:
    return Eyes(repo)


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


def test_a_commit_is_told_with_every_field_of_the_table(repo: RepoDir, eyes: Eyes) -> None:
    new = repo.commit("feat(core)!: words\n\nmore", {"a.py": "1\n2\n", "README.md": "changed\n"})
    (event,) = eyes.look()
    assert event.kind == "commit"
    assert event.key == f"main {new}"
    assert dict(event.fields) == {
        "branch": "main", "id": new, "author": "Ada", "email": "ada@example.org",
        "subject": "feat(core)!: words", "type": "feat", "scope": "core", "paths": ("README.md", "a.py"),
        "files": 2, "added": 3, "deleted": 1, "merge": False, "origin": "",
    }  # fmt: skip


def test_fifty_commits_at_once_are_fifty_events_oldest_first(repo: RepoDir, eyes: Eyes) -> None:
    made = [repo.commit(f"fix: {number}") for number in range(50)]
    assert [event.fields["id"] for event in eyes.look()] == made


def test_nothing_new_is_no_event(repo: RepoDir, eyes: Eyes) -> None:
    assert eyes.look() == []


def test_odd_paths_and_binary_files_are_told_as_they_are(repo: RepoDir, eyes: Eyes) -> None:
    repo.commit("feat: odd", {"tab\tand\nline.txt": "x\n", "ü.bin": b"\0\1", "old.txt": "same\n" * 20})
    (first,) = eyes.look()
    assert first.fields["paths"] == ("old.txt", "tab\tand\nline.txt", "ü.bin")
    assert (first.fields["added"], first.fields["deleted"]) == (21, 0)
    repo.git("mv", "old.txt", "new.txt")
    repo.commit("chore: rename")
    (second,) = eyes.look()
    assert second.fields["paths"] == ("new.txt", "old.txt")


def test_the_first_commit_of_a_repository_is_told(tmp_path: Path) -> None:
    from tests.support.repos import make_repo  # noqa: PLC0415 - this test alone starts from nothing

    empty = make_repo(tmp_path / "empty", first_commit=False)
    eyes = Eyes(empty)
    first = empty.commit("feat: first", {"a": "1\n"})
    created, commit = eyes.look()
    assert (created.kind, commit.kind) == ("branch.created", "commit")
    assert commit.fields["id"] == first
    assert commit.fields["paths"] == ("a",)


def test_a_new_branch_brings_only_commits_of_no_branch_of_the_last_snapshot(
    repo: RepoDir, eyes: Eyes
) -> None:
    repo.git("switch", "--quiet", "-c", "feature/x")
    new = repo.commit("feat: x", {"x": "1"})
    created, commit = eyes.look()
    assert created.kind == "branch.created"
    assert created.key == f"feature/x {new}"
    assert dict(created.fields) == {"branch": "feature/x", "id": new, "author": "Ada", "origin": ""}
    assert (commit.kind, commit.fields["branch"], commit.fields["id"]) == ("commit", "feature/x", new)
    repo.git("branch", "again")
    assert kinds(eyes.look()) == ["branch.created"]


def test_a_deleted_branch_is_told_once(repo: RepoDir, eyes: Eyes) -> None:
    repo.git("branch", "gone")
    eyes.look()
    repo.git("branch", "-D", "gone")
    (event,) = eyes.look()
    assert (event.kind, event.key) == ("branch.deleted", f"gone {repo.head()}")
    assert eyes.look() == []


@pytest.mark.parametrize("how", ["amend", "reset", "rebase"])
def test_a_rewritten_branch_is_told_without_commits(repo: RepoDir, eyes: Eyes, how: str) -> None:
    repo.git("switch", "--quiet", "-c", "work")
    old = repo.commit("feat: one", {"one": "1"})
    repo.git("switch", "--quiet", "main")
    repo.commit("feat: base", {"base": "1"})
    repo.git("switch", "--quiet", "work")
    eyes.look()
    if how == "amend":
        repo.git("commit", "--quiet", "--amend", "-m", "feat: better")
    elif how == "reset":
        repo.git("reset", "--quiet", "--hard", "HEAD~")
    else:
        repo.git("rebase", "--quiet", "main")
    (event,) = eyes.look()
    assert event.kind == "branch.rewritten"
    assert event.key == f"work {old} {repo.head()}"
    assert dict(event.fields) == {"branch": "work", "old": old, "id": repo.head(), "origin": ""}


def test_a_rewrite_whose_old_commit_git_threw_away_is_told_all_the_same(repo: RepoDir, eyes: Eyes) -> None:
    repo.commit("feat: lost", {"lost": "1"})
    eyes.look()
    repo.git("commit", "--quiet", "--amend", "-m", "feat: other")
    repo.git("branch", "fresh", "HEAD~")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "--quiet", "--prune=now")
    assert kinds(eyes.look()) == ["branch.created", "branch.rewritten"]


def test_packing_refs_and_gc_are_no_events(repo: RepoDir, eyes: Eyes) -> None:
    for number in range(5):
        repo.git("branch", f"feature/{number}")
    repo.git("tag", "-a", "v1", "-m", "one")
    eyes.look()
    repo.git("pack-refs", "--all")
    assert eyes.look() == []
    repo.git("gc", "--quiet")
    assert eyes.look() == []
    assert not (repo.path / ".git/refs/heads/feature/0").exists()


def test_a_torn_ref_file_is_no_deletion(repo: RepoDir, eyes: Eyes) -> None:
    repo.git("branch", "torn")
    eyes.look()
    (repo.path / ".git/refs/heads/torn").write_text("")
    assert eyes.look() == []
    (repo.path / ".git/refs/heads/torn").unlink()
    assert kinds(eyes.look()) == ["branch.deleted"]


def test_tags_of_both_sorts_name_the_commit(repo: RepoDir, eyes: Eyes) -> None:
    repo.git("tag", "light")
    repo.git("tag", "-a", "heavy", "-m", "text")
    heavy, light = eyes.look()
    assert heavy.kind == light.kind == "tag.created"
    for event, name in ((heavy, "heavy"), (light, "light")):
        assert dict(event.fields) == {"tag": name, "id": repo.head(), "author": "Ada", "origin": ""}


def test_a_tag_of_a_file_has_no_author_and_is_no_error(repo: RepoDir, eyes: Eyes) -> None:
    blob = repo.git("hash-object", "-w", "README.md")
    repo.git("tag", "blob", blob)
    (event,) = eyes.look()
    assert (event.fields["id"], event.fields["author"]) == (blob, "")


def feature(repo: RepoDir, eyes: Eyes, name: str = "feature") -> str:
    repo.git("switch", "--quiet", "-c", name)
    repo.commit("feat: one", {f"{name}-one.txt": "1\n"})
    tip = repo.commit("feat: two", {f"{name}-two.txt": "2\n"})
    repo.git("switch", "--quiet", "main")
    eyes.look()
    return tip


@pytest.mark.parametrize("how", ["merge", "squash", "fast-forward"])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_branch_that_comes_into_the_default_branch_is_a_merge(
    repo: RepoDir, eyes: Eyes, how: str, *, deleted: bool
) -> None:
    feature(repo, eyes)
    if how != "fast-forward":
        repo.commit("fix: meanwhile", {"meanwhile.txt": "x\n"})
    if how == "squash":
        repo.git("merge", "--quiet", "--squash", "feature")
        repo.commit("feat: all of it")
        repo.commit("fix: after", {"after.txt": "x\n"})
    else:
        repo.git("merge", "--quiet", *(["--no-ff"] if how == "merge" else []), "feature")
    if deleted:
        repo.git("branch", "-D", "feature")
    events = [event for event in eyes.look() if event.kind == "merge"]
    assert len(events) == 1
    assert events[0].key == f"main {repo.head()}"
    assert events[0].fields["branch"] == "main"
    assert events[0].fields["merged"] == "feature"
    assert {"feature-one.txt", "feature-two.txt"} <= set(events[0].fields["paths"])
    assert eyes.look() == []


def test_plain_commits_on_the_default_branch_are_no_merge(repo: RepoDir, eyes: Eyes) -> None:
    feature(repo, eyes)
    repo.git("branch", "pointer")
    repo.commit("fix: something else", {"other.txt": "x\n"})
    repo.commit("chore: nothing")
    assert kinds(eyes.look()) == ["branch.created", "commit", "commit"]


def test_a_branch_that_only_points_at_new_commits_did_not_bring_them(repo: RepoDir, eyes: Eyes) -> None:
    repo.git("branch", "old-pointer")
    eyes.look()
    first = repo.commit("fix: one", {"one.txt": "x\n"})
    repo.commit("fix: two", {"two.txt": "x\n"})
    repo.git("branch", "new-pointer", first)
    repo.git("branch", "-f", "old-pointer", "main")
    assert "merge" not in kinds(eyes.look())


def test_a_branch_that_was_made_and_merged_between_two_looks_is_a_merge(repo: RepoDir, eyes: Eyes) -> None:
    repo.git("switch", "--quiet", "-c", "quick")
    repo.commit("feat: quick", {"quick.txt": "x\n"})
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "quick")
    assert [event.fields["merged"] for event in eyes.look() if event.kind == "merge"] == ["quick"]


def test_a_branch_continued_and_fast_forwarded_between_two_looks_is_a_merge(
    repo: RepoDir, eyes: Eyes
) -> None:
    feature(repo, eyes)
    repo.git("switch", "--quiet", "feature")
    repo.commit("feat: three", {"three.txt": "x\n"})
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "--ff-only", "feature")
    assert [event.fields["merged"] for event in eyes.look() if event.kind == "merge"] == ["feature"]


def test_a_branch_is_merged_into_its_own_base_whichever_that_is(repo: RepoDir, eyes: Eyes) -> None:
    tip = feature(repo, eyes)
    repo.git("branch", "develop")
    old = eyes.last = take_snapshot(eyes.git, eyes.git_dir).snapshot
    repo.git("switch", "--quiet", "develop")
    repo.git("merge", "--quiet", "--no-ff", "feature")
    new = take_snapshot(eyes.git, eyes.git_dir).snapshot
    assert merged_into(eyes.git, old, new, {"feature": "develop"}) == [("feature", "develop", tip)]
    assert merged_into(eyes.git, old, new, {"feature": "main", "absent": "develop"}) == []


def test_a_merge_into_another_branch_gives_its_commits_and_no_merge(repo: RepoDir, eyes: Eyes) -> None:
    feature(repo, eyes)
    repo.git("switch", "--quiet", "-c", "release")
    eyes.look()
    repo.git("merge", "--quiet", "--no-ff", "feature")
    assert kinds(eyes.look()) == ["commit", "commit", "commit"]


def test_two_branches_in_one_move_are_two_merges(repo: RepoDir, eyes: Eyes) -> None:
    feature(repo, eyes, "a")
    feature(repo, eyes, "b")
    repo.git("merge", "--quiet", "--no-ff", "a")
    repo.git("merge", "--quiet", "--no-ff", "b")
    merges = [event for event in eyes.look() if event.kind == "merge"]
    assert [event.fields["merged"] for event in merges] == ["a", "b"]
    assert len({event.id for event in merges}) == 2


def test_a_merge_commit_is_told_with_the_paths_it_brings(repo: RepoDir, eyes: Eyes) -> None:
    feature(repo, eyes)
    repo.git("merge", "--quiet", "--no-ff", "feature")
    last = [event for event in eyes.look() if event.kind == "commit"][-1]
    assert last.fields["merge"] is True
    assert last.fields["paths"] == ("feature-one.txt", "feature-two.txt")


def test_what_the_bot_moved_itself_carries_its_origin(repo: RepoDir, eyes: Eyes) -> None:
    repo.git("switch", "--quiet", "-c", "sixth/x")
    bots = repo.commit("feat: by the bot", {"x": "1"})
    persons = repo.commit("feat: by a person", {"y": "1"})
    own = OwnMoves({"refs/heads/sixth/x": frozenset({repo.tip("main"), bots})}, {})
    created, first, second = eyes.look(own=own)
    assert created.own
    assert (first.fields["id"], first.own) == (bots, True)
    assert (second.fields["id"], second.own) == (persons, False)
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "sixth/x")
    assert not any(event.own for event in eyes.look(own=own))  # a person brought them into main
    repo.git("branch", "-D", "sixth/x")
    (deleted,) = eyes.look(own=OwnMoves(own.written, {"refs/heads/sixth/x": frozenset({persons})}))
    assert deleted.own


def test_commits_that_the_bot_rebased_are_its_own_on_its_branches_only(repo: RepoDir, eyes: Eyes) -> None:
    bot = {"GIT_COMMITTER_NAME": "sixthbot", "GIT_COMMITTER_EMAIL": "sixthbot@localhost"}
    for name in ("sixth/x", "other"):
        repo.git("switch", "--quiet", "-c", name, "main")
        repo.write({name.replace("/", "-"): "1"})
        repo.git("add", "--all")
        repo.git("commit", "--quiet", "-m", "feat: x", env=bot)
    own = OwnMoves({"refs/heads/sixth/x": frozenset({"0" * 40})}, {})
    found = {event.fields["branch"]: event.own for event in eyes.look(own=own) if event.kind == "commit"}
    assert found == {"other": False, "sixth/x": True}


def test_the_cheap_look_sees_every_move_of_a_ref(repo: RepoDir) -> None:
    git_dir = repo.path / ".git"
    seen = [refs_mark(git_dir, now_ns=0)]
    moves = (
        ["commit", "--allow-empty", "-m", "x"], ["branch", "a"], ["branch", "deep/er/b"], ["tag", "t"],
        ["update-ref", "refs/heads/deep/er/b", "HEAD~"], ["branch", "-D", "a"], ["pack-refs", "--all"],
        ["branch", "-D", "deep/er/b"],
    )  # fmt: skip
    for move in moves:
        repo.git(*move)
        mark = refs_mark(git_dir, now_ns=0, before=seen[-1])
        assert mark not in seen
        assert mark == refs_mark(git_dir, now_ns=0)
        seen.append(mark)
    repo.git("status")
    assert refs_mark(git_dir, now_ns=0, before=seen[-1]) == seen[-1]
    newest = max(folder.stamp[2] for folder in seen[-1].folders.values())
    assert not refs_mark(git_dir, now_ns=newest).safe()
    assert refs_mark(git_dir, now_ns=newest + 60_000_000_000).safe()


def test_branches_in_use_are_those_of_all_worktrees(repo: RepoDir, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "loose"))
    assert branches_in_use(repo.path / ".git") == {"refs/heads/main", "refs/heads/side"}
