"""The ways out: what gh, glab, a command of the user's and a mail program are given, and what becomes of a refusal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import BRANCH
from tests.cli.support import sixthbot
from tests.core.planted import planted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

# each refuses whatever the real one would not know
_GH = r"""#!/bin/sh
[ "$1" = pr ] || exit 64
verb=$2; shift 2
[ "$verb" = edit ] && { [ "$1" = sixth/tidy-the-words ] || exit 65; shift; }
for word; do
    case $word in
        --title=*) echo "$verb title ${word#--title=}" >>"$RECORD" ;;
        --body-file=*) { echo "$verb body"; cat "${word#--body-file=}"; } >>"$RECORD" ;;
        --base=main | --head=sixth/tidy-the-words) [ "$verb" = create ] || exit 66 ;;
        *) echo "unknown flag: $word" >&2; exit 1 ;;
    esac
done
[ "$verb" = create ] && [ -e "$RECORD.there" ] && { echo "a pull request for branch already exists:" >&2; exit 1; }
[ -e "$RECORD.down" ] && { echo "error connecting to api.github.com" >&2; exit 1; }
echo https://github.com/x/y/pull/1
"""
_GLAB = r"""#!/bin/sh
[ "$1" = mr ] && [ "$2" = create ] || exit 64
shift 2
for word; do
    case $word in
        --title=* | --description=* | --source-branch=* | --target-branch=main | --yes) echo "$word" >>"$RECORD" ;;
        *) echo "Unknown flag: $word" >&2; exit 1 ;;
    esac
