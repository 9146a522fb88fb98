from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.core.drafts import Approval, DraftStatus, PushTarget, draft_digest
from sixthbot.core.errors import Refused, UsageError, WorkFailed
from sixthbot.core.secrets import secret_digest
from sixthbot.git.remotes import PushReport, push, remote_tip
from tests.core.planted import planted
from tests.support.repos import clone, make_bare

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.drafts import ApprovedDraft
    from sixthbot.core.names import BranchName, Oid
    from sixthbot.git.run import Git
    from tests.actions.workshop import Workshop
    from tests.support.repos import RepoDir


@pytest.fixture
def there(shop: Workshop, tmp_path: Path) -> RepoDir:
    """Return the bare remote of a workshop whose draft is described."""
    bare = make_bare(tmp_path / "there.git")
    shop.dir.git("remote", "add", "origin", str(bare.path))
    shop.dir.git("push", "--quiet", "--set-upstream", "origin", "main")
    shop.recipe("a", "open('a', 'w').close()")
    shop.drop("# Tidy\n\n- [ ] Make a `do: a`\n")
    shop.steps()
    return bare


def approve(shop: Workshop, bare: RepoDir) -> None:
    draft = shop.draft()
    digest = draft_digest(draft, PushTarget(remote="origin", url=str(bare.path)))
    shop.store.approvals.record(draft.branch, Approval(digest=digest, approved="now"))


def test_exactly_the_approved_commit_arrives_and_the_draft_says_so(shop: Workshop, there: RepoDir) -> None:
    approve(shop, there)
    outputs = shop.step("push", branch=shop.branch).outputs
    assert there.tip(shop.branch) == shop.draft().head == outputs["head"]
    assert shop.draft().status is DraftStatus.PUSHED
    assert any("was pushed to origin" in line for line in shop.journal())


def test_pushing_twice_finds_it_there(shop: Workshop, there: RepoDir) -> None:
    approve(shop, there)
    assert shop.step("push", branch=shop.branch).outputs["sent"] is True
    assert shop.step("push", branch=shop.branch).outputs["sent"] is False


def test_without_approval_nothing_is_sent(shop: Workshop, there: RepoDir) -> None:
    with pytest.raises(Refused, match="not approved"):
        shop.step("push", branch=shop.branch)
    assert there.tip(shop.branch) == ""


def test_commits_of_others_at_the_remote_are_not_overwritten(
    shop: Workshop, there: RepoDir, tmp_path: Path
) -> None:
    other = clone(there, tmp_path / "other")
    other.git("checkout", "--quiet", "-b", shop.branch)
    theirs = other.commit("theirs", {"x": "1\n"})
    other.git("push", "--quiet", "origin", shop.branch)
    approve(shop, there)
    with pytest.raises(Refused, match="does not build on"):
        shop.step("push", branch=shop.branch)
    assert there.tip(shop.branch) == theirs
    assert shop.draft().status is DraftStatus.AWAITING_REVIEW


def test_what_the_bot_pushed_before_may_be_replaced(shop: Workshop, there: RepoDir) -> None:
    approve(shop, there)
    shop.step("push", branch=shop.branch)
    shop.dir.commit("feat: base moves", {"b": "1\n"})
    shop.steps("rebase", "changelog", "describe")
    approve(shop, there)
    shop.step("push", branch=shop.branch)
    assert there.tip(shop.branch) == shop.dir.tip(shop.branch)


def test_a_remote_that_refuses_is_quoted(shop: Workshop, there: RepoDir) -> None:
    hook = there.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    approve(shop, there)
    with pytest.raises(WorkFailed, match="not on a Friday"):
        shop.step("push", branch=shop.branch)
    assert shop.draft().status is DraftStatus.AWAITING_REVIEW


def test_a_branch_without_a_draft_cannot_be_pushed(shop: Workshop) -> None:
    with pytest.raises(UsageError, match="no draft"):
        shop.step("push", branch="main")


