from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.names import BranchName
from sixthbot.git.history import tags
from sixthbot.git.refs import all_refs, holders
from sixthbot.git.remotes import remotes, seen_there
from sixthbot.git.statesync import Remote, carried
from tests.git.helpers import git_of, oid

if TYPE_CHECKING:
    from tests.support.repos import RepoDir

PARTED = "\u2028", "\u2029", "\x85"
"""What git takes in a name and Python for the end of a line."""


def test_a_name_that_looks_like_two_lines_is_one_name(repo: RepoDir) -> None:
    head, git = oid(repo.head()), git_of(repo)
    other = oid(repo.commit("another", {"a": "1\n"}))
    actor = "refs/sixth/remotes/origin/branches/a1/sixth/topic"
    for mark in PARTED:
        repo.git("tag", f"v1{mark}x", head)
        repo.git("remote", "add", f"near{mark}by", f"/srv/a{mark}b")
        repo.git("update-ref", f"refs/remotes/origin/sixth/topic{mark}x", other)
        repo.git("update-ref", f"{actor}{mark}x", other)
    repo.git("update-ref", actor, head)
    assert tags(git) == dict.fromkeys((f"v1{mark}x" for mark in PARTED), head)
    assert remotes(git) == {f"near{mark}by": f"/srv/a{mark}b" for mark in PARTED}
    assert seen_there(git, "origin") == [other]
    assert set(holders(git, other, "refs/remotes/")) == {
        f"refs/remotes/origin/sixth/topic{mark}x" for mark in PARTED
    }
    assert carried(git, Remote("origin", 1), BranchName("sixth/topic")) == {"a1": head}
    assert len(all_refs(git)) == len(PARTED) + 2
