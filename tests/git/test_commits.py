from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import GitFailed, InvalidName
from sixthbot.core.names import Oid
from sixthbot.git.commits import (
    Person,
    is_ancestor,
    log,
    merge_base,
    person_from,
    read_commit,
    write_commit,
)
from sixthbot.git.trees import tree_of
from tests.git.helpers import BOT, git_of, oid

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


def test_a_written_commit_reads_back_the_same(repo: RepoDir) -> None:
    git = git_of(repo)
    head = oid(repo.head())
    author = Person("Zoë 'Ünï' O\"Neil.", "zoe@example.org", 1_600_000_000, "+0530")
    message = "feat: a thing\n\nWhy it is.\n\nSixth-Issue: 7\nSixth-Subtask: 2\n"
    made = write_commit(
        git, tree=tree_of(git, head), parents=[head], message=message, author=author, committer=BOT
    )
    info = read_commit(git, made)
    assert (info.id, info.parents, info.author, info.committer) == (made, (head,), author, BOT)
    assert (info.subject, info.body) == ("feat: a thing", message)
    assert info.trailers == (("Sixth-Issue", "7"), ("Sixth-Subtask", "2"))
    repo.git("fsck", "--strict", "--no-dangling")
    assert repo.git("show", "-s", "--format=%an|%ad", "--date=raw", made) == f"{author.name}|1600000000 +0530"


def test_a_person_cannot_break_out_of_their_line(repo: RepoDir) -> None:
    git = git_of(repo)
    head = oid(repo.head())
    evil = Person("a\nparent 0 <x>", "b>\ntree", 1)
    made = write_commit(
        git, tree=tree_of(git, head), parents=[head], message="x", author=evil, committer=evil
    )
    assert read_commit(git, made).parents == (head,)


def test_the_log_is_oldest_first_and_leaves_out_what_is_known(repo: RepoDir) -> None:
    git = git_of(repo)
    first = oid(repo.head())
    ids = [oid(repo.commit(f"c{n}\n\nbody {n}\n", {"a": str(n)})) for n in range(4)]
    assert [commit.id for commit in log(git, tip=ids[-1], not_in=[first])] == ids
    assert [commit.id for commit in log(git, tip=ids[-1], not_in=[first], limit=2)] == ids[2:]
    assert log(git, tip=first, not_in=ids) == []
    assert log(git, tip=ids[0])[0].parents == ()


def test_the_log_takes_many_known_tips_and_leaves_merges_out_when_told(repo: RepoDir) -> None:
    git = git_of(repo)
    known = [oid(repo.head())] * 5000
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side", {"b": "1"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"a": "1"})
    repo.git("merge", "-q", "--no-ff", "side", "-m", "merge")
    head = oid(repo.head())
    assert [c.subject for c in log(git, tip=head, not_in=known)][-1] == "merge"
    assert {c.subject for c in log(git, tip=head, not_in=known, merges=False)} == {"side", "main"}


def test_odd_messages_and_bytes_survive(repo: RepoDir) -> None:
    git = git_of(repo)
    repo.git(
        "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "--allow-empty", "-q", "-F", "-", stdin="caf\udce9"
    )
    assert read_commit(git, oid(repo.head())).subject == "café"
    raw = f"tree {tree_of(git, oid(repo.head()))}\nauthor \udcff <> 1 +0000\ncommitter x <x> 1 +0000\n\n\udcfe\n\n"
    bad = oid(repo.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw))
    info = read_commit(git, bad)
    assert (info.author.name, info.subject) == ("\udcff", "\udcfe")
    empty = oid(repo.git("commit-tree", "HEAD^{tree}", stdin=""))
    assert read_commit(git, empty).subject == ""


def test_a_commit_that_is_not_there_is_an_error(repo: RepoDir) -> None:
    with pytest.raises(GitFailed):
        read_commit(git_of(repo), Oid("1" * 40))
    with pytest.raises(GitFailed):
        read_commit(git_of(repo), tree_of(git_of(repo), oid(repo.head())))


def test_ancestors_and_bases(repo: RepoDir) -> None:
    git = git_of(repo)
    first = oid(repo.head())
    second = oid(repo.commit("two", {"a": "1"}))
    alone = oid(repo.git("commit-tree", "HEAD^{tree}", stdin="alone"))
    assert is_ancestor(git, first, second)
    assert not is_ancestor(git, second, first)
    assert merge_base(git, first, second) == first
    assert merge_base(git, first, alone) is None
    with pytest.raises(GitFailed):
        is_ancestor(git, Oid("1" * 40), second)


def test_a_person_is_read_from_a_setting() -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    assert person_from("six th <a@b>", when) == Person("six th", "a@b", 1767225600)
    for wrong in ("", "name", "<a@b>", "a <b> c", "a <b", "a\n<b>\n<c>"):
        with pytest.raises(InvalidName):
            person_from(wrong, when)
