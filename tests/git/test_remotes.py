from __future__ import annotations

import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.drafts import Approval, ApprovedDraft, Draft, PushTarget, approved, draft_digest
from sixthbot.core.errors import Refused, UsageError, WorkFailed
from sixthbot.core.names import BranchName, Oid
from sixthbot.core.pushways import Way, one_option
from sixthbot.git.refs import tip
from sixthbot.git.remotes import choose_remote, push, remote_tip, remotes
from sixthbot.git.trees import tree_of
from tests.git.helpers import git_of, oid
from tests.support.repos import RepoDir, clone, make_bare

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.git.run import Git

MAIN = BranchName.parse("main")
TOPIC = BranchName.parse("sixth/topic")


def _topic(repo: RepoDir) -> Oid:
    repo.git("checkout", "-q", "-b", TOPIC.value)
    head = oid(repo.commit("feat: topic", {"t": "1\n"}))
    repo.git("checkout", "-q", "main")
    return head


def _approved(
    repo: RepoDir, head: Oid, target: PushTarget | None = None, *, text: str = "text"
) -> ApprovedDraft:
    git = git_of(repo)
    target = target or choose_remote(git, configured="", base=MAIN)
    draft = Draft(
        branch=TOPIC, base="main", head=head, tree=tree_of(git, head), issue="1", title="t", text=text
    )
    approval = Approval(digest=draft_digest(draft, target), approved="2026-01-01T00:00:00Z")
    return approved(draft, target, approval, tip=tip(git, TOPIC))


def test_the_configured_remote_comes_first_then_upstream_then_the_only_one(
    repo: RepoDir, remote: RepoDir, tmp_path: Path
) -> None:
    git = git_of(repo)
    origin = PushTarget(remote="origin", url=str(remote.path))
    assert choose_remote(git, configured="", base=TOPIC) == origin
    other = make_bare(tmp_path / "other.git")
    repo.git("remote", "add", "other", str(other.path))
    assert choose_remote(git, configured="", base=MAIN) == origin
    assert choose_remote(git, configured="other", base=MAIN).url == str(other.path)
    with pytest.raises(UsageError, match="not clear which remote"):
        choose_remote(git, configured="", base=TOPIC)
    with pytest.raises(UsageError, match="no remote 'elsewhere'") as caught:
        choose_remote(git, configured="elsewhere", base=MAIN)
    assert "origin, other" in caught.value.hint


def test_no_remote_and_several_urls_are_said(repo: RepoDir) -> None:
    git = git_of(repo)
    with pytest.raises(UsageError, match="has no remote"):
        choose_remote(git, configured="", base=MAIN)
    repo.git("remote", "add", "origin", "/nowhere/a b")
    assert remotes(git) == {"origin": "/nowhere/a b"}
    repo.git("remote", "set-url", "--push", "origin", "/x")
    assert remotes(git) == {"origin": "/x"}
    repo.git("remote", "set-url", "--add", "--push", "origin", "/y")
    with pytest.raises(UsageError, match="several push URLs"):
        choose_remote(git, configured="", base=MAIN)


def test_exactly_the_approved_commit_is_pushed_and_read_back(repo: RepoDir, remote: RepoDir) -> None:
    git = git_of(repo)
    head = _topic(repo)
    repo.git("tag", "-a", "v1", "-m", "v1", head)
    repo.git("config", "push.followTags", "true")
    done = _approved(repo, head)
    assert remote_tip(git, done.target, TOPIC) is None
    report = push(git, done, expected=None)
    assert (report.ref, report.head, report.created, report.sent) == (TOPIC.ref, head, True, True)
    assert remote.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/main", TOPIC.ref]
    assert remote_tip(git, done.target, TOPIC) == head
    again = push(git, done, expected=None)
    assert not again.sent


def test_a_rebased_branch_replaces_what_was_pushed_before(repo: RepoDir, remote: RepoDir) -> None:
    git = git_of(repo)
    first = _topic(repo)
    push(git, _approved(repo, first), expected=None)
    repo.git("checkout", "-q", TOPIC.value)
    repo.git("commit", "-q", "--amend", "-m", "feat: other words")
    second = oid(repo.head())
    repo.git("checkout", "-q", "main")
    report = push(git, _approved(repo, second), expected=first)
    assert (report.created, report.sent) == (False, True)
    assert remote.tip(TOPIC.value) == second


