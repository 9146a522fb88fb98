"""Drafts: an approval binds everything that is pushed, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.drafts import Approval, Draft, DraftStatus, PushTarget, approved, draft_digest, with_status
from sixthbot.core.errors import Refused
from sixthbot.core.names import BranchName, Oid

DRAFT = Draft(
    branch=BranchName.parse("sixth/tidy"),
    base="main",
    head=Oid("a" * 40),
    tree=Oid("b" * 40),
    issue="tidy-1",
    title="Tidy",
    text="What was done.\n",
)
TARGET = PushTarget(remote="origin", url="/srv/repo.git")
APPROVAL = Approval(digest=draft_digest(DRAFT, TARGET), approved="2026-11-20T19:30:00.000Z")


def test_an_approved_draft_passes_whatever_its_file_shows() -> None:
    for status in DraftStatus:
        draft = with_status(DRAFT, status)
        assert approved(draft, TARGET, APPROVAL, tip=DRAFT.head).draft is draft


@pytest.mark.parametrize(
    "changed",
    [
        replace(DRAFT, head=Oid("c" * 40)),
        replace(DRAFT, tree=Oid("c" * 40)),
        replace(DRAFT, branch=BranchName.parse("sixth/other")),
        replace(DRAFT, base="other"),
        replace(DRAFT, title="Tidy!"),
        replace(DRAFT, text="What was done. "),
    ],
)
def test_a_change_of_any_part_voids_the_approval(changed: Draft) -> None:
    with pytest.raises(Refused, match="changed after it was approved"):
        approved(changed, TARGET, APPROVAL, tip=changed.head)


@pytest.mark.parametrize("target", [replace(TARGET, remote="other"), replace(TARGET, url="/elsewhere.git")])
def test_another_remote_or_url_voids_the_approval(target: PushTarget) -> None:
    with pytest.raises(Refused):
        approved(DRAFT, target, APPROVAL, tip=DRAFT.head)


def test_a_branch_that_moved_or_was_never_approved_is_refused() -> None:
    for tip in (None, Oid("c" * 40)):
        with pytest.raises(Refused, match="moved"):
            approved(DRAFT, TARGET, APPROVAL, tip=tip)
    with pytest.raises(Refused, match="not approved"):
        approved(DRAFT, TARGET, None, tip=DRAFT.head)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_text_cannot_wander_between_title_and_body(title: str, text: str, title2: str, text2: str) -> None:
    one, other = replace(DRAFT, title=title, text=text), replace(DRAFT, title=title2, text=text2)
    same = (title, text) == (title2, text2)
    assert (draft_digest(one, TARGET) == draft_digest(other, TARGET)) is same
