"""The command line's front door: the table of commands, and the function that runs one. Imports next to nothing."""

from __future__ import annotations

import sys

from sixthbot.cli.errors import guarded

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Sequence


_WORK = "The bot"
_ISSUES = "Issues"
_LOOK = "Look and steer"
_DRAFTS = "From draft to remote"
_SETUP = "Set-up"
_HOOKS = "Called by git hooks"

COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("init", _SETUP, "Make this repository the bot's home"),
    "demo": ("demo", _SETUP, "Show the whole main job on a scratch repository"),
    "watch": ("watch", _WORK, "Run the bot in the foreground"),
    "run": ("run", _WORK, "Handle everything there is to do now, then exit"),
    "work": ("work", _WORK, "Add one more worker process for a lane"),
    "service": ("service", _WORK, "Print a service file that keeps the bot running"),
    "new": ("new", _ISSUES, "Put an issue into the inbox"),
    "issue": ("issue", _ISSUES, "List, show, cancel or reopen issues"),
    "plan": ("plan", _ISSUES, "Show or edit the plan of an issue"),
    "done": ("done", _ISSUES, "Say that your subtask is finished"),
    "status": ("status", _LOOK, "Show what the bot does and what waits for you"),
    "queue": ("queue", _LOOK, "Look at tasks and steer them: retry, cancel, move, pause, defer ..."),
    "log": ("log", _LOOK, "Show the journal"),
    "why": ("why", _LOOK, "Explain what happened to something, and what it waits for"),
    "draft": ("draft", _DRAFTS, "List or show drafts"),
    "review": ("review", _DRAFTS, "Read a draft: title, checks, text, commits, diff"),
    "approve": ("approve", _DRAFTS, "Approve a draft as it is now"),
    "reject": ("reject", _DRAFTS, "Turn a draft down, saying why"),
    "push": ("push", _DRAFTS, "Push approved drafts to the remote"),
    "rebase": ("rebase", _DRAFTS, "Put a branch onto its base, check it and make its draft anew"),
    "changelog": ("changelog", _DRAFTS, "Print, check or write the changelog of the history"),
    "undo": ("undo", _DRAFTS, "Take a change of branches back"),
    "operations": ("operations", _DRAFTS, "List the changes of branches that can be undone"),
    "release": ("release", _DRAFTS, "Let the bot rewrite a branch that you changed"),
    "rules": ("rules", _SETUP, "List, check, test or replay rules"),
    "trust": ("trust", _SETUP, "Trust this repository's configuration, rules and templates"),
    "config": ("config", _SETUP, "Show settings and where each comes from"),
    "on-commit": ("on_hook", _HOOKS, "Leave a note: something was committed"),
    "on-checkout": ("on_hook", _HOOKS, "Leave a note: something was checked out"),
    "on-merge": ("on_hook", _HOOKS, "Leave a note: something was merged"),
    "on-rewrite": ("on_hook", _HOOKS, "Leave a note: commits were rewritten"),
    "sync": ("sync", _DRAFTS, "Bring issues, plans, drafts and tasks to a remote and back"),
    "doctor": ("doctor", _SETUP, "Look for what keeps the bot from working well"),
}
"""Every command: its module, its section of `sixthbot --help`, and its line there. A new one costs a file and a line."""

SECTIONS = (_WORK, _ISSUES, _LOOK, _DRAFTS, _SETUP, _HOOKS)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never raises for anything a user can cause."""
    arguments = list(sys.argv[1:] if args is None else args)
    return guarded(lambda: _run(arguments), arguments)


def _run(arguments: list[str]) -> object:
    # asked at every prompt, and click alone would cost as much as all the rest of it
    if arguments in (["status"], ["status", "--json"]):
        from sixthbot.cli.board import show_status  # noqa: PLC0415 - see above

        show_status(as_json="--json" in arguments)
        return 0
    from sixthbot.cli.group import cli  # noqa: PLC0415 - see above

    return cli.main(arguments, prog_name="sixthbot", standalone_mode=False)