def test_what_somebody_else_pushed_is_never_overwritten(
    repo: RepoDir, remote: RepoDir, tmp_path: Path
) -> None:
    git = git_of(repo)
    head = _topic(repo)
    other = clone(remote, tmp_path / "other")
    other.git("checkout", "-q", "-b", TOPIC.value)
    theirs = other.commit("theirs", {"o": "1\n"})
    other.git("push", "-q", "origin", TOPIC.value)
    with pytest.raises(Refused, match="was moved at origin") as caught:
        push(git, _approved(repo, head), expected=None)
    assert "git fetch origin" in caught.value.hint
    assert remote.tip(TOPIC.value) == theirs


def test_a_push_in_between_loses_nothing(
    repo: RepoDir, remote: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = git_of(repo)
    head = _topic(repo)
    theirs = oid(remote.tip("main"))
    real = remote_tip
    calls: list[Oid | None] = []

    def late(git: Git, target: PushTarget, branch: BranchName, *, seconds: float) -> Oid | None:
        found = real(git, target, branch, seconds=seconds)
        if not calls:
            remote.git("update-ref", TOPIC.ref, theirs)
        calls.append(found)
        return found

    monkeypatch.setattr("sixthbot.git.remotes.remote_tip", late)
    with pytest.raises(Refused, match="was moved at origin"):
        push(git, _approved(repo, head), expected=None)
    assert remote.tip(TOPIC.value) == theirs


def test_a_branch_tree_or_url_that_moved_after_the_approval_is_refused(
    repo: RepoDir, remote: RepoDir
) -> None:
    git = git_of(repo)
    head = _topic(repo)
    done = _approved(repo, head)
    forged = replace(done, draft=replace(done.draft, tree=Oid("1" * 40)))
    with pytest.raises(Refused, match="tree"):
        push(git, forged, expected=None)
    repo.git("remote", "set-url", "origin", "/elsewhere")
    with pytest.raises(Refused, match="no longer has the approved URL"):
        push(git, done, expected=None)
    repo.git("remote", "set-url", "origin", str(remote.path))
    repo.git("branch", "-f", TOPIC.value, "main")
    with pytest.raises(Refused, match="has moved since it was approved"):
        push(git, done, expected=None)
    assert remote.tip(TOPIC.value) == ""


def test_a_remote_that_refuses_is_quoted_cleanly(repo: RepoDir, remote: RepoDir) -> None:
    hook = remote.path / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nprintf 'no \\033[31mpushes\\033[0m on Friday\\n' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(WorkFailed, match="origin said no") as caught:
        push(git_of(repo), _approved(repo, _topic(repo)), expected=None)
    assert "on Friday" in caught.value.message
    assert "\x1b" not in caught.value.message


def test_a_remote_that_is_gone_is_said(repo: RepoDir, remote: RepoDir) -> None:
    done = _approved(repo, _topic(repo))
    remote.path.rename(remote.path.with_name("away"))
    with pytest.raises(
        WorkFailed, match=r"origin cannot be reached: .* does not appear to be a git repository"
    ):
        push(git_of(repo), done, expected=None)


def test_programs_of_untrusted_settings_do_not_run_on_a_push(
    repo: RepoDir, remote: RepoDir, tmp_path: Path
) -> None:
    git = git_of(repo)
    done = _approved(repo, _topic(repo))
    trace = tmp_path / "trace"
    pack = f"touch '{trace}'; git-receive-pack"
    repo.git("config", "remote.origin.receivepack", pack)
    with pytest.raises(Refused, match="not trusted") as caught:
        push(git, done, expected=None)
    assert "sixthbot trust" in caught.value.hint
    assert not trace.exists()
    git.trust_settings(git.executable_settings())
    push(git, done, expected=None)
    assert trace.exists()


def test_no_hook_of_the_user_runs_on_a_push(repo: RepoDir, remote: RepoDir, tmp_path: Path) -> None:
    hook = repo.path / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\nexit 1\n")
    hook.chmod(0o755)
    push(git_of(repo), _approved(repo, _topic(repo)), expected=None)
    assert not (tmp_path / "ran").exists()


def test_a_relative_url_is_read_from_the_top_of_the_work_tree(repo: RepoDir, remote: RepoDir) -> None:
    repo.git("remote", "set-url", "origin", "../remote.git")
    git = git_of(repo)
    target = choose_remote(git, configured="", base=MAIN)
    assert remote_tip(git, target, MAIN) == remote.tip("main")


def _recording(remote: RepoDir) -> Path:
    """Let a remote take push options and write down what comes with each."""
    remote.git("config", "receive.advertisePushOptions", "true")
    record = remote.path / "options"
    hook = remote.path / "hooks/pre-receive"
    lines = "\n".join(f'printf "%s\\n" "$GIT_PUSH_OPTION_{number}" >>options' for number in range(4))
    hook.write_text(f"#!/bin/sh\n{lines}\ncat >>options\n")
    hook.chmod(0o755)
    return record


def test_gitlab_gets_its_words_as_options_of_one_line_each(repo: RepoDir, remote: RepoDir) -> None:
    record = _recording(remote)
    head = _topic(repo)
    target = replace(choose_remote(git_of(repo), configured="", base=MAIN), way=Way.GITLAB_OPTIONS)
    push(git_of(repo), _approved(repo, head, target, text="one\n\n- two `x`\n"), expected=None)
    lines = record.read_text().splitlines()
    assert lines[:4] == [
        "merge_request.create", "merge_request.target=main", "merge_request.title=t",
        "merge_request.description=one\\n\\n- two `x`",
    ]  # fmt: skip
    assert remote.tip(TOPIC.value) == head


@pytest.mark.parametrize("way", [Way.AGIT, Way.GERRIT])
def test_a_review_goes_to_its_ref_with_its_topic(repo: RepoDir, remote: RepoDir, way: Way) -> None:
    record = _recording(remote)
    head = _topic(repo)
    target = replace(choose_remote(git_of(repo), configured="", base=MAIN), way=way)
    ready = _approved(repo, head, target)
    report = push(git_of(repo), ready, expected=None)
    assert report.ref == "refs/for/main"
    assert f"{head} refs/for/main" in record.read_text()
    assert "topic=sixth/topic" in record.read_text()
    assert "could not be read back" in report.words[-1]
    remote.git("update-ref", "refs/pull/1/head" if way is Way.AGIT else "refs/changes/01/1/1", head)
    assert not push(git_of(repo), ready, expected=None).sent


def test_an_option_is_one_line_within_what_a_packet_holds() -> None:
    assert one_option("a\r\nb\0\x1bc") == "a\\nbc"
    long = one_option("\u00e4" * 100_000)
    assert len(long.encode()) <= 60_000
    assert long.endswith("(cut here: the whole text is in the draft)")


def test_an_address_that_would_be_rewritten_once_more_is_refused(repo: RepoDir, remote: RepoDir) -> None:
    done = _approved(repo, _topic(repo))
    repo.git("config", f"url.{remote.path}-elsewhere.insteadOf", str(remote.path))
    repo.git("config", f"url.{remote.path}.pushInsteadOf", "there:")
    repo.git("remote", "set-url", "origin", "there:")
    assert remotes(git_of(repo)) == {"origin": str(remote.path)}
    with pytest.raises(Refused, match=r"git would turn .* into .*-elsewhere"):
        push(git_of(repo), done, expected=None)


def test_a_remote_that_hangs_is_left_after_its_time(repo: RepoDir, remote: RepoDir) -> None:
    git = git_of(repo)
    with pytest.raises(WorkFailed, match=r"origin gave no answer within 0.5 s") as caught:
        _ask_one_that_hangs(git, choose_remote(git, configured="", base=MAIN))
    assert "the approval stands" in caught.value.hint


def _ask_one_that_hangs(git: Git, target: PushTarget) -> None:
    """Ask a server that takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        remote_tip(git, replace(target, url=f"git://127.0.0.1:{port}/x"), TOPIC, seconds=0.5)


def test_a_remote_that_asks_for_a_password_is_not_answered(repo: RepoDir, remote: RepoDir) -> None:
    class Locked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Locked)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        target = PushTarget(remote="origin", url=f"http://127.0.0.1:{server.server_port}/x.git")
        with pytest.raises(WorkFailed, match="never asks for a password"):
            remote_tip(git_of(repo), target, TOPIC, seconds=20)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nobody_listens_is_said(repo: RepoDir) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    target = PushTarget(remote="origin", url=f"git://127.0.0.1:{port}/x")
    with pytest.raises(WorkFailed, match=r"origin cannot be reached: unable to connect"):
        remote_tip(git_of(repo), target, TOPIC, seconds=20)
