"""What some ways of pushing ask for besides the push: a request by gh or glab, a text, letters, a command of the user's.

Programs run here as the person's own, in the foreground, with their environment: it is their word that sends something.
They get the draft's words as files and as single arguments, never as options or shell text.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused, UsageError, WorkFailed
from sixthbot.core.names import BranchName, clean_line
from sixthbot.core.pushways import Way
from sixthbot.core.shown import masked
from sixthbot.git.commits import person_from
from sixthbot.git.letters import letters, request_text
from sixthbot.git.remotes import remote_tip
from sixthbot.git.scratch import scratch_folder
from sixthbot.store.outgoing import write_outgoing
from sixthbot.store.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sixthbot.core.drafts import ApprovedDraft, Draft
    from sixthbot.engine.services import Services

_ARGUMENT = 100_000
"""Bytes of a text that fit into one argument of a program on Linux, with room to spare."""
_EXISTS = "already exists"
_AGAIN = "the approval stands: push again once that is mended"
_SAID = 8


def forwarding(services: Services) -> Callable[[ApprovedDraft, tuple[str, ...]], Sequence[str]]:
    """Return what `actions.push.send` calls after its push; it raises UsageError for a program that is not there."""

    def forward(approved: ApprovedDraft, _pushed: tuple[str, ...]) -> Sequence[str]:
        match approved.target.way:
            case Way.GITHUB:
                return _github(services, approved)
            case Way.GITLAB:
                return _gitlab(services, approved)
            case Way.REQUEST:
                return _request(services, approved)
            case Way.LETTER:
                return _letters(services, approved)
            case Way.COMMAND:
                return _command(services, approved)
            case _:
                return ()

    return forward


def _github(services: Services, approved: ApprovedDraft) -> Sequence[str]:
    draft = approved.draft
    with scratch_folder() as folder:
        body = _body_file(folder, draft)
        words = [f"--title={clean_line(draft.title)}", f"--body-file={body}"]
        ends = [f"--base={draft.base}", f"--head={draft.branch}"]
        status, said = _run(services, ["gh", "pr", "create", *words, *ends], approved)
        if status and _EXISTS in said:
            status, said = _run(services, ["gh", "pr", "edit", draft.branch.value, *words], approved)
    return _told("gh", status, said)


def _gitlab(services: Services, approved: ApprovedDraft) -> Sequence[str]:
    draft = approved.draft
    # glab reads no file: the text is one argument, which cannot be taken for an option
    text = draft.text.replace("\0", "").encode("utf-8", "replace")[:_ARGUMENT].decode("utf-8", "ignore")
    words = [f"--title={clean_line(draft.title)}", f"--description={text}"]
    ends = [f"--source-branch={draft.branch}", f"--target-branch={draft.base}"]
    status, said = _run(services, ["glab", "mr", "create", *ends, *words, "--yes"], approved)
    if status and _EXISTS in said:
        status, said = _run(services, ["glab", "mr", "update", draft.branch.value, *words], approved)
    return _told("glab", status, said)


def _request(services: Services, approved: ApprovedDraft) -> Sequence[str]:
    draft = approved.draft
    # an address that is handed on must not carry anybody's password
    url = masked(approved.target.url)
    text = request_text(services.repo.git, approved, base=BranchName.parse(draft.base), url=url)
    folder = write_outgoing(services.store, draft.branch, {"request.txt": text.encode("utf-8", "replace")})
    return (f"the text of the request lies in {_shown(services, folder / 'request.txt')}",)


def _letters(services: Services, approved: ApprovedDraft) -> Sequence[str]:
    draft = approved.draft
    sender = person_from(services.loaded.config.commit.committer, services.clock())
    found = letters(services.repo.git, approved, base=BranchName.parse(draft.base), sender=sender)
    folder = _shown(services, write_outgoing(services.store, draft.branch, found))
    return (f"{len(found)} letters lie in {folder}; to send them: git send-email {folder}/*.patch",)


def _command(services: Services, approved: ApprovedDraft) -> Sequence[str]:
    draft, target = approved.draft, approved.target
    before = remote_tip(services.repo.git, target, draft.branch)
    with scratch_folder() as folder:
        env = {
            "SIXTH_BRANCH": draft.branch.value,
            "SIXTH_BASE": draft.base,
            "SIXTH_HEAD": draft.head,
            "SIXTH_REMOTE": target.remote,
            "SIXTH_URL": target.url,
            "SIXTH_EXPECTED": before or "",
            "SIXTH_TITLE": clean_line(draft.title),
            "SIXTH_BODY_FILE": str(_body_file(folder, draft)),
        }
        status, said = _run(services, list(target.command), approved, env)
    told = _told(clean_line(target.command[0], limit=60), status, said)
    if remote_tip(services.repo.git, target, draft.branch) != draft.head:
        told = (
            *told,
            f"{clean_line(target.remote, limit=60)} does not show {draft.branch} at {draft.head[:12]}",
        )
    return told


def _body_file(folder: Path, draft: Draft) -> Path:
    path = folder / "body.md"
    path.write_bytes(draft.text.encode("utf-8", "replace"))
    return path


def _run(
    services: Services, argv: Sequence[str], approved: ApprovedDraft, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a program to its end; return its status and what it printed. Raise WorkFailed when it takes too long."""
    seconds = services.loaded.config.push.timeout.total_seconds()
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    quiet = {"GH_PROMPT_DISABLED": "1", "GIT_TERMINAL_PROMPT": "0", "NO_COLOR": "1", "GIT_EDITOR": "true"}
    name = clean_line(argv[0], limit=60)
    try:
        process = subprocess.Popen(
            list(argv), cwd=services.repo.top, env={**own, **quiet, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise UsageError(
            f"push.target is {approved.target.way.value!r} and {name} cannot be run: {error.strerror or error}",
            hint="install it, or choose another target under [push] in .sixth/config.toml",
        ) from None
    try:
        data, _ = process.communicate(timeout=seconds)
    except BaseException as error:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise WorkFailed(f"{name} took longer than {seconds:g} s and was stopped", hint=_AGAIN) from None
        raise
    return process.returncode, data.decode("utf-8", "replace")


def _told(name: str, status: int, said: str) -> tuple[str, ...]:
    lines = tuple(
        clean_line(redact_text(masked(line)), limit=300) for line in said.splitlines() if line.strip()
    )
    if status:
        words = "; ".join(lines[-3:]) or f"exit status {status}"
        if status == 4 and name == "gh":  # noqa: PLR2004 - gh's own word for "not logged in"
            raise Refused(f"gh wants to know who you are: {words}", hint=f"gh auth login; {_AGAIN}")
        raise WorkFailed(f"{name} said no: {words}", hint=_AGAIN)
    return lines[-_SAID:]


def _shown(services: Services, path: Path) -> str:
    return path.relative_to(services.repo.top).as_posix()
