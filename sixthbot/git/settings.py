"""Settings of a repository that name programs: found for trust, switched off for git while they are untrusted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sixthbot.git.run import Result

# Names as git lists them: section and last part in lower case. Hooks, pagers and editors are not among them: they are
# off in every call, and projects set them for their people too often to ask about each.
_EXECUTABLE = re.compile(
    r"filter\..*\.(?:clean|smudge|process)|merge\..*\.driver|diff\.external|diff\..*\.(?:command|textconv)"
    r"|trailer\..*\.(?:command|cmd)|core\.(?:sshcommand|gitproxy|askpass|alternaterefscommand)"
    r"|credential\.(?:.*\.)?helper|gpg\.(?:.*\.)?program|remote\..*\.(?:uploadpack|receivepack|vcs)"
    r"|include\.path|includeif\..*\.path|hook\..*\.command|gpg\.ssh\.defaultkeycommand|tar\..*\.command"
    r"|(?:difftool|mergetool|guitool|browser|man)\..*\.(?:cmd|path)|uploadpack\.packobjectshook"
    r"|sendemail\.(?:.*\.)?(?:smtpserver|sendmailcmd|tocmd|cccmd|headercmd)",
    re.DOTALL,
)
# These name a program with some of their values only; git of ours does not heed them, that of a recipe would.
_SHELL = re.compile(r"alias\..*|submodule\..*\.update", re.DOTALL)
_MONITOR = "core.fsmonitor"
_TRUTHS = frozenset({"", "true", "false", "yes", "no", "on", "off", "0", "1"})
_ADDRESS = re.compile(r"remote\..*\.(?:url|pushurl)|url\..*\.(?:insteadof|pushinsteadof)", re.DOTALL)
_HELPER_ADDRESS = re.compile(r"[A-Za-z0-9+.-]+::")
_DRIVER = re.compile(r"(filter|merge)\.(.*)\.[a-z]+", re.DOTALL)

# what git itself does with text, said as a driver: taking the setting away is an error to git
_PLAIN_MERGE = "git merge-file -q %A %O %B"


def parse_settings(listing: bytes) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of the repository's own settings from `git config --list --includes --show-scope -z`."""
    fields = listing.decode("utf-8", "surrogateescape").split("\0")
    for scope, setting in zip(fields[0::2], fields[1::2], strict=False):
        if scope in {"local", "worktree"}:
            name, _, value = setting.partition("\n")
            yield name, value


def executable_settings(listing: bytes) -> bytes:
    """Return the settings that name a program, one `name NUL value NUL` after the other, sorted; empty for none."""
    found = sorted((name, value) for name, value in parse_settings(listing) if _names_program(name, value))
    return "".join(f"{name}\0{value}\0" for name, value in found).encode("utf-8", "surrogateescape")


def _names_program(name: str, value: str) -> bool:
    if _ADDRESS.fullmatch(name):
        return _HELPER_ADDRESS.match(value) is not None or "::" in name
    if _SHELL.fullmatch(name):
        return value.lstrip().startswith("!")
    if name == _MONITOR:
        return value.lower() not in _TRUTHS
    return _EXECUTABLE.fullmatch(name) is not None


_Stamp = tuple[tuple[int, int, int, int], ...]
_seen: dict[Path, tuple[_Stamp, bytes]] = {}


def guard(settings: bytes) -> Mapping[str, str]:
    """Return the environment that keeps git from running the filters and merge drivers of `executable_settings`.

    What the user's own global settings name is theirs, and goes on working unless the repository says it anew.
    """
    fields = settings.decode("utf-8", "surrogateescape").split("\0")
    switched_off: dict[str, str] = {}
    for name in fields[0:-1:2]:
        match = _DRIVER.fullmatch(name)
        if match is None:
            continue
        kind, driver = match.groups()
        if kind == "merge":
            switched_off[name] = _PLAIN_MERGE
        else:
            switched_off |= {f"filter.{driver}.{part}": "" for part in ("clean", "smudge", "process")}
            switched_off[f"filter.{driver}.required"] = "false"
    environment = {"GIT_CONFIG_COUNT": str(len(switched_off))}
    for number, (name, value) in enumerate(switched_off.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


def current(git_dir: Path, read: Callable[[], Result]) -> bytes:
    """Return `executable_settings`, read again whenever a settings file of the repository was replaced.

    `read` lists the settings as `parse_settings` wants them.
    """
    stamp = tuple(_stat(git_dir / name) for name in ("config", "config.worktree"))
    known = _seen.get(git_dir)
    if known is not None and known[0] == stamp:
        return known[1]
    settings = executable_settings(read().stdout)
    # an included file can change without a trace in the files looked at
    if b"include" not in settings:
        _seen[git_dir] = (stamp, settings)
    return settings


def _stat(path: Path) -> tuple[int, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0, 0)
    # the time of the last change of any kind cannot be set back, unlike that of the content
    return (found.st_ino, found.st_mtime_ns, found.st_size, found.st_ctime_ns)
