from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.drafts import Approval, Draft, DraftStatus
from sixthbot.core.errors import ConfigError, InvalidName, UsageError
from sixthbot.core.names import BranchName, Oid
from sixthbot.store.approvals import Approvals
from sixthbot.store.drafts import Drafts, draft_from_text, draft_to_text
from tests.store.support import SEARCH

if TYPE_CHECKING:
    from pathlib import Path

BRANCH = BranchName.parse("sixth/tidy-the-notes")
DRAFT = Draft(
    branch=BRANCH, base="main", head=Oid("a" * 40), tree=Oid("b" * 40), issue="tidy-1a2b3c", title="Tidy the notes",
    text="## What\n\nIt is tidy.\n",
)  # fmt: skip


@pytest.fixture
def drafts(tmp_path: Path) -> Drafts:
    return Drafts(tmp_path / "drafts", "process")


def test_a_draft_is_a_file_that_people_can_read(drafts: Drafts) -> None:
    drafts.write(DRAFT)
    path = drafts.path(BRANCH)
    assert path.name == "sixth%2Ftidy-the-notes.md"
    lines = path.read_text().splitlines()
    assert lines[0] == "+++"
    assert 'title = "Tidy the notes"' in lines
    assert 'status = "awaiting-review"' in lines
    assert lines[-3:] == ["## What", "", "It is tidy."]
    assert drafts.read(BRANCH) == DRAFT
    assert drafts.list() == [DRAFT]


text = st.text(st.characters(codec="utf-8"), max_size=200)
hostile = st.sampled_from(
    ["+++", "+++\n", "\n+++\n+++\n", '"""', "title = 'x'\n+++\nevil", "\r\n+++\r\n", "\ufeff", "\u2028+++\u2028", "a\rb", "\x00\x1b[31m", "\n\n\nx", "\r\nx"]
)  # fmt: skip


@SEARCH
@given(
    title=text | hostile,
    body=text | hostile,
    base=text | hostile,
    status=st.sampled_from(DraftStatus),
    extra=st.dictionaries(st.sampled_from(["mine", "a b", "é"]), text | st.integers(-5, 5) | st.booleans()),
)
def test_a_draft_comes_back_to_the_byte_whatever_its_texts_are(
    title: str, body: str, base: str, status: DraftStatus, extra: dict[str, Any]
) -> None:
    draft = replace(DRAFT, title=title, text=body, base=base, status=status)
    assert draft_from_text(draft_to_text(draft, extra), "x.md") == draft


@SEARCH
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: b"+++\n" + data + b"\n+++\ntext"))
def test_any_bytes_are_a_draft_or_a_readable_error(data: bytes) -> None:
    with suppress(ConfigError):
        draft_from_text(data, "x.md")


def test_text_that_cannot_be_written_does_not_stop_a_draft(drafts: Drafts) -> None:
    drafts.write(replace(DRAFT, title="a\ud800b", text="c\udfffd"))
    assert (drafts.read(BRANCH).title, drafts.read(BRANCH).text) == ("a?b", "c?d")


def test_what_a_person_changed_is_read_also_from_a_windows_editor(drafts: Drafts) -> None:
    drafts.write(DRAFT)
    path = drafts.path(BRANCH)
    changed = path.read_text().replace("Tidy the notes", "Better").replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + changed.encode())
    found = drafts.read(BRANCH)
    assert (found.title, found.text) == ("Better", DRAFT.text.replace("\n", "\r\n"))


def test_keys_of_a_person_survive_a_new_draft(drafts: Drafts) -> None:
    drafts.write(DRAFT)
    path = drafts.path(BRANCH)
    path.write_text(path.read_text().replace("+++\n", '+++\nreviewers = ["ada"]\n', 1))
    drafts.write(replace(DRAFT, status=DraftStatus.APPROVED))
    assert 'reviewers = [\n    "ada",\n]' in path.read_text()
    assert drafts.read(BRANCH).status is DraftStatus.APPROVED


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("+++", "---", "no front matter"), ('head = "a', 'head = "x', "not a full object id"),
        ("awaiting-review", "gone", "status must be one of awaiting-review, approved, rejected, pushed"),
        ('title = "Tidy the notes"', "title = 1", "title is missing or not text"),
        ('base = "main"', "", "base is missing"), ("sixth/tidy", "sixth/other", "a draft of sixth/other-the-notes"),
        ("sixth/tidy", "sixth..tidy", "not a usable branch name"), ('base = "main"', 'base = "main', "not TOML"),
    ],
)  # fmt: skip
def test_a_damaged_draft_names_file_and_key(drafts: Drafts, old: str, new: str, message: str) -> None:
    drafts.write(DRAFT)
    path = drafts.path(BRANCH)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=message) as caught:
        drafts.read(BRANCH)
    assert path.name in caught.value.message
    assert drafts.list() == []
    assert list(drafts.damaged()) == [path.name]
    drafts.write(DRAFT)
    assert drafts.read(BRANCH) == DRAFT


def test_no_draft_is_said_so(drafts: Drafts) -> None:
    assert drafts.find(BRANCH) is None
    assert drafts.list() == []
    with pytest.raises(UsageError, match="no draft"):
        drafts.read(BRANCH)
    drafts.write(DRAFT)
    drafts.remove(BRANCH)
    drafts.remove(BRANCH)
    assert drafts.find(BRANCH) is None


def test_a_name_too_long_for_a_file_is_refused_in_words(drafts: Drafts) -> None:
    with pytest.raises(InvalidName, match="too long"):
        drafts.path(BranchName("a/" * 100 + "b"))


def test_branches_that_look_alike_have_drafts_of_their_own(drafts: Drafts) -> None:
    names = [BranchName.parse(name) for name in ("a/b", "a%2Fb", "a%252Fb")]
    for name in names:
        drafts.write(replace(DRAFT, branch=name))
    assert sorted(draft.branch for draft in drafts.list()) == sorted(names)


def test_an_approval_is_private_and_can_be_taken_back(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path / "data" / "approvals", "power")
    assert approvals.get(BRANCH) is None
    approval = Approval(digest="d" * 64, approved="2026-01-02T03:04:05.000Z", despite_checks=True)
    approvals.record(BRANCH, approval)
    assert approvals.get(BRANCH) == approval
    (path,) = (tmp_path / "data" / "approvals").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    approvals.void(BRANCH)
    approvals.void(BRANCH)
    assert approvals.get(BRANCH) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"digest": 1}', b"\xff"])
def test_a_damaged_approval_is_none(tmp_path: Path, data: bytes) -> None:
    approvals = Approvals(tmp_path, "process")
    (tmp_path / f"{BRANCH.file_stem}.json").write_bytes(data)
    assert approvals.get(BRANCH) is None


@pytest.mark.parametrize(
    "data", [b"{", b'{"secrets": 5}', b'{"secrets": ["x"]}', b'{"secrets": {"sha256:x": 1}}']
)
def test_damaged_words_about_secrets_allow_none_and_new_ones_are_taken(tmp_path: Path, data: bytes) -> None:
    approvals, digest = Approvals(tmp_path, "process"), "sha256:" + "0" * 64
    (tmp_path / ".allowed-secrets.json").write_bytes(data)
    assert approvals.allowed_secrets() == frozenset()
    approvals.allow_secrets([digest], branch=BRANCH, when="2026-01-02T03:04:05Z")
    assert approvals.allowed_secrets() == {digest}
