from __future__ import annotations

import os
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixthbot.core.errors import GitFailed
from sixthbot.git import merging
from sixthbot.git.commits import log, read_commit
from sixthbot.git.rebase import Conflict, Rebased, UpToDate, plan_rebase, rebase_in_memory
from sixthbot.git.run import git_version
from tests.git.helpers import BOT, git_of, oid
from tests.git.histories import compare, make_sides, trees
from tests.support.repos import RepoDir, clone, make_repo

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from sixthbot.git.rebase import RebaseResult


def _fork(repo: RepoDir) -> None:
    """Leave `repo` on a branch `side` made where `main` is."""
    repo.git("checkout", "-q", "-b", "side")


def _rebase(repo: RepoDir, *, skip: tuple[str, ...] = ()) -> RebaseResult:
    return rebase_in_memory(
        git_of(repo),
        branch_tip=oid(repo.tip("side")),
        upstream_base=oid(repo.tip("main")),
        onto=oid(repo.tip("main")),
        committer=BOT,
        skip=[oid(commit) for commit in skip],
    )


def test_a_branch_that_builds_on_its_base_needs_nothing(repo: RepoDir) -> None:
    _fork(repo)
    repo.commit("side", {"a": "1"})
    assert _rebase(repo) == UpToDate()
    repo.git("branch", "-f", "main", "side")
    assert _rebase(repo) == UpToDate()


def test_authors_messages_and_trees_stay_and_only_the_committer_is_new(repo: RepoDir) -> None:
    _fork(repo)
    message = "feat: ä thing\n\n  odd   spacing\n\nSixth-Issue: x\nSixth-Subtask: 1\n"
    first = oid(repo.commit(message, {"a": "1"}))
    second = oid(repo.commit("two", {"b": "2"}))
    repo.git("checkout", "-q", "main")
    main = repo.commit("main", {"c": "3"})
    before = repo.tip("side")
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    git = git_of(repo)
    new = log(git, tip=done.new_tip, not_in=[oid(main)])
    assert [done.mapping[first], done.mapping[second]] == [commit.id for commit in new]
    assert [commit.author for commit in new] == [
        read_commit(git, first).author,
        read_commit(git, second).author,
    ]
    assert {commit.committer for commit in new} == {BOT}
    assert new[0].body == message
    assert repo.tip("side") == before
    assert repo.git("ls-tree", "-r", "--name-only", done.new_tip).split() == ["README.md", "a", "b", "c"]


def test_a_repository_with_sha256_ids_works_too(tmp_path: Path) -> None:
    (tmp_path / "sha256").mkdir()
    repo = RepoDir(tmp_path / "sha256")
    repo.git("init", "-q", "-b", "main", "--object-format=sha256")
    repo.commit("base", {"a": "1\n"})
    _fork(repo)
    repo.commit("side", {"b": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"c": "1\n"})
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    assert len(done.new_tip) == 64
    assert repo.git("ls-tree", "--name-only", done.new_tip).split() == ["a", "b", "c"]


def test_a_conflict_names_commit_files_and_stages_and_moves_nothing(repo: RepoDir) -> None:
    repo.commit("base", {"a": "1\n", "gone": "1\n"})
    _fork(repo)
    repo.commit("fine", {"b": "1\n"})
    culprit = repo.commit("culprit", {"a": "side\n", "gone": "side\n"})
    repo.commit("after", {"c": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"a": "main\n", "gone": None})
    refs = repo.git("for-each-ref")
    done = _rebase(repo)
    assert isinstance(done, Conflict)
    assert done.commit.id == culprit
    assert {file.path: [stage for stage, _, _ in file.stages] for file in done.files} == {
        "a": [1, 2, 3], "gone": [1, 3],
    }  # fmt: skip
    assert "CONFLICT" in done.message
    assert repo.git("for-each-ref") == refs


