from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.git.diffs import FileChange, beginning, numstat, patch
from tests.git.helpers import git_of, oid

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


def test_counts_renames_binaries_and_odd_names(repo: RepoDir) -> None:
    text = "".join(f"{n}\n" for n in range(30))
    old = oid(repo.commit("old", {"move me": text, "bin": b"\0\1", "gone": "1\n2\n"}))
    new = oid(
        repo.commit(
            "new",
            {
                "move me": None,
                "moved\tü\n": text + "30\n",
                "bin": b"\0\2",
                "gone": None,
                "new": "a\nb",
                "-x": "",
            },
        )
    )
    found = numstat(git_of(repo), old, new)
    changes = {change.path: replace(change, old=None, new=None) for change in found}
    renamed = next(change for change in found if change.old_path)
    assert renamed.new == repo.git("rev-parse", f"{new}:{renamed.path}")
    assert changes == {
        "-x": FileChange(path="-x", added=0, deleted=0, status="A", binary=False),
        "bin": FileChange(path="bin", added=None, deleted=None, status="M", binary=True),
        "gone": FileChange(path="gone", added=0, deleted=2, status="D", binary=False),
        "moved\tü\n": FileChange(
            path="moved\tü\n", old_path="move me", added=1, deleted=0, status="R", binary=False
        ),
        "new": FileChange(path="new", added=2, deleted=0, status="A", binary=False),
    }


def test_a_first_commit_is_compared_with_nothing(repo: RepoDir) -> None:
    head = oid(repo.head())
    assert [change.status for change in numstat(git_of(repo), None, head)] == ["A"]
    assert b"+# A small thing" in patch(git_of(repo), None, head)


def test_equal_commits_differ_in_nothing(repo: RepoDir) -> None:
    head = oid(repo.head())
    assert numstat(git_of(repo), head, head) == []
    assert patch(git_of(repo), head, head) == b""


def test_a_patch_is_cut_at_a_line(repo: RepoDir) -> None:
    old = oid(repo.head())
    new = oid(repo.commit("new", {"a": "one\ntwo\nthree\n"}))
    git = git_of(repo)
    whole = patch(git, old, new)
    cut = beginning(whole, len(whole) - 3)
    assert whole.startswith(cut)
    assert cut.endswith(b"+two\n")
    assert beginning(whole, len(whole)) == whole


def test_no_program_of_the_repository_sees_a_diff(repo: RepoDir, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    old = oid(repo.commit("x", {".gitattributes": "* diff=evil\n", "a": "1\n"}))
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv"):
        repo.git("config", key, f"sh -c 'touch {trace}'")
    new = oid(repo.commit("y", {"a": "2\n"}))
    assert b"+2" in patch(git_of(repo), old, new)
    assert len(numstat(git_of(repo), old, new)) == 1
    assert not trace.exists()