done
echo '!7 https://gitlab.com/x/y/-/merge_requests/7'
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put fakes of gh and glab first on PATH; return the file they write down in what they are given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in (("gh", _GH), ("glab", _GLAB)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    path = tmp_path / "record"
    monkeypatch.setenv("RECORD", str(path))
    return path


def _way(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("SIXTHBOT_PUSH__TARGET", way)


def test_gh_opens_a_request_and_the_next_push_mends_it(
    drafted: RepoDir, remote: RepoDir, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _way(monkeypatch, "github")
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    record.with_name("record.down").touch()
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert (said.code, "gh said no: error connecting" in said.err) == (1, True)
    assert "the approval stands" in said.err
    assert sixthbot("draft", "list", "--json", cwd=drafted.path).json["drafts"][0]["status"] == "approved"
    record.with_name("record.down").unlink()
    record.with_name("record.there").touch()
    record.unlink()
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert said.code == 0
    assert "https://github.com/x/y/pull/1" in said.err
    words = record.read_text()
    assert "edit title Tidy the words\nedit body\n" in words
    assert "## Not verified" in words
    assert remote.tip(BRANCH) == drafted.tip(BRANCH)


def test_glab_gets_its_words_as_single_arguments(
    drafted: RepoDir, remote: RepoDir, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _way(monkeypatch, "gitlab")
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    assert "merge_requests/7" in sixthbot("push", BRANCH, cwd=drafted.path).err
    assert f"--source-branch={BRANCH}\n--target-branch=main\n--title=Tidy the words\n" in record.read_text()


def test_a_program_that_is_not_there_is_said_and_the_approval_kept(
    drafted: RepoDir, remote: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIXTHBOT_PUSH__COMMAND", '["no-such-program", "x"]')
    _way(monkeypatch, "command")
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert (said.code, "no-such-program cannot be run" in said.err) == (2, True)
    assert remote.tip(BRANCH) == ""


def test_a_command_sends_what_was_approved_and_is_checked(
    drafted: RepoDir, remote: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        'cat "$SIXTH_BODY_FILE" >body; git push -q "$SIXTH_REMOTE" "$SIXTH_HEAD:refs/heads/$SIXTH_BRANCH"'
    )
    monkeypatch.setenv("SIXTHBOT_PUSH__COMMAND", f"['sh', '-c', '{script}']")
    _way(monkeypatch, "command")
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    monkeypatch.setenv("SIXTHBOT_PUSH__COMMAND", "['sh', '-c', 'true']")
    assert "changed after it was approved" in sixthbot("push", BRANCH, cwd=drafted.path).err
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert "origin does not show" in said.err
    (drafted.path / "body").unlink(missing_ok=True)


def test_letters_lie_in_a_folder_and_nothing_is_sent(
    drafted: RepoDir, remote: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    _way(monkeypatch, "letter")
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    folder = drafted.path / ".sixth/artifacts/outgoing/sixth%2Ftidy-the-words"
    cover, first, *_ = sorted(path.name for path in folder.iterdir())
    text = (folder / cover).read_text()
    assert "git send-email .sixth/artifacts/outgoing" in said.err
    assert "Tidy the words\n" in text
    assert "***" not in text
    assert "## Not verified" in text
    assert (folder / first).read_text().startswith("From ")
    assert remote.tip(BRANCH) == ""
    again = sixthbot("push", BRANCH, cwd=drafted.path)
    assert (again.code, "was pushed already" in again.out) == (0, True), again.err


def test_the_text_of_a_request_names_address_and_commit(
    drafted: RepoDir, remote: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    _way(monkeypatch, "request-pull")
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    assert "request.txt" in sixthbot("push", BRANCH, cwd=drafted.path).err
    text = (drafted.path / ".sixth/artifacts/outgoing/sixth%2Ftidy-the-words/request.txt").read_text()
    assert f"  {remote.path} {BRANCH}\n" in text
    assert f"fetch changes up to {drafted.tip(BRANCH)}" in text
    assert "words.txt" in text


def test_a_secret_in_the_text_is_refused_and_allowed_by_its_digest(drafted: RepoDir, remote: RepoDir) -> None:
    path = drafted.path / ".sixth/drafts/sixth%2Ftidy-the-words.md"
    path.write_text(path.read_text() + f"\nlog in with {planted()['Stripe key']}\n")
    said = sixthbot("approve", BRANCH, cwd=drafted.path)
    assert (said.code, "Stripe key sk_l*** in the draft's text" in said.err) == (4, True)
    digest = next(word for word in said.err.split() if word.startswith("sha256:"))
    shown = sixthbot("review", BRANCH, "--stat", cwd=drafted.path).out
    assert "\nsecrets  Stripe key sk_l*** in the draft's text\n" in shown
    assert f"\nnext: edit the file that sixthbot draft show {BRANCH} names; " in shown
    assert f"\nor, if it is none: sixthbot approve {BRANCH} --allow {digest}\n" in shown
    assert sixthbot("review", "--json", cwd=drafted.path).json["secrets"][0]["digest"] == digest
    assert sixthbot("approve", BRANCH, "--allow", "sha256:12", cwd=drafted.path).code == 2
    assert sixthbot("approve", BRANCH, "--allow", digest, cwd=drafted.path).code == 0
    assert sixthbot("push", BRANCH, cwd=drafted.path).code == 0
    assert remote.tip(BRANCH) == drafted.tip(BRANCH)
    assert "no secrets" in sixthbot("log", cwd=drafted.path).out


def test_a_secret_in_a_commit_is_taken_out_by_what_review_says_is_next(drafted: RepoDir) -> None:
    sixthbot(
        "review",
        BRANCH,
        "--reword",
        "1",
        "-m",
        f"fix: sort\n\nlog in with {planted()['Stripe key']}",
        cwd=drafted.path,
    )
    sixthbot("run", cwd=drafted.path)
    shown = sixthbot("review", BRANCH, "--stat", cwd=drafted.path).out
    assert f"\nnext: sixthbot review {BRANCH} --reword 1; " in shown
    assert sixthbot("review", BRANCH, "--reword", "1", "-m", "fix: sort", cwd=drafted.path).code == 0
    sixthbot("run", cwd=drafted.path)
    assert (
        f"\nnext: sixthbot approve {BRANCH}, or" in sixthbot("review", BRANCH, "--stat", cwd=drafted.path).out
    )
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0


def test_checks_that_came_after_the_approval_hold_the_push(drafted: RepoDir, remote: RepoDir) -> None:
    assert sixthbot("approve", BRANCH, cwd=drafted.path).code == 0
    for kept in (drafted.path / ".sixth/checkpoints").rglob("*.json"):
        kept.unlink()
    said = sixthbot("push", BRANCH, cwd=drafted.path)
    assert (said.code, "no result of the configured checks" in said.err) == (4, True)
    assert remote.tip(BRANCH) == ""