@pytest.mark.parametrize("what", ["text", "reject", "url", "branch"])
def test_what_changes_while_the_remote_is_asked_is_not_pushed(
    shop: Workshop, there: RepoDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    approve(shop, there)
    name = shop.draft().branch

    def meanwhile(git: Git, target: PushTarget, branch: BranchName, *, seconds: float) -> Oid | None:
        found = remote_tip(git, target, branch, seconds=seconds)
        match what:
            case "text":
                path = shop.store.drafts.path(name)
                path.write_text(path.read_text() + "\nand one thing more\n")
            case "reject":
                shop.store.approvals.void(name)
            case "url":
                shop.dir.git("remote", "set-url", "origin", str(make_bare(tmp_path / "elsewhere").path))
            case "branch":
                shop.by_hand(tmp_path / "hand", "feat: more", {"more": "1\n"})
        return found

    monkeypatch.setattr("sixthbot.actions.push.remote_tip", meanwhile)
    with pytest.raises(Refused):
        shop.step("push", branch=shop.branch)
    assert there.tip(shop.branch) == ""
    assert shop.draft().status is DraftStatus.AWAITING_REVIEW


def test_an_edit_during_the_push_is_kept(
    shop: Workshop, there: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(shop, there)
    path = shop.store.drafts.path(shop.draft().branch)

    def slowly(git: Git, ready: ApprovedDraft, *, expected: Oid | None, seconds: float) -> PushReport:
        report = push(git, ready, expected=expected, seconds=seconds)
        path.write_text(path.read_text() + "\na late thought\n")
        return report

    monkeypatch.setattr("sixthbot.actions.push.push", slowly)
    shop.step("push", branch=shop.branch)
    assert shop.draft().status is DraftStatus.PUSHED
    assert "a late thought" in shop.draft().text


def _key() -> str:
    return planted()["GitHub token"]


@pytest.fixture
def leaky(shop: Workshop, tmp_path: Path) -> RepoDir:
    """Return the bare remote of a workshop whose draft adds a key in one commit and takes it away in the next."""
    bare = make_bare(tmp_path / "there.git")
    shop.dir.git("remote", "add", "origin", str(bare.path))
    shop.dir.git("push", "--quiet", "--set-upstream", "origin", "main")
    key = _key()
    shop.recipe("in", f"print('a = 1', {key!r}, sep=chr(10), file=open('conf.py', 'w'))")
    shop.recipe("out", "open('conf.py', 'w').write('a = 1\\n')")
    shop.drop("# Tidy\n\n- [ ] Put it in `do: in`\n- [ ] Take it out `do: out`\n")
    shop.steps()
    return bare


def test_a_secret_is_not_pushed_though_a_later_commit_takes_it_away(shop: Workshop, leaky: RepoDir) -> None:
    approve(shop, leaky)
    with pytest.raises(Refused, match=r"GitHub token ghp_\*\*\* in conf.py:2 in") as caught:
        shop.step("push", branch=shop.branch)
    assert _key() not in caught.value.message + caught.value.hint
    assert secret_digest(_key()) in caught.value.hint
    assert leaky.tip(shop.branch) == ""
    assert shop.store.approvals.get(shop.draft().branch) is not None


@pytest.mark.parametrize("where", ["settings", "machine"])
def test_what_a_person_allows_is_pushed(shop: Workshop, leaky: RepoDir, where: str) -> None:
    approve(shop, leaky)
    digest = secret_digest(_key())
    if where == "settings":
        shop.config["push"] = {"allow_secrets": [digest]}
    else:
        shop.store.approvals.allow_secrets([digest], branch=shop.draft().branch, when="now")
    shop.step("push", branch=shop.branch)
    assert leaky.tip(shop.branch) == shop.draft().head


def test_title_and_text_and_messages_are_looked_at_too(shop: Workshop, there: RepoDir) -> None:
    path = shop.store.drafts.path(shop.draft().branch)
    path.write_text(path.read_text() + f"\nlog in with {_key()}\n")
    approve(shop, there)
    with pytest.raises(Refused, match=r"GitHub token .* in the draft's text"):
        shop.step("push", branch=shop.branch)
    assert there.tip(shop.branch) == ""


def test_only_what_is_new_to_the_remote_is_looked_at(shop: Workshop, tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "there.git")
    shop.dir.git("remote", "add", "origin", str(bare.path))
    shop.dir.commit("old sins", {"old.py": f"key = {_key()!r}\n"})
    shop.dir.git("push", "--quiet", "--set-upstream", "origin", "main")
    shop.recipe("a", "open('a', 'w').close()")
    shop.drop("# Tidy\n\n- [ ] Make a `do: a`\n")
    shop.steps()
    approve(shop, bare)
    shop.step("push", branch=shop.branch)
    assert bare.tip(shop.branch) == shop.draft().head


def test_commits_of_the_base_that_the_remote_lacks_are_looked_at(shop: Workshop, tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "there.git")
    shop.dir.git("remote", "add", "origin", str(bare.path))
    shop.dir.git("push", "--quiet", "--set-upstream", "origin", "main")
    shop.dir.commit("not pushed yet", {"old.py": f"key = {_key()!r}\n"})
    shop.recipe("a", "open('a', 'w').close()")
    shop.drop("# Tidy\n\n- [ ] Make a `do: a`\n")
    shop.steps()
    approve(shop, bare)
    with pytest.raises(Refused, match=r"GitHub token .* in old.py:1"):
        shop.step("push", branch=shop.branch)
    assert bare.tip(shop.branch) == ""
