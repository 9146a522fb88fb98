"""What tests begin with is a copy: the bot must not be able to tell it from what it made itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from tests.support.stages import Ground


def test_a_copied_repository_is_as_good_as_the_one_it_was_copied_from(
    drafted: RepoDir, ground: Ground
) -> None:
    assert (drafted.path, drafted.git("remote", "get-url", "origin")) == (
        ground.folder / "repo",
        str(ground.folder / "remote.git"),
    )
    assert drafted.git("diff-files", "--name-only") == ".sixth/config.toml"  # written after it was committed
    before = fingerprint(drafted.path)
    (place,) = (path for path in drafted.git("worktree", "list").split() if "/worktrees/" in path)
    assert place.startswith(str(ground.home))
    assert RepoDir(ground.home / place).git("rev-parse", "--git-common-dir") == str(drafted.git_dir)

    doctor = sixthbot("doctor", cwd=drafted.path)  # it tells what is not trusted, and what is not saved
    assert doctor.code == 0, doctor
    assert [
        one["branch"] for one in sixthbot("draft", "list", "--json", cwd=drafted.path).json["drafts"]
    ] == [BRANCH]
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    assert sixthbot("push", BRANCH, cwd=drafted.path).code == 0
    assert RepoDir(ground.folder / "remote.git").tip(BRANCH) == drafted.tip(BRANCH)
    assert sixthbot("run", cwd=drafted.path).code == 0

    assert fingerprint(drafted.path) == before
    assert len(list((drafted.path / ".sixth/journal").iterdir())) == 1, "the copy took another name"
    assert len(list((ground.home / ".cache/sixthbot").iterdir())) == 1, (
        "it knows not where its work trees are"
    )
    assert drafted.git("worktree", "list").count("/worktrees/") == 1
