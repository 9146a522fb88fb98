from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.git.outgoing import added_lines, outgoing
from tests.git.helpers import git_of, oid

if TYPE_CHECKING:
    import pytest

    from sixthbot.git.outgoing import Added
    from tests.support.repos import RepoDir


def _added(repo: RepoDir, start: str) -> list[Added]:
    git = git_of(repo)
    return list(added_lines(git, outgoing(git, oid(repo.head()), known=[oid(start)])))


def test_only_lines_that_a_commit_adds_are_given_with_their_numbers(repo: RepoDir) -> None:
    start = repo.commit("one", {"a.txt": "1\n2\n3\n", "gone.txt": "x\n"})
    repo.commit("two", {"a.txt": "1\nnew\n3\nmore\n", "gone.txt": None})
    [added] = _added(repo, start)
    assert (added.path, added.text, list(added.numbers)) == ("a.txt", "new\nmore", [2, 4])


def test_what_is_added_and_taken_away_again_is_seen(repo: RepoDir) -> None:
    start = repo.head()
    repo.commit("in", {"key.txt": "secret\n"})
    repo.commit("out", {"key.txt": None})
    assert [(added.path, added.text) for added in _added(repo, start)] == [("key.txt", "secret\n")]


def test_a_renamed_file_adds_only_what_is_new_in_it(repo: RepoDir) -> None:
    lines = "".join(f"line {number}\n" for number in range(30))
    start = repo.commit("one", {"old.txt": lines})
    repo.commit("two", {"old.txt": None, "new.txt": lines + "more\n"})
    [added] = _added(repo, start)
    assert (added.path, added.text, list(added.numbers)) == ("new.txt", "more", [31])


def test_a_merge_adds_what_none_of_its_parents_has(repo: RepoDir) -> None:
    start = repo.commit("base", {"a.txt": "1\n2\n3\n4\n5\n"})
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side", {"a.txt": "side\n2\n3\n4\n5\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"a.txt": "1\n2\n3\n4\nmain\n"})
    repo.git("merge", "-q", "--no-ff", "--no-commit", "side")
    repo.commit("merge", {"a.txt": "side\n2\nslipped in\n4\nmain\n"})
    texts = [added.text for added in _added(repo, start)]
    assert sorted(texts[:2]) == ["main", "side"]
    assert texts[2:] == ["slipped in"]


def test_utf_16_is_text_and_other_bytes_are_a_whole(repo: RepoDir) -> None:
    start = repo.head()
    repo.commit("files", {
        "bom.txt": "key = ä\n".encode("utf-16"), "le.txt": "a long key here\n".encode("utf-16-le"),
        "latin.txt": "gr\xfc\xdfe\n".encode("latin-1"), "image": b"\x89PNG\0\0\x01secret\0",
    })  # fmt: skip
    found = {added.path: added for added in _added(repo, start)}
    assert found["bom.txt"].text.startswith("key = ä\n")
    assert found["le.txt"].text.startswith("a long key here\n")
    assert found["latin.txt"].text.startswith("gr")
    assert found["image"].binary
    assert "secret" in found["image"].text


def test_a_huge_file_is_named_and_not_read(repo: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sixthbot.git.outgoing._LARGEST", 1000)
    start = repo.head()
    repo.commit("huge", {"dump.sql": "x" * 1001, "small": "y\n"})
    huge, small = sorted(_added(repo, start), key=lambda added: added.path)
    assert (huge.path, huge.text, huge.size) == ("dump.sql", "", 1001)
    assert small.text == "y\n"


def test_many_files_are_read_in_bounded_groups(repo: RepoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sixthbot.git.outgoing._BATCH", 50)
    monkeypatch.setattr("sixthbot.git.outgoing._COMMITS", 2)
    start = repo.head()
    for number in range(5):
        repo.commit(f"c{number}", {f"f{number}-{n}": f"{number} {n}\n" * 5 for n in range(3)})
    assert len(_added(repo, start)) == 15


def test_links_and_submodules_and_odd_names(repo: RepoDir) -> None:
    start = repo.head()
    (repo.path / "link").symlink_to("/etc/target")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{start},module")
    repo.commit("odd", {"a\nb \xfc.txt": "text\n"})
    found = {added.path: added.text for added in _added(repo, start)}
    assert found == {"a\nb \xfc.txt": "text\n", "link": "/etc/target"}
