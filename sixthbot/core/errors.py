"""Every failure a user can cause, as a value for the reader: what happened, what to do, which exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; the meanings are part of the contract."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_REPOSITORY = 3
    REFUSED = 4
    LOCKED = 5
    INTERRUPTED = 130


class SixthError(Exception):
    """Base of all expected failures.

    `message` is one line saying what happened and where; `hint` is one line saying what to do, or empty.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SixthError):
    """The command, a setting or a name in it is wrong; nothing was done."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A configuration, rule or template file cannot be used; the message names file and key path or line."""


class NoRepository(SixthError):
    """There is no repository here, or a bare one, or `sixthbot init` was not run in it."""

    exit_code = ExitCode.NO_REPOSITORY


class HomeGone(NoRepository):
    """The bot was at home here, and its folder has been taken away; the state ref has what was saved of it."""


class Refused(SixthError):
    """The bot will not do this: untrusted, not approved, moved since review, or called from inside a task."""

    exit_code = ExitCode.REFUSED


class Locked(SixthError):
    """Another process holds the lock; the message names it where it can be known."""

    exit_code = ExitCode.LOCKED


class WorkFailed(SixthError):
    """Work was tried and failed; trying again may help."""


class GitFailed(WorkFailed):
    """A git command ended with an error; `stderr` is what it said."""

    def __init__(self, message: str, *, hint: str = "", exit_status: int = 1, stderr: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_status = exit_status
        self.stderr = stderr


class TookTooLong(GitFailed):
    """A git command did not end in time and was stopped."""


class RefMoved(GitFailed):
    """A ref was not where it was expected, so nothing was moved."""


class RefLocked(GitFailed):
    """Another git process holds a ref, or died while it did, so nothing was moved."""


class InvalidName(UsageError):
    """A text that cannot be used as the name it was given for."""


class Rejected(SixthError):
    """An issue file cannot be accepted; the message is the reason, with the line where there is one to name."""


class NeedsPerson(SixthError):
    """An action cannot go on without a person: the task is parked with this reason until somebody answers.

    `kind` says what is waited for: "subtask", "review", "conflict", "untrusted", "frozen" or "input".
    """

    def __init__(self, message: str, *, kind: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class TryLater(SixthError):
    """An action cannot go on now but will later by itself; no attempt is counted. `seconds` until the next look."""

    def __init__(self, message: str, *, seconds: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class Cancelled(SixthError):
    """The task was stopped from outside while an action was at work. `by_person` is false at a shutdown."""

    def __init__(self, message: str, *, by_person: bool) -> None:
        super().__init__(message)
        self.by_person = by_person


class Paused(Cancelled):
    """A person wants the task to wait until they resume it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, by_person=False)
