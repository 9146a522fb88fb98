from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixthbot.git.commits import log, read_commit
from sixthbot.git.rebase import Conflict, Rebased, UpToDate, plan_rebase, rebase_in_memory
from tests.git.helpers import BOT, git_of, oid
from tests.support.repos import RepoDir, make_repo

if TYPE_CHECKING:
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


# --- equality with `git rebase` over small random histories

_PATHS = ("a", "b", "d/c", "d/e", "f")
_LINES = st.lists(st.sampled_from("wxyz"), min_size=1, max_size=6)
_EDIT = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(_PATHS), _LINES),
    st.tuples(st.just("line"), st.sampled_from(_PATHS), st.integers(0, 9), st.sampled_from("pqrs")),
    st.tuples(st.just("delete"), st.sampled_from(_PATHS)),
    st.tuples(st.just("move"), st.sampled_from(_PATHS), st.sampled_from(("m/n", "g"))),
    st.tuples(st.just("nothing")),
)
_HISTORY = st.lists(st.lists(_EDIT, min_size=1, max_size=2), min_size=1, max_size=3)
_START = {path: "".join(f"{path} {n}\n" for n in range(8)) for path in _PATHS}


def _apply(repo: RepoDir, edit: tuple[object, ...]) -> None:
    kind, *rest = edit
    if kind == "nothing":
        return
    place = repo.path / str(rest[0])
    if kind == "write":
        assert isinstance(rest[1], list)
        repo.write({str(rest[0]): "".join(f"{line}\n" for line in rest[1])})
    elif not place.exists():
        return
    elif kind == "line":
        lines = place.read_text().splitlines()
        lines[int(str(rest[1])) % len(lines)] = str(rest[2])
        place.write_text("".join(f"{line}\n" for line in lines))
    elif kind == "delete":
        place.unlink()
    else:
        target = repo.path / str(rest[1])
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            place.rename(target)


def _play(repo: RepoDir, history: list[list[tuple[object, ...]]], name: str) -> None:
    for number, edits in enumerate(history):
        for edit in edits:
            _apply(repo, edit)
        repo.commit(f"{name} {number}")


def _trees(repo: RepoDir, revisions: str) -> list[tuple[str, str]]:
    listing = repo.git("log", "--reverse", "--topo-order", "--format=%T %s", revisions)
    return [(tree, subject) for tree, _, subject in (line.partition(" ") for line in listing.splitlines())]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(side=_HISTORY, main=_HISTORY, shared=st.booleans())
def test_trees_are_those_of_git_rebase(
    side: list[list[tuple[object, ...]]], main: list[list[tuple[object, ...]]], *, shared: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repo = make_repo(Path(folder) / "repo")
        repo.commit("start", dict(_START))
        _fork(repo)
        _play(repo, side, "side")
        repo.git("checkout", "-q", "main")
        if shared:
            repo.try_git("cherry-pick", "--allow-empty", "--keep-redundant-commits", "side~0")
            repo.try_git("cherry-pick", "--abort")
        _play(repo, main, "main")
        done = _rebase(repo)
        repo.git("checkout", "-q", "side")
        real = repo.try_git("rebase", "--quiet", "main")
        if isinstance(done, Conflict):
            assert real.returncode == 1, real.stderr
            stopped = repo.tip("REBASE_HEAD")
            assert done.commit.id == stopped
            unmerged = repo.git("ls-files", "-u", "-z").split("\0")
            listed = {line.partition("\t")[2] for line in unmerged if line}
            assert {file.path for file in done.files} >= listed
        else:
            assert real.returncode == 0, real.stderr
            tip = done.new_tip if isinstance(done, Rebased) else repo.tip("side")
            assert _trees(repo, f"main..{tip}") == _trees(repo, "main..side")


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