def test_what_the_base_already_has_is_dropped_and_what_was_empty_stays(repo: RepoDir) -> None:
    repo.commit("base", {"a": "1\n2\n3\n"})
    _fork(repo)
    picked = repo.commit("picked", {"a": "one\n2\n3\n"})
    empty = repo.commit("meant to be empty")
    half = repo.commit("becomes empty", {"b": "1\n"})
    kept = repo.commit("kept", {"c": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.git("cherry-pick", picked)
    repo.commit("more than half", {"b": "1\n", "d": "1\n"})
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    assert set(done.dropped) == {picked, half}
    assert set(done.mapping) == {empty, kept}


def test_merges_in_the_branch_are_flattened(repo: RepoDir) -> None:
    _fork(repo)
    repo.commit("one", {"a": "1\n"})
    repo.git("checkout", "-q", "-b", "third", "main")
    repo.commit("two", {"b": "1\n"})
    repo.git("checkout", "-q", "side")
    repo.git("merge", "-q", "--no-ff", "-m", "merge", "third")
    repo.git("checkout", "-q", "main")
    main = oid(repo.commit("main", {"c": "1\n"}))
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    new = log(git_of(repo), tip=done.new_tip, not_in=[main])
    assert {commit.subject for commit in new} == {"one", "two"}
    assert all(len(commit.parents) == 1 for commit in new)


def test_a_skipped_commit_is_left_behind(repo: RepoDir) -> None:
    _fork(repo)
    repo.commit("one", {"a": "1\n"})
    skipped = repo.commit("docs(changelog): x", {"CHANGELOG.md": "x\n"})
    last = repo.commit("two", {"b": "1\n"})
    done = _rebase(repo, skip=(skipped,))
    assert isinstance(done, Rebased)
    assert set(done.mapping) == {repo.tip("side~2"), last}
    assert done.mapping[oid(repo.tip("side~2"))] == repo.tip("side~2")
    assert done.dropped == ()
    assert repo.git("ls-tree", "-r", "--name-only", done.new_tip).split() == ["README.md", "a", "b"]


def test_unrelated_histories_are_brought_over(repo: RepoDir) -> None:
    repo.git("checkout", "-q", "--orphan", "side")
    repo.git("rm", "-rfq", ".")
    repo.commit("another beginning", {"a": "1\n"})
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    assert repo.git("ls-tree", "-r", "--name-only", done.new_tip).split() == ["README.md", "a"]


def test_attributes_of_the_base_are_obeyed_as_in_a_checkout(repo: RepoDir) -> None:
    repo.commit("base", {"sub/.gitattributes": "*.md merge=union\n", "sub/log.md": "0\n"})
    _fork(repo)
    repo.commit("side", {"sub/log.md": "0\nside\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"sub/log.md": "0\nmain\n"})
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    assert sorted(repo.show(done.new_tip, "sub/log.md").split()) == ["0", "main", "side"]


def test_the_plan_says_what_will_be_done(repo: RepoDir) -> None:
    _fork(repo)
    one = oid(repo.commit("one", {"a": "1\n"}))
    repo.git("checkout", "-q", "main")
    repo.git("cherry-pick", "--allow-empty", one, env={"GIT_COMMITTER_DATE": "1000000000 +0000"})
    main = oid(repo.head())
    plan = plan_rebase(git_of(repo), tip=one, onto=main, base=main)
    assert (plan.commits, plan.already_there, plan.up_to_date) == ((), (one,), False)


# --- equality with `git rebase` over random histories; many more: python -m tests.git.histories 500


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False))
def test_trees_are_those_of_git_rebase(rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repo = make_repo(Path(folder) / "repo")
        make_sides(repo, rng)
        compare(repo)


# --- the short way, and what takes it away


def _apart(repo: RepoDir, mine: dict[str, str | None], theirs: dict[str, str | None]) -> RebaseResult:
    repo.commit("base", {"d/a": "a\n" * 9, "d/b": "b\n" * 9, "e/c": "c\n" * 9, "f": "f\n" * 9})
    _fork(repo)
    repo.commit("mine", mine)
    repo.git("checkout", "-q", "main")
    repo.commit("theirs", theirs)
    return _rebase(repo)


@pytest.mark.parametrize(
    ("mine", "theirs", "short"),
    [
        ({"d/a": "1\n"}, {"d/b": "1\n"}, True),
        ({"d/new": "1\n"}, {"d/b": "1\n", "e/c": None}, True),
        ({"d/a": "a\n" * 10}, {"d/a": "0\n" + "a\n" * 9}, False),
        ({"d/new": "1\n"}, {"d/a": None, "d/b": None, "g/a": "a\n" * 9, "g/b": "b\n" * 9}, False),
        ({"d/a": None, "d/b": None, "g/a": "a\n" * 9, "g/b": "b\n" * 9}, {"d/new": "1\n"}, False),
        ({"x": "1\n"}, {"x/y": "1\n"}, False),
        ({"x/y": "1\n"}, {"x": "1\n"}, False),
    ],
)
def test_merging_is_left_out_only_where_both_sides_cannot_meet(
    repo: RepoDir, mine: dict[str, str | None], theirs: dict[str, str | None], *, short: bool
) -> None:
    done = _apart(repo, mine, theirs)
    assert short == (isinstance(done, Rebased) and not done.merged)


def test_a_picked_commit_that_was_taken_back_again_is_dropped_all_the_same(repo: RepoDir) -> None:
    _fork(repo)
    picked = repo.commit("picked", {"a": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.git("cherry-pick", picked)
    repo.git("revert", "--no-edit", "HEAD")
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    assert done.dropped == (picked,)


@pytest.fixture
def deaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take away what makes an older git answer in a conversation."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/stdbuf").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/stdbuf").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    yield
    merging._unheard.clear()


@pytest.mark.usefixtures("deaf")
def test_a_git_that_cannot_be_spoken_with_is_asked_anew_for_each_commit(repo: RepoDir) -> None:
    done = _apart(repo, {"d/a": "a\n" * 9 + "1\n"}, {"d/a": "0\n" + "a\n" * 9})
    assert isinstance(done, Rebased)
    assert repo.show(done.new_tip, "d/a") == "0\n" + "a\n" * 9 + "1\n"
    assert merging._unheard or git_version() >= (2, 49)


def test_stand_ins_for_merges_are_not_left_in_the_repository(repo: RepoDir) -> None:
    done = _apart(repo, {"d/a": "a\n" * 9 + "1\n"}, {"d/a": "0\n" + "a\n" * 9})
    assert isinstance(done, Rebased)
    assert done.merged
    loose = repo.git("cat-file", "--batch-all-objects", "--batch-check").splitlines()
    commits = {line.split()[0] for line in loose if " commit " in line}
    assert commits == {*repo.git("rev-list", "--all").split(), done.new_tip}


# --- repositories of every kind


def test_a_submodule_a_link_out_of_the_tree_and_a_pointer_to_a_large_file_go_along(repo: RepoDir) -> None:
    _fork(repo)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (repo.path / "out").symlink_to("../../etc/passwd")
    repo.commit(
        "links", {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "big.bin": pointer}
    )
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repo.git("commit", "--quiet", "-m", "module")
    repo.git("checkout", "-q", "-f", "main")
    repo.commit("main", {"c": "1\n"})
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    modes = {line.split("\t")[1]: line[:6] for line in repo.git("ls-tree", done.new_tip).splitlines()}
    assert (modes["out"], modes["module"], modes["big.bin"]) == ("120000", "160000", "100644")
    assert repo.show(done.new_tip, "big.bin") == pointer


def test_a_file_of_100_megabytes_is_not_read(repo: RepoDir) -> None:
    # git finds type and size in the first bytes, and would find out that there are no others
    blob = "ab" * 20
    (repo.git_dir / "objects/ab").mkdir(exist_ok=True)
    (repo.git_dir / f"objects/ab/{blob[2:]}").write_bytes(zlib.compress(b"blob %d\0" % (100 << 20)))
    _fork(repo)
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},huge")
    repo.git("commit", "--quiet", "-m", "huge")
    repo.git("reset", "--quiet")
    repo.git("checkout", "-q", "-f", "main")
    repo.commit("main", {"c": "1\n"})
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    assert not done.merged
    assert repo.git("ls-tree", done.new_tip, "huge").split()[2] == blob


def test_a_partial_clone_rebases_without_the_files_it_lacks_and_says_so_where_it_needs_one(
    repo: RepoDir, tmp_path: Path
) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.commit("base", {"a": "1\n2\n3\n", "b": "1\n"})
    _fork(repo)
    repo.commit("side", {"a": "one\n2\n3\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"b": "2\n"})
    partial = clone(RepoDir(repo.path), tmp_path / "p", "--no-local", "--filter=blob:none", "--no-checkout")
    partial.git("branch", "side", "origin/side")
    done = _rebase(partial)
    assert isinstance(done, Rebased)
    repo.commit("main", {"a": "1\n2\nthree\n"})
    partial.git("fetch", "-q")
    partial.git("update-ref", "refs/heads/main", "origin/main")
    with pytest.raises(GitFailed):
        _rebase(partial)


def test_a_shallow_clone_rebases_what_it_has(repo: RepoDir, tmp_path: Path) -> None:
    repo.commit("base", {"a": "1\n"})
    _fork(repo)
    repo.commit("side", {"b": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"c": "1\n"})
    shallow = clone(repo, tmp_path / "s", "--no-local", "--depth=2", "--no-single-branch")
    shallow.git("branch", "side", "origin/side")
    done = _rebase(shallow)
    assert isinstance(done, Rebased)
    assert shallow.git("ls-tree", "--name-only", done.new_tip).split() == ["README.md", "a", "b", "c"]


def test_a_replaced_commit_counts_as_what_it_was_replaced_by(repo: RepoDir) -> None:
    _fork(repo)
    wrong = repo.commit("wrong", {"a": "1\n"})
    repo.commit("after", {"b": "1\n"})
    repo.git("checkout", "-q", "--detach", "main")
    right = repo.commit("right", {"a": "1\n", "d": "1\n"})
    repo.git("replace", wrong, right)
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"c": "1\n"})
    done = _rebase(repo)
    repo.git("checkout", "-q", "-f", "side")
    repo.git("rebase", "--quiet", "main")
    assert isinstance(done, Rebased)
    assert trees(repo, f"main..{done.new_tip}") == trees(repo, "main..side")


def test_names_that_differ_only_in_case_stay_apart(repo: RepoDir) -> None:
    repo.commit("base", {"Read": "1\n2\n3\n"})
    _fork(repo)
    repo.commit("side", {"read": "mine\n", "READ/a": "1\n", "Read": "1\n2\nthree\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"rEAD": "theirs\n", "Read": "one\n2\n3\n"})
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    found = repo.git("ls-tree", "-r", "--name-only", done.new_tip).split()
    assert found == ["READ/a", "README.md", "Read", "rEAD", "read"]
    assert repo.show(done.new_tip, "Read") == "one\n2\nthree\n"


def test_parents_that_a_graft_gives_count_as_for_git(repo: RepoDir) -> None:
    _fork(repo)
    repo.commit("left out", {"a": "1\n"})
    kept = repo.commit("kept", {"b": "1\n"})
    (repo.git_dir / "info/grafts").write_text(f"{kept} {repo.tip('main')}\n")
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"c": "1\n"})
    done = _rebase(repo)
    repo.git("checkout", "-q", "-f", "side")
    repo.git("rebase", "--quiet", "main")
    assert isinstance(done, Rebased)
    assert trees(repo, f"main..{done.new_tip}") == trees(repo, "main..side")


def test_a_message_in_latin_1_and_names_of_any_bytes_come_over(repo: RepoDir) -> None:
    _fork(repo)
    repo.git("config", "i18n.commitEncoding", "ISO-8859-1")
    place = os.fsencode(repo.path) + b"/caf\xe9\nnew"
    Path(os.fsdecode(place)).write_text("1\n")
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "--file=-", stdin="caf\udce9\n")
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"c": "1\n"})
    done = _rebase(repo)
    assert isinstance(done, Rebased)
    assert read_commit(git_of(repo), done.new_tip).body == "café\n"
    assert repo.git("ls-tree", "-z", "--name-only", done.new_tip).split("\0")[-2] == "caf\udce9\nnew"


def test_a_rebase_writes_no_file_and_runs_no_process_but_git(repo: RepoDir) -> None:
    _fork(repo)
    for number in range(3):
        repo.commit(f"side {number}", {f"s{number}": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"m": "1\n"})
    (repo.path / "README.md").write_text("dirty\n")
    status = repo.git("status", "--porcelain")
    assert isinstance(_rebase(repo), Rebased)
    assert repo.git("status", "--porcelain") == status
    assert subprocess.run(["git", "fsck", "--strict"], cwd=repo.path, check=False).returncode == 0
