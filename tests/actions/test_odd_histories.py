"""Repositories with odd names, links, filters and histories, each through all the steps from an issue to its draft."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import GitFailed
from tests.actions.workshop import ISSUE_STEPS, Workshop, open_workshop
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, clone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NUMBER = "import pathlib; p = pathlib.Path('count'); p.write_text(p.read_text() + 'x\\n')"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"


def odd_names(repo: RepoDir) -> None:
    for name in (
        b"new\nline",
        b"latin-\xe9",
        b"--option",
        b"-",
        b":(glob)x",
        b'tab\tquote"',
        b"\xe2\x80\xaebidi",
    ):
        (repo.path / os.fsdecode(name)).write_text("x\n")
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "-m", "feat: odd names")


def clashing_cases(repo: RepoDir) -> None:
    repo.commit("feat: two", {"Read": "1\n", "read": "2\n", "dir/a": "1\n", "Dir/a": "2\n"})


def links_out(repo: RepoDir) -> None:
    (repo.path / "out").symlink_to("/etc")
    (repo.path / "up").symlink_to("../../..")
    (repo.path / "nowhere").symlink_to("/no/such/thing")
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "-m", "feat: links")


def lfs(repo: RepoDir) -> None:
    repo.commit(
        "feat: large", {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "a.bin": LFS}
    )


def missing_lfs(repo: RepoDir) -> None:
    lfs(repo)
    repo.git("config", "filter.lfs.process", "git-no-such-lfs filter-process")
    repo.git("config", "filter.lfs.required", "true")


def sparse(repo: RepoDir) -> None:
    repo.commit("feat: folders", {"in/a": "1\n", "out/a": "1\n"})
    repo.git("sparse-checkout", "set", "in")


def replaced(repo: RepoDir) -> None:
    first = repo.head()
    repo.commit("feat: more", {"a": "1\n"})
    repo.git("replace", "--graft", repo.head())
    assert first != repo.head()


def grafted(repo: RepoDir) -> None:
    repo.commit("feat: more", {"a": "1\n"})
    (repo.git_dir / "info").mkdir(exist_ok=True)
    (repo.git_dir / "info/grafts").write_text(f"{repo.head()}\n")


def latin_messages(repo: RepoDir) -> None:
    repo.git("config", "i18n.commitEncoding", "ISO-8859-1")
    repo.write({"a": "1\n"})
    repo.git("add", "--all")
    (repo.git_dir / "message").write_bytes("feat: caf\u00e9".encode("latin-1"))
    repo.git("commit", "--quiet", "-F", str(repo.git_dir / "message"))


def unrelated(repo: RepoDir) -> None:
    old = repo.git("commit-tree", "HEAD^{tree}", "-m", "feat: another root")
    repo.git("merge", "--quiet", "--allow-unrelated-histories", "-m", "Merge roots", old)


@pytest.mark.parametrize(
    "make",
    [
        odd_names, clashing_cases, links_out, lfs, missing_lfs, sparse, replaced, grafted, latin_messages, unrelated,
    ],
)  # fmt: skip
def test_an_issue_becomes_a_draft(repo: RepoDir, make: Callable[[RepoDir], None]) -> None:
    repo.commit("feat: count", {"count": "x\n"})
    make(repo)
    to_draft(open_workshop(repo), base_moves=make is not grafted)


@pytest.mark.parametrize("options", [("--filter=blob:none",), ("--depth=1",)])
def test_an_issue_becomes_a_draft_in_a_clone_of_a_part(
    repo: RepoDir, tmp_path: Path, options: tuple[str, ...]
) -> None:
    repo.commit("feat: count", {"count": "x\n"})
    repo.git("config", "uploadpack.allowFilter", "true")
    to_draft(open_workshop(clone(repo, tmp_path / "part", "--no-local", *options)))


def test_a_clone_that_lacks_what_is_needed_says_what_to_fetch(repo: RepoDir, tmp_path: Path) -> None:
    repo.commit("feat: count", {"count": "x\n"})
    repo.git("config", "uploadpack.allowFilter", "true")
    part = clone(repo, tmp_path / "part", "--no-local", "--filter=tree:0")
    with pytest.raises(GitFailed, match="from promisor remote") as caught:
        to_draft(open_workshop(part))
    assert "git fetch --refetch --no-filter" in caught.value.hint
    part.git("fetch", "--quiet", "--no-auto-gc", "--refetch", "--no-filter")
    to_draft(open_workshop(part), base_moves=False)


def to_draft(shop: Workshop, *, base_moves: bool = True) -> None:
    """Work an issue to its draft while its base moves, and look that nothing else changed anywhere."""
    before = shop.dir.git("ls-tree", "-r", "-z", "main")
    files = fingerprint(shop.dir.path)
    shop.recipe("count", NUMBER)
    shop.drop("# Count\n\n- [ ] Count on `do: count`\n")
    shop.steps("branch", "plan", "work")
    assert fingerprint(shop.dir.path) == files
    if base_moves:
        blob = shop.dir.git("hash-object", "-w", "--stdin", stdin="moved\n")
        listed = f"{before}100644 blob {blob}\tzz-moved\0"
        tree = shop.dir.git("mktree", "-z", "--missing", stdin=listed) if "/" not in before else ""
        if tree:
            commit = shop.dir.git("commit-tree", tree, "-p", "main", "-m", "feat: meanwhile")
            shop.dir.git("update-ref", "refs/heads/main", commit)
    shop.steps(*ISSUE_STEPS[3:])
    assert shop.draft().head == shop.dir.tip(shop.branch)
    changed = shop.dir.git("diff-tree", "-r", "-z", "--name-only", "main", shop.branch).split("\0")[:-1]
    assert set(changed) <= {"count", "CHANGELOG.md"}
    assert "count" in changed
