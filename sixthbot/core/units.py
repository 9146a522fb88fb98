"""Texts of service files, for systemd and launchd: pure, with every path quoted as their readers want it."""

from __future__ import annotations

import plistlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:=@")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "%": "%%"}
_LEAVES_WITHIN = 20
"""Seconds until a service that was told to stop is killed; the bot needs five at most."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is to run: `argv` from an absolute path on, with these variables, under a name of its own.

    No text in it has control characters.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]


def systemd_unit(service: Service) -> str:
    """Return a unit for `systemctl --user`: begun at log-in, begun again after a failure, reloaded with SIGHUP."""
    # systemd puts variables into all words but the first
    program = service.argv if "$" not in service.argv[0] else ("/usr/bin/env", *service.argv)
    command = " ".join([_quoted(program[0]), *(_quoted(word).replace("$", "$$") for word in program[1:])])
    lines = [
        "[Unit]",
        "Description=sixthbot, the bot in your git repositories",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={command}",
        "ExecReload=/bin/kill -HUP $MAINPID",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in service.environment.items()),
        "Restart=on-failure",
        "RestartSec=10",
        # what a person has to mend: a wrong command line or configuration, something refused
        "RestartPreventExitStatus=2 4",
        "SuccessExitStatus=130",
        # the bot alone is told to stop, and ends what it started; whatever is left then is killed
        "KillMode=mixed",
        f"TimeoutStopSec={_LEAVES_WITHIN}",
        "Nice=10",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    escaped = "".join(_ESCAPES.get(character, character) for character in word)
    return escaped if word and _PLAIN.issuperset(word) else f'"{escaped}"'


def launchd_plist(service: Service, *, log: str) -> str:
    """Return a property list for `launchctl bootstrap gui/UID`; what the bot says goes to the file `log`."""
    data = {
        "Label": service.name,
        "ProgramArguments": list(service.argv),
        "EnvironmentVariables": dict(service.environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": _LEAVES_WITHIN,
        "ProcessType": "Background",
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(data, sort_keys=False).decode()
